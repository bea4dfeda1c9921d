"""The SQL of imports. Every change names the status it expects, so that two runners cannot meet."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from onefold.kernel import errors, limits
from onefold.kernel.viewer import Viewer
from onefold.sources.imports import model
from onefold.storage import Connection

_COLUMNS = (
    "id, name, target, source_id, status, path, format, mapping, rows_total, rows_done, created, "
    "matched, unchanged, refused, faults, error, reverted, created_by, created_at, started_at, "
    "done_at, version"
)
INSERT = f"""
INSERT INTO import (name, target, source_id, path, format, mapping, rows_total, created_by,
  created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}
"""
GET = f"SELECT {_COLUMNS} FROM import WHERE id = %s"
# What runs of pulls brought in is noted here as well, and listed there.
LIST = f"""
SELECT {_COLUMNS} FROM import WHERE id < %s AND format ->> 'kind' <> 'table'
ORDER BY id DESC LIMIT %s
"""
HOLD = f"{GET} FOR NO KEY UPDATE"
CHUNK = "INSERT INTO import_chunk (import_id, first_row, rows, seq) VALUES (%s, %s, %s, %s)"
CHANGE = """
INSERT INTO import_change (import_id, row, noun, record_id, before, version)
SELECT %s, * FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::jsonb[], %s::int[])
"""
UNDONE = """
SELECT first_row, seq, undone FROM import_chunk WHERE import_id = %s AND undone < 2
ORDER BY undone, first_row LIMIT 1
"""
SEQS = "SELECT seq FROM import_chunk WHERE import_id = %s"
SET_UNDONE = "UPDATE import_chunk SET undone = %s WHERE import_id = %s AND first_row = %s"
REVERTING = "SELECT id FROM import WHERE status = 'reverting' ORDER BY id LIMIT 1"
OPEN_CHANGES = """
SELECT id, noun, record_id, before, version FROM import_change
WHERE import_id = %s AND outcome = '' ORDER BY id DESC LIMIT %s
"""
SETTLE = "UPDATE import_change SET outcome = %s, reason = %s WHERE id = %s"
MOVED = """
UPDATE import_change SET version = %s
WHERE noun = %s AND record_id = %s AND outcome = '' AND (import_id = %s OR version = %s)
"""
OUTCOMES = """
SELECT outcome, noun, reason, count(*), (array_agg(record_id ORDER BY id))[1:20]
FROM import_change WHERE import_id = %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
KEPT = "SELECT noun, record_id FROM import_change WHERE import_id = %s AND outcome = 'kept'"
DELETE = "DELETE FROM import WHERE id = %s"
OUTDATED = """
SELECT id FROM import
WHERE path <> '' AND status NOT IN ('waiting', 'running')
AND coalesce(done_at, started_at, created_at) < %s
ORDER BY id LIMIT %s
"""
PATHS = "SELECT path FROM import WHERE path <> ''"
_ID_MAX = 2**63 - 1


def create(
    conn: Connection,
    viewer: Viewer,
    *,
    name: str,
    target: model.Target,
    source_id: int | None,
    path: str,
    form: model.Format,
    mapping: model.Mapping,
    now: datetime,
) -> model.Import:
    """A draft."""
    viewer.must_admin()
    values = (
        name[: limits.name_chars_max], target, source_id, path, _json(form), _json(mapping),
        form.rows, viewer.actor, now,
    )  # fmt: skip
    row = conn.execute(INSERT, values).fetchone()
    return _import(row or ())


def get(conn: Connection, viewer: Viewer, import_id: int, *, hold: bool = False) -> model.Import:
    """One import; `hold` keeps others from changing it until the transaction ends."""
    viewer.must_read()
    row = conn.execute(HOLD if hold else GET, (import_id,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no import `imp_{import_id}`.")
    return _import(row)


def list_all(
    conn: Connection, viewer: Viewer, before: int | None = None, rows_max: int = 50
) -> list[model.Import]:
    """Imports, newest first."""
    viewer.must_read()
    rows = conn.execute(LIST, (_ID_MAX if before is None else before, rows_max))
    return [_import(row) for row in rows]


def change(conn: Connection, import_id: int, **columns: Any) -> None:
    """Set columns of an import that is held."""
    given = {name: _json(v) if name in _JSON else v for name, v in columns.items()}
    sets = ", ".join(f"{name} = %({name})s" for name in given if name in _SETTABLE)
    conn.execute(
        f"UPDATE import SET {sets}, version = version + 1 WHERE id = %(id)s".encode(),
        {**given, "id": import_id},
    )


_JSON = frozenset(("mapping", "faults", "reverted", "format"))
_SETTABLE = frozenset((
    "status", "mapping", "rows_done", "rows_total", "created", "matched", "unchanged", "refused",
    "faults", "error", "reverted", "started_at", "done_at", "source_id", "target", "path", "format",
))  # fmt: skip


def delete(conn: Connection, import_id: int) -> None:
    """Forget an import that is held, and brought nothing in."""
    conn.execute(DELETE, (import_id,))


def outdated(conn: Connection, before: datetime, rows_max: int) -> list[int]:
    """Imports with a file that were over before a time."""
    return [int(i) for (i,) in conn.execute(OUTDATED, (before, rows_max))]


def paths(conn: Connection) -> frozenset[str]:
    """Every file that an import has."""
    return frozenset(str(path) for (path,) in conn.execute(PATHS))


def add_chunk(conn: Connection, import_id: int, first_row: int, rows: int, seq: int) -> None:
    """Note the log row that a chunk of rows went into."""
    conn.execute(CHUNK, (import_id, first_row, rows, seq))


def add_changes(
    conn: Connection,
    import_id: int,
    changes: Sequence[tuple[int, str, int, Mapping[str, Any] | None, int]],
) -> None:
    """Note CRM rows made or changed: (row, noun, id, columns before, version after)."""
    if changes:
        rows, nouns, ids, before, versions = zip(*changes, strict=True)
        befores = [None if b is None else _text(b) for b in before]
        conn.execute(
            CHANGE, (import_id, list(rows), list(nouns), list(ids), befores, list(versions))
        )


def reverting(conn: Connection) -> int | None:
    """The import that is to be taken back, the oldest first."""
    row = conn.execute(REVERTING).fetchone()
    return int(row[0]) if row else None


def next_chunk(conn: Connection, import_id: int) -> tuple[int, int, int] | None:
    """(first row, log row, how far undone) of the next chunk to take back; None at the end."""
    row = conn.execute(UNDONE, (import_id,)).fetchone()
    return (int(row[0]), int(row[1]), int(row[2])) if row else None


def seqs(conn: Connection, import_id: int) -> frozenset[int]:
    """Every log row of an import."""
    return frozenset(int(seq) for (seq,) in conn.execute(SEQS, (import_id,)))


def set_undone(conn: Connection, import_id: int, first_row: int, stage: int) -> None:
    """The chunk's facts are out of the states (1); and what they alone named is gone (2)."""
    conn.execute(SET_UNDONE, (stage, import_id, first_row))


def open_changes(conn: Connection, import_id: int, rows_max: int) -> list[tuple[Any, ...]]:
    """(id, noun, record id, before, version) of CRM changes not yet taken back, newest first."""
    return conn.execute(OPEN_CHANGES, (import_id, rows_max)).fetchall()


def settle(conn: Connection, change_id: int, outcome: str, reason: str = "") -> None:
    """What became of a CRM change."""
    conn.execute(SETTLE, (outcome, reason, change_id))


def moved(
    conn: Connection, import_id: int, noun: str, record_id: int, before: int, version: int
) -> None:
    """A record went back to what it was at version `before`, and is at `version` now.

    Earlier changes of the import find it there, and so does the other import that left it so.
    """
    conn.execute(MOVED, (version, noun, record_id, import_id, before))


def outcomes(conn: Connection, import_id: int) -> list[dict[str, Any]]:
    """What a revert did to CRM rows, by object and reason, with some of their ids."""
    names = ("outcome", "noun", "reason", "n", "ids")
    return [dict(zip(names, row, strict=True)) for row in conn.execute(OUTCOMES, (import_id,))]


def kept(conn: Connection, import_id: int) -> frozenset[tuple[str, int]]:
    """CRM rows that a revert left as they are: their facts stay too."""
    return frozenset((str(n), int(i)) for n, i in conn.execute(KEPT, (import_id,)))


def _import(row: Sequence[Any]) -> model.Import:
    values = dict(zip(model.Import.__struct_fields__, row, strict=True))
    return msgspec.convert(values, model.Import)


def _json(value: Any) -> Jsonb:
    return Jsonb(value, dumps=msgspec.json.encode)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
