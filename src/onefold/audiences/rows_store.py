"""The SQL of audiences whose members are rows: a query's newest answer, and uploaded lists.

Whoever writes rows marks whom that concerns in the same transaction (the caller does, by the ids
that are answered here); the worker then makes members of them, as of everything else.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from onefold.kernel import limits
from onefold.storage import Connection, jobs

ANSWER = "audiences.answer"  # the task that runs queries that are due

ASK_SOON = """
INSERT INTO audience_run (audience_id, next_ms) VALUES (%s, 0)
ON CONFLICT (audience_id) DO UPDATE SET next_ms = 0
"""
DUE = """
SELECT a.id, a.key, a.version FROM audience_run r JOIN audience a ON a.id = r.audience_id
WHERE r.next_ms <= %s AND a.status <> 'deleted' ORDER BY r.next_ms, a.id
"""
NEXT_DUE = """
SELECT EXISTS (SELECT FROM audience_run r JOIN audience a ON a.id = r.audience_id
  WHERE r.next_ms <= %s AND a.status <> 'deleted')
"""
BEGAN = "UPDATE audience_run SET started_ms = %s, next_ms = %s WHERE audience_id = %s"
FAILED = "UPDATE audience_run SET ended_ms = %s, error = %s WHERE audience_id = %s"
MADE = """
UPDATE audience_run SET ended_ms = %s, good_ms = started_ms, seq = %s, rows = %s, unknown = %s,
  error = '' WHERE audience_id = %s
"""
ANSWERED = """
UPDATE audience SET answered = true, version = version + 1
WHERE id = %s AND version = %s AND NOT answered
"""
FORGET = (
    "DELETE FROM audience_row WHERE audience_id = %s",
    "DELETE FROM audience_run WHERE audience_id = %s",
    "DELETE FROM audience_entry WHERE audience_id = %s",
)
STILL = """
SELECT FROM audience WHERE id = %s AND version = %s AND status <> 'deleted' FOR NO KEY UPDATE
"""
RUNS = """
SELECT audience_id, next_ms, started_ms, ended_ms, good_ms, seq, rows, unknown, error
FROM audience_run WHERE audience_id = ANY(%s)
"""
TAKE = "CREATE TEMP TABLE answered (entity_id bigint NOT NULL) ON COMMIT DROP"
COPY = "COPY answered (entity_id) FROM STDIN"
# Of people and accounts that merged meanwhile: whom they merged into.
KNOWN = {
    "person": """
CREATE TEMP TABLE wanted ON COMMIT DROP AS
SELECT DISTINCT p.id AS entity_id FROM answered x LEFT JOIN person_alias l ON l.old_id = x.entity_id
JOIN person p ON p.id = coalesce(l.person_id, x.entity_id)""",
    "account": """
CREATE TEMP TABLE wanted ON COMMIT DROP AS
SELECT DISTINCT coalesce(a.merged_into, a.id) AS entity_id FROM answered x
JOIN account a ON a.id = x.entity_id""",
}
PUT = """
WITH gone AS (
  DELETE FROM audience_row r WHERE r.audience_id = %(id)s
    AND NOT EXISTS (SELECT FROM wanted w WHERE w.entity_id = r.entity_id)
  RETURNING r.entity_id
), new AS (
  INSERT INTO audience_row (audience_id, entity_id) SELECT %(id)s, entity_id FROM wanted
  ON CONFLICT DO NOTHING RETURNING entity_id
)
SELECT entity_id FROM gone UNION ALL SELECT entity_id FROM new
"""
LISTED = {
    "person": """
SELECT r.entity_id, r.audience_id FROM audience_row r
WHERE r.entity_id = ANY(%(ids)s) AND r.audience_id = ANY(%(of)s)
UNION
SELECT l.person_id, r.audience_id FROM person_alias l JOIN audience_row r ON r.entity_id = l.old_id
WHERE l.person_id = ANY(%(ids)s) AND r.audience_id = ANY(%(of)s)
UNION
SELECT f.person_id, e.audience_id FROM fragment f JOIN identifier i ON i.id = f.identifier_id
JOIN audience_entry e ON e.namespace = i.namespace AND md5(e.value) = md5(i.value)
WHERE f.person_id = ANY(%(ids)s) AND f.person_id <> 0 AND e.audience_id = ANY(%(of)s)""",
    "account": """
SELECT coalesce(a.merged_into, a.id), r.audience_id
FROM account a JOIN audience_row r ON r.entity_id = a.id
WHERE (a.id = ANY(%(ids)s) OR a.merged_into = ANY(%(ids)s)) AND r.audience_id = ANY(%(of)s)
UNION
SELECT coalesce(a.merged_into, a.id), e.audience_id FROM account a
JOIN audience_entry e ON e.namespace = 'account_id' AND md5(e.value) = md5(a.key)
WHERE (a.id = ANY(%(ids)s) OR a.merged_into = ANY(%(ids)s)) AND e.audience_id = ANY(%(of)s)
UNION
SELECT c.account_id, e.audience_id FROM account_claim c
JOIN audience_entry e ON e.namespace = 'domain' AND md5(e.value) = md5(c.value)
WHERE c.kind = 'domain' AND c.account_id = ANY(%(ids)s) AND e.audience_id = ANY(%(of)s)""",
}
_MATCH = {
    "person": """
SELECT e.namespace, e.value, f.person_id AS entity_id FROM audience_entry e
JOIN identifier i ON i.namespace = e.namespace AND md5(i.value) = md5(e.value)
JOIN fragment f ON f.identifier_id = i.id AND f.person_id <> 0
WHERE e.audience_id = %(id)s""",
    "account": """
SELECT e.namespace, e.value, coalesce(a.merged_into, a.id) AS entity_id FROM audience_entry e
JOIN account a ON md5(a.key) = md5(e.value)
WHERE e.audience_id = %(id)s AND e.namespace = 'account_id'
UNION ALL
SELECT e.namespace, e.value, c.account_id FROM audience_entry e
JOIN account_claim c ON c.kind = 'domain' AND md5(c.value) = md5(e.value)
WHERE e.audience_id = %(id)s AND e.namespace = 'domain'""",
}
CONCERNED = {
    kind: f"""
SELECT entity_id FROM audience_row WHERE audience_id = %(id)s
UNION SELECT entity_id FROM ({match}) m
UNION SELECT entity_id FROM membership WHERE audience_id = %(id)s"""
    for kind, match in _MATCH.items()
}
HOLDERS = {
    kind: f"""
SELECT DISTINCT m.entity_id FROM ({match}) m
JOIN unnest(%(names)s::text[], %(values)s::text[]) AS t (namespace, value) USING (namespace, value)
"""
    for kind, match in _MATCH.items()
}
COUNTS = {
    kind: f"""
SELECT (SELECT count(*) FROM audience_entry WHERE audience_id = %(id)s),
  (SELECT count(*) FROM (SELECT DISTINCT namespace, value FROM ({match}) m) d)"""
    for kind, match in _MATCH.items()
}
ENTRIES = {
    kind: f"""
SELECT e.namespace, e.value, e.added_ms, e.added_by, min(m.entity_id)
FROM (
  SELECT * FROM audience_entry WHERE audience_id = %(id)s AND (namespace, value) > (%(n)s, %(v)s)
  ORDER BY namespace, value LIMIT %(limit)s
) e
LEFT JOIN ({match}) m ON m.namespace = e.namespace AND m.value = e.value
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2"""
    for kind, match in _MATCH.items()
}
ADD = """
INSERT INTO audience_entry (audience_id, namespace, value, added_ms, added_by)
SELECT %(id)s, t.namespace, t.value, %(now)s, %(by)s
FROM unnest(%(names)s::text[], %(values)s::text[]) AS t (namespace, value)
ON CONFLICT DO NOTHING
"""
REMOVE = """
DELETE FROM audience_entry e
USING unnest(%(names)s::text[], %(values)s::text[]) AS t (namespace, value)
WHERE e.audience_id = %(id)s AND e.namespace = t.namespace AND md5(e.value) = md5(t.value)
"""


class Run(msgspec.Struct, frozen=True):
    """The newest run of a query; times in milliseconds. `seq`: the log was read up to there.

    `rows` ids were answered, of them `unknown` nobody's; `error` says why the newest run failed,
    while members are those of the run that began at `good_ms`.
    """

    next_ms: int
    started_ms: int | None
    ended_ms: int | None
    good_ms: int | None
    seq: int | None
    rows: int | None
    unknown: int | None
    error: str


# ── queries ────────────────────────────────────────────────────────────────────────────────────


def ask_soon(conn: Connection, audience_id: int) -> None:
    """Let the query be run as soon as can be."""
    conn.execute(ASK_SOON, (audience_id,))
    jobs.defer(conn, ANSWER, once=ANSWER, lock=ANSWER)


def due(conn: Connection, now_ms: int) -> list[tuple[int, str, int]]:
    """(audience id, key, version) of queries whose time has come, the longest due first."""
    return [(i, key, version) for i, key, version in conn.execute(DUE, (now_ms,))]


def is_due(conn: Connection, now_ms: int) -> bool:
    """Has the time of any query come?"""
    return bool(conn.execute(NEXT_DUE, (now_ms,)).fetchall()[0][0])


def began(conn: Connection, audience_id: int, now_ms: int, next_ms: int) -> None:
    """A run begins; the next one is at `next_ms`, whatever becomes of this."""
    conn.execute(BEGAN, (now_ms, next_ms, audience_id))


def failed(conn: Connection, audience_id: int, now_ms: int, error: str) -> None:
    """Keep why a run failed; members stay as they were."""
    conn.execute(FAILED, (now_ms, error, audience_id))


def answered(
    conn: Connection, audience_id: int, kind: str, ids: Iterable[int]
) -> tuple[list[int], int, int]:
    """Put an answer in the place of the one before: (whose row came or went, ids, known ones)."""
    conn.execute(TAKE)
    n = 0
    with conn.cursor().copy(COPY) as copy:
        for entity_id in ids:
            copy.write_row((entity_id,))
            n += 1
    conn.execute(KNOWN[kind])
    known = int(conn.execute("SELECT count(*) FROM wanted").fetchall()[0][0])
    changed = [i for (i,) in conn.execute(PUT, {"id": audience_id})]
    return changed, n, known


def made(
    conn: Connection, audience_id: int, version: int, now_ms: int, seq: int, rows: int, unknown: int
) -> None:
    """A run succeeded; the first since the query was changed lets the audience go live."""
    conn.execute(MADE, (now_ms, seq, rows, unknown, audience_id))
    conn.execute(ANSWERED, (audience_id, version))


def runs(conn: Connection, audience_ids: Collection[int]) -> dict[int, Run]:
    """The newest runs, by audience id."""
    return {row[0]: Run(*row[1:]) for row in conn.execute(RUNS, (list(audience_ids),))}


def forget(conn: Connection, audience_id: int) -> None:
    """The audience was deleted: its rows, list and runs go."""
    for statement in FORGET:
        conn.execute(statement, (audience_id,))


def still(conn: Connection, audience_id: int, version: int) -> bool:
    """Is the audience there, and as it was at this version? Held so until the caller commits."""
    return conn.execute(STILL, (audience_id, version)).fetchone() is not None


# ── for the worker ─────────────────────────────────────────────────────────────────────────────


def listed(
    conn: Connection, kind: str, entity_ids: Sequence[int], audience_ids: Collection[int]
) -> dict[int, set[int]]:
    """entity → the audiences of these that have a row for it."""
    out: dict[int, set[int]] = {}
    row = {"ids": list(entity_ids), "of": list(audience_ids)}
    for entity_id, audience_id in conn.execute(LISTED[kind], row):
        out.setdefault(entity_id, set()).add(audience_id)
    return out


def concerned(conn: Connection, kind: str, audience_id: int) -> list[int]:
    """Everybody who has a row, or is a member."""
    return [i for (i,) in conn.execute(CONCERNED[kind], {"id": audience_id})]


# ── lists ──────────────────────────────────────────────────────────────────────────────────────

Names = Sequence[tuple[str, str]]  # (namespace, value), normalised


def _split(names: Names) -> dict[str, list[str]]:
    return {"names": [n for n, _ in names], "values": [v for _, v in names]}


def add(conn: Connection, audience_id: int, names: Names, by: str, now_ms: int) -> int:
    """Add identifiers; how many were not on the list."""
    row = {"id": audience_id, "by": by, "now": now_ms, **_split(names)}
    return conn.execute(ADD, row).rowcount


def remove(conn: Connection, audience_id: int, names: Names) -> int:
    """Take identifiers away; how many were on the list."""
    return conn.execute(REMOVE, {"id": audience_id, **_split(names)}).rowcount


def holders(conn: Connection, audience_id: int, kind: str, names: Names) -> list[int]:
    """Whom those of these identifiers that are on the list belong to now."""
    return [i for (i,) in conn.execute(HOLDERS[kind], {"id": audience_id, **_split(names)})]


def counts(conn: Connection, audience_id: int, kind: str) -> tuple[int, int]:
    """How many identifiers are on the list, and how many of them somebody has."""
    n, matched = conn.execute(COUNTS[kind], {"id": audience_id}).fetchall()[0]
    return int(n), int(matched)


def entries(
    conn: Connection, audience_id: int, kind: str, after: tuple[str, str], rows: int
) -> list[tuple[Any, ...]]:
    """(namespace, value, added_ms, added_by, entity id or None) after one, in order."""
    most = min(rows, limits.page_rows_max)
    row = {"id": audience_id, "n": after[0], "v": after[1], "limit": most}
    return conn.execute(ENTRIES[kind], row).fetchall()
