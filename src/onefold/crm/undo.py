"""Taking back what an import did to a record: gone if it made it, as before if it changed it.

Nothing is told: the facts that the import left are taken out of the states by the worker, and the
record is as if the import had never been. A record that somebody changed since, or that others
refer to, is kept.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from psycopg import sql
from psycopg.rows import dict_row

from onefold.crm import shapes, store
from onefold.crm.model import Row
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

Outcome = Literal["deleted", "restored", "kept"]
_FIXED = ("id", "version", "created_at", "health", "last_seen_ms", "risk", "risk_reason")
_TIMES = (
    "updated_at", "resolved_at", "done_at", "due_at", "archived_at", "at", "closed_at", "stage_at",
    "remind_at", "reminded_at", "converted_at",
)  # fmt: skip
_DATES = ("close_date", "next_step_at", "start_date", "renewal_date", "end_date")
# Who refers to a record: a statement that finds one, and what to call it.
_USED: dict[str, tuple[tuple[str, str], ...]] = {
    "contact": (
        ("SELECT FROM ticket WHERE contact_id = %s LIMIT 1", "a ticket"),
        ("SELECT FROM task WHERE contact_id = %s LIMIT 1", "a task"),
        ("SELECT FROM deal WHERE contact_id = %s LIMIT 1", "a deal"),
        ("SELECT FROM lead WHERE contact_id = %s LIMIT 1", "a lead"),
        ("SELECT FROM subscription WHERE contact_id = %s LIMIT 1", "a subscription"),
        ("SELECT FROM activity WHERE contact_id = %s LIMIT 1", "an activity"),
    ),
    "account": (
        ("SELECT FROM contact WHERE account_id = %s LIMIT 1", "a contact"),
        ("SELECT FROM ticket WHERE account_id = %s LIMIT 1", "a ticket"),
        ("SELECT FROM task WHERE account_id = %s LIMIT 1", "a task"),
        ("SELECT FROM signal WHERE account_id = %s LIMIT 1", "a signal"),
        ("SELECT FROM deal WHERE account_id = %s LIMIT 1", "a deal"),
        ("SELECT FROM lead WHERE account_id = %s LIMIT 1", "a lead"),
        ("SELECT FROM subscription WHERE account_id = %s LIMIT 1", "a subscription"),
        ("SELECT FROM activity WHERE account_id = %s LIMIT 1", "an activity"),
        ("SELECT FROM account WHERE parent_id = %s LIMIT 1", "an account"),
    ),
    "ticket": (
        ("SELECT FROM task WHERE ticket_id = %s LIMIT 1", "a task"),
        ("SELECT FROM activity WHERE ticket_id = %s LIMIT 1", "an activity"),
    ),
    "deal": (
        ("SELECT FROM task WHERE deal_id = %s LIMIT 1", "a task"),
        ("SELECT FROM lead WHERE deal_id = %s LIMIT 1", "a lead"),
        ("SELECT FROM subscription WHERE deal_id = %s LIMIT 1", "a subscription"),
        ("SELECT FROM activity WHERE deal_id = %s LIMIT 1", "an activity"),
    ),
    "lead": (
        ("SELECT FROM task WHERE lead_id = %s LIMIT 1", "a task"),
        ("SELECT FROM activity WHERE lead_id = %s LIMIT 1", "an activity"),
    ),
    "product": (("SELECT FROM deal_line WHERE product_id = %s LIMIT 1", "a deal"),),
    "subscription": (), "activity": (), "task": (),
}  # fmt: skip
DROP_ACCOUNTS = """
DELETE FROM account a
WHERE md5(a.key) = ANY (ARRAY(SELECT md5(k) FROM unnest(%s::text[]) AS k)) AND a.created_at >= %s
AND a.owner_id IS NULL AND a.edited = '{}' AND a.merged_into IS NULL AND a.parent_id IS NULL
AND NOT EXISTS (SELECT FROM account o WHERE o.parent_id = a.id OR o.merged_into = a.id)
AND NOT EXISTS (SELECT FROM identifier i
  WHERE i.namespace = 'account_id' AND md5(i.value) = md5(a.key) AND i.value = a.key)
AND NOT EXISTS (SELECT FROM person_account p WHERE p.account_id = a.id)
AND NOT EXISTS (SELECT FROM usage u WHERE u.account_id = a.id AND a.id <> 0)
AND NOT EXISTS (SELECT FROM contact c WHERE c.account_id = a.id)
AND NOT EXISTS (SELECT FROM ticket t WHERE t.account_id = a.id)
AND NOT EXISTS (SELECT FROM task t WHERE t.account_id = a.id)
AND NOT EXISTS (SELECT FROM signal s WHERE s.account_id = a.id)
AND NOT EXISTS (SELECT FROM deal d WHERE d.account_id = a.id)
AND NOT EXISTS (SELECT FROM lead l WHERE l.account_id = a.id)
AND NOT EXISTS (SELECT FROM subscription s WHERE s.account_id = a.id)
AND NOT EXISTS (SELECT FROM activity y WHERE y.account_id = a.id)
"""
ROW = "SELECT * FROM {} WHERE id = %s FOR UPDATE"
CONTACTS = """
SELECT lower(email), id FROM contact WHERE lower(email) = ANY(%s) AND archived_at IS NULL
"""
ACCOUNTS = """
SELECT v.value, a.id FROM unnest(%s::text[]) AS v (value)
CROSS JOIN LATERAL (
  SELECT id, 1 AS rank FROM account WHERE md5(key) = md5(v.value)
  UNION ALL SELECT id, 2 FROM account WHERE domain = lower(v.value) AND domain <> ''
  UNION ALL SELECT id, 3 FROM account WHERE name_sort = lower(v.value) AND name = v.value
  ORDER BY rank, id LIMIT 1
) a
"""


def forget_accounts(conn: Connection, viewer: Viewer, keys: Sequence[str], since: datetime) -> int:
    """Drop accounts made since then that nothing names, nobody edited and no record refers to.

    Of those that stay, when they were last seen is asked anew. Answers how many went.
    """
    viewer.must_admin()
    found = conn.execute(DROP_ACCOUNTS, (list(keys), since)).rowcount
    store.see_anew(conn, list(store.accounts_by_key(conn, keys).values()))
    return found


def contacts_by_email(conn: Connection, viewer: Viewer, emails: Sequence[str]) -> dict[str, int]:
    """Contact ids by address in lower case, of those there are."""
    viewer.must_read()
    return dict(conn.execute(CONTACTS, ([e.lower() for e in emails],)).fetchall())


def accounts_like(conn: Connection, viewer: Viewer, values: Sequence[str]) -> dict[str, int]:
    """Account ids by key, else domain, else name, of those there are."""
    viewer.must_read()
    return dict(conn.execute(ACCOUNTS, (list(values),)).fetchall())


def snapshot(conn: Connection, viewer: Viewer, noun: str, row_id: int) -> Row:
    """A record's own columns, held until the transaction ends."""
    viewer.must_write()
    return _row(conn, noun, row_id) or {}


def undo(
    conn: Connection,
    viewer: Viewer,
    noun: str,
    row_id: int,
    before: Mapping[str, Any] | None,
    version: int,
) -> tuple[Outcome, str, int]:
    """Take a change back: what became of the record, why, and its version now."""
    viewer.must_write()
    row = _row(conn, noun, row_id)
    if row is None:
        return "deleted", "it was gone already", 0
    if row["version"] != version:
        return "kept", "it was changed after the import", row["version"]
    if before is None:
        if user := used(conn, noun, row_id):
            return "kept", f"{user} refers to it", row["version"]
        table = sql.Identifier(shapes.SHAPES[noun].table)
        conn.execute(sql.SQL("DELETE FROM {} WHERE id = %s").format(table), (row_id,))
        return "deleted", "", 0
    columns = {n: _time(n, v) for n, v in before.items() if n in row and n not in _FIXED}
    store.update(conn, noun, row_id, columns)
    return "restored", "", row["version"] + 1


def used(conn: Connection, noun: str, row_id: int) -> str:
    """What refers to a record: `a ticket`; "" for nothing."""
    for statement, user in _USED[noun]:
        if conn.execute(statement.encode(), (row_id,)).fetchone() is not None:
            return user
    return ""


def _row(conn: Connection, noun: str, row_id: int) -> Row | None:
    query = sql.SQL(ROW).format(sql.Identifier(shapes.SHAPES[noun].table))
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, (row_id,)).fetchone()


def _time(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name in _TIMES:
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if name in _DATES else value
