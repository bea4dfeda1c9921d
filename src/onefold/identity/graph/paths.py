"""The graph around people, and ways through it.

A way along edges that hold is why two are one person. Where there is none, the way with the fewest
edges that do not hold is why they are not: at each of those something cut it.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import pairwise

from onefold.identity import decisions
from onefold.identity.graph import store
from onefold.identity.graph.model import Edge, Graph, Spot
from onefold.identity.rules import GENERIC, SHARED_DEVICE
from onefold.kernel import limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

CHAPTER = "chapter"


def around(conn: Connection, viewer: Viewer, person_ids: Collection[int]) -> Graph:
    """Everything of these people, and what of others they are linked to."""
    out = Graph()
    grow(conn, viewer, out, person_ids)
    return out


def grow(conn: Connection, viewer: Viewer, graph: Graph, person_ids: Collection[int]) -> None:
    """Add people, with all their edges."""
    graph.people |= set(person_ids)
    own = store.spots_of(conn, viewer, graph.people)
    links = store.links_of(conn, {spot.identifier_id for spot in own})
    ids = {i for link in links for i in link[:2]} | {spot.identifier_id for spot in own}
    parts: dict[int, list[Spot]] = defaultdict(list)
    for spot in store.spots_with(conn, viewer, ids):
        parts[spot.identifier_id].append(spot)
    for found in parts.values():
        found.sort(key=lambda spot: spot.chapter_ms)
    edges: list[Edge] = []
    for a, b, first_pos, day, source_id, reason in links:
        if parts[a] and parts[b]:
            evidence = (first_pos, day, source_id)
            edges += _link_edges(parts[a], parts[b], reason, evidence, graph.people)
    edges += _chapter_edges(parts)
    edges += _decision_edges(conn, viewer, parts)
    ours = {spot.ref for spot in own}
    graph.edges = [edge for edge in edges if edge.a in ours or edge.b in ours]
    kept = ours | {ref for edge in graph.edges for ref in (edge.a, edge.b)}
    graph.spots = {s.ref: s for found in parts.values() for s in found if s.ref in kept}


def path(graph: Graph, start: int, end: int, *, holding: bool) -> list[Edge] | None:
    """The shortest way from one spot to another, along edges that hold alone, or any.

    Edges that do not hold weigh more than any number of others. Human words of "not the same" lead
    nowhere. None: there is no way.
    """
    near: dict[int, list[Edge]] = defaultdict(list)
    for edge in graph.edges:
        parts = edge.said is not None and not edge.said.same
        if not parts and (edge.holds or not holding):
            near[edge.a].append(edge)
            near[edge.b].append(edge)
    best: dict[int, tuple[int, int]] = {start: (0, 0)}
    via: dict[int, Edge] = {}
    queue = [(0, 0, start)]
    while queue:
        cuts, steps, ref = heapq.heappop(queue)
        if ref == end:
            break
        if (cuts, steps) > best[ref]:
            continue
        for edge in near[ref]:
            other = edge.b if edge.a == ref else edge.a
            cost = (cuts + (not edge.holds), steps + 1)
            if other not in best or cost < best[other]:
                best[other], via[other] = cost, edge
                heapq.heappush(queue, (*cost, other))
    if end not in best:
        return None
    out: list[Edge] = []
    while end != start:
        out.append(via[end])
        end = via[end].b if via[end].a == end else via[end].a
    return out[::-1]


def without(conn: Connection, viewer: Viewer, a: Spot, b: Spot) -> tuple[Graph, list[Edge] | None]:
    """The graph between two who are not one person, and the way that something cut, if any."""
    graph = around(conn, viewer, {a.person, b.person})
    while True:
        found = path(graph, a.ref, b.ref, holding=False)
        wider = {spot.person for spot in graph.spots.values()} - graph.people
        room = limits.graph_people_max - len(graph.people)
        if found is not None or not wider or room <= 0:
            return graph, found
        if len(graph.spots) > limits.graph_nodes_max:
            return graph, found
        grow(conn, viewer, graph, sorted(wider)[:room])


def _link_edges(
    a: list[Spot],
    b: list[Spot],
    reason: str | None,
    evidence: tuple[int, int, int],
    people: Collection[int],
) -> Iterator[Edge]:
    """A link as edges: for a device, to the chapters of the one that it links."""
    device, person = (a, b) if a[0].rule.kind == "device" else (b, a)
    pairs = [(device[0], person[0])]
    if device[0].rule.kind == "device":
        owned = [(part, person[0]) for part in device if part.owner == person[0].identifier_id]
        if owned:
            pairs = owned
        elif person[0].rule.kind != "device":
            pairs = [(_nearest(device, people), person[0])]
            reason = reason or SHARED_DEVICE
    for one, other in pairs:
        holds = one.person == other.person and (reason is None or len(pairs) > 1)
        why = None if holds else reason or (GENERIC if one.generic else SHARED_DEVICE)
        yield Edge(one.ref, other.ref, "link", holds, why, *evidence)


def _nearest(parts: list[Spot], people: Collection[int]) -> Spot:
    return next((part for part in parts if part.person in people), parts[0])


def _chapter_edges(parts: dict[int, list[Spot]]) -> Iterator[Edge]:
    for found in parts.values():
        for one, other in pairwise(found):
            yield Edge(one.ref, other.ref, "chapter", holds=False, reason=CHAPTER)


def _decision_edges(
    conn: Connection, viewer: Viewer, parts: dict[int, list[Spot]]
) -> Iterator[Edge]:
    by_key = {found[0].identifier: found for found in parts.values() if found}
    for said in decisions.of_identifiers(conn, viewer, list(by_key)) if by_key else ():
        ends = [by_key.get(end.identifier) for end in (said.a, said.b)]
        if not said.in_force or said.pending or ends[0] is None or ends[1] is None:
            continue
        one, other = (
            max((s for s in found if s.chapter_ms <= max(end.at_ms, 1)), key=_start)
            for found, end in zip(ends, (said.a, said.b), strict=True)
            if found
        )
        if one.ref != other.ref:
            holds = said.same and one.person == other.person
            reason = None if holds else said.suppressed or "decision"
            yield Edge(one.ref, other.ref, "decision", holds, reason, said=said)


def _start(spot: Spot) -> int:
    return spot.chapter_ms
