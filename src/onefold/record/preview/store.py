"""The SQL of previews: who is who and where, copied out of PostgreSQL as whole columns."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, arrays

Columns = list[npt.NDArray[np.int64]]

MARKS = """
SELECT (SELECT coalesce(max(id), 0) FROM person_journal),
  (SELECT coalesce(max(id), 0) FROM fragment),
  (SELECT coalesce(max(id), 0) FROM membership_change)
"""
FRAGMENTS = """
SELECT id, identifier_id, chapter_ms, person_id FROM fragment WHERE person_id <> 0
"""
FRAGMENTS_SINCE = """
SELECT f.id, f.identifier_id, f.chapter_ms, f.person_id FROM fragment f
WHERE f.person_id <> 0 AND (f.id > %s OR f.id IN (
  SELECT unnest(members) FROM person_journal WHERE id > %s))
"""
SPANS = "SELECT person_id, from_ms, account_id FROM person_span"
JOINED = """
SELECT person_id, account_id, (until_ms IS NULL)::int::bigint FROM person_account
"""
ACCOUNTS = "SELECT id, key, coalesce(merged_into, id) FROM account"
MEMBERSHIPS = "SELECT audience_id::bigint, entity_id FROM membership"
CHANGES = """
SELECT audience_id, entity_id, entered FROM membership_change WHERE id > %s ORDER BY id
"""
MEMBER_CHANGES = """
SELECT a.key, a.of, c.entity_id, c.id, c.at_ms, c.entered
FROM membership_change c JOIN audience a ON a.id = c.audience_id
WHERE a.key = ANY(%s) AND a.status <> 'deleted'
"""
AUDIENCES = "SELECT id, key, name FROM audience WHERE of = %s AND status <> 'deleted'"
TICKETS = """
SELECT coalesce(f.person_id, 0), coalesce(t.account_id, 0), t.status, t.tags, t.priority,
  t.category, (extract(epoch FROM t.created_at) * 1000)::bigint,
  (extract(epoch FROM t.resolved_at) * 1000)::bigint
FROM ticket t
LEFT JOIN identifier i ON i.namespace = 'contact' AND md5(i.value) = md5(t.contact_id::text)
LEFT JOIN fragment f ON f.identifier_id = i.id AND f.person_id <> 0
WHERE t.status <> 'resolved' OR t.resolved_at >= to_timestamp(%s / 1000.0)
"""
CONTACT_OWNERS = """
SELECT DISTINCT f.person_id, lower(u.email) FROM contact c JOIN app_user u ON u.id = c.owner_id
JOIN identifier i ON i.namespace = 'contact' AND md5(i.value) = md5(c.id::text)
JOIN fragment f ON f.identifier_id = i.id WHERE f.person_id <> 0
"""
PEOPLE_OF_CONTACTS = """
SELECT DISTINCT i.value::bigint, f.person_id
FROM unnest(%s::bigint[]) AS c (id)
JOIN identifier i ON i.namespace = 'contact' AND md5(i.value) = md5(c.id::text)
JOIN fragment f ON f.identifier_id = i.id WHERE f.person_id <> 0
"""
ACCOUNT_OWNERS = """
SELECT a.id, lower(u.email) FROM account a JOIN app_user u ON u.id = a.owner_id
"""


def marks(conn: Connection) -> tuple[int, int, int]:
    """The newest row of the journal of people, of fragments, of changes of membership."""
    row = conn.execute(MARKS).fetchall()[0]
    return int(row[0]), int(row[1]), int(row[2])


def fragments(conn: Connection) -> Columns:
    """Every person's fragments: id, identifier, when its chapter began, person."""
    return arrays.columns(conn, FRAGMENTS, 4)


def fragments_since(conn: Connection, fragment: int, journal: int) -> Columns:
    """Those that are new or somebody else's since these marks."""
    return arrays.columns(conn, FRAGMENTS_SINCE, 4, (fragment, journal))


def spans(conn: Connection) -> Columns:
    """Whose facts that name no account are: person, from_ms, account (0: nobody's)."""
    return arrays.columns(conn, SPANS, 3)


def joined(conn: Connection) -> Columns:
    """Who is or was in which account: person, account, 1 for those who are."""
    return arrays.columns(conn, JOINED, 3)


def accounts(conn: Connection) -> list[tuple[Any, ...]]:
    """(id, key, the account that it is)."""
    return conn.execute(ACCOUNTS).fetchall()


def memberships(conn: Connection) -> Columns:
    """Everybody's: audience id, entity."""
    return arrays.columns(conn, MEMBERSHIPS, 2)


def changes(conn: Connection, since: int) -> list[tuple[Any, ...]]:
    """(audience id, entity, entered) after a row of the changes, in order."""
    return conn.execute(CHANGES, (since,)).fetchall()


def member_changes(conn: Connection, keys: Collection[str]) -> list[tuple[Any, ...]]:
    """(key, kind, entity, id, at_ms, entered): who came to these audiences, and went."""
    return conn.execute(MEMBER_CHANGES, (list(keys),)).fetchall()


def audiences(conn: Connection, viewer: Viewer, kind: str) -> dict[int, tuple[str, str]]:
    """Key and name of the audiences of a kind, by id."""
    viewer.must_read()
    return {i: (key, name) for i, key, name in conn.execute(AUDIENCES, (kind,))}


def tickets(conn: Connection, resolved_after_ms: int) -> list[tuple[Any, ...]]:
    """(person or 0, account or 0, status, tags, priority, category, created, resolved or None)."""
    return conn.execute(TICKETS, (resolved_after_ms,)).fetchall()


def people_of_contacts(conn: Connection, contacts: Sequence[int]) -> dict[int, int]:
    """Who each contact is, by contact."""
    return dict(conn.execute(PEOPLE_OF_CONTACTS, (list(contacts),)).fetchall())


def owners(conn: Connection, kind: str) -> Sequence[tuple[Any, ...]]:
    """(entity, e-mail of who looks after it)."""
    return conn.execute(CONTACT_OWNERS if kind == "person" else ACCOUNT_OWNERS).fetchall()
