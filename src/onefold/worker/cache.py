"""What the worker keeps in memory: decoded states and what it knows of people.

All of it can be rebuilt from the tables at any time; `clear` after a failed transaction is enough.
Bounded by kernel/limits.py, oldest use first.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

import msgspec

from onefold import audiences, identity, profiles
from onefold.kernel import limits
from onefold.kernel.viewer import SYSTEM
from onefold.profiles import dirty
from onefold.storage import Connection

K = TypeVar("K")
V = TypeVar("V")


class Lru(Generic[K, V]):
    """A dictionary that forgets the longest unused."""

    def __init__(self, entries_max: int) -> None:
        self.entries_max = entries_max
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, now the newest used."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        """Keep a value."""
        self._entries[key] = value
        self._entries.move_to_end(key)

    def drop(self, keys: Iterable[K]) -> None:
        """Forget some."""
        for key in keys:
            self._entries.pop(key, None)

    def trim(self) -> None:
        """Forget down to the limit; called between batches, so that a batch finds its own."""
        while len(self._entries) > self.entries_max:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


class Entity(msgspec.Struct):
    """What the worker knows of a person or account besides its states.

    fragments    of the person; for an account its own fragment, or none
    members      audience id → since_ms
    due_ms       when the due list wakes it, or None
    contacts     CRM contact ids of a person
    accounts     account keys a person joined, as of the last look: (since_ms, key)
    """

    fragments: tuple[int, ...]
    members: dict[int, int]
    due_ms: int | None
    contacts: tuple[int, ...] = ()
    accounts: tuple[tuple[int, str], ...] = ()


class Cache:
    """States by fragment, entities by (kind, id)."""

    def __init__(self) -> None:
        self.states: Lru[int, profiles.State] = Lru(limits.states_cached_max)
        self.entities: Lru[tuple[int, int], Entity] = Lru(limits.people_cached_max)
        self.hits = 0
        self.misses = 0

    def clear(self) -> None:
        """Forget everything: what is in memory may not be what is stored."""
        self.states.clear()
        self.entities.clear()

    def trim(self) -> None:
        """Back to the limits."""
        self.states.trim()
        self.entities.trim()

    def load_states(
        self, conn: Connection, fragment_ids: Iterable[int]
    ) -> dict[int, profiles.State]:
        """States of fragments, from memory or in one query."""
        out: dict[int, profiles.State] = {}
        missing: list[int] = []
        for i in fragment_ids:
            state = self.states.get(i)
            if state is None:
                missing.append(i)
            else:
                out[i] = state
        self.hits += len(out)
        self.misses += len(missing)
        if missing:
            loaded = profiles.store.load_states(conn, missing)
            for i, state in loaded.items():
                self.states.put(i, state)
            out.update(loaded)
        return out

    def load_people(self, conn: Connection, ids: Sequence[int]) -> dict[int, Entity]:
        """People by id, from memory or in a few queries for all of them."""
        out, missing = self._known(dirty.PERSON, ids)
        if missing:
            fragments = identity.fragments_of(conn, missing)
            contacts = identity.contacts_of(conn, SYSTEM, missing)
            members = audiences.current(conn, "person", missing)
            due = profiles.store.due_of(conn, dirty.PERSON, missing)
            states = self.load_states(conn, (f for ids in fragments.values() for f in ids))
            for i in missing:
                own = tuple(fragments.get(i, ()))
                joined = profiles.merge.memberships(states[f] for f in own)
                out[i] = Entity(
                    fragments=own,
                    members=members.get(i, {}),
                    due_ms=due.get(i),
                    contacts=tuple(contacts.get(i, ())),
                    accounts=tuple(joined),
                )
                self.entities.put((dirty.PERSON, i), out[i])
        return out

    def load_accounts(
        self, conn: Connection, fragments: dict[int, int | None]
    ) -> dict[int, Entity]:
        """Accounts by id; `fragments` gives each one's own fragment."""
        out, missing = self._known(dirty.ACCOUNT, list(fragments))
        if missing:
            members = audiences.current(conn, "account", missing)
            due = profiles.store.due_of(conn, dirty.ACCOUNT, missing)
            for i in missing:
                own = fragments[i]
                out[i] = Entity(
                    fragments=(own,) if own else (),
                    members=members.get(i, {}),
                    due_ms=due.get(i),
                )
                self.entities.put((dirty.ACCOUNT, i), out[i])
        return out

    def _known(self, kind: int, ids: Sequence[int]) -> tuple[dict[int, Entity], list[int]]:
        out: dict[int, Entity] = {}
        missing: list[int] = []
        for i in ids:
            entity = self.entities.get((kind, i))
            if entity is None:
                missing.append(i)
            else:
                out[i] = entity
        return out, missing
