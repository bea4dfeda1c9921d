"""Connectors: Singer taps and Airbyte sources as sources of facts.

Configs go in with their secrets and come out without. What a connector is asked (spec, check,
discover) runs between two transactions: it may last minutes.
"""

from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, get, post, put
from litestar.params import FromPath, JSONBody

from onefold.api import door
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import found_by_id
from onefold.kernel import clock, ids
from onefold.sources import connectors

AnyRequest = Request[Any, Any, Any]


class ConnectorStream(msgspec.Struct, frozen=True):
    """A stream, and a proposal for how to take it."""

    name: str
    keys: list[str]
    cursor: list[str]
    modes: list[str]
    fields: list[str]
    suggestion: connectors.Plan


class Connector(msgspec.Struct, frozen=True):
    """A connector. `config` has its secrets masked; empty, as `command` is, for all but admins."""

    id: str
    name: str
    source_id: str
    protocol: str
    command: list[str]
    package: str
    spec: dict[str, Any]
    config: dict[str, Any]
    available: list[ConnectorStream]
    streams: dict[str, connectors.Plan]
    state: Any
    schedule: str
    next_at: str | None
    created_by: str
    version: int


class ConnectorRun(msgspec.Struct, frozen=True):
    """One run. `lines`, `faults` and `error` are for admins."""

    id: str
    status: str
    read: int
    appended: int
    duplicates: int
    refused: int
    streams: dict[str, int]
    faults: list[str]
    lines: list[str]
    error: str
    exit_code: int | None
    started_at: str | None
    done_at: str | None


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


class ConnectorConfig(msgspec.Struct, forbid_unknown_fields=True):
    """Its config; a masked secret stays as it is."""

    config: dict[str, Any]


class ConnectorChoice(msgspec.Struct, forbid_unknown_fields=True):
    """The streams to read; null takes the proposal."""

    streams: dict[str, connectors.Plan | None]


class ConnectorSchedule(msgspec.Struct, forbid_unknown_fields=True):
    """`every 1h`, five cron fields, or empty."""

    schedule: str


@get("/connectors", opt=door.READER, sync_to_thread=True)
def list_connectors(call: Call) -> Listed[Connector]:
    """List connectors."""
    with call.open() as conn:
        found = [_shown(one) for one in connectors.store.list_all(conn, call.viewer)]
    return Listed(found, len(found))


@get("/connectors/{connector_id:str}", opt=door.READER, sync_to_thread=True)
def get_connector(call: Call, connector_id: FromPath[str]) -> Connector:
    """Get a connector with its streams."""
    number = _number(connector_id)
    with call.open() as conn:
        return _shown(connectors.store.get(conn, call.viewer, number))


@post("/connectors", opt=door.ADMIN, sync_to_thread=True)
def create_connector(call: Call, data: JSONBody[NewConnector], request: AnyRequest) -> Connector:
    """Add a connector; a package is installed into a virtual environment of its own."""
    source_id = None if data.source_id is None else ids.parse_id("src", data.source_id, "source_id")
    command = data.command
    if data.package:
        program = connectors.setup.install(
            data.package, data.executable, data.python, _data(request)
        )
        command = [program, *command]
    with call.open() as conn:
        made = connectors.setup.add(
            conn, call.viewer, name=data.name, protocol=data.protocol, command=command,
            package=data.package, category=data.category, source_id=source_id,
        )  # fmt: skip
        return _shown(connectors.store.get(conn, call.viewer, made.id))


@put("/connectors/{connector_id:str}/config", opt=door.ADMIN, sync_to_thread=True)
def configure_connector(
    call: Call, connector_id: FromPath[str], data: JSONBody[ConnectorConfig], request: AnyRequest
) -> Connector:
    """Set a connector's config: checked by its spec and by itself; its streams are discovered."""
    number = _number(connector_id)
    with call.open() as conn:
        one = connectors.store.for_run(conn, number)
    found = connectors.setup.look(one, _data(request), data.config)
    with call.open() as conn:
        connectors.store.change(conn, call.viewer, number, **found)
        return _shown(connectors.store.get(conn, call.viewer, number))


@put("/connectors/{connector_id:str}/streams", opt=door.ADMIN, sync_to_thread=True)
def choose_connector_streams(
    call: Call, connector_id: FromPath[str], data: JSONBody[ConnectorChoice]
) -> Connector:
    """Choose a connector's streams and what their rows become."""
    number = _number(connector_id)
    with call.open() as conn:
        return _shown(connectors.setup.choose(conn, call.viewer, number, data.streams))


@put("/connectors/{connector_id:str}/schedule", opt=door.ADMIN, sync_to_thread=True)
def schedule_connector(
    call: Call, connector_id: FromPath[str], data: JSONBody[ConnectorSchedule]
) -> Connector:
    """Run a connector by the clock."""
    number = _number(connector_id)
    with call.open() as conn:
        return _shown(
            connectors.setup.set_schedule(conn, call.viewer, number, data.schedule, call.now_ms)
        )


@get("/connectors/{connector_id:str}/runs", opt=door.READER, sync_to_thread=True)
def list_connector_runs(call: Call, connector_id: FromPath[str]) -> Listed[ConnectorRun]:
    """List a connector's runs, newest first."""
    number = _number(connector_id)
    with call.open() as conn:
        connectors.store.get(conn, call.viewer, number)
        found = [_run(r) for r in connectors.store.runs(conn, call.viewer, number, 100)]
    return Listed(found, len(found))


@post("/connectors/{connector_id:str}/runs", opt=door.ADMIN, sync_to_thread=True)
def start_connector(call: Call, connector_id: FromPath[str]) -> ConnectorRun:
    """Run a connector now, from where it stands."""
    number = _number(connector_id)
    with call.open() as conn:
        return _run(connectors.setup.start(conn, call.viewer, number))


@post("/connectors/{connector_id:str}/cancel", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def cancel_connector(call: Call, connector_id: FromPath[str]) -> ConnectorRun:
    """Stop a connector's open run; the next one goes on from there."""
    number = _number(connector_id)
    with call.open() as conn:
        connectors.store.get(conn, call.viewer, number)
        return _run(connectors.setup.cancel(conn, call.viewer, number))


def _data(request: AnyRequest) -> Path:
    settings = request.app.state.settings
    return settings.data if settings else Path("onefold-data")


def _number(connector_id: str) -> int:
    with found_by_id():
        return ids.parse_id("cnn", connector_id)


def _shown(one: connectors.Connector) -> Connector:
    streams = [
        ConnectorStream(
            s.name, s.keys, s.cursor, s.modes, sorted(s.schema.get("properties") or {}),
            connectors.rows.suggest(s),
        )
        for s in one.catalog
    ]  # fmt: skip
    return Connector(
        id=one.api_id, name=one.name, source_id=ids.api_id("src", one.source_id),
        protocol=one.protocol, command=one.command, package=one.package, spec=one.spec,
        config=one.config, available=streams, streams=one.streams, state=one.state,
        schedule=one.schedule, next_at=_iso(one.next_at), created_by=one.created_by,
        version=one.version,
    )  # fmt: skip


def _run(one: connectors.Run) -> ConnectorRun:
    return ConnectorRun(
        id=str(one.id), status=one.status, read=one.read, appended=one.appended,
        duplicates=one.duplicates, refused=one.refused, streams=one.streams, faults=one.faults,
        lines=one.lines, error=one.error, exit_code=one.exit_code,
        started_at=_iso(one.started_at), done_at=_iso(one.done_at),
    )  # fmt: skip


def _iso(at: Any) -> str | None:
    return None if at is None else clock.iso(clock.from_datetime(at))


HANDLERS = [
    list_connectors, get_connector, create_connector, configure_connector,
    choose_connector_streams, schedule_connector, list_connector_runs, start_connector,
    cancel_connector,
]  # fmt: skip
