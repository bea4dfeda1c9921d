"""Run f on the components that something touched, and say what that changes.

Works from the tables alone, after the batch's identifiers, fragments and links are written. A
component is everything that links reach, the suppressed ones included: what they lead to may change
sides. A device of several people is no bridge: of such a device only the chapters of people reached
otherwise belong to the component, unless the device itself changed.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from onefold.identity import assign, model, partition, store
from onefold.identity.rules import GENERIC, RULES, SHARED_DEVICE, STATIC
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
    """An identifier that was reached, with its live fragments."""

    id: int
    identifier: Identifier
    generic: bool
    is_device: bool
    fragments: list[tuple[int, int, int | None, int]]  # fragment, chapter_ms, owner, person


class _Reached(msgspec.Struct):
    spots: dict[int, _Spot] = {}
    links: dict[Pair, tuple[int, str | None]] = {}
    parent: dict[int, int] = {}
    sizes: dict[int, int] = {}

    def root(self, i: int) -> int:
        while self.parent[i] != i:
            self.parent[i] = i = self.parent[self.parent[i]]
        return i

    def oversize(self, i: int) -> bool:
        return self.sizes[self.root(i)] > RULES.component_max


def regroup(
    conn: Connection,
    seeds: Collection[int],
    retired: Mapping[int, int],
    fresh: Iterable[Pair],
    new_id: Callable[[], int],
) -> Outcome:
    """Group again everything that hangs together with the seeds (identifier ids).

    `retired`: fragments that no longer are a chapter, with the person they were of. `fresh`: links
    written in this batch; in a component beyond the size cap they are suppressed, and nothing else
    changes there.
    """
    reached = _reach(conn, seeds)
    out = Outcome([], [], set(), store.Changes())
    fragments = _fragments(reached)
    _quarantine(reached, fragments, fresh, new_id, out)
    part = _partition(reached, fragments, out)
    members = {f: _member(f, spot) for f, (spot, _, _) in fragments.items()}
    groups = [[members[ref] for ref in refs] for refs in part.groups]
    former = {f: p for f, (spot, _, p) in fragments.items() if p and not reached.oversize(spot.id)}
    former.update(retired)
    given = assign.assign(
        groups, former, lambda: store.past(conn, set(former.values())), new_id
    )
    contested = {
        ref for pair, why in part.suppressed.items() if why not in STATIC for ref in pair
    }
    for person_id, group in zip(given.ids, groups, strict=True):
        found = [(m.ref, m.identifier) for m in group]
        doubtful = any(m.ref in contested for m in group)
        out.groups.append(Group(person_id, found, doubtful))
        out.changes.people += [
            (m.ref, person_id) for m in group if former.get(m.ref) != person_id
        ]
    _end(given, retired, fragments, reached, out)
    return out


def _reach(conn: Connection, seeds: Collection[int]) -> _Reached:
    """Everything within reach of the seeds, level by level; stops where a component is too big."""
    out = _Reached()
    frontier = set(seeds)
    for i in seeds:
        out.parent[i] = i
        out.sizes[i] = 1
    while frontier:
        _load(conn, frontier, out)
        asked = [i for i in frontier if i in out.spots and _leads_on(out.spots[i], i in seeds)]
        frontier = set()
        for a, b, day, suppressed in store.neighbours(conn, asked) if asked else ():
            out.links[a, b] = (day, suppressed)
        for a, b in [p for p in out.links if p[0] not in out.spots or p[1] not in out.spots]:
            one, other = (a, b) if a in out.spots else (b, a)
            if one in out.spots and not out.oversize(one):
                frontier.add(other)
        _connect(out, frontier)
    return out


def _connect(out: _Reached, frontier: set[int]) -> None:
    for i in frontier:
        if i not in out.parent:
            out.parent[i] = i
            out.sizes[i] = 1
    for a, b in out.links:
        if a in out.parent and b in out.parent:
            one, other = out.root(a), out.root(b)
            if one != other:
                out.parent[other] = one
                out.sizes[one] += out.sizes[other]


def _load(conn: Connection, ids: Collection[int], out: _Reached) -> None:
    for i, namespace, value, generic, fragment, start, owner, person in store.nodes(conn, ids):
        spot = out.spots.get(i)
        if spot is None:
            is_device = RULES.of(namespace).kind == "device"
            spot = out.spots[i] = _Spot(i, Identifier(namespace, value), generic, is_device, [])
        if not (is_retired := person == 0 and owner is None and start != 0):
            spot.fragments.append((fragment, start, owner, person))
        del is_retired


def _leads_on(spot: _Spot, is_seed: bool) -> bool:
    return not spot.generic and (is_seed or not spot.is_device or len(spot.fragments) == 1)
