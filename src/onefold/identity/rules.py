"""The rules of identity, compiled: what f goes by, besides links and decisions.

A namespace is of a kind:

    person   names a human; its links decide who is who
    device   a browser or phone, perhaps of several people: divided into chapters
    account  a company; never joins people

Rows of the table `namespace` (identity/namespaces) become a `Rules`; one is in force at a time, and
the worker's memory holds what it says of each identifier. Rules change how links are weighed, never
which links there are: who acts on a fact and what it links follows from kinds and `order`, which
never change for a namespace. So any rules can be replayed over the links that are stored.
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from onefold.kernel import forms, identifiers, limits
from onefold.kernel.facts import Identifier
from onefold.kernel.identifiers import FORMER

Kind = Literal["person", "device", "account"]
EVERYONE = "*"
_ORDER = MappingProxyType({"user_id": 1, "contact": 2, "email": 3})
_LAST = 8
ACTS = "user_id"  # of several on one fact the first acts, and the others are not linked


class Namespace(msgspec.Struct, frozen=True):
    """What values of a namespace can say.

    priority     lower is stronger: of equally new links the stronger namespaces' hold
    limit        how many values one person can have; None: any number
    window_days  the limit counts values seen together with others within so many days; None: ever
    hub          values of one limited namespace that a value may be seen with (for a device: people
                 who log in) before it says nothing about who somebody is; None: the rules' own
    verified     whose word is proof: categories of sources, `src_4`, or `*`; others' is a claim
    blocks       whether a value never links
    form         the normal form of values (kernel/forms.py); region: of numbers without a country
    """

    kind: Kind
    priority: int
    limit: int | None = None
    window_days: int | None = None
    hub: int | None = None
    verified: frozenset[str] = frozenset()
    blocks: Callable[[str], bool] | None = None
    form: str = "text"
    region: str = ""

    def blocked(self, value: str) -> bool:
        """Whether a value never links, by this namespace's own lists."""
        return self.blocks is not None and self.blocks(value)

    def proved_by(self, teller: str) -> bool:
        """Whether a source (`12:billing`) proves whose a value is."""
        if not self.verified:
            return False
        number, _, category = teller.partition(":")
        verified = self.verified
        return EVERYONE in verified or category in verified or f"src_{number}" in verified


class Rules(msgspec.Struct, frozen=True):
    """All that f goes by, besides links and decisions. `version`: 0 for the built-in ones."""

    namespaces: Mapping[str, Namespace]
    other: Namespace
    neighbours_max: int
    component_max: int
    version: int = 0
    windowed: bool = False  # some limit has a window
    dated: bool = False  # the days of links to devices matter: some limit is on devices

    def of(self, namespace: str) -> Namespace:
        """The rule of a namespace; an unknown one is weaker than every known person-kind one."""
        return self.namespaces.get(namespace, self.other)

    def blocked(self, identifier: Identifier) -> bool:
        """Whether a value never links."""
        return self.of(identifier.namespace).blocked(identifier.value)

    def normal(self, namespace: str, value: str) -> str | None:
        """The normal form of a value as sources' are read now; None for one of nobody."""
        rule = self.of(namespace)
        clean = identifiers.normalise(namespace, value)
        return clean and forms.FORMS[rule.form](clean, rule.region)

    def hub(self, namespace: str) -> int:
        """With how many values of one limited namespace a value may be seen."""
        found = self.of(namespace).hub
        return self.neighbours_max if found is None else found

    def crowded(self, namespace: str, users: int) -> bool:
        """Whether a device with so many users belongs to nobody."""
        found = self.of(namespace).hub
        return found is not None and users > found

    def proved(self, a: str, b: str, told: Mapping[str, int] | None) -> int | None:
        """The newest day on which a link was proved, None if it is only claimed.

        `told`: the newest day that each source (`12:billing`) told of it. Both ends' namespaces
        must be verified by the source.
        """
        if not told:
            return None
        one, other = self.of(a), self.of(b)
        days = (d for t, d in told.items() if one.proved_by(t) and other.proved_by(t))
        return max(days, default=None)

    def loose(self, counts: Mapping[str, int]) -> bool:
        """Whether a person holds so many values that only their dates allow it."""
        return any(
            rule.window_days is not None and rule.limit is not None and n > rule.limit
            for rule, n in ((self.of(namespace), n) for namespace, n in counts.items())
        )

    def plain(self, counts: Mapping[str, int]) -> bool:
        """Whether so many values are within the limits whatever their dates."""
        limited = ((self.of(namespace).limit, n) for namespace, n in counts.items())
        return all(limit is None or n <= limit for limit, n in limited)


def order(namespace: str) -> int:
    """Who acts on a fact: the identifier of the least. Fixed, so that chapters never depend on
    rules that can change."""
    return _ORDER.get(namespace, _LAST)


def blocker(
    values: Collection[str], matches: Collection[Callable[[str], bool]]
) -> Callable[[str], bool] | None:
    """One test of a value for exact values (in any case) and patterns; None when there are none."""
    if not values and not matches:
        return None
    exact = frozenset(value.casefold() for value in values)

    def blocks(value: str) -> bool:
        return value.casefold() in exact or any(match(value) for match in matches)

    return blocks


OTHER = Namespace("person", 80, limit=5)
_HOUSE = frozenset(("crm", "system", "billing"))
_EVERYONE = frozenset((EVERYONE,))

# The built-in rules, where no database is asked. A new one has these rows and some more as its
# first version (migration 0012).
RULES = Rules(
    namespaces=MappingProxyType(
        {
            "user_id": Namespace("person", 10, limit=1, verified=_EVERYONE),
            "contact": Namespace("person", 20, limit=5, verified=_HOUSE),
            "email": Namespace("person", 30, limit=5, verified=_HOUSE, form="email"),
            FORMER: Namespace("person", 80),
            "anonymous_id": Namespace("device", 90),
            "account_id": Namespace("account", 100),
        }
    ),
    other=OTHER,
    neighbours_max=limits.neighbours_max,
    component_max=limits.component_identifiers_max,
)

# Reasons in `link.suppressed` that no order of links can change; all others depend on it.
GENERIC = "generic"  # an end is seen with too many others, or is a kiosk
SHARED_DEVICE = "shared_device"  # between devices of which one has several chapters
BLOCKED = "blocked"  # an end is on a block list
STATIC = (GENERIC, SHARED_DEVICE, BLOCKED)

SIZE = "size"  # the component is beyond `component_max`
