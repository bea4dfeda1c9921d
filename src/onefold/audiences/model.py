"""What a definition is: one frozen tree, whoever wrote it and however it is executed.

    All | Any | Not            conditions on conditions
    Trait                      a trait of the entity itself
    AccountTrait               a trait of some account of the person
    Count                      how often a `Leaf` happened
    Measure                    what a property of a leaf's events comes to, or on how many days
    Since                      how long ago the last or the first event of a leaf was
    Chain                      one event and then another, or not another
    Tickets                    whether, or how many, unresolved tickets of the CRM match
    Owner                      who in the company looks after the person or account
    Touch                      what campaign first or last brought the person
    Deal                       whether a deal of theirs is so
    Member                     whether another audience's condition holds
    Rows                       whether a query answered the entity, or it was uploaded
    Related                    for how many of an account's people, or a person's accounts

A `Leaf` is the part of a condition that the fold keeps: which events, in which window, without the
threshold, so that definitions share it. `parse` makes trees, `compile_live` and `compile_sql`
execute them.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any as Value
from typing import Literal, Protocol

import msgspec

from onefold.audiences import cells, values
from onefold.audiences.frames import EVER, Frame
from onefold.kernel import limits

Kind = Literal["person", "account"]
DEAL_FIELDS = (
    "status", "stage", "pipeline", "amount", "close_date", "name", "owner", "forecast",
    "probability", "kind", "source",
)  # fmt: skip


class Property(msgspec.Struct, frozen=True, tag="property"):
    """A condition on a property of an event; `path` is dotted: `file.format`."""

    path: str
    tests: tuple[values.Test, ...]


class Group(msgspec.Struct, frozen=True, tag="group"):
    """Conditions on properties joined: all, any or none of them hold."""

    how: Literal["all", "any", "none"]
    of: tuple["Filter", ...]


Filter = Property | Group


class Step(msgspec.Struct, frozen=True):
    """An event of a sequence."""

    event: str
    where: tuple[Filter, ...] = ()


class Leaf(msgspec.Struct, frozen=True, dict=True):
    """What the folds keep for definitions: events of a name (None: of any) within a window.

    key        canonical text of everything else here and of the kind of entity; people and
               accounts fold apart, so they never share a leaf
    where      conditions on the event's properties
    window_ms  of a sliding window; None: ever, or what `framed` says
    keeps      what of the events (audiences/cells.py)
    path       the property that is measured
    own        only what the customer did, not what the CRM or Onefold did
    then       a sequence's second event
    by_day     ever and since: a bucket a UTC day, for accounts
    """

    key: str
    event: str | None
    where: tuple[Filter, ...] = ()
    window_ms: int | None = None
    keeps: cells.Keeps = "count"
    path: str = ""
    framed: Frame | None = None
    own: bool = False
    then: Step | None = None
    by_day: bool = False

    @cached_property
    def match(self) -> Callable[[Mapping[str, Value]], bool]:
        """Does an event of the right name count, by its properties? Compiled once."""
        return matcher(self.where)

    @cached_property
    def frame(self) -> Frame:
        """The window, whichever kind it is."""
        if self.framed is not None:
            return self.framed
        return EVER if self.window_ms is None else Frame("sliding", ms=self.window_ms)

    @cached_property
    def make(self) -> cells.Make:
        """What a fact that counts puts into its bucket."""
        if self.then is not None:
            then, match = self.then, matcher(self.then.where)
            return cells.pair_maker(
                lambda fact: fact.name == self.event and self.match(fact.properties),
                lambda fact: fact.name == then.event and match(fact.properties),
            )
        return cells.maker(self.keeps, reader(self.path))

    @property
    def events(self) -> tuple[str | None, ...]:
        """Names of events that may feed it; None: any."""
        return (self.event,) if self.then is None else (self.event, self.then.event)


class All(msgspec.Struct, frozen=True, tag="all"):
    """Every condition holds."""

    of: tuple["Node", ...]


class Any(msgspec.Struct, frozen=True, tag="any"):
    """At least one condition holds."""

    of: tuple["Node", ...]


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The condition does not hold."""

    node: "Node"


class Trait(msgspec.Struct, frozen=True, tag="trait"):
    """The entity's own trait passes every test."""

    name: str
    tests: tuple[values.Test, ...]


class AccountTrait(msgspec.Struct, frozen=True, tag="account"):
    """Some account of the person has the trait, with a value that passes every test."""

    name: str
    tests: tuple[values.Test, ...]


class Count(msgspec.Struct, frozen=True, tag="count"):
    """How often the leaf's events happened passes every test."""

    leaf: Leaf
    tests: tuple[values.Test, ...]


MeasureName = Literal[
    "sum", "average", "min", "max", "distinct", "days", "first", "last", "most_frequent"
]


class Measure(msgspec.Struct, frozen=True, tag="measure"):
    """What the leaf's property comes to passes every test; `days`: on how many days it happened."""

    name: MeasureName
    leaf: Leaf
    tests: tuple[values.Test, ...]


class Since(msgspec.Struct, frozen=True, tag="since"):
    """How long ago the leaf's last (or first) event was passes every test; values are ms."""

    first: bool
    leaf: Leaf
    tests: tuple[values.Test, ...]


class Chain(msgspec.Struct, frozen=True, tag="sequence"):
    """The leaf's second event follows its first within `gap_ms`; or `without`, some first has none
    and can have none any more. Of first events within one bucket only the last is asked about then.
    """

    leaf: Leaf
    gap_ms: int
    without: bool


class Tickets(msgspec.Struct, frozen=True, tag="tickets"):
    """Some (`exists`) or no unresolved ticket matches; None matches anything.

    `status` is `open` (unresolved, paused ones included) or `paused`. With `tests`: how many match
    passes every test.
    """

    exists: bool
    status: Literal["open", "paused"] = "open"
    tag: str | None = None
    priority: str | None = None
    category: str | None = None
    tests: tuple[values.Test, ...] = ()


class Owner(msgspec.Struct, frozen=True, tag="owner"):
    """The e-mail of the account's owner, or of one of the person's contacts' owners, passes."""

    tests: tuple[values.Test, ...]


class Touch(msgspec.Struct, frozen=True, tag="touch"):
    """What the first or last campaign said passes all of `where`; without one nothing does."""

    first: bool
    where: tuple[Filter, ...]


class Deal(msgspec.Struct, frozen=True, tag="deal"):
    """Some deal of the account, or of one of the person's contacts, passes all of `where`."""

    where: tuple[Filter, ...]


class Member(msgspec.Struct, frozen=True, tag="member"):
    """The entity is in another audience: `where` is that one's condition, None before it is known.

    `by_row`: one whose members are kept as rows (a list, or SQL) and have no condition.
    """

    key: str
    where: "Node | None" = None
    by_row: bool = False


class Rows(msgspec.Struct, frozen=True, tag="rows"):
    """The entity is among those that the audience's own query answered, or that were uploaded to
    it. The whole of such an audience, but for a campaign's feature.

    text      of the query (DuckDB, over the lake), run every `every_ms`
    key       the audience's own, known once it is kept
    """

    how: Literal["sql", "list"]
    text: str = ""
    every_ms: int = 0
    key: str = ""


class Related(msgspec.Struct, frozen=True, tag="related"):
    """The condition holds for any, all or none of the account's people (or person's accounts), for
    a count of them, or for a share, which passes every test. `of` is whose condition it is.
    """

    of: Kind
    how: Literal["any", "all", "none", "count", "share"]
    where: "Node"
    tests: tuple[values.Test, ...] = ()


Node = (
    All | Any | Not | Trait | AccountTrait | Count | Measure | Since | Chain | Tickets | Owner
    | Touch | Deal | Member | Rows | Related
)  # fmt: skip

Counting = Count | Measure | Since | Chain


class Definition(msgspec.Struct, frozen=True):
    """An audience of people or of accounts: those for whom `where` holds."""

    of: Kind
    where: Node


class TicketState(msgspec.Struct, frozen=True):
    """A ticket as conditions see it."""

    status: str
    tags: tuple[str, ...] = ()
    priority: str = ""
    category: str = ""


class Subject(Protocol):
    """A person or account as definitions see it."""

    def trait(self, name: str) -> Value:
        """The winning value of the entity's own trait, or None."""
        ...

    def account_traits(self, name: str) -> Sequence[Value]:
        """The trait's value in each of the person's accounts that has it."""
        ...

    def buckets(self, leaf_key: str) -> Mapping[int, Value]:
        """bucket → cell of a leaf (audiences/cells.py); empty when nothing happened."""
        ...

    def tickets(self) -> Sequence[TicketState]:
        """The entity's unresolved tickets; resolved ones may be among them and are passed over."""
        ...

    def owners(self) -> Sequence[str]:
        """E-mails of who looks after the entity."""
        ...

    def touches(self) -> Sequence[Mapping[str, str]]:
        """What the first and the last campaign said; one that is both once; none for accounts."""
        ...

    def deals(self) -> Sequence[Mapping[str, Value]]:
        """The entity's deals, each with `DEAL_FIELDS` that it has."""
        ...

    def is_member(self, key: str) -> bool:
        """Is the entity in an audience whose members are kept as rows?"""
        ...

    def is_listed(self, key: str) -> bool:
        """Did the audience's query answer the entity, or was it uploaded to it?"""
        ...

    def related(self, node: Related, ask: Value, now_ms: int) -> tuple[int, int, int | None]:
        """For how many of how many people (or accounts) `ask` holds, and until when at least."""
        ...


# One sentence of "why": {"text": what is so, "condition": what was asked, "holds": bool}.
Reason = dict[str, Value]


class Answer(msgspec.Struct, frozen=True):
    """Whether a definition holds, until when at least (None: until something happens), and why."""

    holds: bool
    next_ms: int | None
    why: list[Reason]


def rows_of(definition: Definition) -> Rows | None:
    """What makes its members if they are rows; None for one with a condition."""
    return next((n for n in walk(definition.where) if isinstance(n, Rows)), None)


def leaves(definition: Definition) -> tuple[Leaf, ...]:
    """The definition's leaves, each once, in the order of the text."""
    found = {n.leaf.key: n.leaf for n in walk(definition.where) if isinstance(n, Counting)}
    return tuple(found.values())


def related(definition: Definition) -> list[Related]:
    """The definition's conditions on people of an account, or accounts of a person."""
    return [n for n in walk(definition.where) if isinstance(n, Related)]


def walk(node: Node) -> list[Node]:
    """The node and everything under it, top down."""
    out: list[Node] = [node]
    for child in children(node):
        out.extend(walk(child))
    return out


def children(node: Node) -> tuple[Node, ...]:
    """The conditions directly under a condition."""
    if isinstance(node, All | Any):
        return node.of
    if isinstance(node, Not):
        return (node.node,)
    if isinstance(node, Related | Member) and node.where is not None:
        return (node.where,)
    return ()


def walk_of(node: Node, of: Kind) -> list[tuple[Node, Kind]]:
    """The node and everything under it, each with whose condition it is."""
    out = [(node, of)]
    inner = node.of if isinstance(node, Related) else of
    for child in children(node):
        out.extend(walk_of(child, inner))
    return out


def leaf_of(
    of: Kind,
    event: str | None,
    where: tuple[Filter, ...] = (),
    window_ms: int | None = None,
    *,
    keeps: cells.Keeps = "count",
    path: str = "",
    framed: Frame | None = None,
    own: bool = False,
    then: Step | None = None,
) -> Leaf:
    """A leaf with its key. Equal predicates have equal keys: `where` must be sorted by path."""
    told: list[Value] = [of, event, _told(where), window_ms]
    if (keeps, framed, own, then) != ("count", None, False, None):
        told += [keeps, path, msgspec.to_builtins(framed), own]
        told += [[then.event, _told(then.where)]] if then else []
    key = msgspec.json.encode(told).decode()
    if len(key) > limits.leaf_key_chars_max:
        digest = blake2b(key.encode(), digest_size=16).hexdigest()
        key = f"{key[: limits.leaf_key_chars_max - 40]}…#{digest}"
    return Leaf(
        key=key, event=event, where=where, window_ms=window_ms, keeps=keeps, path=path,
        framed=framed, own=own, then=then, by_day=of == "account",
    )  # fmt: skip


def _told(where: tuple[Filter, ...]) -> list[Value]:
    return [
        {f.how: _told(f.of)}
        if isinstance(f, Group)
        else [f.path, *([t.op, t.value] for t in f.tests)]
        for f in where
    ]


def reader(path: str) -> Callable[[Mapping[str, Value]], Value]:
    """Finds a property by its dotted path, None where it is missing."""
    steps = path.split(".")
    if len(steps) == 1:
        return lambda properties: properties.get(path)
    return lambda properties: _at(properties, steps)


def matcher(where: tuple[Filter, ...]) -> Callable[[Mapping[str, Value]], bool]:
    """Do these properties pass every condition?"""
    checks = tuple(map(_check, where))
    if len(checks) == 1:
        return checks[0]
    return lambda properties: all(check(properties) for check in checks)


def _check(condition: Filter) -> Callable[[Mapping[str, Value]], bool]:
    if isinstance(condition, Group):
        checks = tuple(map(_check, condition.of))
        if condition.how == "all":
            return lambda properties: all(check(properties) for check in checks)
        wanted = condition.how == "any"
        return lambda properties: any(check(properties) for check in checks) is wanted
    read, passes = reader(condition.path), values.compile_tests(condition.tests)
    return lambda properties: passes(read(properties))


def _at(properties: Mapping[str, Value], path: Sequence[str]) -> Value:
    found: Value = properties
    for step in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(step)
    return found
