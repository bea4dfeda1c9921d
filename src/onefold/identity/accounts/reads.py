"""The ladder's SQL for pages and API: memberships, clues, domains, family, proposals."""

from collections.abc import Collection, Sequence
from typing import Any

from psycopg.rows import dict_row

from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

Row = dict[str, Any]

MEMBERSHIPS = """
SELECT a.id, a.key, a.name, a.domain, p.since_ms, p.until_ms, p.last_ms, p.is_primary, p.rung,
  p.confidence, p.role
FROM person_account p JOIN account a ON a.id = p.account_id
WHERE p.person_id = %s ORDER BY p.until_ms IS NOT NULL, p.is_primary DESC, p.since_ms, a.key
"""
PEOPLE = """
SELECT p.id, p.name, p.email, p.title, p.last_seen_ms, m.since_ms, m.until_ms, m.is_primary,
  m.rung, m.confidence, m.role
FROM person_account m JOIN person p ON p.id = m.person_id
WHERE m.account_id = %s
ORDER BY m.until_ms IS NOT NULL, p.last_seen_ms DESC NULLS LAST, p.id LIMIT %s
"""
CLUES = """
SELECT c.rung, c.value, c.first_ms, c.outcome, a.id, a.key, a.name
FROM account_clue c LEFT JOIN account a ON a.id = c.account_id
WHERE c.person_id = %s ORDER BY c.rung, c.value
"""
# Domains of an account, and who else claims each.
DOMAINS = """
SELECT c.value, c.source, o.id, o.key, o.name, k.source AS other_source
FROM account_claim c JOIN account x ON x.id = c.account_id
LEFT JOIN (account_claim k JOIN account o ON o.id = k.account_id)
  ON k.kind = 'domain' AND k.value = c.value
  AND coalesce(o.merged_into, o.id) <> coalesce(x.merged_into, x.id)
WHERE c.kind = 'domain' AND coalesce(x.merged_into, x.id) = %s ORDER BY c.value, o.key
"""
FAMILY = """
WITH RECURSIVE down (id, depth) AS (
  SELECT id, 1 FROM account WHERE parent_id = %(account)s
  UNION SELECT a.id, d.depth + 1 FROM account a JOIN down d ON a.parent_id = d.id
  WHERE d.depth < 50
)
SELECT a.id, a.key, a.name, a.parent_id, a.risk, d.depth,
  (SELECT count(*) FROM person_account p WHERE p.account_id = a.id AND p.until_ms IS NULL)
    AS people,
  (SELECT count(*) FROM ticket t WHERE t.account_id = a.id AND t.status <> 'resolved') AS tickets
FROM down d JOIN account a ON a.id = d.id WHERE a.merged_into IS NULL
ORDER BY d.depth, a.name_sort, a.id LIMIT 500
"""
ANCESTORS = """
WITH RECURSIVE up (id, depth) AS (
  SELECT parent_id, 1 FROM account WHERE id = %s AND parent_id IS NOT NULL
  UNION SELECT a.parent_id, u.depth + 1 FROM account a JOIN up u ON a.id = u.id
  WHERE a.parent_id IS NOT NULL AND u.depth < 50
)
SELECT a.id, a.key, a.name FROM up u JOIN account a ON a.id = u.id ORDER BY u.depth
"""
FAMILY_PEOPLE = """
SELECT count(DISTINCT person_id) FROM person_account WHERE account_id = ANY(%s) AND until_ms IS NULL
"""
MERGED = "SELECT id, key, name FROM account WHERE merged_into = %s ORDER BY id"
# People in no account whose clues a person can judge; the nearest name comes by likeness.
OPEN = """
SELECT p.id, p.name, p.email, c.rung, c.value, c.outcome, c.first_ms, a.id AS account_id, a.key,
  a.name AS account_name
FROM account_clue c JOIN person p ON p.id = c.person_id LEFT JOIN account a ON a.id = c.account_id
WHERE (c.person_id, c.rung, c.value) > (%s, %s, %s) AND (
  (c.outcome IN ('several', 'unsure', 'unknown') AND c.rung = 6 AND NOT EXISTS (
    SELECT FROM person_account m WHERE m.person_id = p.id AND m.until_ms IS NULL))
  OR (c.outcome = 'outranked' AND c.rung = 4 AND a.made = ''))
ORDER BY c.person_id, c.rung, c.value LIMIT %s
"""
LIKE = """
SELECT v.name AS asked, a.id, a.key, a.name, c.value,
  similarity(c.value, v.name)::float8 AS likeness
FROM unnest(%s::text[]) AS v (name)
CROSS JOIN LATERAL (
  SELECT k.account_id, k.value FROM account_claim k
  WHERE k.kind = 'name' AND k.value %% v.name
  ORDER BY similarity(k.value, v.name) DESC, k.account_id LIMIT 3
) c JOIN account a ON a.id = c.account_id AND a.merged_into IS NULL
ORDER BY v.name, likeness DESC, a.key
"""


def memberships(conn: Connection, viewer: Viewer, person_id: int) -> list[Row]:
    """A person's accounts, those of now first."""
    return _rows(conn, viewer, MEMBERSHIPS, (person_id,))


def people(conn: Connection, viewer: Viewer, account_id: int, rows_max: int) -> list[Row]:
    """An account's people, those of now first, newest seen."""
    return _rows(conn, viewer, PEOPLE, (account_id, rows_max))


def clues(conn: Connection, viewer: Viewer, person_id: int) -> list[Row]:
    """A person's clues and what became of them; ids that name an account are memberships."""
    return _rows(conn, viewer, CLUES, (person_id,))


def domains(conn: Connection, viewer: Viewer, account_id: int) -> list[Row]:
    """An account's domains, a row for each other account that claims one (null: none does)."""
    return _rows(conn, viewer, DOMAINS, (account_id,))


def descendants(conn: Connection, viewer: Viewer, account_id: int) -> list[Row]:
    """Accounts below one, nearest first, with people and open tickets of each."""
    return _rows(conn, viewer, FAMILY, {"account": account_id})


def ancestors(conn: Connection, viewer: Viewer, account_id: int) -> list[Row]:
    """Accounts above one, nearest first."""
    return _rows(conn, viewer, ANCESTORS, (account_id,))


def people_together(conn: Connection, viewer: Viewer, account_ids: Collection[int]) -> int:
    """How many people several accounts have, each counted once."""
    (row,) = _rows(conn, viewer, FAMILY_PEOPLE, (list(account_ids),))
    return int(row["count"])


def merged(conn: Connection, viewer: Viewer, account_id: int) -> list[Row]:
    """Accounts that turned out to be this one."""
    return _rows(conn, viewer, MERGED, (account_id,))


def open_clues(
    conn: Connection, viewer: Viewer, after: tuple[int, int, str], rows_max: int
) -> list[Row]:
    """Clues that a person should judge, in order of people; `after`: person, rung, value."""
    return _rows(conn, viewer, OPEN, (*after, rows_max))


def alike(conn: Connection, viewer: Viewer, names: Sequence[str]) -> dict[str, list[Row]]:
    """Accounts whose name is like each of the names (normal forms), the most alike first."""
    out: dict[str, list[Row]] = {}
    for row in _rows(conn, viewer, LIKE, (list(dict.fromkeys(names)),)) if names else ():
        out.setdefault(row["asked"], []).append(row)
    return out


def _rows(conn: Connection, viewer: Viewer, query: str, params: Any) -> list[Row]:
    viewer.must_read()
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, params).fetchall()
