"""From a batch of facts to fragments and people: the worker's door to identity.

The hot path is a look-up by the fact's tuple of identifiers: a known one on a known day costs no
query and no row. What is new is noted in a first pass (`settle.Work`) and settled for the whole
batch at once: one query for all unknown identifiers, one for their links, and so on, then every row
in one round trip. Only then are fragments and people read off, so that a batch answers alike
however its facts are ordered in it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import combinations
from typing import Any, TypeVar

from onefold.identity import cache, chapters, component, decisions, giveback, settle, store, undo
from onefold.identity.cache import NOBODY, Cache, Device, Entry, Known, Person, Spell
from onefold.identity.model import Resolved
from onefold.identity.rules import ACTS, RULES, Rules, order
from onefold.kernel import clock, identifiers, limits
from onefold.kernel.facts import Fact, Identifier
from onefold.kernel.identifiers import FORMER
from onefold.storage import Connection

PointsOf = Callable[[Connection, int], Iterable[tuple[int, int]]]
Node = Known | Device
N = TypeVar("N", Known, Device)


class Resolver:
    """Resolves facts. One writer a partition: it alone changes the tables of identity.

    points_of(conn, device_id) answers every log-in, (at_ms, who's identifier id), on a device in
    the facts of earlier batches. It is asked when a log-in arrives late, inside another's run;
    without it only the ends of runs are known, and such a chapter may begin late.
    """

    def __init__(
        self,
        conn: Connection,
        points_of: PointsOf | None = None,
        identifiers_max: int = limits.identifiers_cached_max,
        rules: Rules = RULES,
    ) -> None:
        self._points_of = points_of
        self._cache = Cache(identifiers_max, rules)
        self._ids: settle.Ids | None = settle.Ids(*store.next_ids(conn))
        self._book: decisions.Book | None = None
        self._batch = 0
        self._asked = 0, Identifier("", "")
        self._formers = store.any_of(conn, FORMER)

    def forget(self) -> None:
        """After a failed transaction: memory may hold what the tables do not."""
        self._cache.clear()
        self._ids = None
        self._book = None
        self._asked = 0, Identifier("", "")

    @property
    def rules(self) -> Rules:
        """Those in force."""
        return self._cache.rules

    def take_rules(self, rules: Rules) -> None:
        """Go by other rules from the next batch on; what is stored follows by `replay`."""
        self.forget()
        self._cache.rules = rules

    def replay(self, conn: Connection, seeds: Collection[int], pos: int, now_ms: int) -> set[int]:
        """Group again what hangs together with these identifiers, by the rules in force.

        People whose fragments changed. The caller commits or forgets.
        """
        work = settle.Work()
        work.seeds = set(seeds)
        self._settler(conn, work).replay(pos, now_ms)
        self._cache.turn()
        return work.regrouped

    def resolve(self, conn: Connection, facts: Sequence[Fact]) -> Resolved:
        """Resolve a batch and write what it changes. The caller commits or forgets."""
        work = settle.Work()
        entries = self._recognise(conn, facts, work)
        self._observe(facts, entries, work, self._decisions(conn))
        if not work.idle():
            settler = self._settler(conn, work)
            settler.run(facts, entries, self._points(conn))
        fragments: list[int] = []
        people: list[int] = []
        for fact, entry in zip(facts, entries, strict=True):
            holder = entry.holder
            if holder is None:
                holder = entry.device.spell_at(fact.at_ms)
                holder.last_ms = max(holder.last_ms, fact.at_ms)
            fragments.append(holder.fragment)
            people.append(holder.person.id)
        seen = [entry.seen for entry in entries]
        self._cache.turn()
        return Resolved(fragments, people, seen, work.regrouped, work.refold)

    def decide(self, conn: Connection, pos: int, now_ms: int) -> decisions.Taken | None:
        """Take up the oldest decision that waits, if one does. The caller commits or forgets.

        `pos`: how far the log is processed, which dates the journal's entries.
        """
        said = decisions.next_pending(conn)
        if said is None:
            return None
        book = self._decisions(conn)
        if said.in_force:
            book.add(said)
        else:
            book.drop(said)
        work = settle.Work()
        ends = {said.a.identifier, said.b.identifier}
        work.seeds = set(store.ids_of(conn, ends).values())
        decision = said.id if said.in_force else -said.id
        entries = self._settler(conn, work).decide(pos, now_ms, decision)
        outcome = [
            {"action": e.action, "person": e.person_id, "other": e.other_id} for e in entries
        ]
        decisions.taken(conn, said, outcome, now_ms)
        self._cache.turn()
        return decisions.Taken(said, work.regrouped)

    def recall(self, conn: Connection, facts: Iterable[Fact]) -> None:
        """Bring what facts of earlier batches name into memory, in one query for all."""
        self._cache.load(conn, list({key: None for f in facts for key in _identifiers(f)}))

    def linked_by(self, fact: Fact) -> list[tuple[int, int]]:
        """The pairs of identifiers that a recalled fact of an earlier batch links."""
        if self._cache.node(fact.home) is None:
            return []  # nothing is left of it
        _, linked = self._plan(fact)
        return [_pair(a, b) for a, b in linked]

    def login_of(self, fact: Fact) -> tuple[chapters.Login, list[int]] | None:
        """Who logs in by a recalled fact of an earlier batch, and on which devices."""
        if self._cache.node(fact.home) is None:
            return None
        entry, _ = self._plan(fact)
        if entry.who is None or not entry.devices:
            return None
        login = chapters.Login(max(fact.at_ms, 1), entry.who.rank, entry.who.id)
        return login, [device.id for device in entry.devices]

    def undo(self, conn: Connection, gone: undo.Gone, pos: int, now_ms: int) -> set[int]:
        """Take back what facts told that are facts no more; people whose fragments changed.

        Memory is forgotten: what it held may be gone. The caller commits.
        """
        work = settle.Work()
        undo.forget_links(conn, gone)
        work.seeds = undo.forget_identifiers(conn, gone)
        runs: list[tuple[Device, list[chapters.Run]]] = []
        people: dict[int, Known] = {}
        keys = store.identifiers(conn, [*gone.logins, *gone.who()])
        self._cache.load(conn, list(keys.values()))
        for identifier_id, key in keys.items():
            node = self._cache.node(key)
            if isinstance(node, Known):
                people[identifier_id] = node
            elif isinstance(node, Device) and not node.generic:
                runs.append((node, chapters.runs_of(gone.logins.get(identifier_id, ()))))
        self._settler(conn, work).undo(runs, people, pos, now_ms)
        self.forget()
        return work.regrouped

    def give_back(
        self, conn: Connection, identifiers: Collection[int], since: int, pos: int, now_ms: int
    ) -> set[int]:
        """Call the people of these identifiers as before position `since` (giveback.py); who was
        called otherwise. Memory is forgotten then. The caller commits.
        """
        people = {row[7] for row in store.nodes(conn, identifiers) if row[7]}
        if not people:
            return set()
        rules = self._cache.rules
        given = giveback.give_back(
            conn, people, since, self._given(conn).new_person,
            lambda ref, key: component.member(ref, key, rules),
        )  # fmt: skip
        if given.people:
            store.write(conn, given.changes, pos, now_ms)
            self.forget()
        return given.people

    def account_fragments(self, conn: Connection, keys: Collection[str]) -> dict[str, int]:
        """The accounts' own fragments, made where there is none yet."""
        wanted = {key: Identifier("account_id", key) for key in keys}
        work = settle.Work()
        for missing in self._cache.load(conn, list(wanted.values())):
            self._make(conn, missing, work)
        if work.nodes:
            self._settler(conn, work).add_alone()
        out = {}
        for key, identifier in wanted.items():
            node = self._cache.node(identifier)
            if isinstance(node, Known):
                out[key] = node.fragment
        self._cache.turn()
        return out

    def fragment_at(self, conn: Connection, device_id: int, at_ms: int) -> int:
        """The fragment of a device's chapter at a time. The device must be known."""
        if self._asked[0] != device_id:  # a refold asks for one device, fact by fact
            self._asked = device_id, store.identifiers(conn, [device_id])[device_id]
        key = self._asked[1]
        self._cache.load(conn, [key])
        device = self._cache.node(key)
        if not isinstance(device, Device):
            raise TypeError(f"{device_id} is a {key.namespace}, not a device.")
        return device.spell_at(at_ms).fragment

    def seen_on(self, conn: Connection, fact: Fact) -> tuple[int, ...]:
        """Ids of the identifiers, other than home, on a fact of an earlier batch."""
        return self._entry_of(conn, fact).seen

    def is_login(self, conn: Connection, fact: Fact, device_id: int, who_id: int) -> bool:
        """Whether a fact of an earlier batch is a log-in of `who_id` on the device."""
        entry = self._entry_of(conn, fact)
        if entry.who is None or entry.who.id != who_id:
            return False
        return any(device.id == device_id for device in entry.devices)

    # ── the hot path ───────────────────────────────────────────────────────────────────────────

    def _recognise(self, conn: Connection, facts: Sequence[Fact], work: settle.Work) -> list[Entry]:
        known = self._cache.entries
        keys = [_entry_key(fact) for fact in facts]
        found = [known.get(key) for key in keys]
        if None in found:
            missing: dict[Any, Fact] = {}
            for fact, key, entry in zip(facts, keys, found, strict=True):
                if entry is None:
                    missing.setdefault(key, fact)
            self._enter(conn, missing, work)
            found = [known.get(key) for key in keys]
        return [entry for entry in found if entry is not None]

    def _observe(
        self,
        facts: Sequence[Fact],
        entries: Sequence[Entry],
        work: settle.Work,
        book: decisions.Book,
    ) -> None:
        """Note what the facts say that is not known: newer days of links, and log-ins."""
        self._batch = batch = self._batch + 1
        day_ms = clock.DAY_MS
        for fact, entry in zip(facts, entries, strict=True):
            at_ms = fact.at_ms
            told = entry.told
            if told is not None and at_ms // day_ms > told.get(fact.source_id, cache.NEVER):
                _tell(entry, at_ms // day_ms, fact, work)
            if at_ms // day_ms > entry.day:
                _renew(entry, at_ms // day_ms, work, book)
            for device in entry.devices:
                if device.stamp != batch:
                    device.stamp = batch
                    device.before = device.last
                if (
                    device.open_who == entry.who_id
                    and at_ms >= device.open_start
                    and not device.late
                ):
                    device.last = max(device.last, at_ms)
                elif not device.late and not device.generic:
                    device.late = True
                    work.late.append(device)

    # ── entries ────────────────────────────────────────────────────────────────────────────────

    def _enter(self, conn: Connection, missing: dict[Any, Fact], work: settle.Work) -> None:
        """Make entries, with all the identifiers and links that they need."""
        keys = dict.fromkeys(key for fact in missing.values() for key in _identifiers(fact))
        ids = self._given(conn)
        known_upto = ids.identifier
        made = self._cache.load(conn, list(keys))
        for key in made:
            self._make(conn, key, work)
        self._formers = self._formers or any(key.namespace == FORMER for key in made)
        if self._formers:
            self._tie_formers(conn, missing.values(), made, work)
        plans = []
        pairs: dict[tuple[int, int], None] = {}
        for key, fact in missing.items():
            entry, linked = self._plan(fact)
            plans.append((key, fact, entry, linked))
            for a, b in linked:
                if max(a.id, b.id) <= known_upto:
                    pairs[_pair(a, b)] = None
        if pairs:
            self._cache.load_ties(conn, list(pairs))
        for key, fact, entry, linked in plans:
            ties = []
            for a, b in linked:
                tie = self._cache.tie(_pair(a, b))
                if tie is None:
                    tie = self._cache.add_tie(_pair(a, b))
                    work.ties.append(settle.Fresh(tie, a, b, fact.pos, fact.source_id))
                ties.append(tie)
                if entry.told is not None and tie.told is None and _of_people(a, b):
                    tie.told = {}
            entry.ties = tuple(ties)
            entry.day = min((tie.day for tie in ties), default=cache.ALWAYS)
            self._cache.entries[key] = entry

    def _tie_formers(
        self,
        conn: Connection,
        facts: Collection[Fact],
        made: Sequence[Identifier],
        work: settle.Work,
    ) -> None:
        """Link each former id with the user id that it is, as soon as there are both.

        The link has no day: it is as old as what it says, whichever of the two came first.
        """
        twins = {"user_id": FORMER, FORMER: "user_id"}
        wanted = {
            key: Identifier(twins[key.namespace], key.value)
            for key in made
            if key.namespace in twins
        }
        self._cache.load(conn, list(wanted.values()))
        for key, twin in wanted.items():
            a, b = self._cache.node(key), self._cache.node(twin)
            if not isinstance(a, Known) or not isinstance(b, Known):
                continue
            if self._cache.tie(_pair(a, b)) is None:
                tie = self._cache.add_tie(_pair(a, b))
                tie.day = 0
                fact = next(f for f in facts if key in f.identifiers)
                work.ties.append(settle.Fresh(tie, a, b, fact.pos, fact.source_id))

    def _plan(self, fact: Fact) -> tuple[Entry, list[tuple[Node, Node]]]:
        """A fact's entry without its links, and the pairs that it links.

        Of two values of a namespace of which one person has only one, the first links and the other
        does not. A former id is linked to who it was of, and to nothing else. A device is linked to
        who logs in there; devices to one another without a log-in.
        """
        nodes = self._nodes(fact)
        home = nodes[0]
        entry = Entry(home, tuple(n.id for n in nodes[1:]))
        people: list[Known] = []
        formers: list[Known] = []
        devices: list[Device] = []
        single: set[str] = set()
        for node in sorted(nodes, key=lambda n: order(n.key.namespace)):
            namespace = node.key.namespace
            if node.rule.kind == "account" or identifiers.normalise(*node.key) is None:
                continue
            if isinstance(node, Device):
                devices.append(node)
            elif namespace == FORMER:
                formers.append(node)
            elif namespace not in single:
                people.append(node)
                if namespace == ACTS:
                    single.add(namespace)
        pairs: list[tuple[Node, Node]] = [*_pairs(people)]
        if people:
            entry.who = people[0]
            entry.who_id = people[0].id
            entry.devices = tuple(devices)
            pairs += [(people[0], device) for device in devices]
            formers = [f for f in formers if f.key.value != people[0].key.value]
            pairs += [(people[0], former) for former in formers]
            weighs = [*people, *formers]
            several = len(weighs) > 1
            entry.weighs = tuple(weighs) if several or self._cache.rules.dated else ()
            entry.told = {} if several else None
        else:
            pairs += _pairs(devices)
            entry.weighs = tuple(devices) if len(devices) > 1 else ()
        return entry, pairs

    def _nodes(self, fact: Fact) -> list[Node]:
        found = [self._cache.node(key) for key in _identifiers(fact)]
        return [node for node in found if node is not None]

    def _entry_of(self, conn: Connection, fact: Fact) -> Entry:
        """The entry of a fact of an earlier batch; changes nothing."""
        entry = self._cache.entries.get(_entry_key(fact))
        if entry is None:
            self._cache.load(conn, _identifiers(fact))
            entry, _ = self._plan(fact)
        return entry

    def _make(self, conn: Connection, key: Identifier, work: settle.Work) -> None:
        ids = self._given(conn)
        identifier_id, fragment = ids.new_identifier(), ids.new_fragment()
        rule = self._cache.rules.of(key.namespace)
        kind = rule.kind
        person = NOBODY if kind == "account" else Person(0)
        if person is not NOBODY:
            person.members = [(fragment, key)]
            person.contested = False
        if kind == "device":
            device = Device(identifier_id, key, generic=False, rule=rule)
            device.set_spells([Spell(fragment, person, 0, None, cache.NEVER)])
            node: Node = device
        else:
            node = Known(identifier_id, key, False, fragment, person, rule)
        self._cache.add(node)
        work.nodes.append(node)

    def _given(self, conn: Connection) -> settle.Ids:
        if self._ids is None:
            self._ids = settle.Ids(*store.next_ids(conn))
        if self._ids.identifier > limits.identifiers_plans_kept_min:
            store.keep_plans(conn)
        return self._ids

    def _settler(self, conn: Connection, work: settle.Work) -> settle.Settler:
        return settle.Settler(conn, self._cache, self._given(conn), work, self._decisions(conn))

    def _decisions(self, conn: Connection) -> decisions.Book:
        """Those that were taken up."""
        if self._book is None:
            self._book = decisions.Book(decisions.in_force(conn, taken_only=True))
        return self._book

    def _points(self, conn: Connection) -> settle.Points | None:
        points_of = self._points_of
        if points_of is None:
            return None

        def logins(device: Device) -> list[chapters.Login]:
            points = list(points_of(conn, device.id))
            keys = store.identifiers(conn, {who for _, who in points})
            ranks = {i: (order(key.namespace), *key) for i, key in keys.items()}
            return [chapters.Login(max(at_ms, 1), ranks[who], who) for at_ms, who in points]

        return logins


def _entry_key(fact: Fact) -> Any:
    found = fact.identifiers
    return found if found and found[0] is fact.home else (fact.home, found)


def _identifiers(fact: Fact) -> list[Identifier]:
    """Home first, each once."""
    return list(dict.fromkeys((fact.home, *fact.identifiers)))


def _pair(a: Node, b: Node) -> tuple[int, int]:
    return (a.id, b.id) if a.id < b.id else (b.id, a.id)


def _pairs(nodes: Sequence[N]) -> list[tuple[N, N]]:
    """All pairs of a few; of many, the first with each other."""
    if len(nodes) <= limits.links_fact_all_max:
        return list(combinations(nodes, 2))
    return [(nodes[0], other) for other in nodes[1:]]


def _of_people(a: Node, b: Node) -> bool:
    return isinstance(a, Known) and isinstance(b, Known)


def _tell(entry: Entry, day: int, fact: Fact, work: settle.Work) -> None:
    """Note that a source told of the links between people, on a day newer than it had."""
    teller = f"{fact.source_id}:{fact.category}"
    for tie in entry.ties:
        if tie.told is not None and tie.told.get(teller, cache.NEVER) < day:
            if tie.day != cache.NEVER:  # else it is written with the link
                work.days.add(tie)
                work.weighed.append(entry)
            tie.told[teller] = day
    if entry.told is not None:
        entry.told[fact.source_id] = day


def _renew(entry: Entry, day: int, work: settle.Work, book: decisions.Book) -> None:
    for tie in entry.ties:
        if tie.day < day:
            if tie.day != cache.NEVER:
                work.days.add(tie)
            tie.day = day
    entry.day = day
    if entry.weighs:
        work.weighed.append(entry)
    if book and entry.who is not None:  # a chapter that humans joined with others has several ways
        found = [device.id for device in entry.devices if device.key in book]
        work.seeds.update([*found, entry.who_id] if found else ())
