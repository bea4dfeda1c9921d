"""The resolver's SQL: what it looks up and writes in bulk. What everybody else reads: `reads.py`.

The resolver's statements are planned each time until the tables are large (`keep_plans`): they grow
from nothing, and a plan kept from when they were small scans them whole. `LATERAL … LIMIT 1` is a
look-up by index for each key, where a join of thousands of keys would hash a whole table.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from weakref import WeakSet

import msgspec

from onefold.identity import assign
from onefold.kernel.facts import Identifier
from onefold.storage import Connection

NEXT_IDS = """
SELECT coalesce((SELECT max(id) FROM identifier), 0), coalesce((SELECT max(id) FROM fragment), 0),
  coalesce((SELECT max(person_id) FROM person_journal), 0)
"""
FIND = """
SELECT i.namespace, i.value, i.id, i.generic, f.id, f.chapter_ms, f.owner_id, f.person_id,
  CASE WHEN f.events > 0 THEN coalesce(f.last_seen_ms, 9007199254740991) END
FROM unnest(%b::text[], %b::text[]) AS k (namespace, value)
CROSS JOIN LATERAL (
  SELECT * FROM identifier x
  WHERE x.namespace = k.namespace AND md5(x.value) = md5(k.value) AND x.value = k.value LIMIT 1
) i
JOIN fragment f ON f.identifier_id = i.id
ORDER BY i.id, f.chapter_ms
"""
LOGINS = """
SELECT o.device_id, o.at_ms, o.who_id, o.until_ms, w.namespace, w.value, l.last_day
FROM login o
CROSS JOIN LATERAL (SELECT namespace, value FROM identifier WHERE id = o.who_id LIMIT 1) w
LEFT JOIN LATERAL (
  SELECT last_day FROM link
  WHERE a = least(o.device_id, o.who_id) AND b = greatest(o.device_id, o.who_id) LIMIT 1
) l ON true
WHERE o.device_id = ANY(%s)
"""
LINKS = """
SELECT l.a, l.b, l.last_day, l.told FROM unnest(%b::bigint[], %b::bigint[]) AS k (a, b)
CROSS JOIN LATERAL (SELECT * FROM link x WHERE x.a = k.a AND x.b = k.b LIMIT 1) l
"""
PEOPLE = """
SELECT f.person_id, f.id, i.namespace, i.value,
  EXISTS (SELECT FROM link l WHERE l.a = i.id AND l.suppressed IS NOT NULL
    AND l.suppressed NOT IN ('generic', 'shared_device', 'blocked'))
  OR EXISTS (SELECT FROM link l WHERE l.b = i.id AND l.suppressed IS NOT NULL
    AND l.suppressed NOT IN ('generic', 'shared_device', 'blocked'))
FROM fragment f JOIN identifier i ON i.id = f.identifier_id
WHERE f.person_id = ANY(%s)
ORDER BY f.id
"""
IDENTIFIERS = "SELECT id, namespace, value FROM identifier WHERE id = ANY(%s)"
ANY_OF = "SELECT EXISTS (SELECT FROM identifier WHERE namespace = %s)"
IDS_OF = """
SELECT i.namespace, i.value, i.id FROM unnest(%b::text[], %b::text[]) AS k (namespace, value)
CROSS JOIN LATERAL (
  SELECT * FROM identifier x
  WHERE x.namespace = k.namespace AND md5(x.value) = md5(k.value) AND x.value = k.value LIMIT 1
) i
"""
NEIGHBOURS = """
SELECT a, b, last_day, suppressed, told FROM link WHERE a = ANY(%s)
UNION
SELECT a, b, last_day, suppressed, told FROM link WHERE b = ANY(%s)
"""
GROUPS_AROUND = """
SELECT i.id, i.namespace, i.value, i.generic, f.id, f.chapter_ms, f.owner_id, f.person_id
FROM identifier i JOIN fragment f ON f.identifier_id = i.id
WHERE i.id IN (
  SELECT unnest(%(ids)b::bigint[])
  UNION SELECT g.identifier_id FROM fragment s JOIN fragment g ON g.person_id = s.person_id
    WHERE s.identifier_id = ANY(%(ids)b) AND s.person_id <> 0 AND g.person_id <> 0
  UNION SELECT identifier_id FROM fragment WHERE person_id = ANY(%(people)b) AND person_id <> 0
)
ORDER BY i.id, f.chapter_ms
"""
FAR_ENDS = """
SELECT i.id, i.namespace, i.value, i.generic, f.id, f.chapter_ms, f.owner_id, f.person_id
FROM identifier i JOIN fragment f ON f.identifier_id = i.id
WHERE i.id IN (SELECT b FROM link WHERE a = ANY(%s) UNION SELECT a FROM link WHERE b = ANY(%s))
ORDER BY i.id, f.chapter_ms
"""
GROUPS = """
SELECT i.id, i.namespace, i.value, i.generic, f.id, f.chapter_ms, f.owner_id, f.person_id
FROM identifier i JOIN fragment f ON f.identifier_id = i.id
WHERE i.id IN (SELECT identifier_id FROM fragment WHERE person_id = ANY(%s) AND person_id <> 0)
ORDER BY i.id, f.chapter_ms
"""
MEMBERS = """
SELECT DISTINCT f.person_id, i.namespace, i.value
FROM fragment f JOIN identifier i ON i.id = f.identifier_id
WHERE f.person_id = ANY(%s) AND f.person_id <> 0
"""
NODES = """
SELECT i.id, i.namespace, i.value, i.generic, f.id, f.chapter_ms, f.owner_id, f.person_id
FROM identifier i JOIN fragment f ON f.identifier_id = i.id
WHERE i.id = ANY(%s)
ORDER BY i.id, f.chapter_ms
"""
PAST = """
WITH RECURSIVE gone (id, depth) AS (
  SELECT old_id, 1 FROM person_alias WHERE person_id = ANY(%s)
  UNION
  SELECT a.old_id, g.depth + 1 FROM person_alias a JOIN gone g ON a.person_id = g.id
  WHERE g.depth < 100
)
SELECT DISTINCT ON (j.person_id) j.person_id, j.members
FROM person_journal j
WHERE j.person_id IN (SELECT id FROM gone) AND cardinality(j.members) > 0
ORDER BY j.person_id, j.id DESC
"""

ADD_IDENTIFIERS = """
INSERT INTO identifier (id, namespace, value)
SELECT * FROM unnest(%b::bigint[], %b::text[], %b::text[])
"""
SET_GENERIC = "UPDATE identifier SET generic = true WHERE id = ANY(%s)"
UNSET_GENERIC = "UPDATE identifier SET generic = false WHERE id = ANY(%s)"
SET_FRAGMENTS = """
UPDATE fragment f SET chapter_ms = t.chapter_ms, owner_id = t.owner_id, person_id = t.person_id
FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[])
  AS t (id, chapter_ms, owner_id, person_id)
WHERE f.id = t.id
"""
ADD_FRAGMENTS = """
INSERT INTO fragment (id, identifier_id, chapter_ms, owner_id, person_id)
SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[])
"""
SET_PEOPLE = """
UPDATE fragment f SET person_id = t.person_id
FROM unnest(%b::bigint[], %b::bigint[]) AS t (id, person_id) WHERE f.id = t.id
"""
ADD_LINKS = """
INSERT INTO link (a, b, first_pos, last_day, source_id, suppressed, told)
SELECT t.a, t.b, t.first_pos, t.last_day, t.source_id, t.suppressed, t.told::jsonb
FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::int[], %b::int[], %b::text[], %b::text[])
  AS t (a, b, first_pos, last_day, source_id, suppressed, told)
"""
SET_DAYS = """
UPDATE link l SET last_day = t.last_day, told = coalesce(t.told::jsonb, l.told)
FROM unnest(%b::bigint[], %b::bigint[], %b::int[], %b::text[]) AS t (a, b, last_day, told)
WHERE l.a = t.a AND l.b = t.b
"""
SET_SUPPRESSED = """
UPDATE link l SET suppressed = t.suppressed
FROM unnest(%b::bigint[], %b::bigint[], %b::text[]) AS t (a, b, suppressed)
WHERE l.a = t.a AND l.b = t.b
"""
DROP_LOGINS = """
DELETE FROM login l
USING unnest(%b::bigint[], %b::bigint[], %b::bigint[]) AS t (device_id, at_ms, who_id)
WHERE l.device_id = t.device_id AND l.at_ms = t.at_ms AND l.who_id = t.who_id
"""
ADD_LOGINS = """
INSERT INTO login (device_id, at_ms, who_id, until_ms)
SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[])
ON CONFLICT (device_id, at_ms, who_id) DO UPDATE SET until_ms = excluded.until_ms
"""
ADD_JOURNAL = """
INSERT INTO person_journal
  (pos, person_id, action, other_id, members, at_ms, decision_id, decision_ended)
SELECT t.pos, t.person_id, t.action, t.other_id, t.members::bigint[], t.at_ms,
  abs(t.decision), coalesce(t.decision < 0, false)
FROM unnest(%b::bigint[], %b::bigint[], %b::text[], %b::bigint[], %b::text[], %b::bigint[],
  %b::bigint[]) AS t (pos, person_id, action, other_id, members, at_ms, decision)
"""
SET_HEEDED = """
UPDATE identity_decision d SET suppressed = t.suppressed
FROM unnest(%b::bigint[], %b::text[]) AS t (id, suppressed) WHERE d.id = t.id
"""
DROP_ALIASES = "DELETE FROM person_alias WHERE old_id = ANY(%s)"
ADD_ALIASES = """
INSERT INTO person_alias (old_id, person_id) SELECT * FROM unnest(%b::bigint[], %b::bigint[])
"""

Rows = list[tuple[Any, ...]]
_grown: WeakSet[Connection] = WeakSet()


def keep_plans(conn: Connection) -> None:
    """The tables are so large that a plan made now stays the right one: a third of each look-up."""
    _grown.add(conn)


def _kept(conn: Connection) -> bool:
    return conn in _grown


class Changes(msgspec.Struct):
    """Rows to write. Tuples are in the order of the statement's columns."""

    identifiers: Rows = []
    generic: list[int] = []
    thawed: list[int] = []  # generic no longer
    fragments_set: Rows = []
    fragments: Rows = []
    people: Rows = []  # fragment, person
    links: Rows = []
    days: Rows = []
    suppressed: Rows = []
    logins_dropped: Rows = []
    logins: Rows = []
    journal: list[assign.Entry] = []
    restored: list[int] = []
    aliases: Rows = []
    heeded: Rows = []  # decision, why it is not followed


def next_ids(conn: Connection) -> tuple[int, int, int]:
    """The highest identifier, fragment and person ids ever given."""
    (row,) = conn.execute(NEXT_IDS).fetchall()
    return int(row[0]), int(row[1]), int(row[2])


def find(conn: Connection, keys: Collection[Identifier]) -> Rows:
    """(namespace, value, id, generic, fragment, chapter_ms, owner, person, last_ms) of known ones.

    One row a fragment, those of an identifier together and in order; `last_ms` is the time of the
    fragment's newest fact, None without facts.
    """
    params = ([k[0] for k in keys], [k[1] for k in keys])
    return conn.execute(FIND, params, prepare=_kept(conn), binary=True).fetchall()


def known(conn: Connection, keys: Collection[Identifier]) -> set[Identifier]:
    """Those of the identifiers that there are."""
    return {Identifier(row[0], row[1]) for row in find(conn, set(keys))} if keys else set()


def logins(conn: Connection, device_ids: Collection[int]) -> Rows:
    """(device, at_ms, who, until_ms, who's namespace, who's value, last_day of their link)."""
    return conn.execute(LOGINS, (list(device_ids),), prepare=_kept(conn), binary=True).fetchall()


def links(conn: Connection, pairs: Collection[tuple[int, int]]) -> Rows:
    """(a, b, last_day, told) of those pairs that are linked."""
    params = ([a for a, _ in pairs], [b for _, b in pairs])
    return conn.execute(LINKS, params, prepare=_kept(conn), binary=True).fetchall()


def people(conn: Connection, person_ids: Collection[int]) -> Rows:
    """(person, fragment, namespace, value, contested) of every fragment of the people.

    `contested`: one of its links is suppressed for a reason that other links can change.
    """
    return conn.execute(PEOPLE, (list(person_ids),), prepare=_kept(conn), binary=True).fetchall()


def identifiers(conn: Connection, ids: Collection[int]) -> dict[int, Identifier]:
    """Identifiers by id."""
    rows = conn.execute(IDENTIFIERS, (list(ids),), prepare=_kept(conn))
    return {i: Identifier(namespace, value) for i, namespace, value in rows}


def any_of(conn: Connection, namespace: str) -> bool:
    """Whether any identifier of a namespace is known."""
    row = conn.execute(ANY_OF, (namespace,)).fetchone()
    return bool(row and row[0])


def ids_of(conn: Connection, keys: Collection[Identifier]) -> dict[Identifier, int]:
    """Ids of those identifiers that are known."""
    params = ([k[0] for k in keys], [k[1] for k in keys])
    rows = conn.execute(IDS_OF, params, prepare=_kept(conn), binary=True)
    return {Identifier(namespace, value): i for namespace, value, i in rows}


def neighbours(conn: Connection, ids: Collection[int]) -> Rows:
    """(a, b, last_day, suppressed, told) of every link of the identifiers."""
    return conn.execute(NEIGHBOURS, (list(ids),) * 2, prepare=_kept(conn), binary=True).fetchall()


def surroundings(conn: Connection, ids: Collection[int]) -> tuple[Rows, Rows]:
    """(a, b, last_day, suppressed, told) of every link of these, and nodes of both ends."""
    wanted = list(ids)
    with conn.pipeline():
        links = conn.execute(NEIGHBOURS, (wanted, wanted), prepare=_kept(conn), binary=True)
        ends = conn.execute(FAR_ENDS, (wanted, wanted), prepare=_kept(conn), binary=True)
    return links.fetchall(), ends.fetchall()


def groups_around(conn: Connection, ids: Collection[int], people: Collection[int]) -> Rows:
    """Nodes of the identifiers, and of everything that is in these people or in theirs."""
    if not ids:
        found = conn.execute(GROUPS, (list(people),), prepare=_kept(conn), binary=True)
        return found.fetchall()
    params = {"ids": list(ids), "people": list(people)}
    return conn.execute(GROUPS_AROUND, params, prepare=_kept(conn), binary=True).fetchall()


def members(conn: Connection, people: Collection[int]) -> Rows:
    """(person, namespace, value) of all that is in these people."""
    return conn.execute(MEMBERS, (list(people),), prepare=_kept(conn), binary=True).fetchall()


def nodes(conn: Connection, ids: Collection[int]) -> Rows:
    """(id, namespace, value, generic, fragment, chapter_ms, owner, person) of each fragment."""
    return conn.execute(NODES, (list(ids),), prepare=_kept(conn), binary=True).fetchall()


def past(conn: Connection, person_ids: Iterable[int]) -> dict[int, list[int]]:
    """What each person id that redirects to these people held when it ended."""
    return dict(conn.execute(PAST, (list(person_ids),), prepare=_kept(conn)).fetchall())


def write(
    conn: Connection, changes: Changes, pos: int, at_ms: int, decision: int | None = None
) -> None:
    """Write everything in one round trip; `pos` and `at_ms` date the journal's entries.

    `decision`: id of the human's decision that caused them, negative if its end did.
    """
    with conn.pipeline():
        _each(conn, ADD_IDENTIFIERS, changes.identifiers)
        _list(conn, SET_GENERIC, changes.generic)
        _list(conn, UNSET_GENERIC, changes.thawed)
        _each(conn, SET_FRAGMENTS, changes.fragments_set)
        _each(conn, ADD_FRAGMENTS, changes.fragments)
        _each(conn, SET_PEOPLE, changes.people)
        _each(conn, ADD_LINKS, changes.links)
        _each(conn, SET_DAYS, changes.days)
        _each(conn, SET_SUPPRESSED, changes.suppressed)
        _each(conn, DROP_LOGINS, changes.logins_dropped)
        _each(conn, ADD_LOGINS, changes.logins)
        journal = [
            (pos, e.person_id, e.action, e.other_id, _array(e.members), at_ms, decision)
            for e in changes.journal
        ]
        _each(conn, ADD_JOURNAL, journal)
        _list(conn, DROP_ALIASES, changes.restored)
        _each(conn, ADD_ALIASES, changes.aliases)
        _each(conn, SET_HEEDED, changes.heeded)


def _each(conn: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        conn.execute(statement, columns, prepare=_kept(conn), binary=True)


def _array(ids: Iterable[int]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"


def _list(conn: Connection, statement: str, ids: list[int]) -> None:
    if ids:
        conn.execute(statement, (ids,), prepare=_kept(conn))
