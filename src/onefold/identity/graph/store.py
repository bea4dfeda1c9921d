"""The SQL of looking at identity."""

from collections.abc import Collection, Iterable
from typing import Any

from onefold.identity.graph.model import Spot
from onefold.identity.namespaces.store import current
from onefold.kernel import limits
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

_SPOT = """
SELECT f.id, i.id, i.namespace, i.value, f.chapter_ms, f.owner_id, f.person_id, i.generic, f.events
FROM fragment f JOIN identifier i ON i.id = f.identifier_id
"""
OF_PEOPLE = _SPOT + "WHERE f.person_id = ANY(%s) ORDER BY f.id LIMIT %s"
OF_IDENTIFIERS = _SPOT + "WHERE f.identifier_id = ANY(%s) AND f.person_id <> 0 ORDER BY f.id"
OF_FRAGMENTS = _SPOT + "WHERE f.id = ANY(%s)"
AT = (
    _SPOT
    + """
WHERE i.namespace = %s AND md5(i.value) = md5(%s) AND i.value = %s AND f.person_id <> 0
ORDER BY f.chapter_ms <= greatest(%s, 1) DESC, f.chapter_ms DESC LIMIT 1
"""
)
LINKS = """
SELECT a, b, first_pos, last_day, source_id, suppressed FROM link WHERE a = ANY(%s)
UNION
SELECT a, b, first_pos, last_day, source_id, suppressed FROM link WHERE b = ANY(%s)
ORDER BY 1, 2 LIMIT %s
"""
JOURNAL = """
WITH RECURSIVE kin (id, depth) AS (
  SELECT %s::bigint, 0
  UNION
  SELECT CASE WHEN j.person_id = k.id THEN j.other_id ELSE j.person_id END, k.depth + 1
  FROM kin k JOIN LATERAL (
    SELECT person_id, other_id FROM person_journal WHERE person_id = k.id AND other_id IS NOT NULL
    UNION ALL SELECT person_id, other_id FROM person_journal WHERE other_id = k.id
  ) j ON true
  WHERE k.depth < 4
)
SELECT id, pos, person_id, action, other_id, members, at_ms, decision_id, decision_ended
FROM (SELECT * FROM person_journal WHERE person_id IN (SELECT id FROM kin)
  ORDER BY id DESC LIMIT %s) j ORDER BY id
"""
CAUSE = """
SELECT l.a, l.b, l.first_pos FROM link l
WHERE l.first_pos <= %(pos)s
  AND ((l.a = ANY(%(ours)s) AND NOT l.b = ANY(%(ours)s))
    OR (l.b = ANY(%(ours)s) AND NOT l.a = ANY(%(ours)s)))
  AND (l.suppressed IS NULL OR l.suppressed NOT IN ('generic', 'shared_device'))
ORDER BY l.first_pos DESC LIMIT 1
"""


def spots_of(conn: Connection, viewer: Viewer, person_ids: Collection[int]) -> list[Spot]:
    """Everything that belongs to these people, up to a limit."""
    viewer.must_read()
    params = (list(person_ids), limits.graph_nodes_max)
    return _spots(conn, conn.execute(OF_PEOPLE, params).fetchall())


def spots_with(conn: Connection, viewer: Viewer, identifier_ids: Collection[int]) -> list[Spot]:
    """Every chapter of these identifiers."""
    viewer.must_read()
    return _spots(conn, conn.execute(OF_IDENTIFIERS, (list(identifier_ids),)).fetchall())


def fragments(conn: Connection, viewer: Viewer, ids: Collection[int]) -> dict[int, Spot]:
    """Spots by fragment."""
    viewer.must_read()
    rows = conn.execute(OF_FRAGMENTS, (list(ids),)).fetchall()
    return {spot.ref: spot for spot in _spots(conn, rows)}


def spot_at(conn: Connection, viewer: Viewer, identifier: Identifier, at_ms: int) -> Spot | None:
    """An identifier; of a device, the chapter at a time."""
    viewer.must_read()
    params = (identifier.namespace, identifier.value, identifier.value, at_ms)
    row = conn.execute(AT, params).fetchone()
    return None if row is None else _spots(conn, [row])[0]


def links_of(conn: Connection, identifier_ids: Collection[int]) -> list[tuple[Any, ...]]:
    """(a, b, first_pos, last_day, source_id, suppressed) of links of these identifiers."""
    ids = list(identifier_ids)
    return conn.execute(LINKS, (ids, ids, limits.graph_nodes_max * 4)).fetchall()


def journal(conn: Connection, viewer: Viewer, person_id: int) -> list[tuple[Any, ...]]:
    """(id, pos, person, action, other, members, at_ms, decision, ended) of a person and its kin."""
    viewer.must_read()
    return conn.execute(JOURNAL, (person_id, limits.graph_nodes_max)).fetchall()


def cause(
    conn: Connection, identifier_ids: Collection[int], pos: int
) -> tuple[int, int, int] | None:
    """The newest link, up to a position, between these identifiers and others: (a, b, pos)."""
    row = conn.execute(CAUSE, {"ours": list(identifier_ids), "pos": pos}).fetchone()
    return None if row is None else (row[0], row[1], row[2])


def _spots(conn: Connection, rows: Iterable[tuple[Any, ...]]) -> list[Spot]:
    rules = current(conn)
    return [
        Spot(
            ref, identifier, Identifier(name, value), start, owner, who, generic, n, rules.of(name)
        )
        for ref, identifier, name, value, start, owner, who, generic, n in rows
    ]
