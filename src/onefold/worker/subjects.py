"""People and accounts as definitions see them (audiences.Subject): nothing is copied."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from onefold import audiences, profiles
from onefold.profiles import fold, merge
from onefold.profiles.model import Buckets
from onefold.worker.catalog import Catalog
from onefold.worker.rollups import Rollups

Member = tuple[Sequence[profiles.State], Sequence[tuple[int, str]]]  # states, accounts joined


class PersonSubject:
    """A person as definitions see it (audiences.Subject)."""

    def __init__(
        self,
        states: Sequence[profiles.State],
        catalog: Catalog,
        accounts: Sequence[profiles.State],
        tickets: Sequence[audiences.TicketState],
    ) -> None:
        self.states = states
        self.catalog = catalog
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


class AccountSubject:
    """An account as definitions see it. `people` is asked only for sums that are not kept."""

    def __init__(
        self,
        key: str,
        own: Sequence[profiles.State],
        people: Callable[[], Sequence[Member]],
        catalog: Catalog,
        rollups: Rollups,
        tickets: Sequence[audiences.TicketState],
        now_ms: int,
    ) -> None:
        self.key = key
        self.own = own
        self.people = people
        self.catalog = catalog
        self.rollups = rollups
        self._tickets = tickets
        self.now_ms = now_ms

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
            fold.prune(found, leaf, self.now_ms)
        return found

    def tickets(self) -> Sequence[audiences.TicketState]:
        """Unresolved tickets."""
        return self._tickets

    def _sum(self, leaf_id: int) -> Buckets:
        """Sum over the account's people, all leaves at once: the next will be asked for as well."""
        people = self.people()
        for leaf in self.catalog.shared_leaves:
            if self.rollups.get(self.key, leaf.id) is None:
                found = merge.shared_buckets(people, leaf, self.key)
                self.rollups.put(self.key, leaf.id, found)
        return self.rollups.get(self.key, leaf_id) or {}
