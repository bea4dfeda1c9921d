"""The record's only SQL: keys, sessions, and what lists and record pages read across rooms."""

from collections.abc import Sequence
from copy import copy
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from onefold.kernel import limits
from onefold.kernel.cursors import After
from onefold.kernel.viewer import Role
from onefold.record.keyset import Order
from onefold.storage import Connection

Row = dict[str, Any]

# ── keys ──────────────────────────────────────────────────────────────────────────────────────────

_KEY = "id, name, role, hint, created_at, used_at, revoked_at"
INSERT_KEY = f"""
INSERT INTO api_key (name, role, key_hash, hint) VALUES (%s, %s, %s, %s) RETURNING {_KEY}
"""
KEYS = f"SELECT {_KEY} FROM api_key ORDER BY revoked_at IS NOT NULL, id DESC"
REVOKE_KEY = f"""
UPDATE api_key SET revoked_at = coalesce(revoked_at, %s) WHERE id = %s RETURNING {_KEY}
"""
LOCK_KEY = "SELECT 1 FROM api_key WHERE id = %s AND revoked_at IS NULL FOR UPDATE"
KEY_BY_HASH = """
SELECT id, name, role, used_at FROM api_key WHERE key_hash = %s AND revoked_at IS NULL
"""
TOUCH_KEY = "UPDATE api_key SET used_at = %s WHERE id = %s"


def insert_key(conn: Connection, name: str, role: str, key_hash: bytes, hint: str) -> Row:
    """A new key's row."""
    row = _one(conn, INSERT_KEY, (name, role, key_hash, hint))
    assert row is not None  # noqa: S101 - INSERT … RETURNING always returns
    return row


def keys(conn: Connection) -> list[Row]:
    """All keys."""
    return _all(conn, KEYS, ())


def revoke_key(conn: Connection, key_id: int, now: datetime) -> Row | None:
    """The key's row after it; None when there is none."""
    return _one(conn, REVOKE_KEY, (now, key_id))


def lock_key(conn: Connection, key_id: int) -> bool:
    """Whether a key holds; nobody else revokes it until the transaction ends."""
    return conn.execute(LOCK_KEY, (key_id,)).fetchone() is not None


def key_by_hash(conn: Connection, key_hash: bytes) -> tuple[int, str, Role, datetime | None] | None:
    """(id, name, role, used_at) of a key that holds."""
    return conn.execute(KEY_BY_HASH, (key_hash,)).fetchone()


def touch_key(conn: Connection, key_id: int, now: datetime) -> None:
    """Write when the key was last used."""
    conn.execute(TOUCH_KEY, (now, key_id))


# ── sessions ──────────────────────────────────────────────────────────────────────────────────────

INSERT_SESSION = """
INSERT INTO session (token_hash, user_id, csrf, expires_at) VALUES (%s, %s, %s, %s)
"""
SESSION = """
SELECT u.id, u.name, u.role, s.csrf FROM session s JOIN app_user u ON u.id = s.user_id
WHERE s.token_hash = %s AND s.expires_at > %s AND u.enabled
"""
END_SESSION = "DELETE FROM session WHERE token_hash = %s"
END_SESSIONS_OF = "DELETE FROM session WHERE user_id = %s"
END_EXPIRED_SESSIONS = "DELETE FROM session WHERE expires_at <= %s"


def insert_session(
    conn: Connection, token_hash: bytes, user_id: int, csrf: str, expires_at: datetime
) -> None:
    """A new session."""
    conn.execute(INSERT_SESSION, (token_hash, user_id, csrf, expires_at))


def session(
    conn: Connection, token_hash: bytes, now: datetime
) -> tuple[int, str, Role, str] | None:
    """(user id, name, role, csrf) of a session that has not ended."""
    return conn.execute(SESSION, (token_hash, now)).fetchone()


def end_session(conn: Connection, token_hash: bytes) -> None:
    """Delete a session."""
    conn.execute(END_SESSION, (token_hash,))


def end_sessions_of(conn: Connection, user_id: int) -> None:
    """Log a user out everywhere."""
    conn.execute(END_SESSIONS_OF, (user_id,))


def end_expired_sessions(conn: Connection, now: datetime) -> None:
    """Delete what has expired."""
    conn.execute(END_EXPIRED_SESSIONS, (now,))


# ── lists ─────────────────────────────────────────────────────────────────────────────────────────

PEOPLE_ORDERS = {
    "-last_seen": Order("-last_seen", "last_seen_ms", descending=True, nullable=True),
    "name": Order("name", "name_sort"),
    "-name": Order("-name", "name_sort", descending=True),
}
ACCOUNT_ORDERS = {
    "name": Order("name", "name_sort"),
    "-name": Order("-name", "name_sort", descending=True),
    "-last_seen": Order("-last_seen", "last_seen_ms", descending=True, nullable=True),
}
MATCH = Order("match", "match", descending=True)

PEOPLE = """
SELECT p.id, p.name, p.email, p.title, p.known, p.account_id, p.first_seen_ms, p.last_seen_ms,
  p.name_sort, {match} AS match
FROM person p
"""
PEOPLE_TEXT = "(p.name_sort || ' ' || p.identifiers)"
ACCOUNTS = """
SELECT a.id, a.key, a.name, a.domain, a.industry, a.plan, a.owner_id, a.health, a.risk,
  a.last_seen_ms, a.name_sort, a.version, {match} AS match
FROM account a
"""
LIVING = "a.merged_into IS NULL"
ACCOUNTS_TEXT = "(a.name_sort || ' ' || lower(a.key) || ' ' || a.domain)"
IN_AUDIENCE_PEOPLE = """
EXISTS (SELECT 1 FROM membership m JOIN audience u ON u.id = m.audience_id
  WHERE u.key = %(audience)s AND u.of = 'person' AND u.status <> 'deleted' AND m.entity_id = p.id)
"""
IN_AUDIENCE_ACCOUNTS = """
EXISTS (SELECT 1 FROM membership m JOIN audience u ON u.id = m.audience_id
  WHERE u.key = %(audience)s AND u.of = 'account' AND u.status <> 'deleted' AND m.entity_id = a.id)
"""
KNOWN = "p.known = %(known)s"
OWNER = "a.owner_id = %(owner)s"
NO_OWNER = "a.owner_id IS NULL"
RISK = "a.risk = %(risk)s"
AT_RISK = "a.risk <> ''"
OF_ACCOUNT = """
EXISTS (SELECT 1 FROM person_account pa WHERE pa.person_id = p.id AND pa.account_id = %(account)s)
"""
TYPO_THRESHOLD = "SELECT set_config('pg_trgm.word_similarity_threshold', '0.25', true)"
ACCOUNT_NAMES = "SELECT id, name, key FROM account WHERE id = ANY(%s)"
PEOPLE_NAMES = "SELECT id, name, email FROM person WHERE id = ANY(%s)"
OWNERS = "SELECT id, name, email FROM app_user WHERE id = ANY(%s)"
PEOPLE_COUNTS = """
SELECT account_id, count(*) FROM person_account
WHERE account_id = ANY(%s) AND until_ms IS NULL GROUP BY account_id
"""


class Query:
    """A list's FROM, conditions and parameters, put together from the constants of this file."""

    def __init__(self, select: str, text: str) -> None:
        self._select = select
        self._text = text
        self.match = "NULL::float8"
        self._wheres: tuple[str, ...] = ()
        self.params: dict[str, Any] = {}

    def where(self, condition: str, **params: Any) -> None:
        """Add a condition; its parameters are named."""
        self._wheres = (*self._wheres, condition)
        self.params = {**self.params, **params}

    def typed(self, words: str) -> "Query":
        """This list, of rows that hold every word as typed."""
        out = copy(self)
        for i, word in enumerate(words.split()):
            bare = word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
            out.where(f"{self._text} ILIKE %(word{i})s", **{f"word{i}": f"%{bare}%"})
        return out

    def like(self, words: str) -> "Query":
        """This list, of rows that hold something like the words; `match` says how like, to 1."""
        out = copy(self)
        out.where(f"%(words)s <%% {self._text}", words=words)
        out.match = f"word_similarity(%(words)s, {self._text})::float8"
        return out

    def rows(self) -> sql.SQL:
        """The whole list, unsorted."""
        return sql.SQL(self._select.replace("{match}", self.match) + self._where())

    def counted(self) -> sql.Composed:
        """The list's length, up to `list_count_max`."""
        source = self._select[self._select.index("FROM") :]
        inner = sql.SQL("SELECT 1 " + source + self._where())
        return sql.SQL("SELECT count(*) FROM ({} LIMIT {}) t").format(inner, limits.list_count_max)

    def _where(self) -> str:
        return " WHERE " + " AND ".join(self._wheres) if self._wheres else ""


def count(conn: Connection, query: Query) -> int:
    """How many rows a list has, up to `list_count_max`."""
    row = conn.execute(query.counted(), query.params).fetchone()
    return int(row[0]) if row else 0


def allow_typos(conn: Connection) -> None:
    """Lower the likeness that `<%` asks for, until the transaction ends."""
    conn.execute(TYPO_THRESHOLD)


def page(
    conn: Connection, query: Query, order: Order, after: After | None, rows_max: int
) -> list[Row]:
    """A page of a list. Keyset: the cost does not grow with how far down the page is."""
    column = sql.Identifier(order.column)
    params = {**query.params, "value": after.value if after else None, "rows": rows_max}
    params["after"] = after.id if after else 0
    outer = sql.SQL("SELECT * FROM ({}) t {} ORDER BY {} LIMIT %(rows)s")
    by_id = sql.SQL("id")
    if after is not None and after.value is None:
        return _all(conn, outer.format(query.rows(), _empty(column), by_id), params)
    direction = sql.SQL(" DESC NULLS LAST, id" if order.descending else ", id")
    if after is None:
        return _all(conn, outer.format(query.rows(), sql.SQL(""), column + direction), params)
    seek = sql.SQL(
        "WHERE {0} <= %(value)s AND ({0} < %(value)s OR id > %(after)s)"
        if order.descending
        else "WHERE ({0}, id) > (%(value)s, %(after)s)"
    ).format(column)
    found = _all(conn, outer.format(query.rows(), seek, column + direction), params)
    if order.nullable and len(found) < rows_max:
        params |= {"after": 0, "rows": rows_max - len(found)}
        found += _all(conn, outer.format(query.rows(), _empty(column), by_id), params)
    return found


def _empty(column: sql.Identifier) -> sql.Composable:
    return sql.SQL("WHERE {} IS NULL AND id > %(after)s").format(column)


def account_names(conn: Connection, account_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Account id → (name, key)."""
    found = conn.execute(ACCOUNT_NAMES, (list(account_ids),)).fetchall()
    return {i: (name, key) for i, name, key in found}


def people_names(conn: Connection, person_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Person id → (name, email)."""
    found = conn.execute(PEOPLE_NAMES, (list(person_ids),)).fetchall()
    return {i: (name, email) for i, name, email in found}


def owners(conn: Connection, user_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """User id → (name, email)."""
    found = conn.execute(OWNERS, (list(user_ids),)).fetchall()
    return {i: (name, email) for i, name, email in found}


def people_counts(conn: Connection, account_ids: Sequence[int]) -> dict[int, int]:
    """Account id → how many people it has."""
    return dict(conn.execute(PEOPLE_COUNTS, (list(account_ids),)).fetchall())


# ── record pages ──────────────────────────────────────────────────────────────────────────────────

SOURCE_KEYS = "SELECT id, key FROM source"
ACCOUNT_HEAD = """
SELECT a.*, u.name AS owner_name, u.email AS owner_email,
  (SELECT count(*) FROM person_account pa WHERE pa.account_id = a.id AND pa.until_ms IS NULL)
    AS people_total
FROM account a LEFT JOIN app_user u ON u.id = a.owner_id
"""
OPEN_TICKETS = """
SELECT count(*) FROM ticket t JOIN account a ON a.id = t.account_id
WHERE t.status <> 'resolved' AND coalesce(a.merged_into, a.id) = ANY(%s)
"""
ACCOUNT_BY_ID = "WHERE a.id = %s"
ACCOUNTS_BY_ID = "WHERE a.id = ANY(%s)"
ACCOUNT_BY_KEY = "WHERE md5(a.key) = md5(%s) AND a.key = %s"
CHANGES = """
SELECT c.id, u.key, u.name, c.entered, c.at_ms, c.why
FROM membership_change c JOIN audience u ON u.id = c.audience_id
WHERE c.entity_id = %s AND u.of = %s AND (c.at_ms, c.id) < (%s, %s)
ORDER BY c.at_ms DESC, c.id DESC LIMIT %s
"""
# Contacts without a name of their own, by what is known of the person with their e-mail address.
CONTACT_NAMES = """
SELECT DISTINCT ON (c.id) c.id, p.name
FROM contact c
JOIN identifier i ON i.namespace = 'email' AND md5(i.value) = md5(lower(c.email))
JOIN fragment f ON f.identifier_id = i.id
JOIN person p ON p.id = f.person_id
WHERE c.id = ANY(%s) AND c.email <> '' AND c.first_name = '' AND c.last_name = '' AND p.name <> ''
ORDER BY c.id, f.chapter_ms DESC
"""
PEOPLE_BY_HOMES = """
SELECT DISTINCT ON (i.id) i.namespace || ':' || i.value, p.id, p.name, p.email
FROM unnest(%s::text[], %s::text[]) AS wanted (namespace, value)
JOIN identifier i ON i.namespace = wanted.namespace AND md5(i.value) = md5(wanted.value)
JOIN fragment f ON f.identifier_id = i.id
JOIN person p ON p.id = f.person_id
ORDER BY i.id, f.chapter_ms DESC
"""
CONTACT_ACCOUNT = """
SELECT account_id FROM contact WHERE lower(email) = lower(%s) AND archived_at IS NULL
"""
PRIMARY_ACCOUNT = "SELECT account_id FROM person WHERE id = %s"
HAS_PEOPLE = "SELECT EXISTS (SELECT FROM person_account WHERE account_id = %s)"
FRAGMENTS_OF_PERSON = "SELECT id FROM fragment WHERE person_id = %s"


def source_keys(conn: Connection) -> dict[int, str]:
    """Source id → key."""
    return dict(conn.execute(SOURCE_KEYS).fetchall())


def account(conn: Connection, wanted: int | str) -> Row | None:
    """An account by id or key, with its owner; one that turned out to be another is that one."""
    row = account_row(conn, wanted)
    if row is not None and row["merged_into"] is not None:
        return account_row(conn, row["merged_into"])
    return row


def account_row(conn: Connection, wanted: int | str) -> Row | None:
    """An account by id or key: its own row, also when it turned out to be another."""
    if isinstance(wanted, int):
        return _one(conn, ACCOUNT_HEAD + ACCOUNT_BY_ID, (wanted,))
    return _one(conn, ACCOUNT_HEAD + ACCOUNT_BY_KEY, (wanted, wanted))


def accounts(conn: Connection, account_ids: Sequence[int]) -> dict[int, Row]:
    """Accounts' rows by id, each with its owner."""
    found = _all(conn, ACCOUNT_HEAD + ACCOUNTS_BY_ID, (list(account_ids),))
    return {row["id"]: row for row in found}


def open_tickets(conn: Connection, account_ids: Sequence[int]) -> int:
    """How many tickets of these accounts, and of those merged into them, are not resolved."""
    return int(conn.execute(OPEN_TICKETS, (list(account_ids),)).fetchall()[0][0])


def fragments_of_person(conn: Connection, person_id: int) -> list[int]:
    """The fragments that make up a person."""
    return [i for (i,) in conn.execute(FRAGMENTS_OF_PERSON, (person_id,))]


def contact_names(conn: Connection, contact_ids: Sequence[int]) -> dict[int, str]:
    """Contact id → the person's name, of contacts that have none themselves."""
    return dict(conn.execute(CONTACT_NAMES, (list(contact_ids),)).fetchall())


def people_by_homes(
    conn: Connection, homes: Sequence[tuple[str, str]]
) -> dict[str, tuple[int, str, str]]:
    """`namespace:value` → (person id, name, email); a device is of whom it is with now."""
    columns = [n for n, _ in homes], [v for _, v in homes]
    found = conn.execute(PEOPLE_BY_HOMES, columns).fetchall()
    return {home: (person_id, name, email) for home, person_id, name, email in found}


def contact_account(conn: Connection, email: str) -> int | None:
    """The account that the contact with this address is in."""
    row = conn.execute(CONTACT_ACCOUNT, (email.strip(),)).fetchone()
    return int(row[0]) if row and row[0] else None


def has_people(conn: Connection, account_id: int) -> bool:
    """Whether anybody is or was in an account."""
    return bool(conn.execute(HAS_PEOPLE, (account_id,)).fetchall()[0][0])


def primary_account(conn: Connection, person_id: int) -> int | None:
    """The id of a person's primary account."""
    row = conn.execute(PRIMARY_ACCOUNT, (person_id,)).fetchone()
    return int(row[0]) if row and row[0] else None


def changes(
    conn: Connection, of: str, entity_id: int, before: tuple[int, int], rows_max: int
) -> list[Row]:
    """Changes of audience before (at_ms, id), newest first: id, key, name, entered, at_ms, why."""
    return _all(conn, CHANGES, (entity_id, of, *before, rows_max))


def _all(conn: Connection, query: Any, params: Any) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, params).fetchall()


def _one(conn: Connection, query: Any, params: Any) -> Row | None:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, params).fetchone()


# ── how fresh conclusions are ─────────────────────────────────────────────────────────────────────

WAITING_SINCE = """
SELECT least(
  (SELECT min(at_ms) FROM dirty),
  (SELECT received_ms FROM log
   WHERE seq > coalesce((SELECT seq FROM checkpoint WHERE name = 'worker'), 0)
   ORDER BY seq LIMIT 1))
"""
LEAVES_PROGRESS = """
SELECT key, CASE WHEN filled THEN 1.0 WHEN live_pos IS NULL OR live_pos <= 0 THEN 0.0
  ELSE least(filled_pos::float8 / live_pos, 0.999) END
FROM leaf
"""


def waiting_since(conn: Connection) -> int | None:
    """When the oldest of what is not concluded yet was accepted or marked; None: nothing waits."""
    (found,) = conn.execute(WAITING_SINCE).fetchall()[0]
    return None if found is None else int(found)


def leaves_progress(conn: Connection) -> dict[str, float]:
    """How much of history is in each leaf, by key, from 0 to 1."""
    return {key: float(share) for key, share in conn.execute(LEAVES_PROGRESS)}
