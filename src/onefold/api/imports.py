"""Imports of files: upload, mapping, preview, start, progress, revert."""

import asyncio
import tempfile
from typing import Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType

from onefold.api import door
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import found_by_id
from onefold.kernel import clock, ids, limits, settings
from onefold.record import import_files, importing, keyset
from onefold.sources import imports

_SPOOL_BYTES = 8_000_000


class ImportView(msgspec.Struct, frozen=True):
    """An import: `created`, `matched`, `unchanged`, `refused`, `filtered` count rows of the file.

    `faults` are the first ones; `report` says what a revert took back and kept.
    """

    id: str
    name: str
    target: str
    source_id: str | None
    status: str
    format: imports.Format
    mapping: imports.Mapping
    rows_total: int | None
    rows_done: int
    percent: int
    created: int
    matched: int
    unchanged: int
    refused: int
    filtered: int
    faults: list[imports.RowFault]
    error: str
    report: list[str]
    created_at: str | None
    started_at: str | None
    done_at: str | None


class ImportChange(msgspec.Struct, forbid_unknown_fields=True):
    """What to change about a draft."""

    target: str | UnsetType = UNSET
    mapping: imports.Mapping | UnsetType = UNSET
    source_id: str | UnsetType = UNSET


@get("/imports", opt=door.READER, sync_to_thread=True)
def list_imports(
    call: Call, before: FromQuery[str | None] = None, limit: FromQuery[int | None] = None
) -> Listed[ImportView]:
    """Imports, newest first."""
    rows = keyset.page_rows(limit)
    first = None if before is None else ids.parse_id("imp", before, "before")
    with call.open() as conn:
        found = imports.store.list_all(conn, call.viewer, first, rows)
        items = [_view(one, []) for one in found]
    return Listed(items, None, items[-1].id if len(items) == rows else None)


@post(
    "/imports",
    opt={**door.ADMIN, "file": True},
    request_max_body_size=limits.import_file_bytes_max,
)
async def upload_import(
    request: Request[Any, Any, Any],
    call: Call,
    name: FromQuery[str],
    target: FromQuery[str] = "",
    source_id: FromQuery[str] = "",
) -> ImportView:
    """Upload a file as the request's body: a draft with a proposal for its columns."""
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as spool:
        async for block in request.stream():
            spool.write(block)
        spool.seek(0)
        chosen = request.app.state.settings or settings.load()
        path = await asyncio.to_thread(import_files.keep_file, chosen.data, name, spool)

    def draft() -> ImportView:
        source = ids.parse_id("src", source_id, "source_id") if source_id else None
        try:
            with call.open() as conn:
                one = importing.draft(
                    conn, call.viewer, path=path, name=name, target=target, now_ms=call.now_ms,
                    source_id=source,
                )  # fmt: skip
        except Exception:
            path.unlink(missing_ok=True)
            raise
        return _view(one, [])

    return await asyncio.to_thread(draft)


@get("/imports/{import_id:str}", opt=door.READER, sync_to_thread=True)
def get_import(call: Call, import_id: FromPath[str]) -> ImportView:
    """One import, and how far it is."""
    number = _number(import_id)
    with call.open() as conn:
        one = imports.store.get(conn, call.viewer, number)
        return _view(one, importing.report(conn, call.viewer, one))


@patch("/imports/{import_id:str}", opt=door.ADMIN, sync_to_thread=True)
def change_import(call: Call, import_id: FromPath[str], data: JSONBody[ImportChange]) -> ImportView:
    """Change a draft's target, mapping or source."""
    number = _number(import_id)
    with call.open() as conn:
        one = importing.set_up(
            conn, call.viewer, number,
            target=data.target or None,
            mapping=data.mapping or None,
            source_id=ids.parse_id("src", data.source_id, "source_id") if data.source_id else None,
        )  # fmt: skip
    return _view(one, [])


@get("/imports/{import_id:str}/preview", opt=door.READER, sync_to_thread=True)
def preview_import(call: Call, import_id: FromPath[str]) -> importing.Preview:
    """What a start would create, match and refuse, by the first rows."""
    number = _number(import_id)
    with call.open() as conn:
        one = imports.store.get(conn, call.viewer, number)
        return importing.preview(conn, call.viewer, one)


@post("/imports/{import_id:str}/start", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def start_import(call: Call, import_id: FromPath[str]) -> ImportView:
    """Start a draft, or let one that stopped go on."""
    number = _number(import_id)
    with call.open() as conn:
        return _view(importing.start(conn, call.viewer, number), [])


@post("/imports/{import_id:str}/cancel", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def cancel_import(call: Call, import_id: FromPath[str]) -> ImportView:
    """Stop an import; what is in stays until it is reverted."""
    number = _number(import_id)
    with call.open() as conn:
        return _view(importing.cancel(conn, call.viewer, number), [])


@delete("/imports/{import_id:str}", opt=door.ADMIN, sync_to_thread=True)
def discard_import(request: Request[Any, Any, Any], call: Call, import_id: FromPath[str]) -> None:
    """Forget a draft, or an import that brought nothing in, with its file."""
    number = _number(import_id)
    chosen = request.app.state.settings or settings.load()
    with call.open() as conn:
        importing.discard(conn, call.viewer, number, chosen.data)


@post("/imports/{import_id:str}/revert", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def revert_import(call: Call, import_id: FromPath[str]) -> ImportView:
    """Take everything back that the import brought in."""
    number = _number(import_id)
    with call.open() as conn:
        return _view(importing.revert(conn, call.viewer, number), [])


def _number(import_id: str) -> int:
    with found_by_id():
        return importing.number_of(import_id)


def _view(one: imports.Import, report: list[str]) -> ImportView:
    def iso(value: Any) -> str | None:
        return None if value is None else clock.iso(clock.from_datetime(value))

    same = {
        name: getattr(one, name)
        for name in ImportView.__struct_fields__
        if name not in ("id", "source_id", "report", "created_at", "started_at", "done_at")
    }
    return ImportView(
        id=one.api_id, source_id=ids.api_id_or_none("src", one.source_id), report=report,
        created_at=iso(one.created_at), started_at=iso(one.started_at), done_at=iso(one.done_at),
        **same,
    )  # fmt: skip


HANDLERS = [
    list_imports, upload_import, get_import, change_import, preview_import, start_import,
    cancel_import, discard_import, revert_import,
]  # fmt: skip
