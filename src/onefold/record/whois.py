"""Why somebody is who they are: why, why not, history, as of a past time, and trials."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict, cast

from onefold.identity import decisions, graph
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record import decisions as words
from onefold.record import people, refs, whywords
from onefold.storage import Connection


class SpotLine(TypedDict):
    """An identifier or a chapter of a device. `chapter_from`: its start, null for the first."""

    key: int
    ref: str
    name: str
    kind: str
    person: str
    chapter_from: str | None
    events: int


class Step(TypedDict):
    """A link, a decision, or the border between two chapters, with what it says in a sentence.

    `cut`: why it does not count, or null when it holds. `event` is the first that carried a link.
    """

    a: SpotLine
    b: SpotLine
    kind: str
    rule: str
    holds: bool
    reason: str | None
    text: str
    cut: str | None
    event: dict[str, str] | None
    last_day: str | None
    decision: str | None


class Why(TypedDict):
    """`same`: whether the two are one person. `text`: the answer in a sentence."""

    same: bool
    a: SpotLine
    b: SpotLine
    text: str
    path: list[Step]


class MomentLine(TypedDict):
    """An entry of a history."""

    at: str
    person: str
    action: str
    other: str | None
    text: str
    by: str | None
    decision: str | None


class History(TypedDict):
    """What became of a person, newest first."""

    person: str
    items: list[MomentLine]


class AsOf(TypedDict):
    """Whose an identifier was at a time; `person` is null when nobody had seen it."""

    at: str
    person: str | None
    now: str
    identifiers: list[str]


class Side(TypedDict):
    """A person in a trial."""

    person: str
    identifiers: list[str]
    events: int


class Simulation(TypedDict):
    """What a decision would do: people before and after, and in sentences."""

    changes: bool
    text: list[str]
    before: list[Side]
    after: list[Side]


class GraphAnswer(TypedDict):
    """Everything of a person, and what of others it is linked to."""

    person: str
    spots: list[SpotLine]
    edges: list[Step]


def why(
    conn: Connection,
    viewer: Viewer,
    a: str,
    b: str,
    now_ms: int,
    a_at: str | None = None,
    b_at: str | None = None,
) -> Why:
    """Why two are one person, or why not. Raises `NotFound`."""
    viewer.must_read()
    one, other = _spot(conn, viewer, a, a_at, now_ms), _spot(conn, viewer, b, b_at, now_ms)
    if one.person == other.person:
        found = graph.around(conn, viewer, {one.person})
        path = graph.path(found, one.ref, other.ref, holding=True)
    else:
        found, path = graph.without(conn, viewer, one, other)
    steps = _steps(conn, viewer, found, path or [])
    both = f"{whywords.name(one)} and {whywords.name(other)}"
    return {
        "same": one.person == other.person,
        "a": _spot_line(one),
        "b": _spot_line(other),
        "text": _answer(one, other, both, steps, found),
        "path": steps,
    }


def person_graph(conn: Connection, viewer: Viewer, ref: str) -> GraphAnswer:
    """The graph around a person. Raises `NotFound`."""
    person_id = people.find(conn, viewer, ref)
    found = graph.around(conn, viewer, {person_id})
    return {
        "person": ids.api_id("per", person_id),
        "spots": [_spot_line(spot) for spot in found.spots.values()],
        "edges": _steps(conn, viewer, found, found.edges),
    }


def history(conn: Connection, viewer: Viewer, ref: str) -> History:
    """Every merge, split and decision of a person, newest first. Raises `NotFound`."""
    person_id = people.find(conn, viewer, ref)
    moments = graph.history(conn, viewer, person_id)
    evidence = whywords.Evidence(conn, viewer, [m.link[2] for m in moments if m.link])
    return {
        "person": ids.api_id("per", person_id),
        "items": [
            {
                "at": clock.iso(m.at_ms) or "",
                "person": ids.api_id("per", m.person_id),
                "action": m.action,
                "other": ids.api_id_or_none("per", m.other_id),
                "text": whywords.moment(m, evidence),
                "by": m.said.actor_name if m.said else None,
                "decision": ids.api_id("dec", m.said.id) if m.said else None,
            }
            for m in moments
        ],
    }


def as_of(conn: Connection, viewer: Viewer, ref: str, at: str, now_ms: int) -> AsOf:
    """Whose an identifier was at a past time. Raises `NotFound`, or `Invalid` for no time."""
    at_ms = _time("at", at)
    spot = _spot(conn, viewer, ref, None, now_ms)
    found = graph.members_at(conn, viewer, spot, at_ms)
    return {
        "at": clock.iso(at_ms) or "",
        "person": ids.api_id("per", found[0]) if found else None,
        "now": ids.api_id("per", spot.person),
        "identifiers": sorted({str(s.identifier) for s in found[1]}) if found else [],
    }


def simulate(
    conn: Connection,
    viewer: Viewer,
    now_ms: int,
    *,
    decision: str | None = None,
    a: str = "",
    b: str = "",
    a_at: str | None = None,
    b_at: str | None = None,
    undo: str | None = None,
) -> Simulation:
    """What a decision on `a` and `b`, or undoing one, would do. Nothing is changed.

    Raises `NotFound`, or `Invalid` when neither or both are asked for.
    """
    viewer.must_read()
    if (decision is None) is (undo is None):
        fault = "is needed, or `undo`, and not both."
        raise errors.Invalid(errors.Fault("decision", fault, "Send `decision`, `a` and `b`."))
    add: list[decisions.Said] = []
    drop: list[decisions.Said] = []
    if undo is not None:
        drop = [decisions.get(conn, viewer, words.number(undo))]
    else:
        said = _said(conn, viewer, decision or "", (a, a_at), (b, b_at), now_ms)
        add = [said]
        ends = {said.a, said.b}
        found = decisions.of_identifiers(conn, viewer, [said.a.identifier])
        drop = [one for one in found if one.in_force and {one.a, one.b} == ends]
    return _simulation(graph.try_out(conn, viewer, add, drop))


def _said(
    conn: Connection,
    viewer: Viewer,
    kind: str,
    a: tuple[str, str | None],
    b: tuple[str, str | None],
    now_ms: int,
) -> decisions.Said:
    if kind not in words.KINDS:
        fault = errors.Fault("decision", f"`{kind[:50]}` is not known.", "Use same or not_same.")
        raise errors.Invalid(fault)
    ends = []
    for side, (ref, at) in (("a", a), ("b", b)):
        at_ms = _time(f"{side}_at", at) if at else None
        ends.append(words.end_of(conn, viewer, ref.strip(), at_ms, now_ms))
    known = cast("decisions.Kind", kind)
    return decisions.Said(0, known, ends[0], ends[1], "", viewer.actor, viewer.name, now_ms)


def _simulation(trial: graph.Trial) -> Simulation:
    text = [words.cannot(reason) for reason in trial.cannot.values()]
    ended = {e.person_id: e.other_id for e in trial.entries if e.action == "merge"}
    for entry in trial.entries:
        me, other = ids.api_id("per", entry.person_id), ids.api_id_or_none("per", entry.other_id)
        now = whywords.names(trial.after.get(entry.person_id, []))
        then = whywords.names(trial.before.get(entry.person_id, []))
        if entry.action == "merge":
            text.append(f"{me} ({then}) would become part of {other}.")
        elif entry.action == "restore":
            text.append(f"{me} would be a person of its own again: {now}.")
        elif entry.action in ("split", "create"):
            text.append(f"A person of its own would appear: {now}.")
        elif entry.action == "leave":
            text.append(f"{me} would keep {now}.")
    if not text:
        text = ["Nobody would change now. It would still count for what arrives later."]
    new = {p for p in trial.after if p not in trial.before and p not in ended}
    restored = {e.person_id for e in trial.entries if e.action == "restore"}
    return {
        "changes": bool(trial.entries),
        "text": text,
        "before": [_side(ids.api_id("per", p), m) for p, m in sorted(trial.before.items())],
        "after": [
            _side("new" if p in new - restored else ids.api_id("per", p), m)
            for p, m in sorted(trial.after.items())
        ],
    }


def _side(person: str, members: Iterable[graph.Spot]) -> Side:
    found = list(members)
    return {
        "person": person,
        "identifiers": list(dict.fromkeys(str(s.identifier) for s in found))[:50],
        "events": sum(s.events for s in found),
    }


def _steps(
    conn: Connection, viewer: Viewer, found: graph.Graph, edges: Iterable[graph.Edge]
) -> list[Step]:
    edges = list(edges)
    evidence = whywords.Evidence(
        conn, viewer, [e.first_pos for e in edges[: limits.page_rows_max] if e.kind == "link"]
    )
    return [_step(edge, found, evidence) for edge in edges]


def _step(edge: graph.Edge, found: graph.Graph, evidence: whywords.Evidence) -> Step:
    sides: dict[int, list[str]] = {}
    if edge.reason is not None and edge.reason.startswith("limit:"):
        namespace = edge.reason.removeprefix("limit:")
        for spot in found.spots.values():
            if spot.identifier.namespace == namespace:
                sides.setdefault(spot.person, []).append(spot.identifier.value)
    event = evidence.at(edge.first_pos)
    told = None
    if event is not None:
        told = {"name": event.name, "at": clock.iso(event.at_ms) or "", "source": event.source}
    return {
        "a": _spot_line(found.spots[edge.a]),
        "b": _spot_line(found.spots[edge.b]),
        "kind": edge.kind,
        "rule": whywords.rule(edge, found.spots),
        "holds": edge.holds,
        "reason": edge.reason,
        "text": whywords.joined(edge, found.spots, evidence),
        "cut": None if edge.holds else whywords.cut(edge, found.spots, sides, evidence),
        "event": told,
        "last_day": whywords.day(edge.last_day) if edge.last_day else None,
        "decision": ids.api_id("dec", edge.said.id) if edge.said else None,
    }


def _answer(
    one: graph.Spot, other: graph.Spot, both: str, steps: list[Step], found: graph.Graph
) -> str:
    if one.ref == other.ref:
        return f"That is one and the same: {whywords.name(one)}."
    if one.person == other.person:
        person = ids.api_id("per", one.person)
        how = "directly" if len(steps) == 1 else f"in {len(steps)} steps"
        return f"{both} are one person, {person}: they are linked {how}."
    apart = [
        edge.said
        for edge in found.edges
        if edge.said is not None
        and not edge.said.same
        and {found.spots[edge.a].person, found.spots[edge.b].person} == {one.person, other.person}
    ]
    cuts = [step["cut"] for step in steps if step["cut"]]
    first = f"{both} are different people."
    if apart:
        return f"{first} {whywords.decided(apart[0])}"
    if cuts:
        return f"{first} {' '.join(dict.fromkeys(str(c) for c in cuts))}"
    return f"{first} Nothing that arrived links them, neither directly nor through others."


def _spot(conn: Connection, viewer: Viewer, ref: str, at: str | None, now_ms: int) -> graph.Spot:
    at_ms = _time("at", at) if at else None
    end = words.end_of(conn, viewer, ref, at_ms, now_ms)
    found = graph.spot_at(conn, viewer, end.identifier, end.at_ms)
    if found is None:
        raise refs.unknown("person", ref)
    return found


def _time(field: str, text: str) -> int:
    try:
        return clock.from_datetime(datetime.fromisoformat(text.replace(" ", "+")))
    except (ValueError, OverflowError):
        raise errors.Invalid(
            errors.Fault(field, "is not a time.", "Send ISO 8601: `2026-11-24T12:00:00Z`.")
        ) from None


def _spot_line(spot: graph.Spot) -> SpotLine:
    return {
        "key": spot.ref,
        "ref": str(spot.identifier),
        "name": whywords.name(spot),
        "kind": spot.rule.kind,
        "person": ids.api_id("per", spot.person),
        "chapter_from": clock.iso(spot.chapter_ms) if spot.chapter_ms else None,
        "events": spot.events,
    }
