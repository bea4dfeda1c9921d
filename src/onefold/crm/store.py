"""The CRM's SQL: generic statements over the objects' shapes, and the bulk statements that the
worker uses.

Callers own the transaction. Columns in dynamic statements come from the fields' tables, never from
a request.
"""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from onefold.crm.model import Row, TicketState
from onefold.crm.shapes import SHAPES, Shape, Sort, own_sort
from onefold.kernel import limits
from onefold.storage import Connection, locks

_JSON_COLUMNS = frozenset(("edited", "reasons", "people", "custom", "conversion"))
LOCK = "SELECT id FROM {table} WHERE id = %s FOR NO KEY UPDATE"
READ = "SELECT {columns} FROM {table} t {joins} WHERE t.id = %s"
EXISTING = {
    "acc": "SELECT id FROM account WHERE id = %s",
    "con": "SELECT id FROM contact WHERE id = %s AND archived_at IS NULL",
    "tkt": "SELECT id FROM ticket WHERE id = %s",
    "usr": "SELECT id FROM app_user WHERE id = %s AND enabled",
    "pip": "SELECT id FROM pipeline WHERE id = %s AND archived_at IS NULL",
    "stg": "SELECT id FROM stage WHERE id = %s AND archived_at IS NULL",
    "deal": "SELECT id FROM deal WHERE id = %s AND archived_at IS NULL",
    "lead": "SELECT id FROM lead WHERE id = %s AND archived_at IS NULL",
    "prd": "SELECT id FROM product WHERE id = %s AND archived_at IS NULL",
    "sub": "SELECT id FROM subscription WHERE id = %s AND archived_at IS NULL",
    "act": "SELECT id FROM activity WHERE id = %s AND archived_at IS NULL",
    "tsk": "SELECT id FROM task WHERE id = %s",
}
SUMS = """
SELECT t.stage_id, count(*), coalesce(sum(t.amount_base), 0)::bigint,
  (coalesce(sum(t.amount_base * t.probability), 0) / 100)::bigint
FROM deal t WHERE {} GROUP BY t.stage_id
"""
OWNED = """
INSERT INTO owner_change (object, record_id, from_id, to_id, at, by) VALUES (%s, %s, %s, %s, %s, %s)
"""
# Held by who changes a parent, so that two at once cannot close a circle.
LOCK_FAMILY = "SELECT pg_advisory_xact_lock(%s)"
IS_BELOW = """
WITH RECURSIVE up (id) AS (
  SELECT %s::bigint
  UNION SELECT a.parent_id FROM account a JOIN up u ON a.id = u.id WHERE a.parent_id IS NOT NULL
)
SELECT EXISTS (SELECT FROM up WHERE id = %s)
"""
NEXT_ACCOUNT = "SELECT nextval(pg_get_serial_sequence('account', 'id'))"
CONTACT_BY_EMAIL = "SELECT id FROM contact WHERE lower(email) = %s AND archived_at IS NULL"
ACCOUNT_BY_KEY = "SELECT id FROM account WHERE md5(key) = md5(%s)"
TASK_BY_SIGNAL = "SELECT id FROM task WHERE signal_id = %s FOR NO KEY UPDATE"


def lock(conn: Connection, name: str, row_id: int) -> bool:
    """Hold the row until the transaction ends; False when there is none."""
    query = sql.SQL(LOCK).format(table=sql.Identifier(SHAPES[name].table))
    return conn.execute(query, (row_id,)).fetchone() is not None


def read(conn: Connection, name: str, row_id: int) -> Row | None:
    """One row with the names to show."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_reading(name, READ), (row_id,)).fetchone()


def exists(conn: Connection, prefix: str, row_id: int) -> bool:
    """May a record refer to it? A user must be enabled, a contact not archived."""
    return conn.execute(EXISTING[prefix], (row_id,)).fetchone() is not None


def insert(conn: Connection, name: str, columns: Mapping[str, Any]) -> int | None:
    """A new row's id; None when a unique value is taken (by a transaction that has committed)."""
    query = sql.SQL(
        "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values}) "
        "ON CONFLICT DO NOTHING RETURNING id"
    ).format(
        table=sql.Identifier(SHAPES[name].table),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
    )
    row = conn.execute(query, _values(columns)).fetchone()
    return int(row[0]) if row else None


def update(
    conn: Connection, name: str, row_id: int, columns: Mapping[str, Any], *, step: int = 1
) -> None:
    """Set columns of a locked row and move its version on by `step`."""
    query = sql.SQL("UPDATE {table} SET {sets}, version = version + %s WHERE id = %s").format(
        table=sql.Identifier(SHAPES[name].table),
        sets=sql.SQL(", ").join(
            sql.SQL("{} = %s").format(sql.Identifier(column)) for column in columns
        ),
    )
    conn.execute(query, [*_values(columns), step, row_id])


def by_unique(conn: Connection, name: str, field: str, value: str) -> int | None:
    """The record with this value of a unique field."""
    shape = SHAPES[name]
    query = sql.SQL("SELECT t.id FROM {} t WHERE {} ORDER BY t.id LIMIT 1").format(
        sql.Identifier(shape.table), sql.SQL(shape.unique[field])
    )
    return _number(conn, query, (value,))


def note_owner(
    conn: Connection,
    name: str,
    row_id: int,
    change: tuple[int | None, int | None],
    at: Any,
    by: str,
) -> None:
    """A record has another owner: (before, now)."""
    conn.execute(OWNED, (name, row_id, *change, at, by))


# ── lists ─────────────────────────────────────────────────────────────────────────────────────────


class Test(msgspec.Struct, frozen=True):
    """A condition of a list. `column` of the row, or `key` of its `custom` values.

    Operators: `in` (a list, None in it for empty), `has` (an array contains one of), `refs` (the
    same of ids), `is` (a text, whatever its case), `below`, `least`, `most`, `set` (is it filled?),
    `audience` (a key).
    """

    column: str
    operator: str
    value: Any
    key: str = ""
    number: bool = False


class Query(msgspec.Struct, frozen=True):
    """A list as asked for, checked: all `where` must hold.

    `words` are folded words to find; `after` is (sort value, id).
    """

    where: tuple[Test, ...]
    words: tuple[str, ...]
    sort: Sort
    descending: bool
    after: tuple[Any, int] | None
    rows_max: int


def find(conn: Connection, name: str, query: Query) -> list[Row]:
    """Rows in order, each with `sort_value`, from which the next cursor is made."""
    shape = SHAPES[name]
    conditions, values = _conditions(shape, query)
    way = sql.SQL("DESC" if query.descending else "ASC")
    order = sql.SQL(query.sort.by)
    if query.after is not None:
        compare = sql.SQL("<" if query.descending else ">")
        conditions.append(sql.SQL("({}, t.id) {} (%s, %s)").format(order, compare))
        values.extend(query.after)
    text = sql.SQL("{} WHERE {} ORDER BY {} {}, t.id {} LIMIT %s").format(
        _reading(name, "SELECT {columns}, {order} AS sort_value FROM {table} t {joins}", order),
        sql.SQL(" AND ").join(conditions),
        order, way, way,
    )  # fmt: skip
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(text, [*values, query.rows_max]).fetchall()


def count(conn: Connection, name: str, query: Query) -> int:
    """How many rows the list has, counted up to `limits.list_count_max`."""
    conditions, values = _conditions(SHAPES[name], query)
    text = sql.SQL("SELECT count(*) FROM (SELECT 1 FROM {} t WHERE {} LIMIT %s) AS counted").format(
        sql.Identifier(SHAPES[name].table), sql.SQL(" AND ").join(conditions)
    )
    row = conn.execute(text, [*values, limits.list_count_max]).fetchone()
    return int(row[0]) if row else 0


def ids_of(conn: Connection, name: str, query: Query) -> list[int]:
    """Ids of all rows of the list, `rows_max` at most."""
    conditions, values = _conditions(SHAPES[name], query)
    text = sql.SQL("SELECT t.id FROM {} t WHERE {} ORDER BY t.id LIMIT %s").format(
        sql.Identifier(SHAPES[name].table), sql.SQL(" AND ").join(conditions)
    )
    return [row_id for (row_id,) in conn.execute(text, [*values, query.rows_max])]


def sums(conn: Connection, name: str, query: Query) -> dict[int, tuple[int, int, int]]:
    """Of a list's deals by stage: how many, their sum, and the sum weighted, in minor units."""
    conditions, values = _conditions(SHAPES[name], query)
    text = sql.SQL(SUMS).format(sql.SQL(" AND ").join(conditions))
    return {stage: (n, amount, share) for stage, n, amount, share in conn.execute(text, values)}


def reported(
    cursor: psycopg.Cursor[Any], name: str, query: Query, text: LiteralString, more: list[Any]
) -> list[Any]:
    """The rows of a report on a list: `text` with the list's condition in it, then `more`."""
    conditions, values = _conditions(SHAPES[name], query)
    made = sql.SQL(text).format(sql.SQL(" AND ").join(conditions))
    return cursor.execute(made, [*values, *more]).fetchall()


def _conditions(shape: Shape, query: Query) -> tuple[list[sql.Composable], list[Any]]:
    conditions: list[sql.Composable] = [sql.SQL("true")]
    values: list[Any] = []
    for test in query.where:
        text, given = _condition(shape, test)
        conditions.append(text)
        values.extend(given)
    for word in query.words:
        conditions.append(sql.SQL("{} LIKE %s").format(sql.SQL(shape.search)))
        escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        values.append(f"%{escaped}%")
    return conditions, values


_COMPARE = {"below": "{} < %s", "least": "{} >= %s", "most": "{} <= %s", "has": "{} && %s",
            "refs": "{} && %s::bigint[]"}  # fmt: skip


def _condition(shape: Shape, test: Test) -> tuple[sql.Composable, list[Any]]:
    if test.key:
        return _own_condition(test)
    name = sql.Identifier("t", test.column)
    if test.operator == "in":
        given = [v for v in test.value if v is not None]
        text: sql.Composable = sql.SQL("{} = ANY(%s)").format(name)
        if None in test.value:
            text = sql.SQL("({} OR {} IS NULL)").format(text, name)
        return text, [given]
    if test.operator == "is":
        return sql.SQL("lower({}) = lower(%s)").format(name), [test.value]
    if test.operator == "audience":
        return sql.SQL(shape.audience), [test.value] * shape.audience.count("%s")
    if test.operator == "set":
        filled = sql.SQL("{} IS NOT NULL") if test.value else sql.SQL("{} IS NULL")
        return filled.format(name), []
    return sql.SQL(_COMPARE[test.operator]).format(name), [test.value]


def _own_condition(test: Test) -> tuple[sql.Composable, list[Any]]:
    """A condition on a field of the workspace's own."""
    if test.operator == "in":
        each = sql.SQL(" OR ").join([sql.SQL("t.custom @> %s::jsonb")] * len(test.value))
        return sql.SQL("({})").format(each), [Jsonb({test.key: value}) for value in test.value]
    name = sql.SQL(own_sort(test.key, number=test.number).by)
    text = sql.SQL(_COMPARE[test.operator] + " AND t.custom ? {}").format(name, test.key)
    return text, [test.value]


def _reading(name: str, text: str, order: sql.Composable | None = None) -> sql.Composed:
    shape = SHAPES[name]
    return sql.SQL(text).format(
        table=sql.Identifier(shape.table),
        columns=sql.SQL(shape.columns),
        joins=sql.SQL(shape.joins),
        order=order or sql.SQL("t.id"),
    )


def _values(columns: Mapping[str, Any]) -> list[Any]:
    return [
        Jsonb(value, dumps=msgspec.json.encode) if column in _JSON_COLUMNS else value
        for column, value in columns.items()
    ]


# ── one row by something else ─────────────────────────────────────────────────────────────────────


def is_below(conn: Connection, account_id: int, above_id: int) -> bool:
    """Is it the account above, or anywhere below it? Nobody moves accounts until the commit."""
    conn.execute(LOCK_FAMILY, (locks.FAMILY,))
    return bool(conn.execute(IS_BELOW, (account_id, above_id)).fetchall()[0][0])


def next_account_id(conn: Connection) -> int:
    """The id that a new account will have."""
    return _number(conn, NEXT_ACCOUNT, ()) or 0


def contact_by_email(conn: Connection, email: str) -> int | None:
    """The contact with this address (in lower case), archived ones aside."""
    return _number(conn, CONTACT_BY_EMAIL, (email,))


def account_by_key(conn: Connection, key: str) -> int | None:
    """The account with this key."""
    return _number(conn, ACCOUNT_BY_KEY, (key,))


def task_by_signal(conn: Connection, signal_id: int) -> int | None:
    """The task that the signal made, locked."""
    return _number(conn, TASK_BY_SIGNAL, (signal_id,))


def _number(conn: Connection, query: str | sql.Composed, values: tuple[Any, ...]) -> int | None:
    row = conn.execute(query, values).fetchone()
    return int(row[0]) if row else None


# ── in bulk, for the worker ───────────────────────────────────────────────────────────────────────

ENSURE_ACCOUNTS = """
INSERT INTO account (key, name_sort) SELECT * FROM unnest(%s::text[], %s::text[])
ON CONFLICT DO NOTHING
"""
ACCOUNTS_BY_KEY = """
SELECT key, id FROM account
WHERE md5(key) = ANY (ARRAY(SELECT md5(k) FROM unnest(%s::text[]) AS k))
"""
ACCOUNT_KEYS = "SELECT id, key FROM account WHERE id = ANY(%s)"
OWNERS = "SELECT id, owner_id FROM account WHERE id = ANY(%s)"
OWNER_EMAILS = """
SELECT DISTINCT lower(u.email) FROM app_user u WHERE u.id IN (
  SELECT owner_id FROM contact WHERE id = ANY(%s) UNION ALL
  SELECT owner_id FROM account WHERE id = ANY(%s)) ORDER BY 1
"""
LOCK_ACCOUNTS = """
SELECT id, key, name, domain, industry, plan, edited FROM account WHERE id = ANY(%s)
ORDER BY id FOR NO KEY UPDATE
"""
WRITE_TRAITS = """
UPDATE account a SET name = n.name, name_sort = n.name_sort, domain = n.domain,
  industry = n.industry, plan = n.plan, version = a.version + 1, updated_at = now()
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
  AS n (id, name, name_sort, domain, industry, plan)
WHERE a.id = n.id
"""
TOUCH = """
UPDATE account a SET last_seen_ms = n.at_ms
FROM unnest(%s::bigint[], %s::bigint[]) AS n (id, at_ms)
WHERE a.id = n.id AND (a.last_seen_ms IS NULL OR a.last_seen_ms < n.at_ms)
"""
SEEN_ANEW = """
UPDATE account a SET last_seen_ms = (
  SELECT max(p.last_seen_ms) FROM person_account pa JOIN person p ON p.id = pa.person_id
  WHERE pa.account_id = a.id AND pa.is_primary)
WHERE a.id = ANY(%s)
"""
WRITE_HEALTH = """
UPDATE account a SET health = n.health::jsonb
FROM unnest(%s::bigint[], %s::text[]) AS n (id, health)
WHERE a.id = n.id AND a.health IS DISTINCT FROM n.health::jsonb
"""
TICKETS_OF_CONTACTS = """
SELECT contact_id, status, tags, priority, category FROM ticket
WHERE contact_id = ANY(%s) AND status <> 'resolved' ORDER BY id
"""
TICKETS_OF_ACCOUNTS = """
SELECT account_id, status, tags, priority, category FROM ticket
WHERE account_id = ANY(%s) AND status <> 'resolved' ORDER BY id
"""


def ensure_accounts(conn: Connection, keys: Sequence[str], folded: Sequence[str]) -> None:
    """Create the accounts that are missing. `keys` sorted, so that two callers can't deadlock."""
    conn.execute(ENSURE_ACCOUNTS, (keys, folded))


def accounts_by_key(conn: Connection, keys: Sequence[str]) -> dict[str, int]:
    """Ids by key, of those there are."""
    return dict(conn.execute(ACCOUNTS_BY_KEY, (list(keys),)).fetchall())


def account_keys(conn: Connection, account_ids: Sequence[int]) -> dict[int, str]:
    """Keys by id."""
    return dict(conn.execute(ACCOUNT_KEYS, (list(account_ids),)).fetchall())


def owners(conn: Connection, account_ids: Sequence[int]) -> dict[int, int | None]:
    """Owners (`app_user.id`) by account id."""
    return dict(conn.execute(OWNERS, (list(account_ids),)).fetchall())


DEALS = """
SELECT d.contact_id, d.account_id, d.name, d.status, s.name, p.name, d.amount_base, d.close_date,
  lower(u.email), d.forecast, d.probability, d.kind, d.source,
  (SELECT code FROM currency WHERE is_base)
FROM deal d JOIN stage s ON s.id = d.stage_id JOIN pipeline p ON p.id = d.pipeline_id
LEFT JOIN app_user u ON u.id = d.owner_id
WHERE d.archived_at IS NULL AND {} ORDER BY d.id
"""
DEALS_OF = DEALS.format("(d.contact_id = ANY(%s) OR d.account_id = ANY(%s))")
DEALS_ALL = DEALS.format("(d.contact_id IS NOT NULL OR d.account_id IS NOT NULL)")


def deals_of(
    conn: Connection, contact_ids: Sequence[int], account_ids: Sequence[int]
) -> list[tuple[Any, ...]]:
    """Rows of deals of these contacts or accounts, as `DEALS` selects them."""
    return conn.execute(DEALS_OF, (list(contact_ids), list(account_ids))).fetchall()


def deals_all(conn: Connection) -> list[tuple[Any, ...]]:
    """The same of everybody."""
    return conn.execute(DEALS_ALL).fetchall()


def owner_emails(
    conn: Connection, contact_ids: Sequence[int], account_ids: Sequence[int]
) -> list[str]:
    """E-mails of the owners of these, each once."""
    rows = conn.execute(OWNER_EMAILS, (list(contact_ids), list(account_ids)))
    return [email for (email,) in rows]


def lock_accounts(conn: Connection, account_ids: Sequence[int]) -> list[Row]:
    """The columns that facts may write, with who edited them; rows are held."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(LOCK_ACCOUNTS, (list(account_ids),)).fetchall()


def write_traits(conn: Connection, rows: Sequence[Row]) -> None:
    """Rows with id, name, name_sort, domain, industry and plan."""
    if rows:
        columns = ("id", "name", "name_sort", "domain", "industry", "plan")
        conn.execute(WRITE_TRAITS, [[row[column] for row in rows] for column in columns])


def touch_accounts(conn: Connection, seen: Mapping[int, int]) -> None:
    """Move `last_seen_ms` on, never back."""
    ordered = sorted(seen)
    conn.execute(TOUCH, (ordered, [seen[i] for i in ordered]))


def see_anew(conn: Connection, account_ids: Sequence[int]) -> None:
    """Ask anew when accounts were last seen, of the people they have."""
    conn.execute(SEEN_ANEW, (list(account_ids),))


def write_health(conn: Connection, health: Mapping[int, dict[str, Any]]) -> None:
    """Write health where it differs."""
    ordered = sorted(health)
    texts = [msgspec.json.encode(health[i]).decode() for i in ordered]
    conn.execute(WRITE_HEALTH, (ordered, texts))


def tickets_of(conn: Connection, by: str, row_ids: Sequence[int]) -> dict[int, list[TicketState]]:
    """Unresolved tickets by contact or by account id."""
    query = TICKETS_OF_CONTACTS if by == "contact" else TICKETS_OF_ACCOUNTS
    out: dict[int, list[TicketState]] = {}
    if row_ids:
        for row_id, status, tags, priority, category in conn.execute(query, (list(row_ids),)):
            state = TicketState(status, tuple(tags), priority, category)
            out.setdefault(row_id, []).append(state)
    return out
