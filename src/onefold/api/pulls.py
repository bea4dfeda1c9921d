"""Pulls: tables of databases and folders of files, read by SQL on a schedule.

Passwords go in and never come out. What asks the database something runs between two transactions:
it may last minutes; so do those routes that show its rows, which are for admins.
"""

from typing import Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType

from onefold.api import door
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import found_by_id
from onefold.kernel import clock, ids, limits
from onefold.record import import_rows, keyset, pulling
from onefold.sources import imports, pulls

AnyRequest = Request[Any, Any, Any]


class Pull(msgspec.Struct, frozen=True):
    """A pull. `connection` and `query` are for admins; others see the connection's kind.

    `position`: the cursor's value in the last row that is in. `known`: rows that are remembered.
    """

    id: str
    name: str
    source_id: str | None
    connection: pulls.Place
    has_password: bool
    table: str
    query: str
    target: str
    mapping: imports.Mapping
    keys: list[str]
    cursor: str
    overlap: int | None
    time_zone: str
    schedule: str
    enabled: bool
    next_at: str | None
    position: pulls.Position | None
    known: int
    created_by: str
    created_at: str | None
    version: int


class PullRun(msgspec.Struct, frozen=True):
    """One run: rows read, of which new, known, unchanged and refused.

    `faults`, `notes` and `error` are for admins. What came in is reverted by its `import_id`.
    """

    id: str
    status: str
    read: int
    created: int
    matched: int
    unchanged: int
    refused: int
    filtered: int
    seconds: float | None
    import_id: str | None
    faults: list[imports.RowFault]
    notes: list[str]
    error: str
    position: pulls.Position | None
    asked_by: str
    created_at: str | None
    started_at: str | None
    done_at: str | None


class NewPull(msgspec.Struct, forbid_unknown_fields=True):
    """A pull by its connection. Facts get a source of their own unless one is named."""

    name: str
    connection: pulls.Place
    password: str = ""
    category: str = "product"
    source_id: str | None = None


class PullChange(msgspec.Struct, forbid_unknown_fields=True):
    """What to change. With `table` or `query` all of what is read is set anew.

    An empty `target` and a null `mapping` take the proposal; so do absent `keys` and `cursor`.
    """

    name: str | UnsetType = UNSET
    connection: pulls.Place | UnsetType = UNSET
    password: str | UnsetType = UNSET
    table: str | UnsetType = UNSET
    query: str | UnsetType = UNSET
    target: str = ""
    mapping: imports.Mapping | None = None
    keys: list[str] | UnsetType = UNSET
    cursor: str | UnsetType = UNSET
    overlap: int | None = None
    time_zone: str = "UTC"
    schedule: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class PullTest(msgspec.Struct, frozen=True):
    """What answered, and the tables and views that may be read there."""

    server: str
    tables: list[pulls.Table]


class PullLook(msgspec.Struct, forbid_unknown_fields=True):
    """A table or a query to look at; what its rows are, "" to have it guessed."""

    table: str = ""
    query: str = ""
    target: str = ""


class PullColumns(msgspec.Struct, frozen=True):
    """Columns as the database has them, first rows, and a proposal for how to read them."""

    columns: list[pulls.Field]
    rows: list[dict[str, Any]]
    target: str
    mapping: imports.Mapping
    keys: list[str]
    cursor: str


@get("/pulls", opt=door.READER, sync_to_thread=True)
def list_pulls(call: Call) -> Listed[Pull]:
    """List pulls."""
    with call.open() as conn:
        found = [_shown(one) for one in pulls.store.list_all(conn, call.viewer)]
    return Listed(found, len(found))


@post("/pulls", opt=door.ADMIN, sync_to_thread=True)
def create_pull(call: Call, data: JSONBody[NewPull]) -> Pull:
    """Add a pull by its connection; nothing is read yet."""
    source_id = None if data.source_id is None else ids.parse_id("src", data.source_id, "source_id")
    with call.open() as conn:
        made = pulls.setup.create(
            conn, call.viewer, name=data.name, place=data.connection, secret=data.password,
            category=data.category, source_id=source_id,
        )  # fmt: skip
        return _shown(pulls.store.get(conn, call.viewer, made.id))


@get("/pulls/{pull_id:str}", opt=door.READER, sync_to_thread=True)
def get_pull(call: Call, pull_id: FromPath[str]) -> Pull:
    """Get a pull."""
    number = _number(pull_id)
    with call.open() as conn:
        return _shown(pulls.store.get(conn, call.viewer, number))


@patch("/pulls/{pull_id:str}", opt=door.ADMIN, sync_to_thread=True)
def change_pull(
    call: Call, pull_id: FromPath[str], data: JSONBody[PullChange], request: AnyRequest
) -> Pull:
    """Change a pull: its connection, what it reads, its schedule; or pause it."""
    number = _number(pull_id)
    with call.open() as conn:
        one = pulls.store.for_run(conn, number)
        if data.name is not UNSET:
            pulls.store.change(conn, call.viewer, number, name=pulls.setup.check_name(data.name))
        if data.connection is not UNSET or data.password is not UNSET:
            place = one.place if data.connection is UNSET else data.connection
            secret = "" if data.password is UNSET else data.password
            pulls.setup.move(conn, call.viewer, number, place, secret)
        if data.schedule is not UNSET or data.enabled is not UNSET:
            often = one.schedule if data.schedule is UNSET else data.schedule
            enabled = one.enabled if data.enabled is UNSET else data.enabled
            pulls.setup.set_schedule(conn, call.viewer, number, often, enabled, call.now_ms)
    if data.table is not UNSET or data.query is not UNSET:
        _choose(call, number, data, _allowed(request))
    with call.open() as conn:
        return _shown(pulls.store.get(conn, call.viewer, number))


def _choose(call: Call, number: int, data: PullChange, allowed: str) -> None:
    with call.open() as conn:
        one = pulls.store.for_run(conn, number)
    table = "" if data.table is UNSET else data.table
    query = "" if data.query is UNSET else data.query
    found = pulls.setup.look(one, table, query, data.target, allowed)
    choice = pulls.setup.Choice(
        relation=table, query=query, target=data.target, mapping=data.mapping,
        keys=found.keys if data.keys is UNSET else data.keys,
        cursor_column=found.cursor_column if data.cursor is UNSET else data.cursor,
        overlap=data.overlap, time_zone=data.time_zone,
    )  # fmt: skip
    chosen = pulls.setup.check(one, found, choice)
    with call.open() as conn:
        pulls.setup.choose(conn, call.viewer, number, chosen)


@delete("/pulls/{pull_id:str}", opt=door.ADMIN, sync_to_thread=True)
def delete_pull(call: Call, pull_id: FromPath[str]) -> None:
    """Delete a pull; what it brought in stays, and so does its source."""
    number = _number(pull_id)
    with call.open() as conn:
        pulling.delete(conn, call.viewer, number)


@post("/pulls/{pull_id:str}/test", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def test_pull(call: Call, pull_id: FromPath[str], request: AnyRequest) -> PullTest:
    """Try its connection: what answered, and the tables and views it may read."""
    number = _number(pull_id)
    with call.open() as conn:
        one = pulls.store.for_run(conn, number)
    server, tables = pulls.setup.tables(one.place, one.secret, _allowed(request))
    return PullTest(server, tables)


@post("/pulls/{pull_id:str}/columns", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def look_at_pull(
    call: Call, pull_id: FromPath[str], data: JSONBody[PullLook], request: AnyRequest
) -> PullColumns:
    """Columns and first rows of a table or query, and a proposal for their mapping."""
    number = _number(pull_id)
    with call.open() as conn:
        one = pulls.store.for_run(conn, number)
    found = pulls.setup.look(one, data.table, data.query, data.target, _allowed(request))
    rows = [{n: imports.values.text(v) for n, v in row.items()} for row in found.rows[:10]]
    return PullColumns(
        found.fields, rows, found.target, found.mapping, found.keys, found.cursor_column
    )


@post("/pulls/{pull_id:str}/preview", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def preview_pull(call: Call, pull_id: FromPath[str], request: AnyRequest) -> import_rows.Preview:
    """What a run would create, match and refuse, by the first rows. Changes nothing."""
    number = _number(pull_id)
    with call.open() as conn:
        one = pulls.store.for_run(conn, number)
        allowed, rows = _allowed(request), limits.pull_preview_rows
        return pulling.preview(conn, call.viewer, one, allowed, rows)


@post("/pulls/{pull_id:str}/restart", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def restart_pull(call: Call, pull_id: FromPath[str]) -> Pull:
    """Read from the start next time: rows that are in as they are stay as they are."""
    number = _number(pull_id)
    with call.open() as conn:
        return _shown(pulls.setup.restart(conn, call.viewer, number))


@get("/pulls/{pull_id:str}/runs", opt=door.READER, sync_to_thread=True)
def list_pull_runs(
    call: Call, pull_id: FromPath[str], before: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> Listed[PullRun]:  # fmt: skip
    """Its runs, newest first."""
    number, rows = _number(pull_id), keyset.page_rows(limit)
    first = None if before is None else ids.parse_id("run", before, "before")
    with call.open() as conn:
        pulls.store.get(conn, call.viewer, number)
        found = [_run(r) for r in pulls.store.runs(conn, call.viewer, number, first, rows)]
    return Listed(found, None, found[-1].id if len(found) == rows else None)


@post("/pulls/{pull_id:str}/runs", opt=door.ADMIN, sync_to_thread=True)
def start_pull(call: Call, pull_id: FromPath[str]) -> PullRun:
    """Run it now."""
    number = _number(pull_id)
    with call.open() as conn:
        return _run(pulling.start(conn, call.viewer, number))


@post("/pulls/{pull_id:str}/cancel", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def cancel_pull(call: Call, pull_id: FromPath[str]) -> PullRun:
    """Stop its open run; the next one goes on from there."""
    number = _number(pull_id)
    with call.open() as conn:
        return _run(pulling.cancel(conn, call.viewer, number))


def _allowed(request: AnyRequest) -> str:
    settings = request.app.state.settings
    return str(settings.pull_files) if settings else ""


def _number(pull_id: str) -> int:
    with found_by_id():
        return pulling.number_of(pull_id)


def _shown(one: pulls.Pull) -> Pull:
    return Pull(
        id=one.api_id, name=one.name, source_id=ids.api_id_or_none("src", one.source_id),
        connection=one.place, has_password=bool(one.secret), table=one.relation, query=one.query,
        target=one.target, mapping=one.mapping, keys=one.keys, cursor=one.cursor_column,
        overlap=one.overlap, time_zone=one.time_zone, schedule=one.schedule, enabled=one.enabled,
        next_at=_iso(one.next_at), position=one.position, known=one.known,
        created_by=one.created_by, created_at=_iso(one.created_at), version=one.version,
    )  # fmt: skip


def _run(one: pulls.Run) -> PullRun:
    return PullRun(
        id=str(one.id), status=one.status, read=one.read, created=one.created,
        matched=one.matched, unchanged=one.unchanged, refused=one.refused, filtered=one.filtered,
        seconds=one.seconds, import_id=ids.api_id_or_none("imp", one.import_id),
        faults=one.faults, notes=one.notes, error=one.error, position=one.position,
        asked_by=one.asked_by, created_at=_iso(one.created_at), started_at=_iso(one.started_at),
        done_at=_iso(one.done_at),
    )  # fmt: skip


def _iso(at: Any) -> str | None:
    return None if at is None else clock.iso(clock.from_datetime(at))


HANDLERS = [
    list_pulls, create_pull, get_pull, change_pull, delete_pull, test_pull, look_at_pull,
    preview_pull, restart_pull, list_pull_runs, start_pull, cancel_pull,
]  # fmt: skip
