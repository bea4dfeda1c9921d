"""How much must be looked at again when something changed, and no more.

The groups that f answers come about independently of one another but for the links between them,
and all of those are suppressed. So f need only be run again on the groups of what changed (the
core), as long as every link that leads out of the core is still suppressed. Beyond the core only
the single nodes at the other ends of such links are looked at (the rim): a link that f suppresses
when its far end is all alone it suppresses as well when more belongs to that end, for a larger
group only has more that a limit, the cap or a "not the same" can forbid. Where f would join one of
the rim, it is asked again with that one's group and the links within; and where it still would, the
group joins the core, with a rim of its own.

(One thing a larger group can make legal: it may be several people that humans joined. So groups
about which somebody decided something are never judged by less; they join the core. And a group
with former ids counts as several: `component.py` asks for all of it where that may matter.)

(And a limit with a window goes by the dates of all of a value's links: with such rules everything
that hangs together is the core.)

A device of several people is no bridge: only the chapter of people in the core belongs to it,
unless the device itself changed.
"""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from onefold.identity import chapters, store
from onefold.identity.decisions import Book, End, Said
from onefold.identity.namespaces import store as rows
from onefold.identity.rules import Rules
from onefold.kernel.facts import Identifier
from onefold.storage import Connection

Pair = tuple[int, int]


class Spot(msgspec.Struct):
    """An identifier that was reached, with its chapters (one "chapter" unless it is a device)."""

    id: int
    identifier: Identifier
    generic: bool
    is_device: bool
    parts: list["Part"]
    root: int


class Part(msgspec.Struct):
    """A live fragment. `person`: 0 when it is too new to have one."""

    fragment: int
    start: int
    owner: int | None
    person: int
    spot: Spot


class Region:
    """The core and its rim.

    spots   identifiers by id; links: (last day, why suppressed) by ids
    core    parts whose groups are run again, by fragment
    ring    people of the rim of whom the whole group is looked at
    told    of links between people: who told of them, and the newest day on which
    thawed  identifiers of people that were generic and, by rules that changed, are no longer
    """

    def __init__(
        self,
        conn: Connection,
        seeds: Collection[int],
        people: Collection[int],
        book: Book,
        rules: Rules,
        *,
        recount: bool = False,
    ) -> None:
        """The groups of the seeds (identifier ids), of these people, and what surrounds them."""
        self.rules = rules
        self.told: dict[Pair, dict[str, int]] = {}
        self.thawed: list[int] = []
        self._recounts = recount
        self.seeds = frozenset(seeds)
        self.spots: dict[int, Spot] = {}
        self.links: dict[Pair, tuple[int, str | None]] = {}
        self.core: dict[int, Part] = {}
        self.ring: set[int] = set()
        self.book = book
        self.ids: dict[Identifier, int] = {}  # that decisions name; 0 for one never seen
        self._conn = conn
        self._asked: set[int] = set()
        self._silent: set[int] = set()  # people of whom nobody decided anything
        self._sizes: dict[int, int] = {}
        self._take(store.groups_around(conn, seeds, people))
        spots = [self.spots[i] for i in self.seeds if i in self.spots]
        self._enter({part.person for spot in spots for part in spot.parts} - {0} | set(people))
        self._surround()

    # ── what f is asked about ──────────────────────────────────────────────────────────────────

    def parts(self) -> tuple[dict[int, Part], dict[int, Part], dict[int, Part]]:
        """(the core, the rim, and what is in a component beyond the cap), by fragment."""
        live: dict[int, Part] = {}
        frozen: dict[int, Part] = {}
        for ref, part in self.core.items():
            large = self.oversize(part.spot.id) or self.oversize(part.owner or 0)
            (frozen if large else live)[ref] = part
        rim: dict[int, Part] = {}
        for pair in self.links:
            for one, other in self.ends(pair):
                if one.fragment in live and other.fragment not in self.core:
                    rim[other.fragment] = other
                elif other.fragment in live and one.fragment not in self.core:
                    rim[one.fragment] = one
        if self.ring:
            every = (part for spot in self.spots.values() for part in spot.parts)
            rim.update((p.fragment, p) for p in every if self._ringed(p))
        return live, rim, frozen

    def bears(self, a: Part, b: Part, every: Collection[int]) -> bool:
        """Whether a link between these counts: one is in the core, or both are in one group."""
        if a.fragment not in every or b.fragment not in every:
            return False
        if a.fragment in self.core or b.fragment in self.core:
            return True
        return a.person == b.person and self._ringed(a)

    def _ringed(self, part: Part) -> bool:
        return part.person in self.ring and part.fragment not in self.core

    def ends(self, pair: Pair) -> list[tuple[Part, Part]]:
        """The parts that a link connects: none where a device's chapters are all of others."""
        a, b = self.spots.get(pair[0]), self.spots.get(pair[1])
        if a is None or b is None:
            return []
        if a.is_device and b.is_device:
            single = len(a.parts) == 1 and len(b.parts) == 1
            return [(a.parts[0], b.parts[0])] if single else []
        if a.is_device or b.is_device:
            device, person = (a, b) if a.is_device else (b, a)
            return [(p, person.parts[0]) for p in device.parts if p.owner == person.id]
        return [(a.parts[0], b.parts[0])]

    def touches(self, pair: Pair) -> bool:
        """Whether a link leads from or to the core, and both its ends were reached."""
        spots = [self.spots[i] for i in pair if i in self.spots and not self.oversize(i)]
        core = (part.fragment in self.core for spot in spots for part in spot.parts)
        return len(spots) == 2 and any(core)

    def dead(self) -> dict[Pair, str | None]:
        """Links of the seeds that nothing leads through, and the reason each has.

        One end never links, and the other does not either or is a device of several people. They
        are looked at only when rules changed, and last.
        """
        seeds = [i for i in self.seeds if i in self.spots and self.spots[i].generic]
        links, nodes = store.surroundings(self._conn, seeds) if seeds else ([], [])
        self._take(nodes)
        found = {(a, b): why for a, b, _, why, _ in links if (a, b) not in self.links}
        return {p: w for p, w in found.items() if not any(self._carries(self.spots[i]) for i in p)}

    @staticmethod
    def _carries(spot: Spot) -> bool:
        return not spot.generic and not (spot.is_device and len(spot.parts) > 1)

    def said(self) -> dict[int, Said]:
        """Every decision that names something here."""
        if not self.book:
            return {}
        return {s.id: s for spot in self.spots.values() for s in self.book.of(spot.identifier)}

    def part_of(self, end: End) -> Part | None:
        """The fragment that an end of a decision means, if it was reached."""
        spot = self.spots.get(self.ids.get(end.identifier, 0))
        if spot is None:
            return None
        if not spot.is_device:
            return spot.parts[0]
        found = sorted(spot.parts, key=lambda part: part.start)
        return found[chapters.at([part.start for part in found], max(end.at_ms, 1))]

    def oversize(self, i: int) -> bool:
        """Whether so much of the core hangs together with the identifier that f leaves it alone."""
        spot = self.spots.get(i)
        return spot is not None and self._sizes.get(spot.root, 0) > self.rules.component_max

    # ── growing ────────────────────────────────────────────────────────────────────────────────

    def widen(self, joined: Iterable[Part]) -> bool:
        """Look at more of the groups of these parts of the rim; False when there are none."""
        found = list(joined)
        ringed = [part for part in found if part.person in self.ring or part.person == 0]
        if ringed:
            self._add(ringed)
        if fresh := {part.person for part in found} - self.ring - {0}:
            self.ring |= fresh
            self._take(store.groups_around(self._conn, (), fresh))
            spots = self.spots.values()
            inside = {s.id for s in spots if any(p.person in fresh for p in s.parts)}
            self._ask({i for i in inside if self._leads_on(self.spots[i])})
        self._surround()
        return bool(found)

    def _take(self, found: Iterable[tuple[Any, ...]]) -> None:
        known = set(self.spots)
        for i, namespace, value, generic, fragment, start, owner, person in found:
            if i in known:
                continue
            spot = self.spots.get(i)
            if spot is None:
                is_device = self.rules.of(namespace).kind == "device"
                spot = Spot(i, Identifier(namespace, value), generic, is_device, [], i)
                self.spots[i] = spot
                self.ids[spot.identifier] = i
            is_retired = person == 0 and owner is None and start != 0
            if not is_retired:
                spot.parts.append(Part(fragment, start, owner, person, spot))
        self._judge([self.spots[i] for i in self.spots.keys() - known])

    def _judge(self, found: list[Spot]) -> None:
        """Which of these never link, by the rules: as long as they say so, not written down."""
        rules = self.rules
        if self._recounts:
            self._recount([spot for spot in found if spot.generic and not spot.is_device])
        for spot in found:
            rule = rules.of(spot.identifier.namespace)
            if rule.blocked(spot.identifier.value):
                spot.generic = True
            elif spot.is_device and rule.hub is not None:
                users = {part.owner for part in spot.parts if part.owner}
                spot.generic |= rules.crowded(spot.identifier.namespace, len(users))

    def _recount(self, generic: list[Spot]) -> None:
        """Which of those that were generic are so no longer. A kiosk stays one."""
        crowds = dict.fromkeys((spot.id for spot in generic), 0)
        for i, namespace, n in rows.crowds(self._conn, crowds) if crowds else ():
            if self.rules.of(namespace).limit is not None:
                crowds[i] = max(crowds[i], n)
        for spot in generic:
            if crowds[spot.id] <= self.rules.hub(spot.identifier.namespace):
                spot.generic = False
                self.thawed.append(spot.id)

    def proofs(self) -> dict[Pair, int]:
        """The newest day on which each link between people was proved, by fragments."""
        out: dict[Pair, int] = {}
        for pair, told in self.told.items():
            for a, b in self.ends(pair):
                namespaces = a.spot.identifier.namespace, b.spot.identifier.namespace
                day = self.rules.proved(*namespaces, told)
                if day is not None:
                    out[min(a.fragment, b.fragment), max(a.fragment, b.fragment)] = day
        return out

    def _add(self, parts: Iterable[Part], people: Collection[int] = ()) -> bool:
        """Let these, and all that is in a group with them, belong to the core."""
        before = len(self.core)
        found = {part.fragment: part for part in parts}
        people = {part.person for part in found.values()} | set(people)
        people -= {0, *(part.person for part in self.core.values())}
        if people:
            self._take(store.groups_around(self._conn, (), people))
        self.core.update(found)
        self._enter(people)
        return len(self.core) > before

    def _enter(self, people: Collection[int]) -> None:
        for spot in self.spots.values():
            for part in spot.parts:
                if part.person in people or (part.person == 0 and spot.id in self.seeds):
                    self.core[part.fragment] = part

    def _surround(self) -> None:
        """Load the links of the core and their far ends, until nothing more belongs to it."""
        while True:
            self._measure()
            core = {part.spot.id: part.spot for part in self.core.values()}
            asked = {i for i, spot in core.items() if self._leads_on(spot)} - self._asked
            asked = {i for i in asked if not self.oversize(i)}
            if asked:
                self._ask(asked)
                self._measure()
            if self._owners() or (self.rules.windowed and self._everything()):
                continue
            if not (self.book and self._decided()):
                return

    def _everything(self) -> bool:
        """Let all of the rim belong to the core."""
        _, rim, _ = self.parts()
        return self._add(part for part in rim.values() if not part.spot.generic)

    def _ask(self, ids: Collection[int]) -> None:
        self._asked |= set(ids)
        links, nodes = store.surroundings(self._conn, ids)
        self._take(nodes)
        for a, b, day, why, told in links:
            self.links[a, b] = (day, why)
            if told:
                self.told[a, b] = told

    def _leads_on(self, spot: Spot) -> bool:
        if spot.generic:
            return False
        return not spot.is_device or len(spot.parts) == 1 or spot.id in self.seeds

    def _owners(self) -> bool:
        """Whose a chapter of the core is belongs to the core, even where a human parted them."""
        held = [part for part in self.core.values() if not self.oversize(part.spot.id)]
        owners = {part.owner for part in held if part.owner is not None}
        missing = owners - {part.spot.id for part in held}
        if unknown := missing - self.spots.keys():
            self._take(store.nodes(self._conn, unknown))
        spots = [self.spots[i] for i in missing if i in self.spots]
        return self._add(part for spot in spots if not spot.generic for part in spot.parts)

    def _decided(self) -> bool:
        """Load what decisions name. Groups at the rim that a human spoke of belong to the core."""
        said = [one for one in self.said().values() if one.same]
        named = {end.identifier for one in said for end in (one.a, one.b)}
        if unknown := named - self.ids.keys():
            found = store.ids_of(self._conn, unknown)
            self.ids.update(dict.fromkeys(unknown, 0) | found)
            self._take(store.nodes(self._conn, set(found.values()) - self.spots.keys()))
        beyond: list[Part] = []
        for one in said:
            a, b = self.part_of(one.a), self.part_of(one.b)
            if a is not None and b is not None:
                beyond += [b] * self._free(a) + [a] * self._free(b)
        _, rim, _ = self.parts()
        people = {part.person for part in rim.values() if not part.spot.generic}
        people -= self._silent | {0}
        members = store.members(self._conn, people) if people else []
        spoken = {p for p, ns, value in members if Identifier(ns, value) in self.book}
        self._silent |= people - spoken
        return self._add(beyond, spoken)

    def _free(self, part: Part) -> bool:
        return part.fragment in self.core and not self.oversize(part.spot.id)

    def _measure(self) -> None:
        """How many identifiers of the core hang together by links and decisions."""
        ids = {part.spot.id for part in self.core.values()}
        parent = {i: i for i in ids}

        def root(i: int) -> int:
            while parent[i] != i:
                parent[i] = i = parent[parent[i]]
            return i

        through = {i for i in ids if self._leads_on(self.spots[i])}
        for a, b in self.links:
            if a in through and b in through:
                parent[root(a)] = root(b)
        for said in self.said().values():
            ends = [self.ids.get(end.identifier, 0) for end in (said.a, said.b)]
            if said.same and all(i in ids for i in ends):
                parent[root(ends[0])] = root(ends[1])
        self._sizes = dict.fromkeys(ids, 0)
        for i in ids:
            self.spots[i].root = root(i)
            self._sizes[root(i)] += 1
