"""Run f on the components that something touched, and say what that changes.

Works from the tables alone, after the batch's identifiers, fragments and links are written. A
component is everything that links reach, the suppressed ones included: what they lead to may change
sides. A device of several people is no bridge: of such a device only the chapters of people reached
otherwise belong to the component, unless the device itself changed.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from onefold.identity import assign, model, store
from onefold.identity.partition import partition
from onefold.identity.rules import GENERIC, RULES, SHARED_DEVICE, SIZE, STATIC
from onefold.kernel.facts import Identifier
from onefold.storage import Connection

Pair = tuple[int, int]


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

    def leads_on(self, spot: _Spot) -> bool:
        """Whether what it is linked to belongs to its component."""
        if spot.generic:
            return False
        return not spot.is_device or len(spot.parts) == 1 or spot.id in self.seeds

    def oversize(self, i: int | None) -> bool:
        """Whether the identifier's component is beyond the cap."""
        return i in self.spots and self.sizes[self.spots[i].root] > RULES.component_max


def regroup(
    conn: Connection,
    seeds: Collection[int],
    retired: Mapping[int, tuple[int, int]],
    fresh: Iterable[Pair],
    new_id: Callable[[], int],
) -> Outcome:
    """Group again everything that hangs together with the seeds (identifier ids).

    `retired`: fragments that no longer are a chapter: the person each was of, and the device.
    `fresh`: links written in this batch. In a component beyond the size cap they are suppressed,
    and nothing else changes there.
    """
    reached = _reach(conn, seeds)
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
    out.changes.restored += given.restored
    out.changes.aliases += given.merged.items()
    out.regrouped |= {entry.person_id for entry in given.entries}
    return out


# ── what belongs together ──────────────────────────────────────────────────────────────────────


def _reach(conn: Connection, seeds: Collection[int]) -> _Reached:
    """Everything within reach of the seeds, level by level; stops where a component is too big."""
    out = _Reached(frozenset(seeds), {}, {}, {})
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
    _measure(out)
    return out


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
    origin: dict[Pair, Pair] = {}
    why: dict[Pair, str | None] = {}
    for pair, (day, _) in reached.links.items():
        ends = _ends(reached, live, pair)
        if ends is None:
            continue
        why[pair] = None if ends else _without_ends(reached, pair)
        for a, b in ends:
            links.append(model.Link(a, b, day))
            origin[min(a, b), max(a, b)] = pair
    part = partition(nodes, links, RULES)
    for refs, reason in part.suppressed.items():
        why[origin[refs]] = reason
    out.changes.suppressed += [
        (*pair, reason) for pair, reason in why.items() if reason != reached.links[pair][1]
    ]
    for spot in {live[ref].spot.id: live[ref].spot for ref in part.generic}.values():
        if not spot.generic:
            out.changes.generic.append(spot.id)
            out.generic.append(spot.identifier)
    return part


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
