"""The SQL of memberships: who is in which audience now, and who came and went.

The worker is the only writer.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from onefold.audiences import store
from onefold.audiences.kept import Change, Entry, Membership
from onefold.audiences.model import Kind, Reason
from onefold.kernel import clock, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

MEMBERS = """
SELECT m.entity_id, m.since_ms FROM membership m JOIN audience a ON a.id = m.audience_id
WHERE a.key = %s AND a.status <> 'deleted' AND m.entity_id > %s ORDER BY m.entity_id LIMIT %s
"""
CURRENT = """
SELECT m.entity_id, m.audience_id, m.since_ms
FROM membership m JOIN audience a ON a.id = m.audience_id
WHERE m.entity_id = ANY(%s) AND a.of = %s AND a.status <> 'deleted'
"""
MEMBERSHIPS_OF = """
SELECT a.key, a.name, m.since_ms FROM membership m JOIN audience a ON a.id = m.audience_id
WHERE m.entity_id = %s AND a.of = %s AND a.status <> 'deleted' ORDER BY m.since_ms DESC, a.key
"""
ENTER = """
INSERT INTO membership (audience_id, entity_id, since_ms)
SELECT * FROM unnest(%b::int[], %b::bigint[], %b::bigint[])
ON CONFLICT (audience_id, entity_id) DO NOTHING
"""
LEAVE = """
DELETE FROM membership m USING unnest(%b::int[], %b::bigint[]) AS t (audience_id, entity_id)
WHERE m.audience_id = t.audience_id AND m.entity_id = t.entity_id
"""
LOG_CHANGES = """
INSERT INTO membership_change (audience_id, entity_id, entered, at_ms, why)
SELECT * FROM unnest(%b::int[], %b::bigint[], %b::boolean[], %b::bigint[], %b::text[]::jsonb[])
"""
LEAVE_ALL = """
WITH gone AS (
  DELETE FROM membership m USING audience a
  WHERE a.id = m.audience_id AND a.of = %(kind)s AND m.entity_id = %(entity)s
  RETURNING m.audience_id, m.entity_id
), logged AS (
  INSERT INTO membership_change (audience_id, entity_id, entered, at_ms, why)
  SELECT audience_id, entity_id, false, %(at_ms)s, %(why)s FROM gone
)
SELECT audience_id FROM gone ORDER BY audience_id
"""
CLEAR = """
WITH gone AS (
  DELETE FROM membership m USING audience a
  WHERE a.id = %(id)s AND a.status = 'deleted' AND m.audience_id = a.id
  RETURNING m.entity_id, (extract(epoch FROM a.updated_at) * 1000)::bigint AS at_ms
), logged AS (
  INSERT INTO membership_change (audience_id, entity_id, entered, at_ms, why)
  SELECT %(id)s, entity_id, false, at_ms, %(why)s FROM gone
)
SELECT count(*) FROM gone
"""
SIZES = f"""
SELECT a.id, (SELECT count(*) FROM membership m WHERE m.audience_id = a.id),
  coalesce((SELECT json_agg(d) FROM (
    SELECT at_ms / {clock.DAY_MS} AS day, count(*) FILTER (WHERE entered) AS entered,
      count(*) FILTER (WHERE NOT entered) AS exited
    FROM membership_change c WHERE c.audience_id = a.id AND c.at_ms >= %s GROUP BY 1
  ) d), '[]')
FROM audience a WHERE a.key = %s AND a.status <> 'deleted'
"""
OVERLAP = """
SELECT o.key, o.name, count(*) AS shared
FROM membership m JOIN membership x ON x.entity_id = m.entity_id AND x.audience_id <> m.audience_id
JOIN audience a ON a.id = m.audience_id
JOIN audience o ON o.id = x.audience_id AND o.of = a.of AND o.status <> 'deleted'
WHERE a.key = %s AND a.status <> 'deleted'
GROUP BY o.id ORDER BY shared DESC, o.key LIMIT %s
"""
HISTORY = """
SELECT c.id, a.key, a.name, c.entered, c.at_ms, c.why
FROM membership_change c JOIN audience a ON a.id = c.audience_id
WHERE c.entity_id = %s AND a.of = %s ORDER BY c.id DESC LIMIT %s
"""


def members(
    conn: Connection,
    viewer: Viewer,
    key: str,
    cursor: int = 0,
    limit: int = limits.page_rows_default,
) -> list[tuple[int, int]]:
    """(entity id, since_ms) of members with ids after `cursor`, by id. Raises `NotFound`."""
    viewer.must_read()
    rows = conn.execute(MEMBERS, (key, cursor, min(limit, limits.page_rows_max))).fetchall()
    if not rows:
        store.get(conn, viewer, key)
    return [(entity_id, since_ms) for entity_id, since_ms in rows]


def current(
    conn: Connection, of_kind: Kind, entity_ids: Sequence[int]
) -> dict[int, dict[int, int]]:
    """entity id → audience id → since_ms; entities in no audience are absent."""
    out: dict[int, dict[int, int]] = {}
    for entity_id, audience_id, since_ms in conn.execute(CURRENT, (list(entity_ids), of_kind)):
        out.setdefault(entity_id, {})[audience_id] = since_ms
    return out


def apply(conn: Connection, changes: Sequence[Change]) -> None:
    """Write changes in bulk; of several about one membership the last decides."""
    final = {(c.audience_id, c.entity_id): c for c in changes}
    left = [c for c in final.values() if not c.entered]
    entered = [c for c in final.values() if c.entered]
    if left:
        conn.execute(LEAVE, ([c.audience_id for c in left], [c.entity_id for c in left]))
    if entered:
        columns = zip(*((c.audience_id, c.entity_id, c.at_ms) for c in entered), strict=True)
        conn.execute(ENTER, [list(column) for column in columns])
    if changes:
        logged = zip(*map(_row, changes), strict=True)
        conn.execute(LOG_CHANGES, [list(column) for column in logged])


def sizes(
    conn: Connection, viewer: Viewer, key: str, first: int, last: int
) -> list[tuple[int, int, int, int]]:
    """(day, size at its end, entered, exited) of the days `first` to `last`, since 1970.

    Of today as it is now. Raises `NotFound`.
    """
    viewer.must_read()
    row = conn.execute(SIZES, (first * clock.DAY_MS, key)).fetchone()
    if row is None:
        store.get(conn, viewer, key)
        return []
    _, size, found = row
    turned = {d["day"]: (d["entered"], d["exited"]) for d in found}
    out = []
    for day in range(max(turned, default=last), first - 1, -1):
        entered, exited = turned.get(day, (0, 0))
        if day <= last:
            out.append((day, size, entered, exited))
        size -= entered - exited
    missing = [(day, row[1], 0, 0) for day in range(max(turned, default=last) + 1, last + 1)]
    return [*out[::-1], *missing]


def overlap(conn: Connection, viewer: Viewer, key: str, limit: int) -> list[tuple[str, str, int]]:
    """(key, name, members in both) of the audiences that share most members with this one."""
    viewer.must_read()
    return [(k, name, int(n)) for k, name, n in conn.execute(OVERLAP, (key, limit))]


def leave_all(
    conn: Connection, kind: Kind, entity_id: int, at_ms: int, why: Iterable[Reason] = ()
) -> list[int]:
    """The entity leaves every audience; the ids of those it was in."""
    row = {"kind": kind, "entity": entity_id, "at_ms": at_ms, "why": Jsonb(list(why))}
    return [audience_id for (audience_id,) in conn.execute(LEAVE_ALL, row)]


def clear(conn: Connection, audience_id: int) -> int:
    """The members of a deleted audience leave it, as of its deletion; how many they were."""
    why = [{"text": "The audience was deleted.", "condition": "", "holds": False}]
    (n,) = _one(conn.execute(CLEAR, {"id": audience_id, "why": Jsonb(why)}))
    return int(n)


# ── of one entity ──────────────────────────────────────────────────────────────────────────────


def memberships_of(
    conn: Connection, viewer: Viewer, kind: Kind, entity_id: int
) -> list[Membership]:
    """The audiences that an entity is in, newest first."""
    viewer.must_read()
    return [Membership(*row) for row in conn.execute(MEMBERSHIPS_OF, (entity_id, kind))]


def history(
    conn: Connection,
    viewer: Viewer,
    kind: Kind,
    entity_id: int,
    limit: int = limits.page_rows_default,
) -> list[Entry]:
    """An entity's changes, newest first, those of deleted audiences too."""
    viewer.must_read()
    row = (entity_id, kind, min(limit, limits.timeline_rows_max))
    return [Entry(*found) for found in conn.execute(HISTORY, row)]


# ── inside ─────────────────────────────────────────────────────────────────────────────────────


def _row(change: Change) -> tuple[int, int, bool, int, str]:
    why = msgspec.json.encode(change.why).decode()
    return change.audience_id, change.entity_id, change.entered, change.at_ms, why


def _one(cursor: psycopg.Cursor[tuple[Any, ...]]) -> tuple[Any, ...]:
    return cursor.fetchall()[0]
