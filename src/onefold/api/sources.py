"""Sources: where data comes from, and what became of it."""

import base64
from typing import Any

import msgspec
from litestar import get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from onefold import sources
from onefold.api import door
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import found_by_id
from onefold.kernel import clock, errors, ids, limits
from onefold.record import keyset

_HOURS_DEFAULT = 168
_HOURS_MAX = limits.page_rows_max


class Source(msgspec.Struct, frozen=True):
    """A source. `write_key` is empty for all but admins."""

    id: str
    key: str
    name: str
    category: str
    write_key: str
    enabled: bool
    backfill: bool
    created_by: str
    created_at: str
    test: bool


class NewSource(msgspec.Struct, forbid_unknown_fields=True):
    """What to make a source of."""

    name: str
    category: str = "product"
    test: bool = False


class SourceChange(msgspec.Struct, forbid_unknown_fields=True):
    """Let a source send, or not."""

    enabled: bool


class Backfill(msgspec.Struct, forbid_unknown_fields=True):
    """Whether history is being loaded: signals wait meanwhile."""

    on: bool


class LedgerSums(msgspec.Struct, frozen=True):
    """What became of items.

    `received` (read by the worker) = `processed` + `duplicate` + `refused` + `filtered`;
    `accepted` (durable in the log) = `received` + `waiting`. `turned_away` counts requests.
    """

    received: int
    processed: int
    duplicate: int
    refused: int
    filtered: int
    accepted: int
    waiting: int
    refused_for: dict[str, int]
    filtered_by: dict[str, int]
    turned_away: dict[str, int]


class LedgerHour(LedgerSums, frozen=True):
    """What became of a source's items in one hour."""

    hour: str
    reconciles: bool


class Ledger(msgspec.Struct, frozen=True):
    """The hours, newest first, and all of them together."""

    items: list[LedgerHour]
    totals: LedgerSums
    reconciles: bool
    total: int | None = None
    next: str | None = None


class RefusedItem(msgspec.Struct, frozen=True):
    """An item that could not become a fact. `raw` is as sent; `raw_base64` when it is no text."""

    id: str
    received_at: str
    code: str
    field: str
    problem: str
    remedy: str
    raw: str | None
    raw_base64: str | None


@get("/sources", opt=door.READER, sync_to_thread=True)
def list_sources(call: Call) -> Listed[Source]:
    """List sources."""
    with call.open() as conn:
        items = [_shown(s) for s in sources.list_all(conn, call.viewer)]
    return Listed(items, len(items))


@post("/sources", opt=door.ADMIN, sync_to_thread=True)
def create_source(call: Call, data: JSONBody[NewSource]) -> Source:
    """Create a source; its write key is in the answer."""
    with call.open() as conn:
        made = sources.create(conn, call.viewer, data.name, data.category, test=data.test)
        return _shown(made)


@patch("/sources/{source_id:str}", opt=door.ADMIN, sync_to_thread=True)
def change_source(call: Call, source_id: FromPath[str], data: JSONBody[SourceChange]) -> Source:
    """Enable or disable a source."""
    number = _number(source_id)
    with call.open() as conn:
        return _shown(sources.set_enabled(conn, call.viewer, number, data.enabled))


@post("/sources/{source_id:str}/backfill", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def set_backfill(call: Call, source_id: FromPath[str], data: JSONBody[Backfill]) -> Source:
    """Say that history is being loaded from a source, or that it is done."""
    number = _number(source_id)
    with call.open() as conn:
        return _shown(sources.set_backfill(conn, call.viewer, number, data.on))


@get("/sources/{source_id:str}/ledger", opt=door.READER, sync_to_thread=True)
def get_ledger(
    call: Call, source_id: FromPath[str], hours: FromQuery[int] = _HOURS_DEFAULT
) -> Ledger:
    """What became of a source's items, hour by hour, newest first."""
    if not 1 <= hours <= _HOURS_MAX:
        raise errors.Invalid(errors.Fault("hours", f"is {hours}.", f"Use 1 to {_HOURS_MAX}."))
    since_ms = call.now_ms // clock.HOUR_MS * clock.HOUR_MS - (hours - 1) * clock.HOUR_MS
    number = _number(source_id)
    with call.open() as conn:
        sources.get(conn, call.viewer, number)
        found = sources.ledger(conn, call.viewer, number, since_ms, _HOURS_MAX)
    items = [
        LedgerHour(**_sums(h), hour=clock.iso(h.hour_ms) or "", reconciles=h.reconciles)
        for h in found
    ]
    whole = sources.totals(found)
    return Ledger(items, LedgerSums(**_sums(whole)), all(h.reconciles for h in found), len(items))


def _sums(hour: sources.LedgerHour) -> dict[str, Any]:
    return {name: getattr(hour, name) for name in LedgerSums.__struct_fields__}


@get("/sources/{source_id:str}/refused", opt=door.READER, sync_to_thread=True)
def list_refused(
    call: Call,
    source_id: FromPath[str],
    before: FromQuery[int | None] = None,
    limit: FromQuery[int | None] = None,
) -> Listed[RefusedItem]:
    """Items of a source that were refused, each with the reason, newest first."""
    rows = keyset.page_rows(limit)
    if before is not None and not 0 <= before < 2**63:
        raise errors.Invalid(errors.Fault("before", "is no item's id.", "Take it from `next`."))
    number = _number(source_id)
    with call.open() as conn:
        sources.get(conn, call.viewer, number)
        found = sources.refused(conn, call.viewer, number, before, rows)
    after = str(found[-1].pos) if len(found) == rows else None
    return Listed([_refused(r) for r in found], None, after)


def _number(source_id: str) -> int:
    with found_by_id():
        return ids.parse_id("src", source_id)


def _shown(source: sources.Source) -> Source:
    return Source(
        id=ids.api_id("src", source.id),
        key=source.key,
        name=source.name,
        category=source.category,
        write_key=source.write_key,
        enabled=source.enabled,
        backfill=source.backfill,
        created_by=source.created_by,
        created_at=clock.iso(clock.from_datetime(source.created_at)) or "",
        test=source.test,
    )


def _refused(item: Any) -> RefusedItem:
    raw: bytes = item.raw
    try:
        text, encoded = raw.decode(), None
    except UnicodeDecodeError:
        text, encoded = None, base64.b64encode(raw).decode()
    return RefusedItem(
        id=str(item.pos),
        received_at=clock.iso(item.received_ms) or "",
        code=item.code,
        field=item.field,
        problem=item.problem,
        remedy=item.remedy,
        raw=text,
        raw_base64=encoded,
    )


HANDLERS = [list_sources, create_source, change_source, set_backfill, get_ledger, list_refused]
