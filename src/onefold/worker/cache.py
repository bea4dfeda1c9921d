"""What the worker keeps in memory: decoded states and what it knows of people.

All of it can be rebuilt from the tables at any time; `clear` after a failed transaction is enough.
Bounded by kernel/limits.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
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


class States:
    """States by fragment: those used last decoded, those before them encoded, a third of the size.

    In the order of use: what is asked for moves to the end of its dictionary. Of a fragment with
    nothing in it, as most identifiers' are, it is known just that.
    """

    def __init__(self, entries_max: int, blank_max: int) -> None:
        self._blank_max = blank_max
        self._blank: set[int] = set()
        self._each = max(entries_max // 2, 1)
        self._decoded: dict[int, profiles.State] = {}
        self._encoded: dict[int, bytes] = {}

    def get(self, fragment: int) -> profiles.State | None:
        """The state, kept for longer."""
        state = self._decoded.pop(fragment, None)
        if state is None:
            packed = self._encoded.pop(fragment, None)
            if packed is None:
                return None
            state = profiles.model.decode(packed)
        self._decoded[fragment] = state
        return state

    def put(self, fragment: int, state: profiles.State) -> None:
        """Keep a state."""
        self._decoded[fragment] = state
        self._encoded.pop(fragment, None)
        self._blank.discard(fragment)

    def is_blank(self, fragment: int) -> bool:
        """Is it known that there is nothing in the fragment?"""
        return fragment in self._blank

    def note_blank(self, fragments: Iterable[int]) -> None:
        """There is nothing in these fragments; `put` says when there is."""
        if len(self._blank) > self._blank_max:
            self._blank.clear()
        self._blank.update(fragments)

    def trim(self) -> None:
        """Back to the limits; called between batches, when nobody holds a state to change it."""
        for fragment in list(islice(self._decoded, max(len(self._decoded) - self._each, 0))):
            self._encoded[fragment] = profiles.model.encode(self._decoded.pop(fragment))
        for fragment in list(islice(self._encoded, max(len(self._encoded) - self._each, 0))):
            del self._encoded[fragment]

    def clear(self) -> None:
        """Forget everything."""
        self._decoded, self._encoded = {}, {}
        self._blank.clear()


class Entity(msgspec.Struct):
    """What the worker knows of a person or account besides its states.

    fragments    of the person; for an account its own and those of accounts that are it
    members      audience id → since_ms
    due_ms       when the due list wakes it, or None
    contacts     CRM contact ids of a person
    joined       keys of the accounts a person is or was in, as of the last look
    inside       those of them the person is in now
    primary      the key of the one that lists show, or ""
    spans        whose a person's facts are that name no account: (from_ms, key)
    key          of an account
    keys         of accounts that turned out to be it
    """

    fragments: tuple[int, ...]
    members: dict[int, int]
    due_ms: int | None
    contacts: tuple[int, ...] = ()
    joined: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    primary: str = ""
    spans: tuple[tuple[int, str], ...] = ()
    key: str = ""
    keys: tuple[str, ...] = ()


class Cache:
    """States by fragment, entities by (kind, id)."""

    def __init__(self) -> None:
        self.states = States(limits.states_cached_max, limits.fragments_blank_max)
        self.entities: Generations[tuple[int, int], Entity] = Generations(limits.people_cached_max)
        self.rollups = Rollups(limits.accounts_cached_max)
        self.verdicts = Verdicts(limits.accounts_cached_max)
        self.book = identity.accounts.Book()  # what people decided about accounts

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
        """States of fragments to fold into, from memory or in one query."""
        wanted = set(fragment_ids)
        out = self.told_states(conn, wanted)
        for i in wanted - out.keys():
            out[i] = profiles.State()
            self.states.put(i, out[i])
        return out

    def told_states(
        self, conn: Connection, fragment_ids: Iterable[int]
    ) -> dict[int, profiles.State]:
        """States of those of the fragments with something in them: what a conclusion reads."""
        out: dict[int, profiles.State] = {}
        missing: list[int] = []
        for i in fragment_ids:
            state = self.states.get(i)
            if state is not None:
                out[i] = state
            elif not self.states.is_blank(i):
                missing.append(i)
        metrics.states_hit.inc(len(out))
        metrics.states_missed.inc(len(missing))
        if missing:
            loaded = profiles.store.stored_states(conn, missing)
            for i, state in loaded.items():
                self.states.put(i, state)
            self.states.note_blank(i for i in missing if i not in loaded)
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
            joined, spans = profiles.store.memberships(conn, missing)
            for i in missing:
                found = joined.get(i, ())
                out[i] = Entity(
                    fragments=tuple(fragments.get(i, ())),
                    members=members.get(i, {}),
                    due_ms=due.get(i),
                    contacts=tuple(contacts.get(i, ())),
                    joined=tuple(key for key, _, _ in found),
                    inside=tuple(key for key, still, _ in found if still),
                    primary=next((key for key, _, primary in found if primary), ""),
                    spans=tuple(spans.get(i, ())),
                )
                self.entities.put((dirty.PERSON, i), out[i])
        return out

    def load_accounts(
        self,
        conn: Connection,
        account_ids: Sequence[int],
        keys: Mapping[int, Sequence[str]],
        fragments: Mapping[str, int],
    ) -> dict[int, Entity]:
        """Accounts by id; `keys` and `fragments` (by key) are needed for those not in memory.

        `keys`: the account's own first, then of accounts that turned out to be it.
        """
        out, missing = self._known(dirty.ACCOUNT, account_ids)
        if missing:
            members = audiences.current(conn, "account", missing)
            due = profiles.store.due_of(conn, dirty.ACCOUNT, missing)
            for i in missing:
                own = tuple(fragments[key] for key in keys[i] if key in fragments)
                out[i] = Entity(
                    fragments=own,
                    members=members.get(i, {}),
                    due_ms=due.get(i),
                    key=keys[i][0],
                    keys=tuple(keys[i][1:]),
                )
                if len(own) == len(keys[i]):  # one without a fragment may get it any time
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
