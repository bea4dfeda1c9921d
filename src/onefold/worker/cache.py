"""What the worker keeps in memory: decoded states and what it knows of people.

All of it can be rebuilt from the tables at any time; `clear` after a failed transaction is enough.
Bounded by kernel/limits.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from onefold import audiences, identity, profiles
from onefold.kernel import limits
from onefold.kernel.viewer import SYSTEM
from onefold.profiles import dirty
from onefold.storage import Connection
from onefold.worker import metrics
from onefold.worker.rollups import Rollups, Verdicts

K = TypeVar("K")
V = TypeVar("V")


class Generations(Generic[K, V]):
    """A dictionary in two generations that forgets what was not asked for lately.

    When the young generation is full it becomes the old one; what is not asked for again before
    the next turn goes. Cheaper than an order of use, and asked several times an event.
    """

    def __init__(self, entries_max: int) -> None:
        self._half = max(entries_max // 2, 1)
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The value, kept for longer."""
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self._young[key] = value
        return value

    def put(self, key: K, value: V) -> None:
        """Keep a value."""
        self._young[key] = value

    def drop(self, keys: Iterable[K]) -> None:
        """Forget some."""
        for key in keys:
            self._young.pop(key, None)
            self._old.pop(key, None)

    def trim(self) -> None:
        """Turn when full; called between batches, so that a batch finds its own."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old = {}, {}


class Entity(msgspec.Struct):
    """What the worker knows of a person or account besides its states.

    fragments    of the person; for an account its own fragment, or none
    members      audience id → since_ms
    due_ms       when the due list wakes it, or None
    contacts     CRM contact ids of a person
    accounts     account keys a person joined, as of the last look: (since_ms, key)
    key          of an account
    """

    fragments: tuple[int, ...]
    members: dict[int, int]
    due_ms: int | None
    contacts: tuple[int, ...] = ()
    accounts: tuple[tuple[int, str], ...] = ()
    key: str = ""


class Cache:
    """States by fragment, entities by (kind, id)."""

    def __init__(self) -> None:
        self.states: Generations[int, profiles.State] = Generations(limits.states_cached_max)
        self.entities: Generations[tuple[int, int], Entity] = Generations(limits.people_cached_max)
        self.rollups = Rollups(limits.accounts_cached_max)
        self.verdicts = Verdicts(limits.accounts_cached_max)

    def clear(self) -> None:
        """Forget everything: what is in memory may not be what is stored."""
        self.states.clear()
        self.entities.clear()
        self.rollups.clear()
        self.verdicts.clear()

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
        metrics.states_hit.inc(len(out))
        metrics.states_missed.inc(len(missing))
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
        self,
        conn: Connection,
        account_ids: Sequence[int],
        keys: Mapping[int, str],
        fragments: Mapping[str, int],
    ) -> dict[int, Entity]:
        """Accounts by id; `keys` and `fragments` (by key) are needed for those not in memory."""
        out, missing = self._known(dirty.ACCOUNT, account_ids)
        if missing:
            members = audiences.current(conn, "account", missing)
            due = profiles.store.due_of(conn, dirty.ACCOUNT, missing)
            for i in missing:
                own = fragments.get(keys[i])
                out[i] = Entity(
                    fragments=() if own is None else (own,),
                    members=members.get(i, {}),
                    due_ms=due.get(i),
                    key=keys[i],
                )
                if own is not None:  # one without a fragment may get it any time
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
