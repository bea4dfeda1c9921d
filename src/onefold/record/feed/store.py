"""Reading membership changes by their ids."""

from collections.abc import Sequence
from typing import Any

from psycopg.rows import dict_row

from onefold.storage import Connection

Row = dict[str, Any]

HEAD = "SELECT coalesce(max(id), 0) FROM membership_change"
AUDIENCES = "SELECT key, id FROM audience WHERE key = ANY(%s) AND status <> 'deleted'"
CHANGES = """
SELECT c.id, a.key, a.name, a.of, c.entity_id, c.entered, c.at_ms, c.why
FROM membership_change c JOIN audience a ON a.id = c.audience_id
WHERE c.id > %(after)s AND (%(ids)s::int[] IS NULL OR c.audience_id = ANY(%(ids)s))
ORDER BY c.id LIMIT %(rows)s
"""
ACCOUNT_KEYS = "SELECT id, key FROM account WHERE id = ANY(%s)"


def head(conn: Connection) -> int:
    """The id of the last change."""
    return int(conn.execute(HEAD).fetchall()[0][0])


def audiences(conn: Connection, keys: Sequence[str]) -> dict[str, int]:
    """Key → id of those that are."""
    return dict(conn.execute(AUDIENCES, (list(keys),)).fetchall())


def changes(
    conn: Connection, after: int, audience_ids: Sequence[int] | None, rows_max: int
) -> list[Row]:
    """Changes after an id, of these audiences or of all."""
    wanted = None if audience_ids is None else list(audience_ids)
    with conn.cursor(row_factory=dict_row) as cursor:
        params = {"after": after, "ids": wanted, "rows": rows_max}
        return cursor.execute(CHANGES, params).fetchall()


def account_keys(conn: Connection, account_ids: Sequence[int]) -> dict[int, str]:
    """Account id → key."""
    if not account_ids:
        return {}
    return dict(conn.execute(ACCOUNT_KEYS, (list(account_ids),)).fetchall())
