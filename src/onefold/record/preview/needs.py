"""What a definition reads of history: which events, how far back, which tables beside. Pure."""

from collections.abc import Iterable

import msgspec

from onefold import audiences
from onefold.audiences import frames
from onefold.audiences.model import (
    AccountTrait,
    Chain,
    Count,
    Deal,
    Kind,
    Measure,
    Member,
    Owner,
    Related,
    Rows,
    Since,
    Tickets,
    Touch,
    Trait,
    walk_of,
)


class Facts(msgspec.Struct):
    """Which facts of people or accounts: `names` None: of any name; `since_ms` None: ever."""

    names: set[str] | None = msgspec.field(default_factory=set)
    since_ms: int | None = None
    properties: bool = False
    leaves: int = 0

    def add(self, leaf: audiences.Leaf, now_ms: int) -> None:
        """Widen to what a leaf looks at."""
        events = {e for e in leaf.events if e is not None}
        if self.names is not None:
            self.names = None if None in leaf.events else self.names | events
        first: int | None = frames.bounds_ms(leaf.frame, now_ms)[0]
        if leaf.frame.kind == "since" and leaf.frame.since_ms is None:
            first = None
        if self.leaves == 0:
            self.since_ms = first
        elif self.since_ms is not None:
            self.since_ms = None if first is None else min(self.since_ms, first)
        then = leaf.then.where if leaf.then else ()
        self.properties = self.properties or bool(leaf.where or leaf.path or then)
        self.leaves += 1


class Needs(msgspec.Struct):
    """By kind: facts, names of traits. `rows`: keys of audiences whose members are looked up."""

    facts: dict[Kind, Facts] = msgspec.field(default_factory=dict)
    traits: dict[Kind, set[str]] = msgspec.field(default_factory=dict)
    tickets: set[Kind] = msgspec.field(default_factory=set)
    owners: set[Kind] = msgspec.field(default_factory=set)
    deals: set[Kind] = msgspec.field(default_factory=set)
    kinds: set[Kind] = msgspec.field(default_factory=set)
    rows: set[str] = msgspec.field(default_factory=set)
    touches: bool = False
    pairs: bool = False  # who is in which account
    own: bool = False  # a query whose answer is given

    @property
    def accounts(self) -> bool:
        """Is anything of accounts asked for?"""
        return self.pairs or "account" in self.kinds

    def since_ms(self) -> int | None:
        """No fact of before is needed; None: all may be. Traits and touches may be of any time."""
        found = [f.since_ms for f in self.facts.values()]
        if self.touches or self.traits or None in found:
            return None
        return min((ms for ms in found if ms is not None), default=1 << 60)


def needs(definition: audiences.Definition, nows: Iterable[int]) -> Needs:
    """Of a definition that is asked at these times."""
    out = Needs(kinds={definition.of})
    earliest = min(nows)
    for node, of in walk_of(definition.where, definition.of):
        out.kinds.add(of)
        match node:
            case Count() | Measure() | Since() | Chain():
                out.facts.setdefault(of, Facts()).add(node.leaf, earliest)
            case Trait(name=name):
                out.traits.setdefault(of, set()).add(name)
            case AccountTrait(name=name):
                out.traits.setdefault("account", set()).add(name)
                out.pairs = True
            case Tickets():
                out.tickets.add(of)
            case Owner():
                out.owners.add(of)
            case Deal():
                out.deals.add(of)
            case Touch():
                out.touches = True
            case Member(key=key, where=None):
                out.rows.add(key)
            case Related():
                out.pairs = True
            case Rows():
                out.own = True
    return out
