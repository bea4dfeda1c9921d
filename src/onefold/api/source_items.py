"""Single items of a source: what became of each, and refused ones corrected and replayed."""

import base64
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from onefold import sources
from onefold.api import door
from onefold.api.call import Call
from onefold.api.records import found_by_id
from onefold.kernel import clock, errors, facts, ids, limits
from onefold.record import keyset
from onefold.sources import trail

_RAW_BYTES_SHOWN = 10_000  # in a list; the whole is at the item's own address
_YEAR_MAX = 9999


class Became(msgspec.Struct, frozen=True):
    """The fact that an item became."""

    at: str
    identifier: str
    identifiers: list[str]
    person: str | None
    account: str | None
    message_id: str
    traits: dict[str, Any]
    properties: dict[str, Any]


class Fault(msgspec.Struct, frozen=True):
    """Why it was refused, and what to do."""

    code: str
    field: str
    problem: str
    remedy: str


class Resolution(msgspec.Struct, frozen=True):
    """What was done about it: `replayed` or `dropped`; `new_id` is the corrected item."""

    state: str
    by: str
    at: str | None
    new_id: str | None


class SourceEvent(msgspec.Struct, frozen=True):
    """One item: as sent, and what became of it.

    `outcome` is processed, duplicate, refused, filtered or waiting. `raw` is as sent, cut in lists
    (`raw_cut`); `raw_base64` when it is no text. `shared` is what the batch gave it. `first_id` is
    the item that a duplicate repeats, looked for when the item alone is asked for.
    """

    id: str
    received_at: str
    outcome: str
    kind: str
    name: str
    who: dict[str, str]
    raw: str | None
    raw_base64: str | None
    raw_cut: bool
    shared: dict[str, Any]
    became: Became | None
    corrections: list[trail.Correction]
    refusal: Fault | None
    resolution: Resolution | None
    rule: str | None
    first_id: str | None


class SourceEvents(msgspec.Struct, frozen=True):
    """A page, newest first. With a `next` there may be more, also when the page is empty.

    `looked_at` log rows were read for it; `reached` is how far back it came.
    """

    items: list[SourceEvent]
    total: int | None
    next: str | None
    looked_at: int
    reached: str | None


class RefusedGroup(msgspec.Struct, frozen=True):
    """Refused items that are alike and still open."""

    code: str
    field: str
    items: int
    first_at: str | None
    last_at: str | None
    samples: list[dict[str, str]]


class RefusedAction(msgspec.Struct, frozen=True):
    """What somebody did about refused items."""

    id: str
    kind: str
    code: str
    field: str
    fixes: list[dict[str, Any]]
    items: int
    by: str
    at: str | None
    undone_by: str | None
    undone_at: str | None


class RefusedGroups(msgspec.Struct, frozen=True):
    """Open groups, and what was done so far."""

    items: list[RefusedGroup]
    actions: list[RefusedAction]


class Choice(msgspec.Struct, forbid_unknown_fields=True):
    """Open refused items: all, those of a `code` and `field`, or those of `ids`."""

    code: str | None = None
    field: str | None = None
    ids: list[str] | None = None


class Repair(Choice, forbid_unknown_fields=True):
    """Which items, and how to correct them."""

    fixes: list[trail.Fix] = []


class Undo(msgspec.Struct, forbid_unknown_fields=True):
    """Which drop to undo."""

    action: str


class PreviewSample(msgspec.Struct, frozen=True):
    """An item before and after; `refusal` when it still would not pass."""

    id: str
    before: str
    after: dict[str, Any] | None
    passes: bool
    refusal: Fault | None


class RepairPreview(msgspec.Struct, frozen=True):
    """What a replay would do; of `matched` items the oldest `tried` were tried."""

    matched: int
    tried: int
    passes: int
    filtered: int
    still_refused: list[dict[str, Any]]
    samples: list[PreviewSample]


class RepairDone(msgspec.Struct, frozen=True):
    """What was done. `remaining` items wait for another call; `action` is what an undo goes by."""

    action: str | None
    items: int
    still_refused: int = 0
    filtered: int = 0
    remaining: int = 0


@get("/sources/{source_id:str}/events", opt=door.READER, sync_to_thread=True)
def list_events(
    call: Call,
    source_id: FromPath[str],
    event: FromQuery[str] = "",
    who: FromQuery[str] = "",
    outcome: FromQuery[str] = "",
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    before: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> SourceEvents:
    """Items of a source and what became of each, newest first."""
    rows = keyset.page_rows(limit)
    wanted = _search(event, who, outcome, since, until)
    number, below = _number(source_id), _position(before, "before")
    with call.open() as conn:
        sources.get(conn, call.viewer, number)
        found = trail.search(conn, call.viewer, number, wanted, below, rows)
    return SourceEvents(
        [_event(e, _RAW_BYTES_SHOWN) for e in found.events],
        None,
        None if found.next is None else str(found.next),
        found.looked_at,
        clock.iso(found.reached_ms),
    )


@get("/sources/{source_id:str}/events.jsonl", opt=door.READER, sync_to_thread=True)
def export_events(
    call: Call,
    source_id: FromPath[str],
    event: FromQuery[str] = "",
    who: FromQuery[str] = "",
    outcome: FromQuery[str] = "",
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    before: FromQuery[str | None] = None,
) -> Stream:
    """The same as JSON Lines, whole, up to 100,000 of them."""
    wanted = _search(event, who, outcome, since, until)
    number, below = _number(source_id), _position(before, "before")
    with call.open() as conn:
        sources.get(conn, call.viewer, number)

    def lines() -> Iterator[bytes]:
        left, at, ended = limits.events_export_max, below, False
        while left > 0 and not ended:
            with call.open() as conn:
                rows = min(left, limits.page_rows_max)
                found = trail.search(conn, call.viewer, number, wanted, at, rows)
            for one in found.events:
                yield msgspec.json.encode(_event(one, None)) + b"\n"
            left -= len(found.events)
            at, ended = found.next, found.next is None

    return Stream(
        lines(), media_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="events-src_{number}.jsonl"'},
    )  # fmt: skip


@get("/sources/{source_id:str}/events/{pos:str}", opt=door.READER, sync_to_thread=True)
def get_event(call: Call, source_id: FromPath[str], pos: FromPath[str]) -> SourceEvent:
    """One item of a source, whole."""
    number = _number(source_id)
    place = int(pos) if pos.isascii() and pos.isdigit() and len(pos) < 19 else -1
    with call.open() as conn:
        sources.get(conn, call.viewer, number)
        if place < 0:
            raise errors.NotFound("There is no event with such an id.")
        return _event(trail.event(conn, call.viewer, number, place), None)


@get("/sources/{source_id:str}/refused/groups", opt=door.READER, sync_to_thread=True)
def list_refused_groups(call: Call, source_id: FromPath[str]) -> RefusedGroups:
    """Open refused items by code and field with samples, and what was done so far."""
    number = _number(source_id)
    with call.open() as conn:
        sources.get(conn, call.viewer, number)
        groups = trail.groups(conn, call.viewer, number)
        actions = trail.actions(conn, call.viewer, number)
    return RefusedGroups([_group(g) for g in groups], [_action(a) for a in actions])


@post(
    "/sources/{source_id:str}/refused/preview", opt=door.ADMIN, sync_to_thread=True,
    status_code=200,
)  # fmt: skip
def preview_refused(call: Call, source_id: FromPath[str], data: JSONBody[Repair]) -> RepairPreview:
    """Try corrections on refused items: how many would now pass."""
    number = _number(source_id)
    with call.open() as conn:
        sources.get(conn, call.viewer, number)
        found = trail.preview(conn, call.viewer, number, _selection(data), data.fixes)
    names = ("code", "field", "problem", "items")
    return RepairPreview(
        found.matched,
        found.tried,
        found.passes,
        found.filtered,
        [dict(zip(names, one, strict=True)) for one in found.left],
        [_sample(one) for one in found.samples],
    )


@post(
    "/sources/{source_id:str}/refused/replay", opt=door.ADMIN, sync_to_thread=True,
    status_code=200,
)  # fmt: skip
def replay_refused(call: Call, source_id: FromPath[str], data: JSONBody[Repair]) -> RepairDone:
    """Correct refused items and send those that pass through the log again, once."""
    number = _number(source_id)
    with call.open() as conn:
        sources.get(conn, call.viewer, number)
        done = trail.replay(conn, call.viewer, number, _selection(data), data.fixes, call.now_ms)
    with call.open() as conn:
        trail.note_positions(conn, done.rows)
    return RepairDone(
        None if done.action_id is None else str(done.action_id),
        done.replayed, done.still_refused, done.filtered, done.remaining,
    )  # fmt: skip


@post("/sources/{source_id:str}/refused/drop", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def drop_refused(call: Call, source_id: FromPath[str], data: JSONBody[Choice]) -> RepairDone:
    """Mark refused items as not to be replayed; they stay counted and can be restored."""
    number = _number(source_id)
    with call.open() as conn:
        sources.get(conn, call.viewer, number)
        action, n = trail.drop(conn, call.viewer, number, _selection(data), call.now_ms)
    return RepairDone(str(action), n)


@post(
    "/sources/{source_id:str}/refused/restore", opt=door.ADMIN, sync_to_thread=True,
    status_code=200,
)  # fmt: skip
def restore_refused(call: Call, source_id: FromPath[str], data: JSONBody[Undo]) -> RepairDone:
    """Undo a drop: its items are open again."""
    number = _number(source_id)
    action = _position(data.action, "action")
    with call.open() as conn:
        sources.get(conn, call.viewer, number)
        n = trail.restore(conn, call.viewer, number, action or 0, call.now_ms)
    return RepairDone(data.action, n)


def _number(source_id: str) -> int:
    with found_by_id():
        return ids.parse_id("src", source_id)


def _position(text: str | None, field: str) -> int | None:
    if text is None or text == "":
        return None
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    raise errors.Invalid(errors.Fault(field, "is no id.", "Take it from an answer."))


def _search(event: str, who: str, outcome: str, since: str, until: str) -> trail.Search:
    if outcome and outcome not in trail.OUTCOMES:
        known = ", ".join(trail.OUTCOMES)
        raise errors.Invalid(
            errors.Fault("outcome", f"`{outcome[:50]}` is not known.", f"Use one of {known}.")
        )
    return trail.Search(event, who, outcome, _time(since, "since"), _time(until, "until"))


def _time(text: str, field: str) -> int | None:
    if not text:
        return None
    try:
        return clock.from_datetime(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise errors.Invalid(
            errors.Fault(field, "is no time.", "Send ISO 8601: `2026-11-24T20:00:00Z`.")
        ) from None


def _selection(choice: Choice) -> trail.Selection:
    chosen = None
    if choice.ids is not None:
        chosen = tuple(_position(one, "ids") or 0 for one in choice.ids)
    return trail.Selection(choice.code, choice.field, chosen)


def _event(one: trail.Event, raw_bytes: int | None) -> SourceEvent:
    text, encoded, cut = _raw(one.raw, raw_bytes)
    end = one.settled
    return SourceEvent(
        id=str(one.pos),
        received_at=clock.iso(one.received_ms) or "",
        outcome=one.outcome,
        kind=one.kind,
        name=one.name,
        who=dict(one.who),
        raw=text,
        raw_base64=encoded,
        raw_cut=cut,
        shared=one.shared,
        became=_became(one.fact, one.person_id) if one.fact else None,
        corrections=list(one.corrections),
        refusal=_fault(one.refusal) if one.refusal else None,
        resolution=Resolution(
            end.resolution, end.done_by, clock.iso(end.done_ms),
            None if end.new_pos is None else str(end.new_pos),
        ) if end else None,
        rule=one.rule or None,
        first_id=None if one.first_pos is None else str(one.first_pos),
    )  # fmt: skip


def _became(fact: facts.Fact, person_id: int | None) -> Became:
    return Became(
        at=clock.iso(fact.at_ms) or "",
        identifier=str(fact.home),
        identifiers=[str(i) for i in fact.identifiers],
        person=ids.api_id_or_none("per", person_id),
        account=fact.account,
        message_id=fact.message_id,
        traits=fact.traits,
        properties=fact.properties,
    )


def _raw(raw: bytes, bytes_max: int | None) -> tuple[str | None, str | None, bool]:
    cut = bytes_max is not None and len(raw) > bytes_max
    try:
        text = raw.decode()
        return (text[:bytes_max] if cut else text), None, cut
    except UnicodeDecodeError:
        return None, base64.b64encode(raw[:bytes_max] if cut else raw).decode(), cut


def _fault(refusal: facts.Refusal) -> Fault:
    return Fault(refusal.code, refusal.field, refusal.problem, refusal.remedy)


def _group(group: trail.Group) -> RefusedGroup:
    samples = [
        {
            "id": str(r.pos), "problem": r.problem, "remedy": r.remedy,
            "raw": r.raw[:_RAW_BYTES_SHOWN].decode("utf-8", "replace"),
        }
        for r in group.samples
    ]  # fmt: skip
    return RefusedGroup(
        group.code, group.field, group.items,
        clock.iso(group.first_ms), clock.iso(group.last_ms), samples,
    )  # fmt: skip


def _action(action: trail.Action) -> RefusedAction:
    return RefusedAction(
        str(action.id), action.kind, action.code, action.field, action.fixes, action.items,
        action.done_by, clock.iso(action.done_ms), action.undone_by or None,
        clock.iso(action.undone_ms),
    )  # fmt: skip


def _sample(one: Any) -> PreviewSample:
    raw: bytes = one.before.raw
    left = one.result if isinstance(one.result, facts.Refusal) else None
    return PreviewSample(
        str(one.before.pos), raw[:_RAW_BYTES_SHOWN].decode("utf-8", "replace"), one.after,
        one.passes, _fault(left) if left else None,
    )  # fmt: skip


HANDLERS = [
    list_events, export_events, get_event, list_refused_groups, preview_refused, replay_refused,
    drop_refused, restore_refused,
]  # fmt: skip
