"""What is read of many people or accounts at once, beside their folded states."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopg.rows import dict_row

from onefold.kernel import limits
from onefold.storage import Connection

Row = dict[str, Any]

PEOPLE = "SELECT id, name, email, title, known FROM person WHERE id = ANY(%s)"
IDENTIFIERS = """
SELECT person_id, id, namespace, value, first_ms, last_ms FROM (
  SELECT f.person_id, i.id, i.namespace, i.value, min(f.first_seen_ms) AS first_ms,
    max(f.last_seen_ms) AS last_ms,
    row_number() OVER (PARTITION BY f.person_id ORDER BY
      array_position(ARRAY['user_id', 'email', 'contact'], i.namespace), i.id) AS number
  FROM fragment f JOIN identifier i ON i.id = f.identifier_id
  WHERE f.person_id = ANY(%s) GROUP BY f.person_id, i.id
) t WHERE number <= %s ORDER BY person_id, number
"""
ACCOUNTS = """
SELECT pa.person_id, a.id, a.name, a.key, pa.is_primary, pa.until_ms, pa.role
FROM person_account pa JOIN account a ON a.id = pa.account_id
WHERE pa.person_id = ANY(%s)
ORDER BY pa.person_id, pa.until_ms IS NOT NULL, pa.is_primary DESC, pa.since_ms, a.id
"""
SOURCES = "SELECT id, key FROM source"
MEMBERSHIPS = """
SELECT m.entity_id, a.key, a.name, m.since_ms
FROM membership m JOIN audience a ON a.id = m.audience_id
WHERE m.entity_id = ANY(%s) AND a.of = %s AND a.status <> 'deleted'
ORDER BY m.entity_id, m.since_ms DESC, a.key
"""
MERGED = """
WITH RECURSIVE gone (root, id, depth) AS (
  SELECT person_id, old_id, 1 FROM person_alias WHERE person_id = ANY(%s)
  UNION ALL
  SELECT g.root, a.old_id, g.depth + 1 FROM person_alias a JOIN gone g ON a.person_id = g.id
  WHERE g.depth < 1000
)
SELECT root, id FROM gone ORDER BY root, id
"""
FOLLOW = """
WITH RECURSIVE trail (start, id, depth) AS (
  SELECT i, i, 0 FROM unnest(%s::bigint[]) i
  UNION ALL
  SELECT t.start, a.person_id, t.depth + 1 FROM trail t JOIN person_alias a ON a.old_id = t.id
  WHERE t.depth < 1000
)
SELECT DISTINCT ON (t.start) t.start, t.id FROM trail t
WHERE EXISTS (SELECT FROM fragment f WHERE f.person_id = t.id) ORDER BY t.start, t.depth DESC
"""
# A device of several people is of whom it is with now.
PEOPLE_OF = """
SELECT DISTINCT ON (i.id) i.namespace, i.value, f.person_id
FROM unnest(%s::text[], %s::text[]) AS wanted (namespace, value)
JOIN identifier i ON i.namespace = wanted.namespace AND md5(i.value) = md5(wanted.value)
  AND i.value = wanted.value
JOIN fragment f ON f.identifier_id = i.id
WHERE f.person_id <> 0
ORDER BY i.id, f.chapter_ms DESC
"""
# By id or key; one that turned out to be another is that one.
ACCOUNTS_BY = """
SELECT wanted.number, coalesce(a.merged_into, a.id)
FROM unnest(%s::int[], %s::bigint[], %s::text[]) AS wanted (number, id, key)
JOIN account a ON a.id = wanted.id OR (md5(a.key) = md5(wanted.key) AND a.key = wanted.key)
"""


class PeopleRows(NamedTuple):
    """What is known of people beside their folded facts, by person id.

    row          name, email, title, known, as lists show them; absent until they are written
    identifiers  id, namespace, value, and first_ms and last_ms as the home of facts
    accounts     id, name, key, is_primary, until_ms, role; the primary one first
    sources      source id → key
    audiences    (key, name, since_ms), newest first
    merged       former ids that lead here
    """

    row: dict[int, Row]
    identifiers: dict[int, list[Row]]
    accounts: dict[int, list[Row]]
    sources: dict[int, str]
    audiences: dict[int, list[tuple[str, str, int]]]
    merged: dict[int, list[int]]


def people(conn: Connection, person_ids: Sequence[int]) -> PeopleRows:
    """People's rows, in one round trip."""
    given = (list(person_ids),)
    dicts = [conn.cursor(row_factory=dict_row) for _ in range(3)]
    with conn.pipeline():
        dicts[0].execute(PEOPLE, given)
        dicts[1].execute(IDENTIFIERS, (*given, limits.person_identifiers_max))
        dicts[2].execute(ACCOUNTS, given)
        keys = conn.execute(SOURCES)
        memberships = conn.execute(MEMBERSHIPS, (*given, "person"))
        merged = conn.execute(MERGED, given)
    audiences: dict[int, list[tuple[str, str, int]]] = {}
    for person_id, key, name, since_ms in memberships:
        audiences.setdefault(person_id, []).append((key, name, since_ms))
    former: dict[int, list[int]] = {}
    for person_id, old_id in merged:
        former.setdefault(person_id, []).append(old_id)
    return PeopleRows(
        row={r["id"]: r for r in dicts[0]},
        identifiers=_by(dicts[1].fetchall(), "person_id"),
        accounts=_by(dicts[2].fetchall(), "person_id"),
        sources=dict(keys.fetchall()),
        audiences=audiences,
        merged=former,
    )


def _by(rows: Sequence[Row], column: str) -> dict[int, list[Row]]:
    out: dict[int, list[Row]] = {}
    for row in rows:
        out.setdefault(row[column], []).append(row)
    return out


def follow(conn: Connection, person_ids: Sequence[int]) -> dict[int, int]:
    """The people that ids mean today; unknown ids are left out."""
    return dict(conn.execute(FOLLOW, (list(person_ids),)).fetchall())


def people_of(
    conn: Connection, identifiers: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """The people with these identifiers, as they are kept."""
    columns = [n for n, _ in identifiers], [v for _, v in identifiers]
    found = conn.execute(PEOPLE_OF, columns)
    return {(namespace, value): person_id for namespace, value, person_id in found}


def accounts_by(conn: Connection, wanted: Sequence[int | str]) -> dict[int, int]:
    """The accounts that ids and keys mean, by their place in `wanted`."""
    numbers = list(range(len(wanted)))
    own = [w if isinstance(w, int) else None for w in wanted]
    keys = [w if isinstance(w, str) else None for w in wanted]
    return dict(conn.execute(ACCOUNTS_BY, (numbers, own, keys)).fetchall())
