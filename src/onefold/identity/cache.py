"""What the resolver knows by heart: identifiers, devices, people and links.

The one place with mutable state (STYLE.md 8): these objects mirror rows of the tables, and only the
resolver, the single writer of its partition, changes either. Two generations bound the memory: when
the young one is full it becomes the old one, and what is not asked for until the next turn goes.
`Entry`, the short cut from a fact's identifiers to all this, dies at every turn, so that an entry
never holds an object that another look-up would load a second time.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast
from weakref import WeakValueDictionary

import msgspec

from onefold.identity import chapters, store
from onefold.identity.rules import RULES, Namespace, Rules, order
from onefold.kernel import clock, limits
from onefold.kernel.facts import Identifier
from onefold.storage import Connection

NEVER = -(1 << 62)
ALWAYS = 1 << 62


class Person:
    """A person. `members` (fragment, identifier) and `contested` are None until somebody asks.

    `contested`: a link of the component is suppressed that another order would let hold.
    """

    __slots__ = ("__weakref__", "contested", "id", "members")

    def __init__(self, person_id: int) -> None:
        self.id = person_id
        self.members: list[tuple[int, Identifier]] | None = None
        self.contested: bool | None = None


NOBODY = Person(0)


class Holder:
    """A fragment, and the person it belongs to."""

    __slots__ = ("fragment", "person")

    def __init__(self, fragment: int, person: Person) -> None:
        self.fragment = fragment
        self.person = person


class Known(Holder):
    """A person-kind or account identifier: its one fragment is itself."""

    __slots__ = ("generic", "id", "key", "rule")

    def __init__(
        self,
        identifier_id: int,
        key: Identifier,
        generic: bool,
        fragment: int,
        person: Person,
        rule: Namespace,
    ) -> None:
        super().__init__(fragment, person)
        self.id = identifier_id
        self.key = key
        self.rule = rule
        self.generic = generic or rule.blocked(key.value)

    @property
    def rank(self) -> chapters.Rank:
        """How it sorts among who logged in at one instant."""
        return order(self.key.namespace), *self.key


class Spell(Holder):
    """A chapter of a device. `last_ms`: its newest fact of earlier batches, NEVER without any."""

    __slots__ = ("last_ms", "owner", "start")

    def __init__(
        self, fragment: int, person: Person, start: int, owner: int | None, last_ms: int
    ) -> None:
        super().__init__(fragment, person)
        self.start = start
        self.owner = owner
        self.last_ms = last_ms


class Device:
    """A device-kind identifier.

    blocked  on a block list: who logs in is noted, but links nobody
    runs     log-ins as in chapters.py, but for the newest run `last` is the until
    last     no log-in of the newest run is after this
    before   `last` as it was before batch `stamp`
    late     a log-in of that batch is not yet in `runs`
    retired  fragments that hold no chapter any more
    """

    __slots__ = (
        "before", "blocked", "generic", "id", "key", "last", "late", "open_start", "open_who",
        "retired", "rule", "runs", "spells", "stamp", "starts",
    )  # fmt: skip

    def __init__(self, identifier_id: int, key: Identifier, generic: bool, rule: Namespace) -> None:
        self.id = identifier_id
        self.key = key
        self.rule = rule
        self.blocked = rule.blocked(key.value)
        self.generic = generic
        self.spells: list[Spell] = []
        self.starts: list[int] = []
        self.retired: list[Spell] = []
        self.stamp = 0
        self.late = False
        self.before = NEVER
        self.set_runs([])

    def set_runs(self, runs: list[chapters.Run]) -> None:
        """Take up runs, and what the hot path compares a log-in with."""
        self.runs = runs
        self.last = runs[-1].until_ms if runs else NEVER
        self.open_who = runs[-1].first.who if runs else 0
        self.open_start = runs[-1].first.at_ms if runs else ALWAYS

    def set_spells(self, spells: list[Spell]) -> None:
        """Take up chapters, in order of time."""
        self.spells = spells
        self.starts = [s.start for s in spells]

    def spell_at(self, at_ms: int) -> Spell:
        """The chapter that holds a time."""
        if len(self.spells) == 1:
            return self.spells[0]
        return self.spells[chapters.at(self.starts, max(at_ms, 1))]


_NO_DEVICE = Device(0, Identifier("anonymous_id", ""), True, RULES.of("anonymous_id"))


class Tie:
    """A link. `day` mirrors `last_day`, and is NEVER until the batch that made it is observed.

    `told`: between people, who told of it and the newest day on which (`link.told`).
    """

    __slots__ = ("a", "b", "day", "told")

    def __init__(self, a: int, b: int, day: int, told: dict[str, int] | None = None) -> None:
        self.a = a
        self.b = b
        self.day = day
        self.told = told

    def told_json(self) -> str | None:
        """`told` as its column takes it."""
        return None if self.told is None else msgspec.json.encode(self.told).decode()


class Entry:
    """All that a fact's identifiers come to.

    holder   of the home, None when the home is a device
    device   the home when it is one, else a stand-in
    seen     ids of the identifiers other than home
    day      the least `day` of `ties`: a fact of a later day has something to tell
    who      who logs in by such a fact, None for nobody; `devices`: where
    weighs   the nodes of links whose recency can decide between people
    told     days by source of which the links between people know; None when there are none
    """

    __slots__ = (
        "day", "device", "devices", "holder", "seen", "ties", "told", "weighs", "who", "who_id",
    )  # fmt: skip

    def __init__(self, home: Known | Device, seen: tuple[int, ...]) -> None:
        self.holder: Holder | None = home if isinstance(home, Known) else None
        self.device: Device = home if isinstance(home, Device) else _NO_DEVICE
        self.seen = seen
        self.day = ALWAYS
        self.ties: tuple[Tie, ...] = ()
        self.who: Known | None = None
        self.who_id = 0
        self.devices: tuple[Device, ...] = ()
        self.weighs: tuple[Known | Device, ...] = ()
        self.told: dict[int, int] | None = None


class Cache:
    """Identifiers, links and people by key, in two generations."""

    def __init__(
        self, identifiers_max: int = limits.identifiers_cached_max, rules: Rules = RULES
    ) -> None:
        self.rules = rules
        self._half = max(identifiers_max // 2, 1)
        self.entries: dict[Any, Entry] = {}
        self._nodes: dict[Identifier, Known | Device] = {}
        self._old_nodes: dict[Identifier, Known | Device] = {}
        self._ties: dict[tuple[int, int], Tie] = {}
        self._old_ties: dict[tuple[int, int], Tie] = {}
        self._people: WeakValueDictionary[int, Person] = WeakValueDictionary()

    def turn(self) -> None:
        """Let the older half go when there is too much. Never within a batch."""
        if max(len(self._nodes), len(self._ties) // 2, len(self.entries)) >= self._half:
            self._old_nodes, self._nodes = self._nodes, {}
            self._old_ties, self._ties = self._ties, {}
            self.entries.clear()

    def clear(self) -> None:
        """Forget everything."""
        for part in (self.entries, self._nodes, self._old_nodes, self._ties, self._old_ties):
            cast("dict[Any, Any]", part).clear()
        self._people.clear()

    # ── nodes ──────────────────────────────────────────────────────────────────────────────────

    def node(self, key: Identifier) -> Known | Device | None:
        """An identifier if it is in memory, and keep it there."""
        found = self._nodes.get(key)
        if found is None:
            found = self._old_nodes.get(key)
            if found is not None:
                self._nodes[key] = found
        return found

    def add(self, node: Known | Device) -> None:
        """Take up a node that was just made."""
        self._nodes[node.key] = node

    def holder(self, key: Identifier, fragment: int) -> Holder | None:
        """A fragment's holder, if it is in memory; does not make it stay."""
        node = self._nodes.get(key) or self._old_nodes.get(key)
        if isinstance(node, Device):
            return next((s for s in node.spells if s.fragment == fragment), None)
        return node

    def load(self, conn: Connection, keys: Collection[Identifier]) -> list[Identifier]:
        """Bring identifiers into memory, in one query for all; answers those not in the tables."""
        wanted = [key for key in keys if self.node(key) is None]
        if not wanted:
            return []
        devices: list[Device] = []
        for row in store.find(conn, wanted):
            self._load_row(row, devices)
        for device in devices:
            device.set_spells(device.spells)
        used = {d.id: d for d in devices if not d.generic and d.spells[0].owner is not None}
        if used:
            self._load_runs(used, store.logins(conn, used))
        return [key for key in wanted if key not in self._nodes]

    def _load_row(self, row: Sequence[Any], devices: list[Device]) -> None:
        namespace, value, identifier_id, generic, fragment, start, owner, person_id, last = row
        key = Identifier(namespace, value)
        rule = self.rules.of(namespace)
        if rule.kind != "device":
            person = self.person(person_id)
            self._nodes[key] = Known(identifier_id, key, generic, fragment, person, rule)
            return
        if not devices or devices[-1].id != identifier_id:  # rows of one device come together
            devices.append(Device(identifier_id, key, generic, rule))
        device = self._nodes[key] = devices[-1]
        spell = Spell(
            fragment, self.person(person_id), start, owner, NEVER if last is None else last
        )
        (device.spells if person_id else device.retired).append(spell)

    @staticmethod
    def _load_runs(devices: dict[int, Device], rows: Iterable[Sequence[Any]]) -> None:
        runs: dict[int, list[chapters.Run]] = {i: [] for i in devices}
        for device_id, at_ms, who, stored, namespace, value, last_day in rows:
            rank = (order(namespace), namespace, value)
            until = stored
            if until is None:  # the newest run: all that is known is the day of its last log-in
                until = max(at_ms, (last_day + 1) * clock.DAY_MS - 1)
            runs[device_id].append(chapters.Run(chapters.Login(at_ms, rank, who), until))
        for device_id, found in runs.items():
            devices[device_id].set_runs(sorted(found))

    # ── links ──────────────────────────────────────────────────────────────────────────────────

    def tie(self, pair: tuple[int, int]) -> Tie | None:
        """A link if it is in memory, and keep it there."""
        found = self._ties.get(pair)
        if found is None:
            found = self._old_ties.get(pair)
            if found is not None:
                self._ties[pair] = found
        return found

    def load_ties(self, conn: Connection, pairs: Collection[tuple[int, int]]) -> None:
        """Bring links into memory, in one query for all."""
        wanted = [pair for pair in pairs if self.tie(pair) is None]
        if wanted:
            for a, b, day, told in store.links(conn, wanted):
                self._ties[a, b] = Tie(a, b, day, told)

    def add_tie(self, pair: tuple[int, int]) -> Tie:
        """A link that is in no table yet."""
        tie = self._ties[pair] = Tie(*pair, NEVER)
        return tie

    # ── people ─────────────────────────────────────────────────────────────────────────────────

    def person(self, person_id: int) -> Person:
        """The one object for a person id."""
        if person_id == 0:
            return NOBODY
        found = self._people.get(person_id)
        if found is None:
            found = self._people[person_id] = Person(person_id)
        return found

    def name(self, person: Person, person_id: int) -> None:
        """Give a new person its id."""
        person.id = person_id
        self._people[person_id] = person

    def load_people(self, conn: Connection, people: Iterable[Person]) -> None:
        """Fill in `members` and `contested` where they are missing, in one query for all."""
        wanted = {p.id: p for p in people if p.members is None}
        if not wanted:
            return
        for person in wanted.values():
            person.members = []
            person.contested = False
        for person_id, fragment, namespace, value, contested in store.people(conn, wanted):
            person = wanted[person_id]
            cast("list[Any]", person.members).append((fragment, Identifier(namespace, value)))
            person.contested = person.contested or contested
        for person in wanted.values():
            if not person.contested:
                person.contested = self.loose(person)

    def loose(self, person: Person) -> bool:
        """Whether it holds more than a limit, as the dates of its values allow."""
        if not self.rules.windowed:
            return False
        return self.rules.loose(Counter(key.namespace for _, key in person.members or ()))
