"""The SQL of identifier rules: versions and their rows, previews, and how far a replay is."""

import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from onefold.identity.namespaces.model import Preview, Row, Version
from onefold.identity.namespaces.parse import compiled, regroups
from onefold.identity.rules import RULES, Rules
from onefold.kernel import errors, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, locks

_VERSION = """
SELECT id, from_seq, back_to, reason, actor, actor_name, at_ms, taken_ms, done, upto, done_ms,
  changed
FROM namespace_version
"""
_PREVIEW = """
SELECT id, base, rules, status, actor, actor_name, at_ms, done, upto, people, merged, split, moved,
  identifiers, examples, error, done_ms, back_to
FROM namespace_preview
"""
IN_FORCE = "SELECT max(id) FROM namespace_version WHERE from_seq IS NOT NULL"
NEWEST = "SELECT max(id) FROM namespace_version"
ROWS = """
SELECT name, kind, priority, most, window_days, hub, verified, blocked, patterns, form, region,
  types, traits
FROM namespace WHERE version = %s ORDER BY priority, name
"""
LOCK = "SELECT pg_advisory_xact_lock(%s)"
ADD_VERSION = """
INSERT INTO namespace_version (back_to, reason, actor, actor_name, at_ms)
VALUES (%s, %s, %s, %s, %s) RETURNING id
"""
ADD_ROW = """
INSERT INTO namespace (version, name, kind, priority, most, window_days, hub, verified, blocked,
  patterns, form, region, types, traits)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
OF_OTHER_KIND = """
SELECT DISTINCT k.name FROM unnest(%s::text[]) AS k (name)
WHERE EXISTS (SELECT FROM identifier i WHERE i.namespace = k.name)
"""
LAST_IDENTIFIER = "SELECT coalesce(max(id), 0) FROM identifier"
TAKE_UP = """
UPDATE namespace_version SET from_seq = %s, taken_ms = %s, upto = %s, done_ms = %s
WHERE from_seq IS NULL
"""
REPLAYING = _VERSION + (
    "WHERE id = (SELECT max(id) FROM namespace_version WHERE from_seq IS NOT NULL) "
    "AND done_ms IS NULL"
)
STRETCH = """
SELECT i.id, i.namespace, (
  SELECT count(*) FROM fragment f WHERE f.identifier_id = i.id AND f.person_id <> 0)
FROM identifier i WHERE i.id > %s AND i.id <= %s ORDER BY i.id LIMIT %s
"""
CROWDS = """
SELECT k.id, i.namespace, count(*) FROM unnest(%b::bigint[]) AS k (id)
CROSS JOIN LATERAL (
  SELECT b AS other FROM link WHERE a = k.id UNION ALL SELECT a FROM link WHERE b = k.id
) l
JOIN identifier i ON i.id = l.other
GROUP BY 1, 2
"""
REPLAYED = """
UPDATE namespace_version SET done = %s, changed = changed + %s, done_ms = %s WHERE id = %s
"""
ADD_PREVIEW = """
INSERT INTO namespace_preview (base, rules, actor, actor_name, at_ms, back_to)
VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
"""
CANCEL_OLDER = """
UPDATE namespace_preview SET status = 'cancelled' WHERE status IN ('waiting', 'running')
"""


class _Library:
    """A database's rules, compiled once a version."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rules = RULES


_libraries: OrderedDict[tuple[Any, ...], _Library] = OrderedDict()
_libraries_lock = threading.Lock()


def current(conn: Connection) -> Rules:
    """The rules that the worker goes by, compiled."""
    row = conn.execute(IN_FORCE).fetchone()
    number = int(row[0]) if row and row[0] else 0
    if number == 0:
        return RULES
    info = conn.info
    key = (info.host, info.port, info.dbname)
    with _libraries_lock:
        library = _libraries.pop(key, None) or _Library()
        _libraries[key] = library
        while len(_libraries) > limits.rules_compiled_max:
            _libraries.popitem(last=False)
    with library.lock:
        if library.rules.version != number:
            library.rules = compiled(rows(conn, number), number)
        return library.rules


def rows(conn: Connection, version: int | None = None) -> list[Row]:
    """The namespaces of a version, the strongest first; of the newest without one."""
    if version is None:
        version = newest(conn)
    return [_row(row) for row in conn.execute(ROWS, (version,))]


def _row(row: Sequence[Any]) -> Row:
    values: list[Any] = [tuple(value) if isinstance(value, list) else value for value in row]
    return Row(*values)


def newest(conn: Connection) -> int:
    """The number of the version that holds, or will from the next batch on."""
    row = conn.execute(NEWEST).fetchone()
    return int(row[0]) if row and row[0] else 0


def get(conn: Connection, viewer: Viewer, version: int) -> Version:
    """A version. Raises `NotFound`."""
    viewer.must_read()
    row = conn.execute(_VERSION + "WHERE id = %s", (version,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no version {version} of the identifier rules.")
    return Version(*row)


def versions(
    conn: Connection, viewer: Viewer, before: int | None = None, rows_max: int = 50
) -> list[Version]:
    """Versions, newest first; `before`: with a smaller number."""
    viewer.must_read()
    query = _VERSION + "WHERE id < %s ORDER BY id DESC LIMIT %s"
    return [Version(*row) for row in conn.execute(query, (before or 1 << 31, rows_max))]


def add(
    conn: Connection,
    viewer: Viewer,
    rules: Sequence[Row],
    *,
    base: int,
    reason: str,
    now_ms: int,
    back_to: int | None = None,
) -> Version:
    """Write a version, which the worker takes up. Raises `Conflict` when `base` is not the newest.

    Raises `Invalid` when a new namespace would be of another kind than what is stored of it.
    """
    viewer.must_admin()
    conn.execute(LOCK, (locks.NAMESPACES,))
    last = newest(conn)
    if last != base:
        raise errors.Conflict(
            f"The rules were changed meanwhile: version {last} holds. Preview the change again.",
            {"version": last},
        )
    before = rows(conn, last)
    other_kind(conn, before, rules)
    values = (back_to, reason.strip(), viewer.actor, viewer.name, now_ms)
    (made,) = conn.execute(ADD_VERSION, values).fetchall()
    for row in rules:
        texts = [list(v) if isinstance(v, tuple) else v for v in msgspec.structs.astuple(row)]
        conn.execute(ADD_ROW, (made[0], *texts))
    return get(conn, viewer, made[0])


def other_kind(conn: Connection, before: Sequence[Row], after: Sequence[Row]) -> None:
    """Raise `Invalid` for new namespaces of which there are identifiers of another kind."""
    known = {row.name for row in before}
    new = [row.name for row in after if row.name not in known and row.kind != "person"]
    if not new:
        return
    found = [name for (name,) in conn.execute(OF_OTHER_KIND, (new,))]
    if found:
        raise errors.Invalid(
            *(
                errors.Fault(
                    f"{name}.kind",
                    "is person for the identifiers that there are: sources sent them as such.",
                    "Keep `person`, or make a namespace of another name.",
                )
                for name in found
            )
        )


# ── the worker ─────────────────────────────────────────────────────────────────────────────────


def take_up(conn: Connection, seq: int, now_ms: int) -> bool:
    """Let what was changed hold from the row after `seq` on; was there anything?

    The worker's, in a transaction that commits before it reads that row. Where a change can move
    nobody there is nothing to replay.
    """
    before = conn.execute(IN_FORCE).fetchone()
    after = newest(conn)
    if not after or (before and before[0] == after):
        return False
    upto = _one(conn, LAST_IDENTIFIER)
    was = before[0] if before else None
    pending = was is not None and conn.execute(REPLAYING).fetchone() is not None
    nothing = upto == 0 or (
        not pending and was is not None and not regroups(rows(conn, was), rows(conn, after))
    )
    conn.execute(TAKE_UP, (seq + 1, now_ms, upto, now_ms if nothing else None))
    return True


def replaying(conn: Connection) -> Version | None:
    """The version that is being replayed."""
    row = conn.execute(REPLAYING).fetchone()
    return None if row is None else Version(*row)


def stretch(
    conn: Connection, rules: Rules, after: int, upto: int, rows_max: int
) -> tuple[list[int], int]:
    """The next identifiers to group again, and how far that gets.

    Devices of several people are left out: they belong to the people who log in on them.
    """
    found = conn.execute(STRETCH, (after, upto, rows_max)).fetchall()
    seeds = [
        i
        for i, namespace, chapters in found
        if (kind := rules.of(namespace).kind) == "person" or (kind == "device" and chapters == 1)
    ]
    return seeds, found[-1][0] if len(found) == rows_max else upto


def crowds(conn: Connection, ids: Collection[int]) -> list[tuple[int, str, int]]:
    """(id, namespace, n): how many values of each namespace each identifier is linked to."""
    return conn.execute(CROWDS, (list(ids),), prepare=False).fetchall()


def replayed(conn: Connection, version: int, done: int, changed: int, done_ms: int | None) -> None:
    """Note how far a replay is; with `done_ms` it has ended."""
    conn.execute(REPLAYED, (done, changed, done_ms, version))


# ── previews ───────────────────────────────────────────────────────────────────────────────────


def add_preview(
    conn: Connection,
    viewer: Viewer,
    rules: Sequence[Row],
    base: int,
    now_ms: int,
    back_to: int | None = None,
) -> int:
    """Ask for a preview; one at a time, older ones that are under way end. The caller defers it."""
    viewer.must_admin()
    conn.execute(CANCEL_OLDER)
    proposed = Jsonb(msgspec.to_builtins(list(rules)))
    values = (base, proposed, viewer.actor, viewer.name, now_ms, back_to)
    (made,) = conn.execute(ADD_PREVIEW, values).fetchall()
    return int(made[0])


def preview(conn: Connection, viewer: Viewer, number: int, *, hold: bool = False) -> Preview:
    """A preview. Raises `NotFound`."""
    viewer.must_read()
    query = _PREVIEW + "WHERE id = %s" + (" FOR UPDATE" if hold else "")
    row = conn.execute(query, (number,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no preview {number} of identifier rules.")
    found = list(row)
    found[2] = msgspec.convert(found[2], list[Row])
    return Preview(*found)


def set_preview(conn: Connection, number: int, **values: Any) -> None:
    """Note what a preview has found so far."""
    given = {k: Jsonb(v) if k == "examples" else v for k, v in values.items()}
    columns = ", ".join(f"{name} = %({name})s" for name in given)
    query = f"UPDATE namespace_preview SET {columns} WHERE id = %(id)s"
    conn.execute(query, {**given, "id": number})


def last_identifier(conn: Connection) -> int:
    """The highest identifier id."""
    return _one(conn, LAST_IDENTIFIER)


def _one(conn: Connection, query: Any) -> int:
    row = conn.execute(query).fetchone()
    return int(row[0]) if row else 0
