"""What a batch of facts changes: new identifiers, links, chapters, and so people.

A new link seldom needs a run of f. If the groups that it connects may be one person, f makes them
one and leaves all else as it was: limits only ever forbid, so what was forbidden stays forbidden,
and what held is part of something allowed. (But a link of two person-kind identifiers can make one
of them generic, where links are suppressed already.) Everything else goes to `component.regroup`,
from the tables, once for the whole batch.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from onefold.identity import assign, cache, chapters, component, devices, store
from onefold.identity.cache import NOBODY, Cache, Device, Entry, Holder, Known, Person
from onefold.identity.decisions import Book
from onefold.identity.rules import BLOCKED, GENERIC, SHARED_DEVICE, Rules
from onefold.kernel.facts import Fact
from onefold.storage import Connection

Node = Known | Device
Points = Callable[[Device], Iterable[chapters.Login]]


class Ids:
    """The ids given last. One writer: no sequence is asked."""

    __slots__ = ("fragment", "identifier", "person")

    def __init__(self, identifier: int, fragment: int, person: int) -> None:
        self.identifier = identifier
        self.fragment = fragment
        self.person = person

    def new_identifier(self) -> int:
        """The next identifier id."""
        self.identifier += 1
        return self.identifier

    def new_fragment(self) -> int:
        """The next fragment id."""
        self.fragment += 1
        return self.fragment

    def new_person(self) -> int:
        """The next person id."""
        self.person += 1
        return self.person


class Fresh(msgspec.Struct, gc=False):
    """A link that the batch made, with the fact that is its evidence."""

    tie: cache.Tie
    a: Node
    b: Node
    pos: int
    source_id: int


class Edge(msgspec.Struct, gc=False):
    """Two holders that are linked now, with their identifiers' ids."""

    a: Holder
    b: Holder
    a_id: int
    b_id: int


class Work(msgspec.Struct):
    """What the first pass over a batch noted.

    nodes     identifiers made; ties: links made; days: links of old with a newer day
    weighed   entries of which a link that can decide between people became newer
    late      devices with log-ins that their runs do not have yet
    """

    nodes: list[Node] = []
    ties: list[Fresh] = []
    days: set[cache.Tie] = set()
    weighed: list[Entry] = []
    late: list[Device] = []
    made: list[tuple[Holder, int]] = []  # fragments made, with their identifiers' ids
    altered: list[cache.Spell] = []
    edges: list[Edge] = []
    seeds: set[int] = set()
    retired: dict[int, tuple[int, int]] = {}
    pending: set[Person] = set()  # people without an id until f has run
    doubtful: set[Person] = set()  # people for whom f must run
    regrouped: set[int] = set()
    entries: list[assign.Entry] = []  # of the journal, that f made
    refold: set[int] = set()
    changes: store.Changes = msgspec.field(default_factory=store.Changes)

    def idle(self) -> bool:
        """Whether the batch told nothing new."""
        return not (self.nodes or self.ties or self.days or self.late)


class Settler:
    """Turns a batch's `Work` into rows and into what the cache knows."""

    def __init__(self, conn: Connection, known: Cache, ids: Ids, work: Work, book: Book) -> None:
        self.conn = conn
        self.cache = known
        self.ids = ids
        self.work = work
        self.book = book
        self.rules: Rules = known.rules

    def run(self, facts: Sequence[Fact], entries: Sequence[Entry], points: Points | None) -> None:
        """Settle everything and write it."""
        work = self.work
        self._note_made()
        if work.late:
            self._log_in(facts, entries, points)
        for fresh in work.ties:
            self._tie(fresh)
        self._join()
        for holder, _ in work.made:
            person = holder.person
            if person.id == 0 and person is not NOBODY and person not in work.pending:
                self._create(person)
        pos, at_ms = facts[-1].pos, max(f.received_ms for f in facts)
        self._rows()
        store.write(self.conn, work.changes, pos, at_ms)
        if work.seeds:
            self._regroup(pos, at_ms)

    def decide(self, pos: int, at_ms: int, decision: int) -> list[assign.Entry]:
        """Run f on what a decision names (`work.seeds`); the entries of the journal that makes."""
        if self.work.seeds:
            self._regroup(pos, at_ms, decision)
        return self.work.entries

    def undo(
        self,
        runs: Iterable[tuple[Device, list[chapters.Run]]],
        people: dict[int, Known],
        pos: int,
        at_ms: int,
    ) -> None:
        """Devices have these log-ins and no others; then f on all that changed (`work.seeds`)."""
        work = self.work
        for device, left in runs:
            change = devices.change(device, left, self.ids.new_fragment)
            self._chapters(device, change, people, is_fresh=False)
            if change.made or change.altered or change.retired:
                work.seeds.add(device.id)
        self._rows()
        store.write(self.conn, work.changes, pos, at_ms)
        if work.seeds:
            self._regroup(pos, at_ms)

    def replay(self, pos: int, at_ms: int) -> None:
        """Run f, by rules that changed, on what hangs together with `work.seeds`."""
        if self.work.seeds:
            self._regroup(pos, at_ms, recount=True)

    def add_alone(self) -> None:
        """Write identifiers that nothing links: accounts."""
        self._note_made()
        self._rows()
        store.write(self.conn, self.work.changes, pos=0, at_ms=0)

    def _note_made(self) -> None:
        for node in self.work.nodes:
            holder = node.spells[0] if isinstance(node, Device) else node
            self.work.made.append((holder, node.id))
            if node.key in self.book:
                self.work.seeds.add(node.id)
                self.work.doubtful.add(holder.person)
                self.work.pending.add(holder.person)

    # ── chapters ───────────────────────────────────────────────────────────────────────────────

    def _log_in(
        self, facts: Sequence[Fact], entries: Sequence[Entry], points: Points | None
    ) -> None:
        logins: dict[Device, list[chapters.Login]] = defaultdict(list)
        people: dict[int, Known] = {}
        for fact, entry in zip(facts, entries, strict=True):
            for device in entry.devices:
                if device.late and entry.who is not None:
                    people[entry.who.id] = entry.who
                    logins[device].append(
                        chapters.Login(max(fact.at_ms, 1), entry.who.rank, entry.who.id)
                    )
        fresh = {node.id for node in self.work.nodes}
        for device in self.work.late:
            device.late = False
            runs = devices.runs_with(device, logins[device], points)
            change = devices.change(device, runs, self.ids.new_fragment)
            self._chapters(device, change, people, is_fresh=device.id in fresh)

    def _chapters(
        self, device: Device, change: devices.Change, people: dict[int, Known], *, is_fresh: bool
    ) -> None:
        work = self.work
        work.changes.logins_dropped += change.dropped
        work.changes.logins += change.logins
        work.made += [(spell, device.id) for spell in change.made]
        if not is_fresh:
            work.altered += change.altered
        for fragment, person in change.retired:
            work.retired[fragment] = (person.id, device.id)
            work.doubtful.add(person)
        if change.refold:
            work.refold.add(device.id)
        if device.generic:
            work.changes.generic.append(device.id)
        silent = device.blocked or self._crowded(device)
        known = all(s.owner in people and not people[s.owner].generic for s in change.entered)
        divided = change.divided and not is_fresh
        if change.moved or device.generic or silent or not known or divided:
            work.seeds |= {device.id, *change.owners}
            if silent:
                work.seeds |= {spell.owner for spell in device.spells if spell.owner}
            owners = [people[who] for who in change.owners if who in people]
            found = (*change.made, *change.altered, *owners)
            work.pending |= {s.person for s in found if s.person.id == 0}
            return
        for spell in change.entered:
            owner = people[spell.owner or 0]
            work.edges.append(Edge(spell, owner, device.id, owner.id))

    def _crowded(self, device: Device) -> bool:
        """Whether the rules say that so many users make it nobody's."""
        if device.rule.hub is None:
            return False
        users = {spell.owner for spell in device.spells if spell.owner}
        return self.rules.crowded(device.key.namespace, len(users))

    # ── links ──────────────────────────────────────────────────────────────────────────────────

    def _tie(self, fresh: Fresh) -> None:
        a, b, tie = fresh.a, fresh.b, fresh.tie
        reason: str | None = None
        if a.generic or b.generic:
            reason = GENERIC
            if self.rules.blocked(a.key) or self.rules.blocked(b.key):
                reason = BLOCKED
            self.work.seeds |= {n.id for n in (a, b) if not n.generic}
        elif isinstance(a, Device) or isinstance(b, Device):
            reason = self._tie_device(a, b)
        else:
            self.work.edges.append(Edge(a, b, a.id, b.id))
        told = tie.told_json()
        row = (tie.a, tie.b, fresh.pos, tie.day, fresh.source_id, reason, told)
        self.work.changes.links.append(row)

    def _tie_device(self, a: Node, b: Node) -> str | None:
        """A log-in joins by its chapter; two devices are linked while neither is shared."""
        if any(isinstance(n, Device) and n.blocked for n in (a, b)):
            self.work.seeds |= {a.id, b.id}
            return BLOCKED
        if isinstance(a, Device) and isinstance(b, Device):
            if len(a.spells) > 1 or len(b.spells) > 1:
                return SHARED_DEVICE
            self.work.edges.append(Edge(a.spells[0], b.spells[0], a.id, b.id))
            return None
        owners = {s.owner for node in (a, b) if isinstance(node, Device) for s in node.spells}
        return None if owners & {a.id, b.id} else SHARED_DEVICE

    # ── people ─────────────────────────────────────────────────────────────────────────────────

    def _join(self) -> None:
        """Unite what the links join; what may break a limit is left to f."""
        weighed = {
            n.id: (n.spells[0] if isinstance(n, Device) else n).person
            for entry in self.work.weighed
            for n in entry.weighs
        }
        joined = [p for edge in self.work.edges for p in (edge.a.person, edge.b.person)]
        self.cache.load_people(self.conn, [*joined, *weighed.values()])
        doubted = (i for i, p in weighed.items() if p.contested or self._decided(p))
        self.work.seeds.update(doubted)
        for people, edges in _united(self.work.edges):
            weighty = any(isinstance(e.a, Known) and isinstance(e.b, Known) for e in edges)
            doubtful = any(p in self.work.doubtful or (weighty and p.contested) for p in people)
            if doubtful or any(map(self._decided, people)) or not _legal(people, self.rules):
                self.work.seeds |= {i for e in edges for i in (e.a_id, e.b_id)}
                self.work.pending |= {p for p in people if p.id == 0}
            elif len(people) > 1:
                self._unite(people)

    def _decided(self, person: Person) -> bool:
        return bool(self.book) and any(key in self.book for _, key in person.members or ())

    def _unite(self, people: list[Person]) -> None:
        former = [p for p in people if p.id]
        claims = [(assign.claim(_members(p, self.rules), p.id), n) for n, p in enumerate(former)]
        winner = former[min(claims)[1]] if former else people[0]
        changes = self.work.changes
        for person in people:
            if person is winner:
                continue
            moved = person.members or []
            winner.members = [*(winner.members or []), *moved]
            for fragment, key in moved:
                holder = self.cache.holder(key, fragment)
                if holder is not None:
                    holder.person = winner
                if person.id:
                    changes.people.append((fragment, winner.id))
            if person.id:
                changes.aliases.append((person.id, winner.id))
                changes.journal.append(assign.Entry(person.id, "merge", winner.id, []))
                self.work.regrouped.add(person.id)
        if winner.id == 0:
            self._create(winner)
        else:
            self._journal(winner, "join")

    def _create(self, person: Person) -> None:
        self.cache.name(person, self.ids.new_person())
        self._journal(person, "create")

    def _journal(self, person: Person, action: assign.Action) -> None:
        members = [fragment for fragment, _ in person.members or ()]
        self.work.changes.journal.append(assign.Entry(person.id, action, None, members))
        self.work.regrouped.add(person.id)

    # ── rows ───────────────────────────────────────────────────────────────────────────────────

    def _rows(self) -> None:
        work, changes = self.work, self.work.changes
        changes.identifiers += [(n.id, n.key[0], n.key[1]) for n in work.nodes]
        for holder, identifier_id in work.made:
            start, owner = 0, None
            if isinstance(holder, cache.Spell):
                start, owner = holder.start, holder.owner
            row = (holder.fragment, identifier_id, start, owner, holder.person.id)
            changes.fragments.append(row)
        changes.fragments_set += [(s.fragment, s.start, s.owner, s.person.id) for s in work.altered]
        changes.days += [(t.a, t.b, t.day, t.told_json()) for t in work.days]

    def _regroup(
        self, pos: int, at_ms: int, decision: int | None = None, *, recount: bool = False
    ) -> None:
        work = self.work
        fresh = [(f.tie.a, f.tie.b) for f in work.ties]
        outcome = component.regroup(
            self.conn, work.seeds, work.retired, fresh, self.ids.new_person, self.book,
            self.rules, recount=recount,
        )  # fmt: skip
        for group in outcome.groups:
            person = self.cache.person(group.person_id)
            person.members, person.contested = group.members, group.contested
            for fragment, key in group.members:
                holder = self.cache.holder(key, fragment)
                if holder is not None:
                    holder.person = person
        for person_id in outcome.contested:
            self.cache.person(person_id).contested = True
        for key in outcome.generic:
            node = self.cache.node(key)
            if node is not None:
                node.generic = True
        for said in outcome.heeded:
            self.book.add(said)
        work.regrouped |= outcome.regrouped
        work.entries += outcome.changes.journal
        store.write(self.conn, outcome.changes, pos, at_ms, decision)


def _united(edges: Iterable[Edge]) -> list[tuple[list[Person], list[Edge]]]:
    """The sets of people that edges connect, and the edges of each."""
    parent: dict[Person, Person] = {}

    def root(person: Person) -> Person:
        parent.setdefault(person, person)
        while parent[person] is not person:
            parent[person] = person = parent[parent[person]]
        return person

    for edge in edges:
        parent[root(edge.a.person)] = root(edge.b.person)
    people: dict[Person, list[Person]] = defaultdict(list)
    between: dict[Person, list[Edge]] = defaultdict(list)
    for person in parent:
        people[root(person)].append(person)
    for edge in edges:
        between[root(edge.a.person)].append(edge)
    return [(found, between[top]) for top, found in people.items()]


def _legal(people: Iterable[Person], rules: Rules) -> bool:
    """Whether all of them can be one person, whatever the dates of what they hold."""
    counts: dict[str, int] = defaultdict(int)
    size = 0
    for person in people:
        for _, key in person.members or ():
            size += 1
            counts[key.namespace] += 1
    return size <= rules.component_max and rules.plain(counts)


def _members(person: Person, rules: Rules) -> list[assign.Member]:
    return [component.member(fragment, key, rules) for fragment, key in person.members or ()]
