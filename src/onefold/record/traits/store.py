"""What was true of audiences at a moment; the catalogue of traits."""

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
