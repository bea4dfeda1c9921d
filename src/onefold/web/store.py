"""The pages' only SQL: changes of one audience, with the names to show."""

from typing import Any

from psycopg.rows import dict_row

from onefold.kernel import limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

AUDIENCE_CHANGES = """
SELECT c.id, c.entity_id, c.entered, c.at_ms, c.why,
  CASE u.of WHEN 'person' THEN coalesce(nullif(p.name, ''), p.email)
    ELSE coalesce(nullif(a.name, ''), a.key) END AS name
FROM membership_change c JOIN audience u ON u.id = c.audience_id
LEFT JOIN person p ON u.of = 'person' AND p.id = c.entity_id
LEFT JOIN account a ON u.of = 'account' AND a.id = c.entity_id
WHERE c.audience_id = %s AND c.id < %s ORDER BY c.id DESC LIMIT %s
"""


def audience_changes(
    conn: Connection, viewer: Viewer, audience_id: int, before_id: int = 2**62
) -> list[dict[str, Any]]:
    """Who entered and who left, newest first: id, entity_id, entered, at_ms, why, name."""
    viewer.must_read()
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = (audience_id, before_id, limits.page_rows_default)
        return cursor.execute(AUDIENCE_CHANGES, rows).fetchall()
