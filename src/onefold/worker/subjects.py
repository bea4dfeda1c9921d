"""People and accounts as definitions see them (audiences.Subject): nothing is copied."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from onefold import audiences, profiles
from onefold.profiles import fold, merge
from onefold.profiles.model import Buckets

if TYPE_CHECKING:
    from onefold.worker.asking import Asking
    from onefold.worker.cache import Entity

Member = tuple[Sequence[profiles.State], merge.Spans]  # states, whose facts that name no account
Related = tuple[int, int, int | None]  # for how many it holds, of how many, until when


class PersonSubject:
    """A person as definitions see it (audiences.Subject)."""

    def __init__(
        self,
        entity: Entity,
        states: Sequence[profiles.State],
        asking: Asking,
        accounts: Sequence[profiles.State],
        tickets: Sequence[audiences.TicketState],
        listed: Collection[int] = (),
    ) -> None:
        self.entity = entity
        self.listed = listed
        self.states = states
        self.asking = asking
        self.catalog = asking.catalog
        self.accounts = accounts
        self._tickets = tickets

    def trait(self, name: str) -> Any:
        """The winning value, or None."""
        found = merge.trait(self.states, name)
        return found.value if found else None

    def account_traits(self, name: str) -> Sequence[Any]:
        """The trait's value in each of the person's accounts that has it."""
        found = (s.traits.get(name) for s in self.accounts)
        return [t.value for t in found if t is not None]

    def buckets(self, leaf_key: str) -> Mapping[int, Any]:
        """The buckets of a leaf."""
        return merge.buckets(self.states, self.catalog.fold(leaf_key))

    def tickets(self) -> Sequence[audiences.TicketState]:
        """Unresolved tickets."""
        return self._tickets

    def owners(self) -> Sequence[str]:
        """Who looks after the person's contacts."""
        return self.asking.owners(self.entity.contacts, ()) if self.entity.contacts else ()

    def deals(self) -> Sequence[Mapping[str, Any]]:
        """Deals of the person's contacts."""
        return self.asking.deals(self.entity.contacts, ()) if self.entity.contacts else ()

    def touches(self) -> Sequence[Mapping[str, str]]:
        """What the first and the last campaign said."""
        found = fold.first_and_last([t for s in self.states for t in s.touches])
        return [t.campaign for t in found]

    def is_member(self, key: str) -> bool:
        """Is the person in an audience whose members are kept as rows?"""
        return self.catalog.ids.get(key) in self.entity.members

    def is_listed(self, key: str) -> bool:
        """Has the audience a row for the person?"""
        return self.catalog.ids.get(key) in self.listed

    def related(self, node: Any, ask: Any, _: int) -> Related:
        """For how many of the person's accounts it holds; when that turns its people are told."""
        keys = self.entity.inside
        return sum(self.asking.account_holds(key, node, ask) for key in keys), len(keys), None


class AccountSubject:
    """An account as definitions see it. Its people are read only for what is not kept."""

    def __init__(
        self,
        account_id: int,
        entity: Entity,
        own: Sequence[profiles.State],
        asking: Asking,
        tickets: Sequence[audiences.TicketState] | None,
        listed: Collection[int] = (),
    ) -> None:
        self.id = account_id
        self.listed = listed
        self.entity = entity
        self.key = entity.key
        self.own = own
        self.asking = asking
        self.catalog = asking.catalog
        self.rollups = asking.cache.rollups
        self._tickets = tickets

    def trait(self, name: str) -> Any:
        """The winning value, or None."""
        found = merge.trait(self.own, name)
        return found.value if found else None

    def account_traits(self, name: str) -> Sequence[Any]:
        """An account's account is itself."""
        value = self.trait(name)
        return [] if value is None else [value]

    def buckets(self, leaf_key: str) -> Mapping[int, Any]:
        """The buckets of a leaf: the facts of the account's people, at the time they were its."""
        leaf = self.catalog.fold(leaf_key)
        found = self.rollups.get(self.key, leaf.id)
        if found is None:
            found = self._sum(leaf.id)
        elif leaf.keep and len(found) > leaf.keep:
            fold.prune(found, leaf, self.asking.now_ms)
        return found

    def tickets(self) -> Sequence[audiences.TicketState]:
        """Unresolved tickets."""
        if self._tickets is None:
            self._tickets = self.asking.account_tickets(self.id)
        return self._tickets

    def owners(self) -> Sequence[str]:
        """Who looks after the account."""
        return self.asking.owners((), [self.id])

    def deals(self) -> Sequence[Mapping[str, Any]]:
        """The account's deals."""
        return self.asking.deals((), [self.id])

    def touches(self) -> Sequence[Mapping[str, str]]:
        """Campaigns bring people."""
        return ()

    def is_member(self, key: str) -> bool:
        """Is the account in an audience whose members are kept as rows?"""
        return self.catalog.ids.get(key) in self.entity.members

    def is_listed(self, key: str) -> bool:
        """Has the audience a row for the account?"""
        return self.catalog.ids.get(key) in self.listed

    def related(self, node: Any, ask: Any, _: int) -> Related:
        """For how many of the account's people it holds."""
        verdicts = self.asking.people_of(self.id, self.key, node, ask)
        turns = [turn for _, turn in verdicts if turn is not None]
        return sum(holds for holds, _ in verdicts), len(verdicts), min(turns, default=None)

    def _sum(self, leaf_id: int) -> Buckets:
        """Sum over the account's people, all leaves at once: the next will be asked for as well."""
        people = self.asking.member_states(self.id)
        for leaf in self.catalog.shared_leaves:
            if self.rollups.get(self.key, leaf.id) is None:
                found = merge.shared_buckets(people, leaf, self.key, self.entity.keys)
                self.rollups.put(self.key, leaf.id, found)
        return self.rollups.get(self.key, leaf_id) or {}
