"""Connectors: Singer taps and Airbyte sources as sources of facts and CRM records.

Configs go in with their secrets and come out without. What a connector is asked (install, check,
discover, first rows, read) is a run in the background: these routes answer with it at once.
"""

from typing import Any

import msgspec
from litestar import Request, delete, get, post, put
from litestar.params import FromPath, JSONBody

from onefold.api import door
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import found_by_id
from onefold.kernel import clock, errors, ids, limits
from onefold.record import connecting, import_rows
from onefold.sources import connectors
from onefold.sources.connectors import setup, store

AnyRequest = Request[Any, Any, Any]


class ConnectorRun(msgspec.Struct, frozen=True):
    """Something a connector was asked: `kind` is install, check, sample or read; `status` waiting,
    running, done, failed or cancelled. `lines`, `faults` and `error` are for admins."""

    id: str
    kind: str
    status: str
    read: int
    appended: int
    duplicates: int
    refused: int
    filtered: int
    streams: dict[str, connectors.Counts]
    faults: list[str]
    lines: list[str]
    error: str
    exit_code: int | None
    created_at: str | None
    started_at: str | None
    done_at: str | None


class ConnectorStream(msgspec.Struct, frozen=True):
    """A stream, and a proposal for how to take it."""

    name: str
    keys: list[str]
    cursor: list[str]
    modes: list[str]
    fields: list[str]
    suggestion: connectors.Plan


class Connector(msgspec.Struct, frozen=True):
    """A connector. `config` and `pending` (sent, and not taken by the connector yet) have their
    secrets masked; they, `state`, `spec` and `command` are empty for all but admins."""

    id: str
    name: str
    source_id: str
    protocol: str
    command: list[str]
    package: str
    executable: str
    python: str
    installed: bool
    spec: dict[str, Any]
    config: dict[str, Any]
    pending: dict[str, Any] | None
    available: list[ConnectorStream]
    streams: dict[str, connectors.Plan]
    state: Any
    rows_known: int
    schedule: str
    next_at: str | None
    created_by: str
    version: int
    last_run: ConnectorRun | None


class NewConnector(msgspec.Struct, forbid_unknown_fields=True):
    """A connector by its command, or by a pinned package that is installed for it."""

    name: str
    protocol: str
    command: list[str] = []
    package: str = ""
    executable: str = ""
    python: str = ""
    category: str = "product"
    source_id: str | None = None


class ConnectorInstall(msgspec.Struct, forbid_unknown_fields=True):
    """Another version of its package; what is absent stays."""

    package: str | None = None
    executable: str | None = None
    python: str | None = None


class ConnectorConfig(msgspec.Struct, forbid_unknown_fields=True):
    """Its config; a masked secret stays as it is."""

    config: dict[str, Any]


class ConnectorChoice(msgspec.Struct, forbid_unknown_fields=True):
    """The streams to read; null takes the proposal."""

    streams: dict[str, connectors.Plan | None]


class ConnectorSample(msgspec.Struct, forbid_unknown_fields=True):
    """Streams whose first rows are wanted."""

    streams: list[str]


class ConnectorPreview(msgspec.Struct, forbid_unknown_fields=True):
    """A stream and how it would be taken; null: as chosen, else as proposed."""

    stream: str
    plan: connectors.Plan | None = None


class ConnectorSchedule(msgspec.Struct, forbid_unknown_fields=True):
    """`every 1h`, five cron fields, or empty."""

    schedule: str


class ConnectorReset(msgspec.Struct, forbid_unknown_fields=True):
    """The stream that begins anew; null: all."""

    stream: str | None = None


@get("/connectors", opt=door.READER, sync_to_thread=True)
def list_connectors(call: Call) -> Listed[Connector]:
    """List connectors."""
    with call.open() as conn:
        last = store.last_runs(conn, call.viewer)
        found = [_shown(one, last.get(one.id)) for one in store.list_all(conn, call.viewer)]
    return Listed(found, len(found))


@get("/connectors/{connector_id:str}", opt=door.READER, sync_to_thread=True)
def get_connector(call: Call, connector_id: FromPath[str]) -> Connector:
    """Get a connector with its streams."""
    return _get(call, _number(connector_id))


@post("/connectors", opt=door.ADMIN, sync_to_thread=True)
def create_connector(call: Call, data: JSONBody[NewConnector], request: AnyRequest) -> Connector:
    """Add a connector. Its package is installed, and its spec asked for, in the background."""
    connectors.run.allowed(request.app.state.settings)
    source_id = None if data.source_id is None else ids.parse_id("src", data.source_id, "source_id")
    with call.open() as conn:
        made = setup.add(
            conn, call.viewer, name=data.name, protocol=data.protocol, command=data.command,
            package=data.package, executable=data.executable, python=data.python,
            category=data.category, source_id=source_id,
        )  # fmt: skip
    return _get(call, made.id)


@post("/connectors/{connector_id:str}/install", opt=door.ADMIN, sync_to_thread=True)
def install_connector(
    call: Call, connector_id: FromPath[str], data: JSONBody[ConnectorInstall], request: AnyRequest
) -> ConnectorRun:
    """Install a connector again, or another version of its package."""
    number = _known(call, connector_id, request)
    with call.open() as conn:
        return _run(
            setup.reinstall(
                conn, call.viewer, number, package=data.package, executable=data.executable,
                python=data.python,
            )
        )  # fmt: skip


@put("/connectors/{connector_id:str}/config", opt=door.ADMIN, sync_to_thread=True)
def configure_connector(
    call: Call, connector_id: FromPath[str], data: JSONBody[ConnectorConfig], request: AnyRequest
) -> Connector:
    """Set a connector's config: checked by its spec here, and in the background by itself; then
    its streams are found."""
    number = _known(call, connector_id, request)
    with call.open() as conn:
        setup.configure(conn, call.viewer, number, data.config)
    return _get(call, number)


@post("/connectors/{connector_id:str}/check", opt=door.ADMIN, sync_to_thread=True)
def check_connector(call: Call, connector_id: FromPath[str], request: AnyRequest) -> ConnectorRun:
    """Let a connector try its config again, and find its streams."""
    number = _known(call, connector_id, request)
    with call.open() as conn:
        return _run(setup.check(conn, call.viewer, number))


@post("/connectors/{connector_id:str}/sample", opt=door.ADMIN, sync_to_thread=True)
def sample_connector(
    call: Call, connector_id: FromPath[str], data: JSONBody[ConnectorSample], request: AnyRequest
) -> ConnectorRun:
    """Read the first rows of streams, for a preview. They are kept for a day."""
    number = _known(call, connector_id, request)
    with call.open() as conn:
        return _run(setup.sample(conn, call.viewer, number, data.streams))


@post(
    "/connectors/{connector_id:str}/preview", opt=door.ADMIN, sync_to_thread=True, status_code=200
)
def preview_connector(
    call: Call, connector_id: FromPath[str], data: JSONBody[ConnectorPreview]
) -> import_rows.Preview:
    """What the first rows of a stream would come to."""
    number = _number(connector_id)
    with call.open() as conn:
        return connecting.preview(
            conn, call.viewer, number, data.stream, data.plan, call.now_ms
        )  # fmt: skip


@put("/connectors/{connector_id:str}/streams", opt=door.ADMIN, sync_to_thread=True)
def choose_connector_streams(
    call: Call, connector_id: FromPath[str], data: JSONBody[ConnectorChoice]
) -> Connector:
    """Choose a connector's streams and what their rows become."""
    number = _number(connector_id)
    with call.open() as conn:
        setup.choose(conn, call.viewer, number, data.streams)
    return _get(call, number)


@put("/connectors/{connector_id:str}/schedule", opt=door.ADMIN, sync_to_thread=True)
def schedule_connector(
    call: Call, connector_id: FromPath[str], data: JSONBody[ConnectorSchedule]
) -> Connector:
    """Run a connector by the clock."""
    number = _number(connector_id)
    with call.open() as conn:
        setup.set_schedule(conn, call.viewer, number, data.schedule, call.now_ms)
    return _get(call, number)


@get("/connectors/{connector_id:str}/runs", opt=door.READER, sync_to_thread=True)
def list_connector_runs(call: Call, connector_id: FromPath[str]) -> Listed[ConnectorRun]:
    """List a connector's runs, newest first."""
    number = _number(connector_id)
    with call.open() as conn:
        store.get(conn, call.viewer, number)
        found = [_run(r) for r in store.runs(conn, call.viewer, number, limits.connector_runs_kept)]
    return Listed(found, len(found))


@get("/connectors/{connector_id:str}/runs/{run_id:str}", opt=door.READER, sync_to_thread=True)
def get_connector_run(
    call: Call, connector_id: FromPath[str], run_id: FromPath[str]
) -> ConnectorRun:
    """Follow one run."""
    number = _number(connector_id)
    with call.open() as conn:
        store.get(conn, call.viewer, number)
        known = run_id.isascii() and run_id.isdigit() and len(run_id) < 18
        found = store.run(conn, call.viewer, int(run_id)) if known else None
    if found is None or found.connector_id != number:
        raise errors.NotFound(f"There is no run `{run_id[:50]}` of `{connector_id}`.")
    return _run(found)


@post("/connectors/{connector_id:str}/runs", opt=door.ADMIN, sync_to_thread=True)
def start_connector(call: Call, connector_id: FromPath[str], request: AnyRequest) -> ConnectorRun:
    """Run a connector now, from where it stands."""
    number = _known(call, connector_id, request)
    with call.open() as conn:
        return _run(setup.start(conn, call.viewer, number))


@post("/connectors/{connector_id:str}/cancel", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def cancel_connector(call: Call, connector_id: FromPath[str]) -> ConnectorRun:
    """Stop a connector's open run; the next one goes on from there."""
    number = _number(connector_id)
    with call.open() as conn:
        return _run(setup.cancel(conn, call.viewer, number))


@post("/connectors/{connector_id:str}/reset", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def reset_connector(
    call: Call, connector_id: FromPath[str], data: JSONBody[ConnectorReset]
) -> Connector:
    """Let a connector begin anew. Rows that are known are duplicates when they come again."""
    number = _number(connector_id)
    with call.open() as conn:
        setup.reset(conn, call.viewer, number, data.stream)
    return _get(call, number)


@delete("/connectors/{connector_id:str}", opt=door.ADMIN, sync_to_thread=True)
def delete_connector(call: Call, connector_id: FromPath[str]) -> None:
    """Delete a connector. Its facts and its source stay."""
    number = _number(connector_id)
    with call.open() as conn:
        setup.delete(conn, call.viewer, number)


def _known(call: Call, connector_id: str, request: AnyRequest) -> int:
    """The number of one that is there; what follows runs its program."""
    number = _number(connector_id)
    with call.open() as conn:
        store.get(conn, call.viewer, number)
    connectors.run.allowed(request.app.state.settings)
    return number


def _get(call: Call, number: int) -> Connector:
    with call.open() as conn:
        one = store.get(conn, call.viewer, number)
        last = store.runs(conn, call.viewer, number, 1)
    return _shown(one, last[0] if last else None)


def _number(connector_id: str) -> int:
    with found_by_id():
        return ids.parse_id("cnn", connector_id)


def _shown(one: connectors.Connector, last: connectors.Run | None) -> Connector:
    streams = [
        ConnectorStream(
            s.name, s.keys, s.cursor, s.modes, connectors.suggest.columns(s),
            connectors.suggest.plan(s),
        )
        for s in one.catalog
    ]  # fmt: skip
    return Connector(
        id=one.api_id, name=one.name, source_id=ids.api_id("src", one.source_id),
        protocol=one.protocol, command=one.command, package=one.package,
        executable=one.executable, python=one.python, installed=one.installed, spec=one.spec,
        config=one.config, pending=one.pending, available=streams, streams=one.streams,
        state=one.state, rows_known=one.rows_known, schedule=one.schedule,
        next_at=_iso(one.next_at), created_by=one.created_by, version=one.version,
        last_run=None if last is None else _run(last),
    )  # fmt: skip


def _run(one: connectors.Run) -> ConnectorRun:
    return ConnectorRun(
        id=str(one.id), kind=one.kind, status=one.status, read=one.read, appended=one.appended,
        duplicates=one.duplicates, refused=one.refused, filtered=one.filtered,
        streams=one.streams, faults=one.faults, lines=one.lines, error=one.error,
        exit_code=one.exit_code, created_at=_iso(one.created_at), started_at=_iso(one.started_at),
        done_at=_iso(one.done_at),
    )  # fmt: skip


def _iso(at: Any) -> str | None:
    return None if at is None else clock.iso(clock.from_datetime(at))


HANDLERS = [
    list_connectors, get_connector, create_connector, install_connector, configure_connector,
    check_connector, sample_connector, preview_connector, choose_connector_streams,
    schedule_connector, list_connector_runs, get_connector_run, start_connector, cancel_connector,
    reset_connector, delete_connector,
]  # fmt: skip
