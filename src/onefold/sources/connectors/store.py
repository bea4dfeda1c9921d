"""The connectors' only SQL. Secrets leave it for the runner alone (`for_run`)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog
from psycopg.types.json import Jsonb

from onefold.kernel import errors, limits
from onefold.kernel.viewer import Viewer
from onefold.sources.connectors import hidden, model
from onefold.storage import Connection, secrets

logger = structlog.get_logger("onefold.connectors")

_COLUMNS = ", ".join(model.Connector.__struct_fields__)
_RUN = ", ".join(model.Run.__struct_fields__)
INSERT = f"""
INSERT INTO connector (name, source_id, protocol, command, package, executable, python, created_by)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}
"""
COUNT = "SELECT count(*) FROM connector WHERE deleted_at IS NULL"
GET = f"SELECT {_COLUMNS} FROM connector WHERE id = %s AND deleted_at IS NULL"
NUMBERS = """
SELECT rows_named, rows_forgotten, rows_kept FROM connector
WHERE id = %s AND deleted_at IS NULL FOR NO KEY UPDATE
"""
GONE = "SELECT deleted_at IS NOT NULL FROM connector WHERE id = %s"
LIST = f"SELECT {_COLUMNS} FROM connector WHERE deleted_at IS NULL ORDER BY id"
NEW_RUN = f"""
INSERT INTO connector_run (connector_id, kind, args) VALUES (%s, %s, %s)
ON CONFLICT (connector_id) WHERE status IN ('waiting', 'running') DO NOTHING RETURNING {_RUN}
"""
GET_RUN = f"SELECT {_RUN} FROM connector_run WHERE id = %s"
RUNS = f"SELECT {_RUN} FROM connector_run WHERE connector_id = %s ORDER BY id DESC LIMIT %s"
LAST_RUNS = f"""
SELECT DISTINCT ON (connector_id) {_RUN} FROM connector_run ORDER BY connector_id, id DESC
"""
STATUS = "SELECT status FROM connector_run WHERE id = %s"
TELL = """
UPDATE connector_run SET lines = %s, process = coalesce(%s, process)
WHERE id = %s AND status = 'running'
"""
FORGET = """
DELETE FROM connector_run WHERE connector_id = %s AND status NOT IN ('waiting', 'running') AND id <
  (SELECT min(id) FROM (SELECT id FROM connector_run WHERE connector_id = %s
   ORDER BY id DESC LIMIT %s) AS kept)
"""
# Runs that nobody will end: their job is over, or was given up.
LOST = f"""
SELECT {_RUN} FROM connector_run r WHERE status IN ('waiting', 'running') AND NOT EXISTS (
  SELECT FROM procrastinate_jobs j WHERE j.id = r.job_id AND j.status IN ('todo', 'doing'))
FOR UPDATE OF r SKIP LOCKED
"""
DUE = """
SELECT id, schedule FROM connector WHERE enabled AND deleted_at IS NULL AND next_at <= %s
ORDER BY next_at FOR UPDATE SKIP LOCKED
"""
KNOWN = """
SELECT key, content, version, record FROM connector_row
WHERE connector_id = %s AND key = ANY(%s::bytea[])
"""
PUT = """
INSERT INTO connector_row (connector_id, key, content, version, n, record)
SELECT %s, * FROM unnest(%s::bytea[], %s::bytea[], %s::int[], %s::bigint[], %s::bigint[])
ON CONFLICT (connector_id, key) DO UPDATE
SET content = excluded.content, version = excluded.version, n = excluded.n,
  record = excluded.record
"""
DROP_ROWS = "DELETE FROM connector_row WHERE connector_id = %s AND n > %s AND n <= %s"
DROP_SOME = """
DELETE FROM connector_row WHERE connector_id = %s AND key = ANY(ARRAY(
  SELECT key FROM connector_row WHERE connector_id = %s ORDER BY key LIMIT %s))
"""
PACKAGE_USED = """
SELECT EXISTS (SELECT FROM connector WHERE package = %s AND python = %s AND id <> %s
  AND deleted_at IS NULL)
"""
SAMPLE = """
INSERT INTO connector_sample (connector_id, stream, rows, taken_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (connector_id, stream) DO UPDATE
SET rows = excluded.rows, taken_at = excluded.taken_at
"""
SAMPLED = "SELECT rows FROM connector_sample WHERE connector_id = %s AND stream = %s"
OLD_SAMPLES = "DELETE FROM connector_sample WHERE taken_at < %s"
_JSON = frozenset(("spec", "config", "pending", "catalog", "streams", "state", "command"))
_SETTABLE = frozenset((
    *_JSON, "name", "package", "executable", "python", "program", "schedule", "enabled", "next_at",
    "deleted_at", "rows_named", "rows_forgotten", "rows_kept",
))  # fmt: skip
_SEALED = ("config", "pending")  # JSON texts that hold the sealed JSON
CONFIGS = "SELECT id, config, pending FROM connector FOR NO KEY UPDATE"
_RUN_JSON = frozenset(("streams", "faults", "lines", "process", "args"))


def create(
    conn: Connection,
    viewer: Viewer,
    *,
    name: str,
    source_id: int,
    protocol: str,
    command: list[str],
    package: str = "",
    executable: str = "",
    python: str = "",
) -> model.Connector:
    """A new connector."""
    viewer.must_admin()
    counted = conn.execute(COUNT).fetchone()
    if counted and counted[0] >= limits.connectors_max:
        raise errors.Conflict(f"There are {counted[0]} connectors, the most there may be.")
    values = (
        name, source_id, protocol, _json(command), package, executable, python, viewer.actor
    )  # fmt: skip
    return _connector(conn.execute(INSERT, values).fetchone() or ())


def get(conn: Connection, viewer: Viewer, connector_id: int) -> model.Connector:
    """One connector; its secrets are masked."""
    viewer.must_read()
    return _shown(viewer, for_run(conn, connector_id))


def for_run(
    conn: Connection, connector_id: int, *, hold: bool = False, whole: bool = False
) -> model.Connector:
    """One connector with its secrets, for what runs it. No viewer: it is never shown.

    Raises `Unavailable` when `whole` is asked for and the key of the config it would run with is
    missing; else it is as one that has none.
    """
    row = conn.execute(GET + (" FOR NO KEY UPDATE" if hold else ""), (connector_id,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no connector `cnn_{connector_id}`.")
    return _connector(row, whole)


def list_all(conn: Connection, viewer: Viewer) -> list[model.Connector]:
    """Every connector, oldest first; secrets are masked."""
    viewer.must_read()
    return [_shown(viewer, _connector(row)) for row in conn.execute(LIST)]


def change(conn: Connection, viewer: Viewer, connector_id: int, **columns: Any) -> None:
    """Set columns."""
    viewer.must_admin()
    sealed = {n: _sealed(conn, v) if n in _SEALED else v for n, v in columns.items()}
    _set(conn, "connector", _SETTABLE, _JSON, connector_id, sealed, ", version = version + 1")


def reseal(conn: Connection) -> int:
    """Seal configs with the newest key where they are not; how many. The caller commits."""
    n = 0
    for connector_id, *stored in conn.execute(CONFIGS).fetchall():
        new = {name: _resealed(v) for name, v in zip(_SEALED, stored, strict=True)}
        new = {name: v for name, v in new.items() if v is not None}
        if new:
            _set(conn, "connector", _SETTABLE, _JSON, connector_id, new)
            n += 1
    return n


# ── runs ───────────────────────────────────────────────────────────────────────────────────────


def new_run(
    conn: Connection,
    viewer: Viewer,
    connector_id: int,
    kind: model.Kind = "read",
    args: dict[str, Any] | None = None,
) -> model.Run | None:
    """A run that waits; None when one waits or is under way."""
    viewer.must_admin()
    row = conn.execute(NEW_RUN, (connector_id, kind, _json(args or {}))).fetchone()
    conn.execute(FORGET, (connector_id, connector_id, limits.connector_runs_kept))
    return _run(row) if row else None


def run(conn: Connection, viewer: Viewer, run_id: int, *, hold: bool = False) -> model.Run:
    """One run; `hold` keeps others from changing it until the transaction ends."""
    viewer.must_read()
    row = conn.execute(GET_RUN + (" FOR UPDATE" if hold else ""), (run_id,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no run `{run_id}`.")
    return _told(viewer, _run(row))


def runs(
    conn: Connection, viewer: Viewer, connector_id: int, rows_max: int = 20
) -> list[model.Run]:
    """Its runs, newest first. Its words are for admins: nobody knows what others' programs say."""
    viewer.must_read()
    return [_told(viewer, _run(r)) for r in conn.execute(RUNS, (connector_id, rows_max))]


def last_runs(conn: Connection, viewer: Viewer) -> dict[int, model.Run]:
    """The newest run of each connector."""
    viewer.must_read()
    found = [_told(viewer, _run(row)) for row in conn.execute(LAST_RUNS)]
    return {one.connector_id: one for one in found}


def lost(conn: Connection) -> list[model.Run]:
    """Open runs that no job will end, held."""
    return [_run(row) for row in conn.execute(LOST)]


def status(conn: Connection, run_id: int) -> str:
    """A run's status alone."""
    row = conn.execute(STATUS, (run_id,)).fetchone()
    return str(row[0]) if row else "cancelled"


def tell(conn: Connection, run_id: int, lines: list[str], process: object = None) -> None:
    """What a run that is under way says, and the process that says it."""
    mark = None if process is None else _json(process)
    conn.execute(TELL, (_json(lines), mark, run_id))


def change_run(conn: Connection, run_id: int, **columns: Any) -> None:
    """Set columns of a run that is held."""
    known = frozenset(model.Run.__struct_fields__) - {"id", "connector_id"}
    _set(conn, "connector_run", known, _RUN_JSON, run_id, columns)


def due(conn: Connection, now: datetime) -> list[tuple[int, str]]:
    """(id, schedule) of connectors whose time has come, held."""
    return [(int(i), str(s)) for i, s in conn.execute(DUE, (now,))]


def numbers(conn: Connection, connector_id: int) -> tuple[int, int, int]:
    """How many rows got a number, up to which they are forgotten, how many have none; held."""
    row = conn.execute(NUMBERS, (connector_id,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no connector `cnn_{connector_id}`.")
    return int(row[0]), int(row[1]), int(row[2])


# ── rows and samples ───────────────────────────────────────────────────────────────────────────


def known(conn: Connection, connector_id: int, keys: Iterable[bytes]) -> dict[bytes, model.Known]:
    """What is remembered of rows, by key."""
    found = conn.execute(KNOWN, (connector_id, list(keys)))
    return {bytes(k): model.Known(bytes(c), v, record) for k, c, v, record in found}


def put(
    conn: Connection,
    connector_id: int,
    rows: Sequence[tuple[bytes, model.Known, int | None]],
) -> None:
    """Remember rows: key, what of it, and its number if it may be forgotten."""
    if rows:
        keys, of, numbers = zip(*rows, strict=True)
        conn.execute(PUT, (
            connector_id, list(keys), [k.content for k in of], [k.version for k in of],
            list(numbers), [k.record for k in of],
        ))  # fmt: skip


def forget(conn: Connection, connector_id: int, after: int, until: int) -> None:
    """Drop what is remembered of rows numbered so."""
    conn.execute(DROP_ROWS, (connector_id, after, until))


def sample(
    conn: Connection, connector_id: int, stream: str, rows: list[dict[str, Any]], now: datetime
) -> None:
    """Keep a stream's first rows for a while."""
    conn.execute(SAMPLE, (connector_id, stream, _json(rows), now))


def sampled(
    conn: Connection, viewer: Viewer, connector_id: int, stream: str
) -> list[dict[str, Any]]:
    """A stream's first rows, if they were taken lately."""
    viewer.must_admin()
    row = conn.execute(SAMPLED, (connector_id, stream)).fetchone()
    return list(row[0]) if row else []


def drop_samples(conn: Connection, before: datetime) -> None:
    """Forget samples from before then."""
    conn.execute(OLD_SAMPLES, (before,))


# ── the end of one ─────────────────────────────────────────────────────────────────────────────


def is_gone(conn: Connection, connector_id: int) -> bool:
    """Was it deleted, and waits for what is left of it to go?"""
    row = conn.execute(GONE, (connector_id,)).fetchone()
    return bool(row and row[0])


def drop_some(conn: Connection, connector_id: int, rows_max: int) -> int:
    """Drop some of what is remembered of its rows; how many."""
    return conn.execute(DROP_SOME, (connector_id, connector_id, rows_max)).rowcount


def drop(conn: Connection, connector_id: int) -> tuple[str, str] | None:
    """Drop it, its samples and runs. Its package and interpreter when no other has them."""
    row = conn.execute(
        "SELECT package, python FROM connector WHERE id = %s AND deleted_at IS NOT NULL",
        (connector_id,),
    ).fetchone()
    if row is None:
        return None
    for table in ("connector_sample", "connector_run"):
        conn.execute(f"DELETE FROM {table} WHERE connector_id = %s".encode(), (connector_id,))
    used = conn.execute(PACKAGE_USED, (*row, connector_id)).fetchone()
    conn.execute("DELETE FROM connector WHERE id = %s", (connector_id,))
    return None if not row[0] or (used and used[0]) else (str(row[0]), str(row[1]))


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
    """The connector as it may be shown: config masked; for all but admins nothing of it."""
    if viewer.role == "admin":
        return hidden.shown(one)
    hide: dict[str, Any] = {"command": [], "spec": {}, "config": {}, "pending": None, "state": None}
    return msgspec.structs.replace(one, **hide)


def _told(viewer: Viewer, one: model.Run) -> model.Run:
    if viewer.role == "admin":
        return one
    return msgspec.structs.replace(one, lines=[], faults=[], error="", args={})


def _connector(row: Sequence[Any], whole: bool = False) -> model.Connector:
    values = dict(zip(model.Connector.__struct_fields__, row, strict=True))
    used = "config" if values["pending"] is None else "pending"
    values |= {name: _unsealed(values[name], whole and name == used) for name in _SEALED}
    values["config"] = values["config"] or {}
    return msgspec.convert(values, model.Connector)


def _sealed(conn: Connection, value: Any) -> Any:
    return secrets.seal(conn, _dumps(value).decode()) if value else value


def _unsealed(stored: Any, must: bool) -> Any:
    """A config; None where its key is missing and it need not be there."""
    if not isinstance(stored, str):
        return stored  # empty, or of before there were keys
    try:
        return msgspec.json.decode(secrets.unseal(stored))
    except errors.Unavailable:
        if must:
            raise
        logger.warning("a connector's config can't be read: the key of its secrets is missing")
        return None


def _resealed(stored: Any) -> str | None:
    if not stored:
        return None
    return secrets.resealed(stored if isinstance(stored, str) else _dumps(stored).decode())


def _run(row: Sequence[Any]) -> model.Run:
    return msgspec.convert(dict(zip(model.Run.__struct_fields__, row, strict=True)), model.Run)


def _json(value: Any) -> Jsonb:
    return Jsonb(value, dumps=_dumps)


def _dumps(value: Any) -> bytes:
    """JSON as PostgreSQL takes it: without NUL."""
    text = msgspec.json.encode(value)
    return text.replace(b"\\u0000", b"\\ufffd") if b"\\u0000" in text else text
