"""Run f on the components that something touched, and say what that changes.

Works from the tables alone, after the batch's identifiers, fragments and links are written. A
component is everything that links reach, the suppressed ones included: what they lead to may change
sides. A device of several people is no bridge: of such a device only the chapters of people reached
otherwise belong to the component, unless the device itself changed. A human's "the same" is a link
like any other here, but leads on from everything: also to the one chapter that it speaks of.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from onefold.identity import assign, chapters, model, store
from onefold.identity.decisions import Book, End, Said
from onefold.identity.partition import partition
from onefold.identity.rules import GENERIC, RULES, SHARED_DEVICE, SIZE, STATIC
from onefold.kernel.facts import Identifier
from onefold.storage import Connection

Pair = tuple[int, int]
_Heard = tuple[Said, model.Decision]


class Group(msgspec.Struct):
    """A person as f has it now."""

    person_id: int
    members: list[tuple[int, Identifier]]
    contested: bool


class Outcome(msgspec.Struct):
    """The groups of all components looked at, and the rows to write."""

    groups: list[Group]
    generic: list[Identifier]
    regrouped: set[int]
    changes: store.Changes
    heeded: list[Said] = []  # decisions that f cannot follow, or can again


class _Spot(msgspec.Struct):
    """An identifier that was reached, with its chapters (one "chapter" unless it is a device)."""

    id: int
    identifier: Identifier
    generic: bool
    is_device: bool
    parts: list["_Part"]
    root: int


class _Part(msgspec.Struct):
    """A live fragment. `person`: 0 when it is too new to have one."""

    fragment: int
    start: int
    owner: int | None
    person: int
    spot: _Spot


class _Reached(msgspec.Struct):
    seeds: Collection[int]
    spots: dict[int, _Spot]
    links: dict[Pair, tuple[int, str | None]]
    sizes: dict[int, int]
    book: Book
    ids: dict[Identifier, int]  # of identifiers that decisions name; 0 for one never seen

    def leads_on(self, spot: _Spot) -> bool:
        """Whether what it is linked to belongs to its component."""
        if spot.generic:
            return False
        return not spot.is_device or len(spot.parts) == 1 or spot.id in self.seeds

    def oversize(self, i: int | None) -> bool:
        """Whether the identifier's component is beyond the cap."""
        return i in self.spots and self.sizes[self.spots[i].root] > RULES.component_max

    def part_of(self, end: End) -> "_Part | None":
        """The fragment that an end of a decision means, if it was reached."""
        spot = self.spots.get(self.ids.get(end.identifier, 0))
        if spot is None:
            return None
        parts = sorted(spot.parts, key=lambda part: part.start)
        at = chapters.at([part.start for part in parts], max(end.at_ms, 1))
        return parts[at] if spot.is_device else parts[0]

    def said(self) -> dict[int, Said]:
        """Every decision that names something here."""
        return {s.id: s for spot in self.spots.values() for s in self.book.of(spot.identifier)}


def regroup(
    conn: Connection,
    seeds: Collection[int],
    retired: Mapping[int, tuple[int, int]],
    fresh: Iterable[Pair],
    new_id: Callable[[], int],
    book: Book,
) -> Outcome:
    """Group again everything that hangs together with the seeds (identifier ids).

    `retired`: fragments that no longer are a chapter: the person each was of, and the device.
    `fresh`: links written in this batch. In a component beyond the size cap they are suppressed,
    and nothing else changes there.
    """
    reached = _reach(conn, seeds, book)
    out = Outcome([], [], set(), store.Changes())
    live, frozen = _parts(reached)
    _quarantine(reached, frozen, fresh, new_id, out)
    part = _partition(reached, live, out)
    groups = [[member(ref, live[ref].spot.identifier) for ref in refs] for refs in part.groups]
    former = {part.fragment: part.person for part in live.values() if part.person}
    former.update((fragment, person) for fragment, (person, _) in retired.items())
    given = assign.assign(groups, former, lambda: store.past(conn, set(former.values())), new_id)
    contested = {ref for pair, why in part.suppressed.items() if why not in STATIC for ref in pair}
    now: dict[int, int] = {}
    for person_id, group in zip(given.ids, groups, strict=True):
        found = [(m.ref, m.identifier) for m in group]
        out.groups.append(Group(person_id, found, any(m.ref in contested for m in group)))
        now.update((m.ref, person_id) for m in group)
    out.changes.people += [(ref, pid) for ref, pid in now.items() if former.get(ref) != pid]
    frozen_people = {part.person for part in frozen.values()}
    for person, device in retired.values():
        if person not in {*given.ids, *given.merged, *frozen_people}:
            to = now.get(reached.spots[device].parts[0].fragment)
            if to is not None:
                given.merged[person] = to
                given.entries.append(assign.Entry(person, "merge", to, []))
    out.changes.journal += given.entries
    out.changes.restored += [*given.restored, *given.moved]
    out.changes.aliases += [*given.merged.items(), *given.moved.items()]
    out.regrouped |= {entry.person_id for entry in given.entries}
    return out


# ── what belongs together ──────────────────────────────────────────────────────────────────────


def _reach(conn: Connection, seeds: Collection[int], book: Book) -> _Reached:
    """Everything within reach of the seeds, level by level; stops where a component is too big."""
    out = _Reached(frozenset(seeds), {}, {}, {}, book, {})
    frontier = set(seeds)
    while frontier:
        _load(conn, frontier, out)
        _measure(out)
        asked = {i for i in frontier if i in out.spots and out.leads_on(out.spots[i])}
        asked = {i for i in asked if not out.oversize(i)}
        frontier = set()
        for a, b, day, suppressed in store.neighbours(conn, asked) if asked else ():
            out.links[a, b] = (day, suppressed)
            frontier |= {a, b} - out.spots.keys()
        if book:
            frontier |= _joined_by_hand(conn, out)
    _measure(out)
    return out


def _joined_by_hand(conn: Connection, out: _Reached) -> set[int]:
    """Identifiers yet to be reached that a human said belong to what was reached."""
    found = [said for said in out.said().values() if said.same]
    named = {end.identifier for said in found for end in (said.a, said.b)}
    out.ids.update((spot.identifier, spot.id) for spot in out.spots.values())
    unknown = named - out.ids.keys()
    if unknown:
        out.ids.update(dict.fromkeys(unknown, 0) | store.ids_of(conn, unknown))
    wanted: set[int] = set()
    for said in found:
        for end, other in ((said.a, said.b), (said.b, said.a)):
            part = out.part_of(end)
            if part is None or out.oversize(part.spot.id) or not _belongs(out, part):
                continue
            far = out.part_of(other)
            far_id = out.ids[other.identifier]
            if far is None and far_id:
                wanted.add(far_id)
            elif far is not None and far.owner is not None:
                wanted.add(far.owner)
    return wanted - out.spots.keys()


def _belongs(out: _Reached, part: _Part) -> bool:
    return part.owner is None or part.owner in out.spots


def _load(conn: Connection, ids: Collection[int], out: _Reached) -> None:
    for i, namespace, value, generic, fragment, start, owner, person in store.nodes(conn, ids):
        spot = out.spots.get(i)
        if spot is None:
            is_device = RULES.of(namespace).kind == "device"
            spot = out.spots[i] = _Spot(i, Identifier(namespace, value), generic, is_device, [], i)
        is_retired = person == 0 and owner is None and start != 0
        if not is_retired:
            spot.parts.append(_Part(fragment, start, owner, person, spot))


def _measure(out: _Reached) -> None:
    """How many identifiers hang together, not counting through nodes that do not lead on."""
    parent = {i: i for i in out.spots}

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    through = {i for i, spot in out.spots.items() if out.leads_on(spot)}
    for a, b in out.links:
        if a in through and b in through:
            parent[root(a)] = root(b)
    for said in out.said().values() if out.book else ():
        ends = [out.ids.get(end.identifier, 0) for end in (said.a, said.b)]
        if said.same and all(i in out.spots for i in ends):
            parent[root(ends[0])] = root(ends[1])
    out.sizes = dict.fromkeys(out.spots, 0)
    for i, spot in out.spots.items():
        spot.root = root(i)
        out.sizes[spot.root] += 1


def _parts(reached: _Reached) -> tuple[dict[int, _Part], dict[int, _Part]]:
    """The fragments of the components, and those in components that are too big to touch."""
    live: dict[int, _Part] = {}
    frozen: dict[int, _Part] = {}
    for spot in reached.spots.values():
        for part in spot.parts:
            if reached.oversize(spot.id) or reached.oversize(part.owner):
                frozen[part.fragment] = part
            elif part.owner is None or part.owner in reached.spots:
                live[part.fragment] = part
    return live, frozen


def _quarantine(
    reached: _Reached,
    frozen: Mapping[int, _Part],
    fresh: Iterable[Pair],
    new_id: Callable[[], int],
    out: Outcome,
) -> None:
    for a, b in fresh:
        if reached.oversize(a) or reached.oversize(b):
            out.changes.suppressed.append((a, b, SIZE))
    for part in frozen.values():
        if part.person == 0:
            person_id = new_id()
            out.changes.people.append((part.fragment, person_id))
            out.changes.journal.append(assign.Entry(person_id, "create", None, [part.fragment]))
            out.groups.append(
                Group(person_id, [(part.fragment, part.spot.identifier)], contested=True)
            )
            out.regrouped.add(person_id)


# ── f ──────────────────────────────────────────────────────────────────────────────────────────


def _partition(reached: _Reached, live: Mapping[int, _Part], out: Outcome) -> model.Partition:
    """Call f, and note the links that hold no longer, or again."""
    nodes = [
        model.Node(part.fragment, part.spot.identifier, part.start, part.spot.generic)
        for part in live.values()
    ]
    links: list[model.Link] = []
    origin: dict[Pair, list[Pair]] = {}
    why: dict[Pair, str | None] = {}
    for pair, (day, _) in reached.links.items():
        ends = _ends(reached, live, pair)
        if ends is None:
            continue
        why[pair] = None if ends else _without_ends(reached, pair)
        links += [model.Link(a, b, day) for a, b in ends]
        if ends:
            origin[pair] = [(min(refs), max(refs)) for refs in ends]
    said = _said(reached, live)
    part = partition(nodes, links, RULES, [decision for _, decision in said])
    for pair, refs in origin.items():  # one link to several chapters holds while one of them does
        reasons = [part.suppressed.get(ref) for ref in refs]
        why[pair] = None if None in reasons else reasons[0]
    _heed(said, part, out)
    out.changes.suppressed += [
        (*pair, reason) for pair, reason in why.items() if reason != reached.links[pair][1]
    ]
    for spot in {live[ref].spot.id: live[ref].spot for ref in part.generic}.values():
        if not spot.generic:
            out.changes.generic.append(spot.id)
            out.generic.append(spot.identifier)
    return part


def _said(reached: _Reached, live: Mapping[int, _Part]) -> list[_Heard]:
    """The decisions of which both ends are here."""
    if not reached.book:
        return []
    reached.ids.update((spot.identifier, spot.id) for spot in reached.spots.values())
    out = []
    for said in reached.said().values():
        a, b = reached.part_of(said.a), reached.part_of(said.b)
        if a is None or b is None or a is b or a.fragment not in live or b.fragment not in live:
            continue
        out.append((said, model.Decision(a.fragment, b.fragment, said.same, said.at_ms)))
    return out


def _heed(
    said: Iterable[_Heard],
    part: model.Partition,
    out: Outcome,
) -> None:
    """Note the decisions that f cannot follow, or can again."""
    for one, decision in said:
        pair = min(decision.a, decision.b), max(decision.a, decision.b)
        reason = part.suppressed.get(pair) if decision.same else None
        if reason != one.suppressed:
            changed = msgspec.structs.replace(one, suppressed=reason)
            out.changes.heeded.append((one.id, reason))
            out.heeded.append(changed)


def _ends(reached: _Reached, live: Mapping[int, _Part], pair: Pair) -> list[Pair] | None:
    """The fragments that a link connects; None when part of it is out of reach."""
    if pair[0] not in reached.spots or pair[1] not in reached.spots:
        return None
    a, b = (reached.spots[i] for i in pair)
    if reached.oversize(a.id) or reached.oversize(b.id):
        return None
    if a.is_device and b.is_device:
        single = len(a.parts) == 1 and len(b.parts) == 1
        ends = [(a.parts[0].fragment, b.parts[0].fragment)] if single else []
    elif a.is_device or b.is_device:
        device, person = (a, b) if a.is_device else (b, a)
        ends = [
            (part.fragment, person.parts[0].fragment)
            for part in device.parts
            if part.owner == person.id
        ]
    else:
        ends = [(a.parts[0].fragment, b.parts[0].fragment)]
    return ends if all(x in live and y in live for x, y in ends) else None


def _without_ends(reached: _Reached, pair: Pair) -> str:
    return GENERIC if any(reached.spots[i].generic for i in pair) else SHARED_DEVICE


def member(fragment: int, identifier: Identifier) -> assign.Member:
    """A fragment as `assign` weighs it."""
    rule = RULES.of(identifier.namespace)
    rank = 2 if rule.kind != "person" else 0 if rule.limit == 1 else 1
    return assign.Member(fragment, identifier, rank)
