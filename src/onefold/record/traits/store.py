"""What was true of audiences at a moment; the catalogue of traits."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from onefold.kernel import limits
from onefold.kernel.viewer import Viewer
from onefold.profiles.precedence.rules import Kind
from onefold.storage import Connection

AUDIENCES_AT = """
SELECT a.key, a.name, last.at_ms FROM (
  SELECT DISTINCT ON (c.audience_id) c.audience_id, c.entered, c.at_ms FROM membership_change c
  WHERE c.entity_id = %(entity)s AND c.at_ms <= %(at_ms)s
  ORDER BY c.audience_id, c.at_ms DESC, c.id DESC
) last JOIN audience a ON a.id = last.audience_id
WHERE last.entered AND a.of = %(of)s ORDER BY last.at_ms DESC, a.key
"""


def audiences_at(
    conn: Connection, of: Kind, entity_id: int, at_ms: int
) -> list[tuple[str, str, int]]:
    """(key, name, since_ms) of the audiences somebody was in at a moment, newest first."""
    params = {"of": of, "entity": entity_id, "at_ms": at_ms}
    return conn.execute(AUDIENCES_AT, params).fetchall()


# ── the catalogue of traits ────────────────────────────────────────────────────────────────────

ROWS = """
SELECT coalesce(d.of, s.of), coalesce(d.name, s.name), coalesce(d.type, 'any'),
  coalesce(d.description, ''), coalesce(d.version, 0), s.held, s.types, s.sources, s.examples,
  s.last_ms
FROM trait_definition d FULL JOIN trait_seen s ON s.of = d.of AND s.name = d.name
ORDER BY 1 DESC, 2
"""
COUNTS = "SELECT of, total, at_ms FROM trait_count"
DESCRIBED = "SELECT count(*) FROM trait_definition WHERE of = %s"
DESCRIBE = """
INSERT INTO trait_definition AS d (of, name, type, description, updated_by)
SELECT %(of)s, %(name)s, coalesce(%(type)s, 'any'), coalesce(%(text)s, ''), %(by)s
WHERE %(base)s::integer IS NULL OR EXISTS (
  SELECT FROM trait_definition WHERE of = %(of)s AND name = %(name)s)
ON CONFLICT (of, name) DO UPDATE SET
  type = coalesce(%(type)s, d.type), description = coalesce(%(text)s, d.description),
  version = d.version + 1, updated_by = %(by)s, updated_at = now()
WHERE %(base)s::integer IS NULL OR d.version = %(base)s
RETURNING d.version
"""
STATES: dict[Kind, str] = {
    "person": "SELECT person_id, state FROM fragment WHERE person_id > 0 ORDER BY person_id",
    "account": """
SELECT coalesce(a.merged_into, a.id), f.state FROM account a
JOIN identifier i ON i.namespace = 'account_id' AND md5(i.value) = md5(a.key) AND i.value = a.key
JOIN fragment f ON f.identifier_id = i.id
ORDER BY 1""",
}
FORGET = "DELETE FROM trait_seen WHERE of = %s"
SEEN = """
INSERT INTO trait_seen (of, name, held, types, sources, examples, last_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
COUNTED = """
INSERT INTO trait_count (of, total, at_ms) VALUES (%s, %s, %s)
ON CONFLICT (of) DO UPDATE SET total = excluded.total, at_ms = excluded.at_ms
"""


class Row(NamedTuple):
    """A trait that was described, or seen (then the counts are not None), or both."""

    of: Kind
    name: str
    type: str
    description: str
    version: int
    held: int | None
    types: dict[str, int] | None
    sources: dict[str, int] | None
    examples: list[Any] | None
    last_ms: int | None


def rows(conn: Connection) -> list[Row]:
    """All traits, people's first, by name."""
    return [Row(*row) for row in conn.execute(ROWS)]


def counts(conn: Connection) -> dict[str, tuple[int, int]]:
    """Of what → (how many in all, when counted)."""
    return {of: (total, at_ms) for of, total, at_ms in conn.execute(COUNTS)}


def described(conn: Connection, of: str) -> int:
    """How many traits are described."""
    row = conn.execute(DESCRIBED, (of,)).fetchone()
    return int(row[0]) if row else 0


def describe(
    conn: Connection, viewer: Viewer, key: tuple[str, str], kind: str | None, text: str | None,
    base: int | None,
) -> bool:  # fmt: skip
    """Write a description; False when its version is another than `base`."""
    values = {"of": key[0], "name": key[1], "type": kind, "text": text, "base": base,
              "by": viewer.actor}  # fmt: skip
    return conn.execute(DESCRIBE, values).fetchone() is not None


def states(conn: Connection, of: Kind) -> Iterator[tuple[int, bytes]]:
    """(person or account, state) of each fragment, sorted; read in stretches."""
    conn.execute("SET LOCAL statement_timeout = 0")
    with conn.cursor("trait_states", binary=True) as cursor:
        cursor.itersize = limits.trait_states_read_rows
        yield from cursor.execute(STATES[of])


def keep(
    conn: Connection, of: Kind, total: int, now_ms: int, found: Sequence[tuple[Any, ...]]
) -> None:
    """Replace what was counted."""
    conn.execute(FORGET, (of,))
    with conn.cursor() as cursor:
        cursor.executemany(SEEN, [(of, *row) for row in found])
    conn.execute(COUNTED, (of, total, now_ms))
