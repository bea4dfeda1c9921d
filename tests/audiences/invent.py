"""Hypothesis' inventions: definitions with every operator, and histories that meet them.

Names, values and times come from small pools, so that definitions and histories often touch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from onefold.audiences import Definition, Leaf, TicketState, leaves, parse, windows

NOW = 1_790_000_123_456
NAMES = ("Signed In", "Report Exported", "Page Viewed", 'O\'Hara "x"')
TRAITS = ("plan", "seats", "it's")
PATHS = ("format", "file.size", "file.kind", "a b", "$x", "né.0")
WINDOWS = ("1s", "90s", "2h", "121m", "1d", "25h", "7d", "31d", "32d", "9w")
TAGS = ("exports", "billing", "o'neil")

texts = st.sampled_from(("pro", "trial", "", "PRO", "5", "true", "prö", "it's", "a\nb", "𝄞z"))
numbers = st.one_of(
    st.sampled_from((0, 1, -1, 3, 5, 5.0, 0.1, 1e22, 2**53, 2**53 + 1, 10**30, -0.0, 1e-7)),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
)
scalars = st.one_of(texts, numbers, st.booleans())
ordered = st.one_of(texts, numbers)
found = st.one_of(
    scalars,
    scalars,
    st.none(),
    st.lists(st.one_of(scalars, st.none(), st.lists(scalars, max_size=1)), max_size=3),
    st.dictionaries(texts, scalars, max_size=2),
)


def _comparisons() -> st.SearchStrategy[dict[str, Any]]:
    one = {
        "is": scalars,
        "is_not": scalars,
        "in": st.lists(scalars, min_size=1, max_size=3),
        "contains": st.one_of(texts.filter(bool), numbers, st.booleans()),
        "greater_than": ordered,
        "at_least": ordered,
        "less_than": ordered,
        "at_most": ordered,
    }
    single = [value.map(lambda v, op=op: {op: v}) for op, value in one.items()]
    several = st.fixed_dictionaries({}, optional=one).filter(bool)
    return st.one_of(*single, st.booleans().map(lambda v: {"set": v}), several)


comparisons = _comparisons()


@st.composite
def counts(draw: st.DrawFn) -> dict[str, Any]:
    """A count with a threshold that can hold and can fail."""
    leaf: dict[str, Any] = {}
    if draw(st.integers(0, 4)):
        leaf["event"] = draw(st.sampled_from(NAMES))
    if draw(st.booleans()):
        leaf["within"] = draw(st.sampled_from(WINDOWS))
    if draw(st.booleans()):
        asked = st.one_of(scalars, comparisons)
        leaf["where"] = draw(st.dictionaries(st.sampled_from(PATHS), asked, min_size=1, max_size=2))
    n = draw(st.integers(0, 4))
    how = draw(
        st.sampled_from(
            (
                {"at_least": n + 1},
                {"greater_than": n},
                {"less_than": n + 1},
                {"at_most": n},
                {"is": n},
                {"at_least": n, "at_most": n + 1},
                {"greater_than": n, "less_than": n + 3},
            )
        )
    )
    return {"count": leaf, **how}


@st.composite
def tickets(draw: st.DrawFn) -> dict[str, Any]:
    """Some or no unresolved tickets."""
    fields = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "status": st.sampled_from(("open", "paused")),
                "tag": st.sampled_from(TAGS),
                "priority": st.sampled_from(("low", "urgent")),
                "category": st.sampled_from(("product_issue", "billing_issue")),
            },
        )
    )
    return {draw(st.sampled_from(("any", "none"))): {"tickets": fields}}


def _conditions(of: str) -> st.SearchStrategy[dict[str, Any]]:
    trait = st.builds(lambda n, t: {"trait": n, **t}, st.sampled_from(TRAITS), comparisons)
    kinds = [trait, counts(), counts(), tickets()]
    if of == "person":
        kinds.append(trait.map(lambda t: {"account": t}))
    return st.recursive(
        st.one_of(kinds),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda nodes: {"all": nodes}),
            st.lists(inner, min_size=1, max_size=3).map(lambda nodes: {"any": nodes}),
            inner.map(lambda node: {"not": node}),
        ),
        max_leaves=5,
    )


conditions = {of: _conditions(of) for of in ("person", "account")}


@st.composite
def sources(draw: st.DrawFn) -> dict[str, Any]:
    """A definition as written."""
    of = draw(st.sampled_from(("person", "account")))
    return {"of": of, "where": draw(conditions[of])}


definitions = sources().map(parse)


class Happened(msgspec.Struct, frozen=True):
    """One event."""

    name: str
    at_ms: int
    properties: dict[str, Any]


def _properties() -> st.SearchStrategy[dict[str, Any]]:
    nested = st.one_of(
        found, st.fixed_dictionaries({}, optional={"size": found, "kind": found, "0": found})
    )
    names = ("format", "file", "a b", "$x", "né")
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, nested))


def _times() -> st.SearchStrategy[int]:
    """Around now, and around the edges of every window, a bucket either way."""
    edges = [0, *(windows.parse_window(w) or 0 for w in WINDOWS)]
    steps = st.sampled_from((0, 1, -1, 999, -1000, 10_000, -10_000, 300_000, -300_000, 3_600_000))
    return st.builds(
        lambda edge, step, off: NOW - edge + step + off,
        st.sampled_from(edges),
        steps,
        st.integers(-3, 3),
    )


histories = st.lists(
    st.builds(Happened, st.sampled_from((*NAMES, "Other")), _times(), _properties()), max_size=8
)
moments = st.builds(
    lambda edge, off: NOW + edge + off,
    st.sampled_from((0, 1000, 90_000, 7_200_000, 86_400_000, 604_800_000)),
    st.integers(-10_001, 10_001),
)


class Known(msgspec.Struct):
    """A subject in memory: the fold of its events, its traits, its tickets."""

    events: list[Happened]
    traits: dict[str, Any]
    accounts: dict[str, list[Any]]
    open_tickets: list[TicketState]
    folded: dict[str, dict[int, int]] = {}

    def trait(self, name: str) -> Any:
        return self.traits.get(name)

    def account_traits(self, name: str) -> Sequence[Any]:
        return self.accounts.get(name, [])

    def buckets(self, leaf_key: str) -> Mapping[int, int]:
        return self.folded[leaf_key]

    def tickets(self) -> Sequence[TicketState]:
        return self.open_tickets


subjects = st.builds(
    Known,
    histories,
    st.dictionaries(st.sampled_from(TRAITS), found, max_size=3),
    st.dictionaries(st.sampled_from(TRAITS), st.lists(found, max_size=3), max_size=2),
    st.lists(
        st.builds(
            TicketState,
            st.sampled_from(("open", "paused", "resolved")),
            st.lists(st.sampled_from(TAGS), max_size=2).map(tuple),
            st.sampled_from(("low", "high", "urgent")),
            st.sampled_from(("product_issue", "billing_issue", "general_inquiry")),
        ),
        max_size=3,
    ),
)


def fold(leaf: Leaf, events: Sequence[Happened]) -> dict[int, int]:
    """What the worker's fold keeps of these events for a leaf."""
    buckets: dict[int, int] = {}
    for event in events:
        if leaf.event in (None, event.name) and leaf.match(event.properties):
            windows.add(buckets, leaf, event.at_ms)
    return buckets


def folded(definition: Definition, known: Known) -> Known:
    """The subject with every leaf of the definition folded."""
    known.folded = {leaf.key: fold(leaf, known.events) for leaf in leaves(definition)}
    return known
