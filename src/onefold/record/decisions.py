"""Decisions on who is who, by people at any door: said, undone, listed, and what came of them."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, TypedDict, cast

from onefold import identity
from onefold.identity import decisions
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import Viewer
from onefold.record import refs
from onefold.storage import Connection

KINDS = ("same", "not_same", "pin")
_FIELDS = ("decision", "a", "b", "a_at", "b_at", "reason")
_POLL_S = 0.02
Open = Callable[[], AbstractContextManager[Connection]]


class EndLine(TypedDict):
    """One side of a decision: `ref` is `namespace:value`; `at` names a device's chapter."""

    ref: str
    at: str | None


class Change(TypedDict):
    """What taking a decision up did to a person id: the journal's action."""

    action: str
    person: str
    other: str | None


class Decision(TypedDict):
    """A decision. `state`: pending, in_force, undone or replaced.

    `cannot` says in a sentence why a decision in force has no effect, or is null.
    """

    id: str
    decision: str
    a: EndLine
    b: EndLine
    reason: str
    by: str
    at: str
    state: str
    cannot: str | None
    undone: dict[str, str] | None
    replaced_by: str | None
    changed: list[Change]


class Decisions(TypedDict):
    """A page of decisions."""

    items: list[Decision]
    next: str | None


def decide(
    conn: Connection, viewer: Viewer, values: Mapping[str, Any], now_ms: int
) -> decisions.Said:
    """Say that two are the same person (`same`), are not (`not_same`), or stay together (`pin`).

    `a`, `b`: identifiers, or people, who are named by their strongest identifier. `a_at`, `b_at`:
    for a device the time of the chapter meant, now without one. Raises `Invalid` with every fault.
    """
    viewer.must_write()
    faults = [
        errors.Fault(name[:60], "can't be set here.", f"Known are {', '.join(_FIELDS)}.")
        for name in values
        if name not in _FIELDS
    ]
    kind, reason = values.get("decision"), values.get("reason", "")
    if kind not in KINDS:
        shown = f"`{str(kind)[:50]}` is not known."
        faults.append(errors.Fault("decision", shown, f"Use one of {', '.join(KINDS)}."))
    if not isinstance(reason, str):
        faults.append(errors.Fault("reason", "must be a text.", "Say why, or leave it out."))
    ends = [_end(conn, viewer, values, side, now_ms, faults) for side in ("a", "b")]
    if faults or ends[0] is None or ends[1] is None:
        raise errors.Invalid(*faults)
    return decisions.say(
        conn, viewer, cast("decisions.Kind", kind), ends[0], ends[1], reason, now_ms
    )


def undo(conn: Connection, viewer: Viewer, ref: str, reason: str, now_ms: int) -> decisions.Said:
    """Take a decision back. Raises `NotFound`, or `Conflict` when it no longer counts."""
    viewer.must_write()
    return decisions.undo(conn, viewer, number(ref), reason, now_ms)


def settled(opened: Open, viewer: Viewer, said: decisions.Said) -> Decision:
    """The decision once the worker took it up, which takes milliseconds, or as it is after a while.

    Call it outside the transaction that wrote the decision.
    """
    until = time.monotonic() + limits.decision_wait_ms / 1000
    while True:
        with opened() as conn:
            said = decisions.get(conn, viewer, said.id)
        if not said.pending or time.monotonic() > until:
            return shown(said)
        time.sleep(_POLL_S)


def decision(conn: Connection, viewer: Viewer, ref: str) -> Decision:
    """One decision. Raises `NotFound`."""
    return shown(decisions.get(conn, viewer, number(ref)))


def list_decisions(
    conn: Connection, viewer: Viewer, cursor: str | None = None, person: str | None = None
) -> Decisions:
    """Decisions, newest first: all of them a page at a time, or those on a person's identifiers."""
    viewer.must_read()
    if person is not None:
        found = of_person(conn, viewer, _person(conn, viewer, person))
        return {"items": [shown(said) for said in found], "next": None}
    before = number(cursor) if cursor else None
    rows = decisions.listed(conn, viewer, before, limits.page_rows_default)
    more = ids.api_id("dec", rows[-1].id) if len(rows) == limits.page_rows_default else None
    return {"items": [shown(said) for said in rows], "next": more}


def of_person(conn: Connection, viewer: Viewer, person_id: int) -> list[decisions.Said]:
    """Decisions that name one of a person's identifiers."""
    values = identity.values_of(conn, viewer, [person_id])[person_id]
    return decisions.of_identifiers(conn, viewer, [Identifier(*v) for v in values])


def shown(said: decisions.Said) -> Decision:
    """A decision as doors show it."""
    undone = None
    if said.undone_ms is not None:
        undone = {
            "by": said.undone_by_name or "", "at": clock.iso(said.undone_ms) or "",
            "reason": said.undone_reason or "",
        }  # fmt: skip
    return {
        "id": ids.api_id("dec", said.id),
        "decision": said.kind,
        "a": _line(said.a),
        "b": _line(said.b),
        "reason": said.reason,
        "by": said.actor_name,
        "at": clock.iso(said.at_ms) or "",
        "state": _state(said),
        "cannot": cannot(said.suppressed) if said.in_force and said.suppressed else None,
        "undone": undone,
        "replaced_by": ids.api_id_or_none("dec", said.replaced_by),
        "changed": [
            {
                "action": one["action"],
                "person": ids.api_id("per", one["person"]),
                "other": ids.api_id_or_none("per", one["other"]),
            }
            for one in said.outcome
        ],
    }


def cannot(reason: str) -> str:
    """Why a decision has no effect, in a sentence."""
    if reason == "decision":
        return "Another decision says that they are different people. Undo that one first."
    if reason == "size":
        most = f"{limits.component_identifiers_max:,}"
        return f"Together they would be more than {most} identifiers, which can't be one person."
    return f"It could not be followed ({reason}). Undo it, and report this."


def end_of(
    conn: Connection, viewer: Viewer, ref: str, at_ms: int | None, now_ms: int
) -> decisions.End:
    """What a reference means: an identifier, or a person by the strongest one it has.

    Raises `NotFound`.
    """
    wanted = refs.known_person(conn, viewer, ref)
    if isinstance(wanted, int):
        person_id = identity.follow(conn, viewer, wanted)
        found = identity.identifiers_of(conn, viewer, person_id) if person_id else []
        if not found:
            raise refs.unknown("person", ref)
        first = found[0]
        wanted = Identifier(first.namespace, first.value)
        at_ms = first.chapter_ms
    is_device = identity.namespaces.current(conn).of(wanted.namespace).kind == "device"
    return decisions.End(wanted, max(now_ms if at_ms is None else at_ms, 1) if is_device else 0)


def _end(
    conn: Connection,
    viewer: Viewer,
    values: Mapping[str, Any],
    side: str,
    now_ms: int,
    faults: list[errors.Fault],
) -> decisions.End | None:
    ref, at = values.get(side), values.get(f"{side}_at")
    if not isinstance(ref, str) or not ref.strip():
        faults.append(errors.Fault(side, "is missing.", "Send `user_id:u1` or `per_12`."))
        return None
    at_ms = None
    if at is not None:
        try:
            at_ms = clock.from_datetime(datetime.fromisoformat(str(at)))
        except ValueError:
            faults.append(errors.Fault(f"{side}_at", "is not a time.", "Send ISO 8601."))
            return None
    try:
        return end_of(conn, viewer, ref.strip(), at_ms, now_ms)
    except errors.NotFound as error:
        faults.append(errors.Fault(side, str(error)))
        return None


def _person(conn: Connection, viewer: Viewer, ref: str) -> int:
    wanted = refs.known_person(conn, viewer, ref)
    if isinstance(wanted, int):
        found = identity.follow(conn, viewer, wanted)
    else:
        found = identity.person_of(conn, viewer, *wanted)
    if found is None:
        raise refs.unknown("person", ref)
    return found


def number(ref: str) -> int:
    """The id in `dec_4`. Raises `NotFound`."""
    try:
        return ids.parse_id("dec", ref)
    except errors.Invalid:
        raise errors.NotFound(f"There is no decision `{ref[:50]}`. Ask by id: `dec_4`.") from None


def _line(end: decisions.End) -> EndLine:
    return {"ref": str(end.identifier), "at": clock.iso(end.at_ms) if end.at_ms else None}


def _state(said: decisions.Said) -> str:
    if said.undone_ms is not None:
        return "undone"
    if said.replaced_by is not None:
        return "replaced"
    return "pending" if said.pending else "in_force"
