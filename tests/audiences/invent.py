"""Hypothesis' inventions: definitions with every operator, and histories that meet them.

Names, values and times come from small pools, so that definitions and histories often touch. What a
subject knows is folded by the product's own fold.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
from hypothesis import strategies as st

from onefold.audiences import Definition, Leaf, TicketState, leaves, parse, windows
from onefold.audiences.references import Other, expand
from onefold.kernel import facts
from onefold.profiles import State, fold, merge
from onefold.worker.catalog import fold_of

NOW = 1_790_000_123_456
NAMES = ("Signed In", "Report Exported", "Page Viewed", 'O\'Hara "x"')
TRAITS = ("plan", "seats", "it's", "ends")
PATHS = ("format", "file.size", "file.kind", "a b", "$x", "né.0")
WINDOWS = ("1s", "90s", "2h", "121m", "1d", "25h", "7d", "31d", "32d", "9w")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "America/Havana")
OWNERS = ("ann@acme.co", "o'neil@x.io")
ROWS = ("list", "by_sql")
TAGS = ("exports", "billing", "o'neil")
MOMENTS = (
    "now", "7d ago", "30d ahead", "1h ago", "2026-09-21", "2026-09-21T14:15:23.456Z",
    "2026-09-21T14:15:23+02:00", "2020-02-29",
)  # fmt: skip

texts = st.sampled_from(("pro", "trial", "", "PRO", "5", "true", "prö", "it's", "a\nb", "𝄞z"))
times = st.sampled_from(
    (*MOMENTS[4:], "2026-09-14T14:15:23.456Z", "2026-10-21T14:15:23", "2026-13-01", "2026-9-1",
     "2026-09-21 14:15", "2026-09-21T25:00", "2026-09-21T14:15:23.4567891Z", "2026-02-30",
     "2026-09-21T14:15:23.123456-14:59", "now")
)  # fmt: skip
numbers = st.one_of(
    st.sampled_from((0, 1, -1, 3, 5, 5.0, 0.1, 1e22, 2**53, 2**53 + 1, 10**30, -0.0, 1e-7)),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
)
small = st.one_of(st.integers(-5, 5), st.sampled_from((0.1, 0.25, -0.0, 1e-7, 1e12, -2.5)))
scalars = st.one_of(texts, numbers, st.booleans())
ordered = st.one_of(texts, numbers)
found = st.one_of(
    scalars,
    scalars,
    small,
    times,
    st.none(),
    st.lists(st.one_of(scalars, st.none(), st.lists(scalars, max_size=1)), max_size=3),
    st.dictionaries(texts, scalars, max_size=2),
)
_PLAIN = {
    "is": scalars,
    "is_not": scalars,
    "in": st.lists(scalars, min_size=1, max_size=3),
    "contains": st.one_of(texts.filter(bool), numbers, st.booleans()),
    "starts_with": texts.filter(bool),
    "ends_with": texts.filter(bool),
    "matches": st.sampled_from(("^pr", "o$", ".", "^a.b$", "(?i)PRO", "[0-9]+", "𝄞|ö", "a\\sb")),
    "greater_than": ordered,
    "at_least": ordered,
    "less_than": ordered,
    "at_most": ordered,
}


def _comparisons(moments: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    one = {**_PLAIN, "before": st.sampled_from(moments), "after": st.sampled_from(moments)}
    single = [value.map(lambda v, op=op: {op: v}) for op, value in one.items()]
    several = st.fixed_dictionaries({}, optional=one).filter(bool)
    return st.one_of(*single, st.booleans().map(lambda v: {"set": v}), several)


comparisons = _comparisons(MOMENTS)
fixed_comparisons = _comparisons(MOMENTS[4:])


@st.composite
def filters(draw: st.DrawFn, depth: int = 1) -> dict[str, Any]:
    """Conditions on properties."""
    asked = st.one_of(scalars, fixed_comparisons)
    where = draw(st.dictionaries(st.sampled_from(PATHS), asked, min_size=1, max_size=2))
    if depth and not draw(st.integers(0, 3)):
        how = draw(st.sampled_from(("all", "any", "none")))
        where[how] = draw(st.lists(filters(depth - 1), min_size=1, max_size=2))
    return where


@st.composite
def frames(draw: st.DrawFn, calendar: bool = False) -> dict[str, Any]:
    """A window of any kind."""
    kind = draw(st.integers(4 if calendar else 0, 7))
    if kind < 2:
        return {}
    if kind == 2:
        return {"within": draw(st.sampled_from(WINDOWS))}
    zone = {"zone": draw(st.sampled_from(ZONES))}
    if kind == 3:
        return {"since": draw(st.sampled_from(("2026-09-01", "2026-09-20", "2026-03-29"))), **zone}
    if kind == 4:
        return {"within": draw(st.sampled_from(("1d", "2d", "7d", "31d"))), "by": "day", **zone}
    unit = draw(st.sampled_from(("day", "week", "month", "quarter", "year")))
    return {draw(st.sampled_from(("this", "last"))): unit, **zone}


@st.composite
def events(draw: st.DrawFn, *, named: bool = False) -> dict[str, Any]:
    """Which events."""
    out: dict[str, Any] = {}
    if named or draw(st.integers(0, 4)):
        out["event"] = draw(st.sampled_from(NAMES))
    if draw(st.booleans()):
        out["where"] = draw(filters())
    return out


@st.composite
def counts(draw: st.DrawFn) -> dict[str, Any]:
    """A count with a threshold that can hold and can fail."""
    leaf = {**draw(events()), **draw(frames())}
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
def measures(draw: st.DrawFn) -> dict[str, Any]:
    """What a property comes to."""
    name = draw(
        st.sampled_from(
            ("sum", "average", "min", "max", "distinct", "days", "first", "last", "most_frequent")
        )
    )
    inner = {**draw(events()), **draw(frames(calendar=name == "days"))}
    if name != "days":
        inner["of"] = draw(st.sampled_from(PATHS))
    if name in ("first", "last", "most_frequent"):
        return {name: inner, **draw(fixed_comparisons)}
    limit = st.integers(0, 3) if name in ("distinct", "days") else small
    if name in ("average", "min", "max") and not draw(st.integers(0, 5)):
        return {name: inner, "set": draw(st.booleans())}
    ops = st.sampled_from(("is", "greater_than", "at_least", "less_than", "at_most"))
    how = draw(st.dictionaries(ops, limit, min_size=1, max_size=2))
    return {name: inner, **how}


spans = st.sampled_from(("1s", "90s", "1h", "1d", "7d"))


@st.composite
def recency(draw: st.DrawFn) -> dict[str, Any]:
    """How long ago, and inactivity."""
    inner = draw(events())
    if not draw(st.integers(0, 2)):
        return {"inactive": {**inner, "for": draw(spans)}}
    ops = st.sampled_from(("greater_than", "at_least", "less_than", "at_most"))
    head = draw(st.sampled_from(("since_last", "since_first")))
    return {head: inner, **draw(st.dictionaries(ops, spans, min_size=1, max_size=2))}


@st.composite
def sequences(draw: st.DrawFn) -> dict[str, Any]:
    """One event and then another, or not."""
    gap, window = draw(
        st.sampled_from(
            (("1s", "1h"), ("90s", "1d"), ("1h", "7d"), ("1d", "7d"), ("7d", "9w"), ("2h", "2h"))
        )
    )
    second = draw(st.sampled_from(("then", "without")))
    inner = {"first": draw(events(named=True)), second: draw(events(named=True))}
    return {"sequence": {**inner, "within": gap, "in_last": window}}


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
    how = draw(st.sampled_from(("any", "none", "at_least", "at_most")))
    if how in ("any", "none"):
        return {how: {"tickets": fields}}
    return {"tickets": fields, how: draw(st.integers(1, 2))}


owned = st.one_of(
    st.fixed_dictionaries({"is": st.sampled_from(OWNERS)}),
    st.fixed_dictionaries({"is_not": st.sampled_from(OWNERS)}),
    st.fixed_dictionaries({"in": st.lists(st.sampled_from(OWNERS), min_size=1, max_size=2)}),
    st.fixed_dictionaries({"set": st.booleans()}),
).map(lambda tests: {"owner": tests})
members = st.sampled_from(ROWS).map(lambda key: {"member_of": key})
trait = st.builds(lambda n, t: {"trait": n, **t}, st.sampled_from(TRAITS), comparisons)


@st.composite
def touches(draw: st.DrawFn) -> dict[str, Any]:
    """What a campaign said."""
    where = draw(
        st.dictionaries(st.sampled_from(("source", "medium")), st.sampled_from("ab"), min_size=1)
    )
    return {draw(st.sampled_from(("first_touch", "last_touch"))): where}


deals = st.dictionaries(
    st.sampled_from(("stage", "status", "amount", "probability")),
    st.one_of(scalars, fixed_comparisons), min_size=1, max_size=2,
).map(lambda where: {"deal": where})  # fmt: skip


def plain(of: str) -> list[st.SearchStrategy[dict[str, Any]]]:
    """Conditions on one entity."""
    kinds = [trait, counts(), counts(), measures(), measures(), recency(), sequences(), tickets()]
    return [*kinds, owned, members, deals, *([touches()] if of == "person" else [])]


@st.composite
def relations(draw: st.DrawFn, of: str = "account") -> dict[str, Any]:
    """For how many of an account's people, or a person's accounts."""
    other = "person" if of == "account" else "account"
    inner = st.one_of(plain(other))
    where = draw(
        st.one_of(
            inner,
            st.lists(inner, min_size=1, max_size=2).map(lambda nodes: {"all": nodes}),
            inner.map(lambda node: {"not": node}),
        )
    )
    how = draw(st.sampled_from(("any", "all", "none", "count", "share")))
    tests: dict[str, Any] = {}
    if how == "count":
        tests = {draw(st.sampled_from(("at_least", "is"))): draw(st.integers(1, 3))}
    elif how == "share":
        op = draw(st.sampled_from(("at_least", "less_than", "is", "greater_than")))
        tests = {op: draw(st.sampled_from((0, 0.25, 0.5, 1)))}
    return {"people" if other == "person" else "accounts": {how: where}, **tests}


def _conditions(of: str) -> st.SearchStrategy[dict[str, Any]]:
    kinds = [*plain(of), relations(of)]
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


def understood(source: dict[str, Any]) -> Definition:
    """The definition, with what it refers to known: audiences whose members are rows."""
    parsed = parse(source)
    rows = {key: Other("person", None) for key in ROWS}
    return expand(parsed, rows)


definitions = sources().map(understood)


class Happened(msgspec.Struct, frozen=True):
    """One event."""

    name: str
    at_ms: int
    properties: dict[str, Any]
    category: str = "product"

    def fact(self, account: str | None = None) -> facts.Fact:
        return facts.Fact(
            pos=0, source_id=1, category=self.category, kind="track", name=self.name,
            # Folds let go of what is past by its receipt: never after a time that is asked about.
            at_ms=self.at_ms, received_ms=min(self.at_ms, NOW - 20_000), message_id="",
            home=facts.Identifier("user_id", "u"), identifiers=(), account=account, traits={},
            properties=self.properties,
        )  # fmt: skip


def _properties() -> st.SearchStrategy[dict[str, Any]]:
    nested = st.one_of(
        small,
        found,
        st.fixed_dictionaries({}, optional={"size": found, "kind": found, "0": found}),
    )
    names = ("format", "file", "a b", "$x", "né")
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, nested))


def _times() -> st.SearchStrategy[int]:
    """Around now, around the edges of every window, a bucket either way, and long ago."""
    days = [n * 86_400_000 for n in (0, 2, 20, 100, 176, 300)]
    edges = [*days, *(windows.parse_window(w) or 0 for w in WINDOWS)]
    steps = st.sampled_from((0, 1, -1, 999, -1000, 10_000, -10_000, 300_000, -300_000, 3_600_000))
    return st.builds(
        lambda edge, step, off: NOW - edge + step + off,
        st.sampled_from(edges),
        steps,
        st.integers(-3, 3),
    )


happened = st.builds(
    Happened,
    st.sampled_from((*NAMES, "Other")),
    _times(),
    _properties(),
    st.sampled_from(("product", "product", "crm")),
)
histories = st.lists(happened, max_size=8)
moments = st.builds(
    lambda edge, off: NOW + edge + off,
    st.sampled_from((0, 1000, 90_000, 7_200_000, 86_400_000, 604_800_000)),
    st.integers(-10_001, 10_001),
)


class Known(msgspec.Struct, dict=True):
    """A subject in memory: the fold of its events, its traits, its tickets, its people."""

    events: list[Happened] = []
    traits: dict[str, Any] = {}
    accounts: dict[str, list[Any]] = {}
    open_tickets: list[TicketState] = []
    folded: dict[str, dict[int, Any]] = {}
    owned_by: list[str] = []
    campaigns: list[dict[str, str]] = []
    rows: list[str] = []
    sold: list[dict[str, Any]] = []
    others: list["Known"] = []

    @cached_property
    def kin(self) -> list["Known"]:
        """An account's people, or a person's accounts."""
        told = [Known([], {name: v}) for name, found in self.accounts.items() for v in found]
        return [*self.others, *told]

    def trait(self, name: str) -> Any:
        return self.traits.get(name)

    def account_traits(self, name: str) -> Sequence[Any]:
        return [k.traits[name] for k in self.kin if name in k.traits]

    def buckets(self, leaf_key: str) -> Mapping[int, Any]:
        return self.folded[leaf_key]

    def tickets(self) -> Sequence[TicketState]:
        return self.open_tickets

    def owners(self) -> Sequence[str]:
        return self.owned_by

    def touches(self) -> Sequence[Mapping[str, str]]:
        return self.campaigns

    def deals(self) -> Sequence[Mapping[str, Any]]:
        return self.sold

    def is_listed(self, key: str) -> bool:
        return key in self.rows

    def is_member(self, key: str) -> bool:
        return key in self.rows

    def related(self, _: Any, ask: Any, now_ms: int) -> tuple[int, int, int | None]:
        answers = [ask(k, now_ms) for k in self.kin]
        turns = [turn for _, turn in answers if turn is not None]
        return sum(holds for holds, _ in answers), len(answers), min(turns, default=None)


def _knowns(others: st.SearchStrategy[list[Known]]) -> st.SearchStrategy[Known]:
    return st.builds(
        Known,
        events=histories,
        traits=st.dictionaries(st.sampled_from(TRAITS), found, max_size=3),
        accounts=st.dictionaries(st.sampled_from(TRAITS), st.lists(found, max_size=3), max_size=2),
        open_tickets=st.lists(
            st.builds(
                TicketState,
                st.sampled_from(("open", "paused", "resolved")),
                st.lists(st.sampled_from(TAGS), max_size=2).map(tuple),
                st.sampled_from(("low", "high", "urgent")),
                st.sampled_from(("product_issue", "billing_issue", "general_inquiry")),
            ),
            max_size=3,
        ),
        folded=st.just({}),
        owned_by=st.lists(st.sampled_from(OWNERS), max_size=2, unique=True),
        campaigns=st.lists(
            st.dictionaries(st.sampled_from(("source", "medium")), st.sampled_from("ab")),
            max_size=2,
        ),
        rows=st.lists(st.sampled_from(ROWS), unique=True),
        sold=st.lists(
            st.fixed_dictionaries(
                {"stage": texts, "status": st.sampled_from(("open", "won"))},
                optional={"amount": small, "probability": st.integers(0, 3)},
            ),
            max_size=2,
        ),
        others=others,
    )


subjects = _knowns(st.lists(_knowns(st.just([])), max_size=2))


def state_of(leaf: Leaf, happened: Sequence[Happened], account: str | None = None) -> State:
    """A fragment's state after these events, with the leaf in it."""
    state = State()
    rule = fold_of(leaf, 1, frozenset())
    for event in happened:
        if None in leaf.events or event.name in leaf.events:
            fold.fold_leaves(state, event.fact(account), [rule])
    return state


def fold_events(leaf: Leaf, happened: Sequence[Happened]) -> dict[int, Any]:
    """What the worker's fold keeps of these events for a leaf."""
    return joined(leaf, [happened])


def joined(leaf: Leaf, parts: Sequence[Sequence[Happened]]) -> dict[int, Any]:
    """The same when they happened to several fragments of one person, or people of one account."""
    rule = fold_of(leaf, 1, frozenset())
    states = [state_of(leaf, part) for part in parts]
    if leaf.by_day:
        return merge.shared_buckets([(states, [(0, "acme")])], rule, "acme")
    return merge.buckets(states, rule)


def folded(definition: Definition, known: Known) -> Known:
    """The subject, and its people or accounts, with every leaf of the definition folded."""
    for one in (known, *known.kin):
        one.folded = {leaf.key: fold_events(leaf, one.events) for leaf in leaves(definition)}
    return known
