"""People and accounts as definitions see them (audiences.Subject), read from what is stored.

The worker has its own, over what it holds in memory; these are for one question at a door. Both
merge states by the same functions.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from onefold import audiences, crm, identity, profiles
from onefold.kernel import limits
from onefold.kernel.viewer import SYSTEM
from onefold.profiles import fold, merge
from onefold.record.folds import fold_of
from onefold.storage import Connection

Verdict = tuple[bool, int | None]


class Reading:
    """One question's reader: the definitions' leaves, and what was read already."""

    def __init__(self, conn: Connection, catalog: audiences.Catalog, now_ms: int) -> None:
        self.conn = conn
        self.now_ms = now_ms
        self.leaf_rows = {row.key: row for row in catalog.leaves}
        self.ids = {a.key: a.id for a in catalog.audiences if a.status != "deleted"}
        alive = [a for a in catalog.audiences if a.status != "deleted"]
        self.leaves = {leaf.key: leaf for a in alive for leaf in audiences.leaves(a.definition)}

    @cached_property
    def book(self) -> identity.accounts.Book:
        """What was decided about accounts."""
        return identity.accounts.Book(identity.accounts.decisions.in_force(self.conn))

    def fold(self, key: str) -> Any:
        """How a leaf folds; None while the worker has not taken it up."""
        row, leaf = self.leaf_rows.get(key), self.leaves.get(key)
        return fold_of(leaf, row.id, frozenset()) if row and leaf else None

    def people(self, ids: Sequence[int]) -> dict[int, "Person"]:
        """People by id."""
        ids = list(ids)
        fragments = identity.fragments_of(self.conn, ids)
        states = profiles.store.load_states(self.conn, [f for fs in fragments.values() for f in fs])
        contacts = identity.contacts_of(self.conn, SYSTEM, ids)
        joined, spans = profiles.store.memberships(self.conn, ids)
        out = {}
        for i in ids:
            own = fragments.get(i, [])
            inside = [key for key, still, _ in joined.get(i, ()) if still]
            found = [states[f] for f in own]
            out[i] = Person(self, i, own, found, contacts.get(i, []), inside, spans.get(i, []))
        return out

    def account(self, account_id: int) -> "Account":
        """An account by id."""
        key = crm.account_keys(self.conn, [account_id])[account_id]
        return Account(self, account_id, self.book.keys(key))


class _Known:
    """What both have."""

    kind: audiences.Kind
    id: int
    reading: Reading
    states: list[profiles.State]

    def trait(self, name: str) -> Any:
        """The winning value, or None."""
        found = merge.trait(self.states, name)
        return found.value if found else None

    def is_member(self, key: str) -> bool:
        """Is it in an audience whose members are kept as rows?"""
        found = audiences.current(self.reading.conn, self.kind, [self.id])
        return self.reading.ids.get(key) in found.get(self.id, {})

    def is_listed(self, key: str) -> bool:
        """Has the audience a row for it?"""
        number = self.reading.ids.get(key)
        if number is None:
            return False
        return number in audiences.listed(self.reading.conn, self.kind, [self.id], [number]).get(
            self.id, ()
        )


class Person(_Known):
    """A person."""

    kind: audiences.Kind = "person"

    def __init__(
        self,
        reading: Reading,
        person_id: int,
        fragments: list[int],
        states: list[profiles.State],
        contacts: list[int],
        inside: list[str],
        spans: list[tuple[int, str]],
    ) -> None:
        self.reading, self.id, self.states = reading, person_id, states
        self.fragments, self.contacts, self.inside, self.spans = fragments, contacts, inside, spans

    @cached_property
    def accounts(self) -> dict[str, "Account"]:
        """The accounts the person is in, by key."""
        found = crm.accounts_by_key(self.reading.conn, self.inside) if self.inside else {}
        return {key: self.reading.account(i) for key, i in found.items()}

    def account_traits(self, name: str) -> Sequence[Any]:
        """The trait's value in each of the person's accounts that has it."""
        found = (a.trait(name) for a in self.accounts.values())
        return [v for v in found if v is not None]

    def buckets(self, leaf_key: str) -> Mapping[int, Any]:
        """The buckets of a leaf."""
        leaf = self.reading.fold(leaf_key)
        return merge.buckets(self.states, leaf) if leaf else {}

    def tickets(self) -> Sequence[audiences.TicketState]:
        """Unresolved tickets."""
        if not self.contacts:
            return ()
        found = crm.ticket_states(self.reading.conn, self.contacts, [])[0]
        return [_ticket(t) for tickets in found.values() for t in tickets]

    def owners(self) -> Sequence[str]:
        """Who looks after the person's contacts."""
        return crm.owner_emails(self.reading.conn, self.contacts, ()) if self.contacts else ()

    def deals(self) -> Sequence[Mapping[str, Any]]:
        """Deals of the person's contacts."""
        if not self.contacts:
            return ()
        return [d for _, _, d in crm.deal_states(self.reading.conn, self.contacts, ())]

    def touches(self) -> Sequence[Mapping[str, str]]:
        """What the first and the last campaign said."""
        found = fold.first_and_last([t for s in self.states for t in s.touches])
        return [t.campaign for t in found]

    def related(self, _: Any, ask: Any, now_ms: int) -> tuple[int, int, int | None]:
        """For how many of the person's accounts it holds."""
        return _counted(ask(a, now_ms) for a in self.accounts.values())


class Account(_Known):
    """An account; its people are read when a condition asks for them."""

    kind: audiences.Kind = "account"

    def __init__(self, reading: Reading, account_id: int, keys: Sequence[str]) -> None:
        self.reading, self.id, self.key, self.keys = reading, account_id, keys[0], list(keys[1:])
        found = identity.account_fragments_of(reading.conn, list(keys))
        self.fragments = list(found.values())
        self.states = list(profiles.store.load_states(reading.conn, self.fragments).values())

    @cached_property
    def everybody(self) -> dict[int, Person]:
        """Who is or was in it, the first `why_people_max` of them."""
        found = profiles.store.members(self.reading.conn, [self.id])[self.id]
        return self.reading.people(found[: limits.why_people_max])

    @cached_property
    def inside(self) -> list[Person]:
        """Who is in it now."""
        found = profiles.store.members(self.reading.conn, [self.id], inside=True)[self.id]
        return [self.everybody[i] for i in found if i in self.everybody]

    def account_traits(self, name: str) -> Sequence[Any]:
        """An account's account is itself."""
        value = self.trait(name)
        return [] if value is None else [value]

    def buckets(self, leaf_key: str) -> Mapping[int, Any]:
        """The facts of the account's people, at the time they were its."""
        leaf = self.reading.fold(leaf_key)
        if leaf is None:
            return {}
        people = [(p.states, p.spans) for p in self.everybody.values()]
        return merge.shared_buckets(people, leaf, self.key, self.keys)

    def tickets(self) -> Sequence[audiences.TicketState]:
        """Unresolved tickets."""
        found = crm.ticket_states(self.reading.conn, [], [self.id])[1]
        return [_ticket(t) for t in found.get(self.id, ())]

    def owners(self) -> Sequence[str]:
        """Who looks after the account."""
        return crm.owner_emails(self.reading.conn, (), [self.id])

    def deals(self) -> Sequence[Mapping[str, Any]]:
        """The account's deals."""
        return [d for _, _, d in crm.deal_states(self.reading.conn, (), [self.id])]

    def touches(self) -> Sequence[Mapping[str, str]]:
        """Campaigns bring people."""
        return ()

    def related(self, _: Any, ask: Any, now_ms: int) -> tuple[int, int, int | None]:
        """For how many of the account's people it holds."""
        return _counted(ask(p, now_ms) for p in self.inside)


def _counted(verdicts: Iterable[Verdict]) -> tuple[int, int, int | None]:
    found = list(verdicts)
    turns = [turn for _, turn in found if turn is not None]
    return sum(holds for holds, _ in found), len(found), min(turns, default=None)


def _ticket(found: crm.TicketState) -> audiences.TicketState:
    return audiences.TicketState(
        status=found.status, tags=tuple(found.tags), priority=found.priority,
        category=found.category,
    )  # fmt: skip
