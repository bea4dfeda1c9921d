"""Allow-lists and secrets of personalisation, and the lean read that a browser causes."""

from collections.abc import Sequence
from typing import Any

from psycopg.rows import dict_row

from onefold.storage import Connection
from onefold.storage import secrets as sealing

Row = dict[str, Any]

SETTINGS = "SELECT traits, audiences, origins, version, updated_by, updated_at FROM personal"
LOCKED = SETTINGS + " FOR UPDATE"
CHANGE = """
UPDATE personal SET traits = %(traits)s, audiences = %(audiences)s, origins = %(origins)s,
  version = version + 1, updated_by = %(by)s, updated_at = %(now)s
"""
SECRETS = "SELECT id, secret, created_by, created_at FROM personal_secret ORDER BY id DESC"
ADD = (
    "INSERT INTO personal_secret (secret, created_by, created_at) VALUES (%s, %s, %s) RETURNING id"
)
SET = "UPDATE personal_secret SET secret = %s WHERE id = %s"
DROP = "DELETE FROM personal_secret WHERE id = %s"
KNOWN = """
SELECT key FROM audience WHERE key = ANY(%s) AND of = 'person' AND status <> 'deleted'
"""
MEMBER_OF = """
SELECT a.key FROM membership m JOIN audience a ON a.id = m.audience_id
WHERE m.entity_id = %s AND a.of = 'person' AND a.status <> 'deleted' AND a.key = ANY(%s)
ORDER BY a.key
"""


def settings(conn: Connection, *, locked: bool = False) -> Row:
    """The one row of settings; `locked` until the transaction ends."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(LOCKED if locked else SETTINGS).fetchall()[0]


def change(conn: Connection, row: Row) -> None:
    """Write the lists: traits, audiences, origins, by, now."""
    conn.execute(CHANGE, row)


def secrets(conn: Connection) -> list[Row]:
    """Secrets that hold, the newest first, as they are stored: `opened` opens one."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SECRETS).fetchall()


def opened(stored: str) -> str:
    """The secret itself."""
    return sealing.unseal(stored)


def reseal(conn: Connection) -> int:
    """Seal each with the newest key; how many were not."""
    found = ((r["id"], sealing.resealed(r["secret"])) for r in secrets(conn))
    anew = [(sealed, number) for number, sealed in found if sealed is not None]
    for row in anew:
        conn.execute(SET, row)
    return len(anew)


def add_secret(conn: Connection, secret: str, by: str, now: Any) -> int:
    """A new secret's id."""
    return int(conn.execute(ADD, (sealing.seal(conn, secret), by, now)).fetchall()[0][0])


def drop_secret(conn: Connection, secret_id: int) -> bool:
    """End a secret; was there one?"""
    return conn.execute(DROP, (secret_id,)).rowcount > 0


def known_audiences(conn: Connection, keys: Sequence[str]) -> set[str]:
    """Those of these keys that are audiences of people."""
    return {key for (key,) in conn.execute(KNOWN, (list(keys),))}


def member_of(conn: Connection, person_id: int, keys: Sequence[str]) -> list[str]:
    """Those of these audiences that a person is in."""
    return [key for (key,) in conn.execute(MEMBER_OF, (person_id, list(keys)))]
