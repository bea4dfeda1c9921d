"""The pulls' only SQL on our own database. Passwords leave it for the runner alone (`for_run`)."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from onefold.kernel import errors, limits
from onefold.kernel.viewer import Viewer
from onefold.sources.connectors.hidden import MASK
from onefold.sources.pulls import model
from onefold.storage import Connection, secrets

_COLUMNS = ", ".join(model.Pull.__struct_fields__)
_RUN = ", ".join(model.Run.__struct_fields__)
COUNT = "SELECT count(*) FROM pull WHERE deleted_at IS NULL"
INSERT = f"""
INSERT INTO pull (name, category, source_id, place, secret, created_by)
VALUES (%s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}
"""
GET = f"SELECT {_COLUMNS} FROM pull WHERE id = %s AND deleted_at IS NULL"
LIST = f"SELECT {_COLUMNS} FROM pull WHERE deleted_at IS NULL ORDER BY id"
NEW_RUN = f"""
INSERT INTO pull_run (pull_id, asked_by) VALUES (%s, %s)
ON CONFLICT (pull_id) WHERE status IN ('waiting', 'running') DO NOTHING RETURNING {_RUN}
"""
GET_RUN = f"SELECT {_RUN} FROM pull_run WHERE id = %s"
RUNS = f"SELECT {_RUN} FROM pull_run WHERE pull_id = %s AND id < %s ORDER BY id DESC LIMIT %s"
LATEST = f"SELECT DISTINCT ON (pull_id) {_RUN} FROM pull_run ORDER BY pull_id, id DESC"
FORGET_RUNS = """
DELETE FROM pull_run WHERE pull_id = %s AND status NOT IN ('waiting', 'running') AND id <
  (SELECT min(id) FROM (SELECT id FROM pull_run WHERE pull_id = %s ORDER BY id DESC LIMIT %s) AS k)
"""
DUE = """
SELECT id, schedule FROM pull
WHERE enabled AND deleted_at IS NULL AND next_at <= %s ORDER BY next_at FOR UPDATE SKIP LOCKED
"""
KNOWN = """
SELECT key, content, version, seen, pass, record_id FROM pull_row
WHERE pull_id = %s AND key = ANY(%s::bytea[])
"""
# A row that is only counted again stays the run's that brought it in.
PUT = """
INSERT INTO pull_row (pull_id, run_id, key, content, version, seen, pass, record_id)
SELECT %s, %s, * FROM unnest(
  %s::bytea[], %s::bytea[], %s::int[], %s::int[], %s::bigint[], %s::bigint[])
ON CONFLICT (pull_id, key) DO UPDATE SET
  run_id = CASE WHEN pull_row.version = excluded.version AND pull_row.content = excluded.content
    THEN pull_row.run_id ELSE excluded.run_id END,
  content = excluded.content, version = excluded.version, seen = excluded.seen,
  pass = excluded.pass, record_id = excluded.record_id
"""
OF_IMPORT = "SELECT id, pull_id, status FROM pull_run WHERE import_id = %s"
LET_GO = "UPDATE pull_row SET content = '' WHERE pull_id = %s AND run_id = %s"
DELETE = """
UPDATE pull SET deleted_at = %s, enabled = false, next_at = NULL, secret = '',
  version = version + 1
WHERE id = %s
"""
SEALED = "SELECT id, secret FROM pull WHERE secret <> ''"
SET_SEALED = "UPDATE pull SET secret = %s WHERE id = %s AND secret = %s"
FORGET = """
DELETE FROM pull_row WHERE pull_id = %s AND key IN
  (SELECT key FROM pull_row WHERE pull_id = %s LIMIT %s)
"""
_JSON = frozenset(("place", "mapping", "columns", "keys", "position"))
_SETTABLE = frozenset((
    *_JSON, "name", "source_id", "secret", "relation", "query", "target", "cursor_column",
    "overlap", "time_zone", "schedule", "enabled", "next_at", "known",
))  # fmt: skip
_RUN_JSON = frozenset(("faults", "notes", "began", "position"))
_ID_MAX = 2**63 - 1


def create(
    conn: Connection,
    viewer: Viewer,
    *,
    name: str,
    category: str,
    source_id: int | None,
    place: model.Place,
    secret: str,
) -> model.Pull:
    """A new pull, of which it is still to be said what it reads."""
    viewer.must_admin()
    counted = conn.execute(COUNT).fetchone()
    if counted and counted[0] >= limits.pulls_max:
        raise errors.Conflict(f"There are {counted[0]} pulls, the most there may be.")
    values = (name, category, source_id, _json(place), secrets.seal(conn, secret), viewer.actor)
    return _pull(conn.execute(INSERT, values).fetchone() or ())


def get(conn: Connection, viewer: Viewer, pull_id: int, *, hold: bool = False) -> model.Pull:
    """One pull without its password; for all but admins also without where it reads."""
    viewer.must_read()
    return _shown(viewer, for_run(conn, pull_id, hold=hold))


def for_run(conn: Connection, pull_id: int, *, hold: bool = False) -> model.Pull:
    """One pull with its password, for what reads by it. No viewer: it is never shown.

    The password stays sealed where its key is missing; `reader.opened` says so.
    """
    row = conn.execute(GET + (" FOR NO KEY UPDATE" if hold else ""), (pull_id,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no pull `pul_{pull_id}`.")
    one = _pull(row)
    with contextlib.suppress(errors.Unavailable):
        one = msgspec.structs.replace(one, secret=secrets.unseal(one.secret))
    return one


def list_all(conn: Connection, viewer: Viewer) -> list[model.Pull]:
    """Every pull, oldest first, shown as `get` shows it."""
    viewer.must_read()
    return [_shown(viewer, _pull(row)) for row in conn.execute(LIST)]


def change(conn: Connection, viewer: Viewer, pull_id: int, **columns: Any) -> None:
    """Set columns."""
    viewer.must_admin()
    if "secret" in columns:
        columns["secret"] = secrets.seal(conn, columns["secret"])
    _set(conn, "pull", _SETTABLE, _JSON, pull_id, columns, ", version = version + 1")


def advance(conn: Connection, pull_id: int, position: model.Position | None, known: int) -> None:
    """Move on, with the rows that are in: no new version of the pull."""
    columns = {"position": position, "known": known}
    _set(conn, "pull", _SETTABLE, _JSON, pull_id, columns)


def delete(conn: Connection, viewer: Viewer, pull_id: int, now: datetime) -> None:
    """Let it read no more. What it brought in stays; `forget` drops what it remembers."""
    viewer.must_admin()
    conn.execute(DELETE, (now, pull_id))


def reseal(conn: Connection) -> int:
    """Seal passwords with the newest key where they are not; how many. The caller commits."""
    found = ((i, s, secrets.resealed(s)) for i, s in conn.execute(SEALED).fetchall())
    new = [(sealed, pull_id, stored) for pull_id, stored, sealed in found if sealed is not None]
    for values in new:
        conn.execute(SET_SEALED, values)
    return len(new)


def forget(conn: Connection, pull_id: int) -> int:
    """Drop some of the rows that a deleted pull remembers; how many."""
    values = (pull_id, pull_id, limits.pull_forget_rows)
    return conn.execute(FORGET, values).rowcount


# ── runs ───────────────────────────────────────────────────────────────────────────────────────


def new_run(conn: Connection, viewer: Viewer, pull_id: int) -> model.Run | None:
    """A run that waits; None when one waits or is under way."""
    viewer.must_admin()
    row = conn.execute(NEW_RUN, (pull_id, viewer.actor)).fetchone()
    conn.execute(FORGET_RUNS, (pull_id, pull_id, limits.pull_runs_kept))
    return _run(row) if row else None


def run(conn: Connection, viewer: Viewer, run_id: int, *, hold: bool = False) -> model.Run:
    """One run; `hold` keeps others from changing it until the transaction ends."""
    viewer.must_read()
    row = conn.execute(GET_RUN + (" FOR UPDATE" if hold else ""), (run_id,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no run `{run_id}`.")
    return _told(viewer, _run(row))


def runs(
    conn: Connection, viewer: Viewer, pull_id: int, before: int | None = None, rows_max: int = 20
) -> list[model.Run]:
    """Its runs, newest first. What a database says is for admins."""
    viewer.must_read()
    values = (pull_id, _ID_MAX if before is None else before, rows_max)
    return [_told(viewer, _run(row)) for row in conn.execute(RUNS, values)]


def latest(conn: Connection, viewer: Viewer) -> dict[int, model.Run]:
    """The newest run of each pull."""
    viewer.must_read()
    return {r.pull_id: r for r in (_told(viewer, _run(row)) for row in conn.execute(LATEST))}


def change_run(conn: Connection, run_id: int, **columns: Any) -> None:
    """Set columns of a run that is held."""
    known = frozenset(model.Run.__struct_fields__) - {"id", "pull_id"}
    _set(conn, "pull_run", known, _RUN_JSON, run_id, columns)


def due(conn: Connection, now: datetime) -> list[tuple[int, str]]:
    """(id, schedule) of pulls whose time has come, held."""
    return [(int(i), str(s)) for i, s in conn.execute(DUE, (now,))]


# ── rows ───────────────────────────────────────────────────────────────────────────────────────


def known(conn: Connection, pull_id: int, keys: Iterable[bytes]) -> dict[bytes, model.Known]:
    """What is remembered of rows, by name."""
    found = conn.execute(KNOWN, (pull_id, list(keys)), binary=True)
    return {bytes(row[0]): (bytes(row[1]), *row[2:]) for row in found}


def put(conn: Connection, pull_id: int, run_id: int, rows: Mapping[bytes, model.Known]) -> None:
    """Remember rows."""
    if rows:
        columns = [list(column) for column in zip(*rows.values(), strict=True)]
        conn.execute(PUT, (pull_id, run_id, list(rows), *columns))


def let_go(conn: Connection, import_id: int) -> None:
    """What a run brought in is taken back: its rows count as new when they are read again.

    Raises `Conflict` while the run is open.
    """
    for run_id, pull_id, status in conn.execute(OF_IMPORT, (import_id,)).fetchall():
        if status in ("waiting", "running"):
            raise errors.Conflict("The run is still under way. Stop it first.")
        conn.execute(LET_GO, (pull_id, run_id))


def _set(
    conn: Connection, table: str, allowed: frozenset[str], as_json: frozenset[str], row_id: int,
    columns: dict[str, Any], more: str = "",
) -> None:  # fmt: skip
    given = {n: _json(v) if n in as_json else v for n, v in columns.items() if n in allowed}
    sets = ", ".join(f"{name} = %({name})s" for name in given)
    conn.execute(
        f"UPDATE {table} SET {sets}{more} WHERE id = %(id)s".encode(), given | {"id": row_id}
    )


def _shown(viewer: Viewer, one: model.Pull) -> model.Pull:
    out = msgspec.structs.replace(one, secret=MASK if one.secret else "")
    if viewer.role == "admin":
        return out
    return msgspec.structs.replace(
        out, place=model.Place(one.place.kind), secret="", query="", position=None
    )


def _told(viewer: Viewer, one: model.Run) -> model.Run:
    if viewer.role == "admin":
        return one
    return msgspec.structs.replace(one, faults=[], notes=[], error="", began=None, position=None)


def _pull(row: Sequence[Any]) -> model.Pull:
    return msgspec.convert(dict(zip(model.Pull.__struct_fields__, row, strict=True)), model.Pull)


def _run(row: Sequence[Any]) -> model.Run:
    return msgspec.convert(dict(zip(model.Run.__struct_fields__, row, strict=True)), model.Run)


def _json(value: Any) -> Jsonb:
    return Jsonb(value, dumps=msgspec.json.encode)
