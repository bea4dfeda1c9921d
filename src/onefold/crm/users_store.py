"""The SQL of users: who signs in."""

from typing import Any

from psycopg.rows import dict_row

from onefold.crm.model import Row
from onefold.storage import Connection

_USER = "id, email, name, role, enabled, created_at"
INSERT_USER = f"""
INSERT INTO app_user (email, name, role, password_hash, created_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING RETURNING {_USER}
"""
USER = f"SELECT {_USER} FROM app_user WHERE id = %s"
USERS = f"SELECT {_USER} FROM app_user ORDER BY lower(name), id"
USER_BY_EMAIL = f"SELECT {_USER}, password_hash FROM app_user WHERE lower(email) = %s"


def insert_user(
    conn: Connection, email: str, name: str, role: str, password_hash: str, now: Any
) -> Row | None:
    """The new user; None when the e-mail is taken."""
    return _row(conn, INSERT_USER, (email, name, role, password_hash, now))


def user(conn: Connection, user_id: int) -> Row | None:
    """One user."""
    return _row(conn, USER, (user_id,))


def users(conn: Connection) -> list[Row]:
    """Users by name."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(USERS).fetchall()


def user_by_email(conn: Connection, email: str) -> Row | None:
    """One user with `password_hash`; `email` in lower case."""
    return _row(conn, USER_BY_EMAIL, (email,))


ADMINS = "SELECT id FROM app_user WHERE role = 'admin' AND enabled ORDER BY id FOR UPDATE"
LOCK_USER = USER + " FOR UPDATE"
UPDATE_USER = f"UPDATE app_user SET role = %s, enabled = %s WHERE id = %s RETURNING {_USER}"


def lock_admins(conn: Connection) -> list[int]:
    """Who can administer; stays so until the transaction ends."""
    return [i for (i,) in conn.execute(ADMINS)]


def lock_user(conn: Connection, user_id: int) -> Row | None:
    """One user, who stays as they are until the transaction ends."""
    return _row(conn, LOCK_USER, (user_id,))


def update_user(conn: Connection, user_id: int, role: str, enabled: bool) -> Row | None:
    """The user's row after it."""
    return _row(conn, UPDATE_USER, (role, enabled, user_id))


def _row(conn: Connection, query: str, values: tuple[Any, ...]) -> Row | None:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchone()
