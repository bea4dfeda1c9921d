"""The SQL of matching that reads across rooms."""

from collections.abc import Collection
from typing import Any

from onefold.kernel import limits
from onefold.storage import Connection

CHANGED = """
SELECT id, updated_ms FROM person WHERE updated_ms >= %s ORDER BY updated_ms, id LIMIT %s
"""
JOURNAL = """
SELECT id, person_id, other_id FROM person_journal WHERE id > %s ORDER BY id LIMIT %s
"""
NEWEST_DECISION = """
SELECT coalesce(max(greatest(at_ms, undone_ms)), 0) FROM identity_decision
"""
ACCOUNTS = """
SELECT p.id, a.id, a.name, a.key FROM person p JOIN account a ON a.id = p.account_id
WHERE p.id = ANY(%s)
"""
# What hangs on a contact, by contact.
WORK = """
SELECT c.id,
  (SELECT count(*) FROM ticket t WHERE t.contact_id = c.id AND t.status <> 'resolved'),
  (SELECT count(*) FROM task k WHERE k.contact_id = c.id AND k.status = 'open')
FROM contact c WHERE c.id = ANY(%s)
"""


def changed(conn: Connection, since_ms: int) -> list[tuple[int, int]]:
    """(person, when its row was last written) since a time, the oldest first, up to a limit."""
    return conn.execute(CHANGED, (since_ms, limits.match_gather_max)).fetchall()


def journal(conn: Connection, after: int) -> tuple[int, set[int]]:
    """(position reached, people whose grouping changed) after a position of the journal."""
    rows = conn.execute(JOURNAL, (after, limits.match_gather_max)).fetchall()
    found = {person for row in rows for person in row[1:] if person is not None}
    return (rows[-1][0] if rows else after), found


def newest_decision(conn: Connection) -> int:
    """When a decision was last made or undone."""
    row = conn.execute(NEWEST_DECISION).fetchone()
    return int(row[0]) if row else 0


def accounts(conn: Connection, person_ids: Collection[int]) -> dict[int, tuple[int, str, str]]:
    """Person → (id, name, key) of the primary account."""
    rows = conn.execute(ACCOUNTS, (list(person_ids),))
    return {person: (account, name, key) for person, account, name, key in rows}


def work(conn: Connection, contact_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """Contact → (open tickets, open tasks)."""
    rows: Any = conn.execute(WORK, (list(contact_ids),))
    return {contact: (tickets, tasks) for contact, tickets, tasks in rows}
