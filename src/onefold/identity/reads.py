"""What everybody else reads of identity: whose an identifier is, what a person has, who merged."""

from collections.abc import Collection

from onefold.identity import model
from onefold.identity.namespaces.store import current
from onefold.kernel import identifiers as values
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

PERSON_OF = """
SELECT f.person_id FROM identifier i JOIN fragment f ON f.identifier_id = i.id
WHERE i.namespace = %s AND md5(i.value) = md5(%s) AND i.value = %s AND f.person_id <> 0
ORDER BY f.chapter_ms DESC LIMIT 1
"""
FOLLOW = """
WITH RECURSIVE trail (id, depth) AS (
  SELECT %s::bigint, 0
  UNION ALL
  SELECT a.person_id, t.depth + 1 FROM trail t JOIN person_alias a ON a.old_id = t.id
  WHERE t.depth < 1000
)
SELECT t.id FROM trail t WHERE EXISTS (SELECT FROM fragment f WHERE f.person_id = t.id)
ORDER BY t.depth DESC LIMIT 1
"""
MERGED = """
WITH RECURSIVE gone (id, depth) AS (
  SELECT old_id, 1 FROM person_alias WHERE person_id = %s
  UNION ALL
  SELECT a.old_id, g.depth + 1 FROM person_alias a JOIN gone g ON a.person_id = g.id
  WHERE g.depth < 1000
)
SELECT id FROM gone ORDER BY id
"""
IDENTIFIERS_OF = """
SELECT f.person_id, i.id, i.namespace, i.value, f.id, f.chapter_ms
FROM fragment f JOIN identifier i ON i.id = f.identifier_id
WHERE f.person_id = ANY(%s)
"""
LINKS_OF = """
SELECT DISTINCT x.namespace, x.value, y.namespace, y.value, l.last_day, l.suppressed
FROM fragment f
CROSS JOIN LATERAL (
  SELECT a, b, last_day, suppressed FROM link WHERE a = f.identifier_id
  UNION SELECT a, b, last_day, suppressed FROM link WHERE b = f.identifier_id
) l
JOIN identifier x ON x.id = l.a JOIN identifier y ON y.id = l.b
WHERE f.person_id = %s
ORDER BY l.last_day DESC, 1, 2, 3, 4 LIMIT %s
"""
FRAGMENTS_OF = "SELECT person_id, id FROM fragment WHERE person_id = ANY(%s) ORDER BY id"
PEOPLE_OF = "SELECT id, person_id FROM fragment WHERE id = ANY(%s) AND person_id <> 0"
CHAPTERS_OF = "SELECT id FROM fragment WHERE identifier_id = %s ORDER BY chapter_ms"
WHO_OF = """
SELECT DISTINCT o.who_id, f.id FROM login o JOIN fragment f ON f.identifier_id = o.who_id
WHERE o.device_id = ANY(%s)
"""
ACCOUNTS_OF = """
SELECT k.value, f.id FROM unnest(%b::text[]) AS k (value)
JOIN identifier i
  ON i.namespace = 'account_id' AND md5(i.value) = md5(k.value) AND i.value = k.value
JOIN fragment f ON f.identifier_id = i.id
"""


def person_of(conn: Connection, viewer: Viewer, namespace: str, value: str) -> int | None:
    """The person with an identifier; for a device of several people, whose it is now."""
    viewer.must_read()
    clean = values.normalise(namespace, value)
    if clean is None:
        return None
    row = conn.execute(PERSON_OF, (namespace, clean, clean)).fetchone()
    if row is None:  # spelt otherwise than it is kept
        clean = current(conn).normal(namespace, value)
        row = conn.execute(PERSON_OF, (namespace, clean, clean)).fetchone()
    return int(row[0]) if row else None


def follow(conn: Connection, viewer: Viewer, person_id: int) -> int | None:
    """The person that an id means today: itself, or the one it merged into; None if unknown."""
    viewer.must_read()
    row = conn.execute(FOLLOW, (person_id,)).fetchone()
    return int(row[0]) if row else None


def merged_ids(conn: Connection, viewer: Viewer, person_id: int) -> list[int]:
    """Former ids of people that merged into this one, in rising order."""
    viewer.must_read()
    return [int(i) for (i,) in conn.execute(MERGED, (person_id,))]


def identifiers_of(conn: Connection, viewer: Viewer, person_id: int) -> list[model.IdentifierRow]:
    """A person's identifiers, the strongest namespace first, each chapter of a device by itself."""
    viewer.must_read()
    return [row for _, row in _identifiers_of(conn, [person_id])]


def values_of(
    conn: Connection, viewer: Viewer, person_ids: Collection[int]
) -> dict[int, list[tuple[str, str]]]:
    """(namespace, value) of each person's identifiers, the strongest namespace first, each once."""
    viewer.must_read()
    out: dict[int, dict[tuple[str, str], None]] = {i: {} for i in person_ids}
    for person_id, row in _identifiers_of(conn, person_ids):
        out[person_id][row.namespace, row.value] = None
    return {i: list(found) for i, found in out.items()}


def contacts_of(
    conn: Connection, viewer: Viewer, person_ids: Collection[int]
) -> dict[int, list[int]]:
    """Ids of the CRM contacts that each person is; people without one are left out."""
    viewer.must_read()
    out: dict[int, list[int]] = {}
    for person_id, row in _identifiers_of(conn, person_ids):
        if row.namespace == "contact" and row.value.isdecimal():
            out.setdefault(person_id, []).append(int(row.value))
    return out


def links_of(
    conn: Connection, viewer: Viewer, person_id: int, limit: int = 200
) -> list[model.LinkRow]:
    """Links of a person's identifiers, newest day first, with why one does not count."""
    viewer.must_read()
    rows = conn.execute(LINKS_OF, (person_id, limit))
    return [
        model.LinkRow(Identifier(an, av), Identifier(bn, bv), day, why)
        for an, av, bn, bv, day, why in rows
    ]


def fragments_of(conn: Connection, person_ids: Collection[int]) -> dict[int, list[int]]:
    """The fragments of each person; people without any are left out."""
    out: dict[int, list[int]] = {}
    for person_id, fragment in conn.execute(FRAGMENTS_OF, (list(person_ids),), binary=True):
        out.setdefault(person_id, []).append(fragment)
    return out


def people_of(conn: Connection, fragment_ids: Collection[int]) -> dict[int, int]:
    """The person of each fragment; those of accounts, and retired ones, are left out."""
    return dict(conn.execute(PEOPLE_OF, (list(fragment_ids),), binary=True).fetchall())


def chapters_of(conn: Connection, device_id: int) -> list[int]:
    """Every fragment of a device, those that hold no chapter any more included."""
    return [int(i) for (i,) in conn.execute(CHAPTERS_OF, (device_id,))]


def who_of(conn: Connection, *device_ids: int) -> dict[int, list[int]]:
    """Who ever logged in on devices (identifier ids), with the fragments that hold their facts."""
    out: dict[int, list[int]] = {}
    for who, fragment in conn.execute(WHO_OF, (list(device_ids),)):
        out.setdefault(who, []).append(fragment)
    return out


def account_fragments_of(conn: Connection, keys: Collection[str]) -> dict[str, int]:
    """The accounts' own fragments; accounts without one are left out."""
    return dict(conn.execute(ACCOUNTS_OF, (list(keys),), prepare=False).fetchall())


def _identifiers_of(
    conn: Connection, person_ids: Collection[int]
) -> list[tuple[int, model.IdentifierRow]]:
    found = conn.execute(IDENTIFIERS_OF, (list(person_ids),), binary=True).fetchall()
    rows = [(person_id, model.IdentifierRow(*row)) for person_id, *row in found]
    of = current(conn).of
    return sorted(rows, key=lambda r: (of(r[1].namespace).priority, r[1].value, r[1].chapter_ms))
