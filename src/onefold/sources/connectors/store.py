"""The connectors' only SQL. Secrets leave it for the runner alone (`for_run`)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from onefold.kernel import errors, limits
from onefold.kernel.viewer import Viewer
from onefold.sources.connectors import hidden, model
from onefold.storage import Connection

_COLUMNS = ", ".join(model.Connector.__struct_fields__)
_RUN = ", ".join(model.Run.__struct_fields__)
INSERT = f"""
INSERT INTO connector (name, source_id, protocol, command, package, created_by)
VALUES (%s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}
"""
COUNT = "SELECT count(*) FROM connector"
GET = f"SELECT {_COLUMNS} FROM connector WHERE id = %s"
LIST = f"SELECT {_COLUMNS} FROM connector ORDER BY id"
NEW_RUN = f"""
INSERT INTO connector_run (connector_id) VALUES (%s)
ON CONFLICT (connector_id) WHERE status IN ('waiting', 'running') DO NOTHING RETURNING {_RUN}
"""
GET_RUN = f"SELECT {_RUN} FROM connector_run WHERE id = %s"
RUNS = f"SELECT {_RUN} FROM connector_run WHERE connector_id = %s ORDER BY id DESC LIMIT %s"
STATUS = "SELECT status FROM connector_run WHERE id = %s"
FORGET = """
DELETE FROM connector_run WHERE connector_id = %s AND status NOT IN ('waiting', 'running') AND id <
  (SELECT min(id) FROM (SELECT id FROM connector_run WHERE connector_id = %s
   ORDER BY id DESC LIMIT %s) AS kept)
"""
DUE = """
SELECT id, schedule FROM connector
WHERE enabled AND next_at <= %s ORDER BY next_at FOR UPDATE SKIP LOCKED
"""
KNOWN = """
SELECT key, content, version FROM connector_row
WHERE connector_id = %s AND key = ANY(%s::bytea[])
"""
PUT = """
INSERT INTO connector_row (connector_id, key, content, version)
SELECT %s, * FROM unnest(%s::bytea[], %s::bytea[], %s::int[])
ON CONFLICT (connector_id, key) DO UPDATE
SET content = excluded.content, version = excluded.version
"""
_JSON = frozenset(("spec", "config", "catalog", "streams", "state", "command"))
_SETTABLE = frozenset(
    (*_JSON, "name", "package", "schedule", "enabled", "next_at")
)  # fmt: skip
_RUN_JSON = frozenset(("streams", "faults", "lines", "process"))


def create(
    conn: Connection,
    viewer: Viewer,
    *,
    name: str,
    source_id: int,
    protocol: str,
    command: list[str],
    package: str = "",
) -> model.Connector:
    """A new connector."""
    viewer.must_admin()
    counted = conn.execute(COUNT).fetchone()
    if counted and counted[0] >= limits.connectors_max:
        raise errors.Conflict(f"There are {counted[0]} connectors, the most there may be.")
    values = (name, source_id, protocol, _json(command), package, viewer.actor)
    return _connector(conn.execute(INSERT, values).fetchone() or ())


def get(conn: Connection, viewer: Viewer, connector_id: int) -> model.Connector:
    """One connector; its secrets are masked."""
    viewer.must_read()
    return _shown(viewer, for_run(conn, connector_id))


def for_run(conn: Connection, connector_id: int, *, hold: bool = False) -> model.Connector:
    """One connector with its secrets, for what runs it. No viewer: it is never shown."""
    row = conn.execute(GET + (" FOR NO KEY UPDATE" if hold else ""), (connector_id,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no connector `cnn_{connector_id}`.")
    return _connector(row)


def list_all(conn: Connection, viewer: Viewer) -> list[model.Connector]:
    """Every connector, oldest first; secrets are masked."""
    viewer.must_read()
    return [_shown(viewer, _connector(row)) for row in conn.execute(LIST)]


def change(conn: Connection, viewer: Viewer, connector_id: int, **columns: Any) -> None:
    """Set columns."""
    viewer.must_admin()
    _set(conn, "connector", _SETTABLE, _JSON, connector_id, columns, ", version = version + 1")


def new_run(conn: Connection, viewer: Viewer, connector_id: int) -> model.Run | None:
    """A run that waits; None when one waits or is under way."""
    viewer.must_admin()
    row = conn.execute(NEW_RUN, (connector_id,)).fetchone()
    conn.execute(FORGET, (connector_id, connector_id, limits.connector_runs_kept))
    return _run(row) if row else None


def run(conn: Connection, viewer: Viewer, run_id: int, *, hold: bool = False) -> model.Run:
    """One run; `hold` keeps others from changing it until the transaction ends."""
    viewer.must_read()
    row = conn.execute(GET_RUN + (" FOR UPDATE" if hold else ""), (run_id,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no run `{run_id}`.")
    return _run(row)


def runs(
    conn: Connection, viewer: Viewer, connector_id: int, rows_max: int = 20
) -> list[model.Run]:
    """Its runs, newest first. Its words are for admins: nobody knows what others' programs say."""
    viewer.must_read()
    found = [_run(r) for r in conn.execute(RUNS, (connector_id, rows_max))]
    if viewer.role == "admin":
        return found
    return [msgspec.structs.replace(r, lines=[], faults=[], error="") for r in found]


def status(conn: Connection, run_id: int) -> str:
    """A run's status alone."""
    row = conn.execute(STATUS, (run_id,)).fetchone()
    return str(row[0]) if row else "cancelled"


def change_run(conn: Connection, run_id: int, **columns: Any) -> None:
    """Set columns of a run that is held."""
    known = frozenset(model.Run.__struct_fields__) - {"id", "connector_id"}
    _set(conn, "connector_run", known, _RUN_JSON, run_id, columns)


def due(conn: Connection, now: datetime) -> list[tuple[int, str]]:
    """(id, schedule) of connectors whose time has come, held."""
    return [(int(i), str(s)) for i, s in conn.execute(DUE, (now,))]


def known(
    conn: Connection, connector_id: int, keys: Iterable[bytes]
) -> dict[bytes, tuple[bytes, int]]:
    """(content, version) of rows that are in the log, by key."""
    found = conn.execute(KNOWN, (connector_id, list(keys)))
    return {bytes(k): (bytes(c), int(v)) for k, c, v in found}


def put(
    conn: Connection, connector_id: int, rows: Sequence[tuple[bytes, tuple[bytes, int]]]
) -> None:
    """Note rows as in the log."""
    if rows:
        keys, contents = [k for k, _ in rows], [c for _, (c, _) in rows]
        conn.execute(PUT, (connector_id, keys, contents, [v for _, (_, v) in rows]))


def _set(
    conn: Connection, table: str, allowed: frozenset[str], as_json: frozenset[str], row_id: int,
    columns: dict[str, Any], more: str = "",
) -> None:  # fmt: skip
    given = {n: _json(v) if n in as_json else v for n, v in columns.items() if n in allowed}
    sets = ", ".join(f"{name} = %({name})s" for name in given)
    conn.execute(
        f"UPDATE {table} SET {sets}{more} WHERE id = %(id)s".encode(), given | {"id": row_id}
    )


def _shown(viewer: Viewer, one: model.Connector) -> model.Connector:
    """The connector as it may be shown: config masked; for all but admins also its state."""
    out = msgspec.structs.replace(one, config=hidden.mask(one.spec, one.config))
    if viewer.role == "admin":
        return out
    return msgspec.structs.replace(out, config={}, state=None, command=[])


def _connector(row: Sequence[Any]) -> model.Connector:
    return msgspec.convert(
        dict(zip(model.Connector.__struct_fields__, row, strict=True)), model.Connector
    )


def _run(row: Sequence[Any]) -> model.Run:
    return msgspec.convert(dict(zip(model.Run.__struct_fields__, row, strict=True)), model.Run)


def _json(value: Any) -> Jsonb:
    return Jsonb(value, dumps=msgspec.json.encode)
