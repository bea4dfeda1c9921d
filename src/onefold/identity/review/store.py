"""The SQL of the review queue."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from onefold.identity.review.model import Candidate, Proposal
from onefold.kernel import clock, errors, limits
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

_COLUMNS = """
c.id, c.a_person, c.b_person, c.a_namespace, c.a_value, c.b_namespace, c.b_value, c.status, c.bits,
c.chance, c.impact, c.rank, c.pattern, c.steps, c.why, c.reason, c.model_id, c.assignee_id,
c.decision_id, c.batch, c.actor, c.actor_name, c.found_ms, c.done_ms
"""
_ANSWERED = """
SELECT FROM match_candidate d WHERE d.status IN ('same', 'different', 'joined')
  AND ((d.a_namespace, d.a_value, d.b_namespace, d.b_value) = (%(an)s, %(av)s, %(bn)s, %(bv)s)
    OR (d.b_namespace, d.b_value, d.a_namespace, d.a_value) = (%(an)s, %(av)s, %(bn)s, %(bv)s))
  AND (d.a_person IN (%(a_person)s, %(b_person)s) OR d.b_person IN (%(a_person)s, %(b_person)s))
"""
ANSWERED = f"SELECT EXISTS ({_ANSWERED})"
# A pair is put down once: an answer stands, whatever is weighed later.
PUT = f"""
INSERT INTO match_candidate (a_person, b_person, a_namespace, a_value, b_namespace, b_value, status,
  bits, chance, impact, rank, pattern, steps, why, model_id, reason, decision_id, assignee_id,
  found_ms, done_ms, actor, actor_name)
SELECT %(a_person)s, %(b_person)s, %(an)s, %(av)s, %(bn)s, %(bv)s, %(status)s, %(bits)s, %(chance)s,
  %(impact)s, %(rank)s, %(pattern)s, %(steps)s, %(why)s, %(model_id)s, %(reason)s, %(decision_id)s,
  %(assignee)s, %(now)s, %(done)s, %(actor)s, %(actor_name)s
WHERE NOT EXISTS ({_ANSWERED})
ON CONFLICT (a_person, b_person) WHERE status IN ('open', 'barred') DO UPDATE SET
  status = excluded.status, bits = excluded.bits, chance = excluded.chance,
  impact = excluded.impact, rank = excluded.rank, pattern = excluded.pattern,
  steps = excluded.steps, why = excluded.why, model_id = excluded.model_id,
  reason = excluded.reason, decision_id = excluded.decision_id, done_ms = excluded.done_ms,
  a_namespace = excluded.a_namespace, a_value = excluded.a_value,
  b_namespace = excluded.b_namespace, b_value = excluded.b_value,
  actor = excluded.actor, actor_name = excluded.actor_name
RETURNING id, xmax = 0
"""
OF_PEOPLE = """
SELECT id, a_person, b_person, a_namespace, a_value, b_namespace, b_value FROM match_candidate
WHERE status IN ('open', 'barred') AND (a_person = ANY(%(people)s) OR b_person = ANY(%(people)s))
"""
MOVE = "UPDATE match_candidate SET a_person = %s, b_person = %s WHERE id = %s"
SETTLE = """
UPDATE match_candidate SET status = 'settled', reason = t.reason, done_ms = %s
FROM unnest(%s::bigint[], %s::text[]) AS t (id, reason)
WHERE match_candidate.id = t.id AND status IN ('open', 'barred')
"""
# Whose an anchor is now: facts may have settled a pair a moment ago.
_NOW = """
(SELECT f.person_id FROM identifier i JOIN fragment f ON f.identifier_id = i.id
 WHERE i.namespace = c.{side}_namespace AND md5(i.value) = md5(c.{side}_value)
   AND i.value = c.{side}_value AND f.person_id <> 0 ORDER BY f.chapter_ms DESC LIMIT 1)
"""
_APART = (
    _NOW.replace("{side}", "a").strip() + " IS DISTINCT FROM " + _NOW.replace("{side}", "b").strip()
)
# Whom humans said to be different people, by the people of today.
_OF_END = """
SELECT f.person_id FROM identifier i JOIN fragment f ON f.identifier_id = i.id
WHERE i.namespace = d.{side}_namespace AND md5(i.value) = md5(d.{side}_value)
  AND i.value = d.{side}_value AND f.person_id <> 0
ORDER BY f.chapter_ms <= greatest(d.{side}_ms, 1) DESC, f.chapter_ms DESC LIMIT 1
"""
APART = f"""
SELECT least(a.person_id, b.person_id), greatest(a.person_id, b.person_id)
FROM identity_decision d
CROSS JOIN LATERAL ({_OF_END.replace("{side}", "a")}) a
CROSS JOIN LATERAL ({_OF_END.replace("{side}", "b")}) b
WHERE d.kind = 'not_same' AND d.undone_ms IS NULL AND d.replaced_by IS NULL
"""
PEOPLE_OF = """
SELECT DISTINCT ON (k.namespace, k.value) k.namespace, k.value, f.person_id
FROM unnest(%s::text[], %s::text[]) AS k (namespace, value)
JOIN identifier i
  ON i.namespace = k.namespace AND md5(i.value) = md5(k.value) AND i.value = k.value
JOIN fragment f ON f.identifier_id = i.id AND f.person_id <> 0
ORDER BY k.namespace, k.value, f.chapter_ms DESC
"""
OPEN_PAIRS = "SELECT id, a_person, b_person FROM match_candidate WHERE status IN ('open', 'barred')"
QUEUE = f"""
SELECT {_COLUMNS} FROM match_candidate c
WHERE c.status = 'open' AND (c.rank, -c.id) < (%(rank)s, -%(id)s)
  AND (%(pattern)s::text IS NULL OR c.pattern = %(pattern)s)
  AND (%(assignee)s::bigint IS NULL OR c.assignee_id IS NOT DISTINCT FROM nullif(%(assignee)s, 0))
  AND c.chance >= %(low)s AND c.chance < %(high)s
  AND NOT EXISTS (SELECT FROM match_skip s WHERE s.candidate_id = c.id AND s.actor = %(actor)s
    AND s.at_ms > %(since)s)
  AND {_APART}
ORDER BY c.rank DESC, c.id LIMIT %(most)s
"""
LISTED = f"""
SELECT {_COLUMNS} FROM match_candidate c WHERE c.status = ANY(%s) AND c.id < %s
ORDER BY c.id DESC LIMIT %s
"""
GET = f"SELECT {_COLUMNS} FROM match_candidate c WHERE c.id = %s"
UNDONE = """
SELECT id FROM identity_decision
WHERE id = ANY(%s) AND (undone_ms IS NOT NULL OR replaced_by IS NOT NULL)
"""
OF_BATCH = "SELECT id, decision_id FROM match_candidate WHERE batch = %s ORDER BY id"
LIKE = """
SELECT id FROM match_candidate WHERE status = 'open' AND pattern = %s
ORDER BY rank DESC, id LIMIT %s
"""
COUNT_LIKE = "SELECT count(*) FROM match_candidate WHERE status = 'open' AND pattern = %s"
COUNTS = "SELECT status, count(*) FROM match_candidate GROUP BY status"
OPEN = "SELECT count(*) FROM match_candidate WHERE status = 'open'"
ANSWER = """
UPDATE match_candidate SET status = %s, decision_id = %s, batch = %s, actor = %s, actor_name = %s,
  done_ms = %s, reason = '' WHERE id = %s AND status = 'open'
"""
REOPEN = """
UPDATE match_candidate SET status = 'open', decision_id = NULL, batch = NULL, actor = '',
  actor_name = '', done_ms = NULL
WHERE id = %s AND NOT EXISTS (SELECT FROM match_candidate o WHERE o.status IN ('open', 'barred')
  AND (o.a_person, o.b_person) = (match_candidate.a_person, match_candidate.b_person))
"""
ASSIGN = "UPDATE match_candidate SET assignee_id = %s WHERE id = ANY(%s)"
SKIP = """
INSERT INTO match_skip (candidate_id, actor, at_ms) VALUES (%s, %s, %s)
ON CONFLICT (candidate_id, actor) DO UPDATE SET at_ms = excluded.at_ms
"""
UNSKIP = "DELETE FROM match_skip WHERE candidate_id = %s AND actor = %s"
OLD_SKIPS = "DELETE FROM match_skip WHERE at_ms < %s"
TRIM = """
DELETE FROM match_candidate WHERE status IN ('open', 'barred') AND id IN (
  SELECT id FROM match_candidate WHERE status IN ('open', 'barred')
  ORDER BY rank DESC, id OFFSET %s)
"""
Zone = tuple[float, float]


def put(
    conn: Connection, one: Proposal, assignee_id: int | None, now_ms: int
) -> tuple[int, bool] | None:
    """Put a pair down, or what is new about it; (id, whether it is new), None if answered."""
    done = one.status == "joined"
    values = {
        **{name: getattr(one, name) for name in Proposal.__struct_fields__},
        **_ends(one),
        "steps": Jsonb(msgspec.to_builtins(one.steps)), "why": Jsonb(one.why),
        "assignee": assignee_id, "now": now_ms, "done": now_ms if done else None,
        "actor": "system:0" if done else "", "actor_name": "Onefold" if done else "",
    }  # fmt: skip
    row = conn.execute(PUT, values).fetchone()
    return (row[0], row[1]) if row else None


def answered(conn: Connection, one: Proposal) -> bool:
    """Whether somebody answered the pair before, or it was joined, whatever came of it."""
    row = conn.execute(ANSWERED, _ends(one)).fetchone()
    return bool(row and row[0])


def _ends(one: Proposal) -> dict[str, Any]:
    return {
        "a_person": one.a_person, "b_person": one.b_person, "an": one.a.namespace,
        "av": one.a.value, "bn": one.b.namespace, "bv": one.b.value,
    }  # fmt: skip


def of_people(
    conn: Connection, person_ids: Collection[int]
) -> list[tuple[int, int, int, Identifier, Identifier]]:
    """(id, a, b, anchor of a, anchor of b) of unanswered pairs with any of these people."""
    rows = conn.execute(OF_PEOPLE, {"people": list(person_ids)})
    return [(i, a, b, Identifier(an, av), Identifier(bn, bv)) for i, a, b, an, av, bn, bv in rows]


def apart(conn: Connection) -> set[tuple[int, int]]:
    """Pairs of people whom humans said to be different, the smaller id first."""
    return {(a, b) for a, b in conn.execute(APART)}


def people_of(conn: Connection, anchors: Collection[Identifier]) -> dict[Identifier, int]:
    """Whose each identifier is now."""
    params = ([i.namespace for i in anchors], [i.value for i in anchors])
    return {Identifier(ns, value): person for ns, value, person in conn.execute(PEOPLE_OF, params)}


def open_pairs(conn: Connection) -> dict[int, tuple[int, int]]:
    """Every unanswered pair: id → people."""
    return {i: (a, b) for i, a, b in conn.execute(OPEN_PAIRS)}


def move(conn: Connection, candidate_id: int, a: int, b: int) -> None:
    """Note that the people of a pair have other ids now."""
    conn.execute(MOVE, (min(a, b), max(a, b), candidate_id))


def settle(conn: Connection, reasons: Mapping[int, str], now_ms: int) -> int:
    """Take pairs off that facts or decisions answered: id → `same`, `apart`, `changed`, `gone`."""
    if not reasons:
        return 0
    return conn.execute(SETTLE, (now_ms, list(reasons), list(reasons.values()))).rowcount


def queue(
    conn: Connection,
    viewer: Viewer,
    now_ms: int,
    *,
    after: tuple[float, int] | None = None,
    pattern: str | None = None,
    assignee: int | None = None,
    zone: Zone = (0.0, 2.0),
    most: int = limits.page_rows_default,
) -> list[Candidate]:
    """Pairs that wait, the most important first, without what the viewer skipped lately.

    `after`: rank and id of the last one seen. `assignee`: a user, 0 for nobody's, None for all.
    """
    viewer.must_read()
    rank, last = after or (float("inf"), 0)
    values = {
        "rank": rank, "id": last, "pattern": pattern, "assignee": assignee, "low": zone[0],
        "high": zone[1], "actor": viewer.actor,
        "since": now_ms - limits.match_skip_days * clock.DAY_MS, "most": most,
    }  # fmt: skip
    return [_candidate(row) for row in conn.execute(QUEUE, values)]


def listed(
    conn: Connection, viewer: Viewer, statuses: Sequence[str], before: int | None = None,
    most: int = limits.page_rows_default,
) -> list[Candidate]:  # fmt: skip
    """Pairs of some statuses, newest first."""
    viewer.must_read()
    rows = conn.execute(LISTED, (list(statuses), before or 1 << 62, most))
    return [_candidate(row) for row in rows]


def get(conn: Connection, viewer: Viewer, candidate_id: int, *, hold: bool = False) -> Candidate:
    """A pair; `hold` it until the transaction ends. Raises `NotFound`."""
    viewer.must_read()
    row = conn.execute(GET + (" FOR UPDATE" if hold else ""), (candidate_id,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no pair {candidate_id} to review. See /identity/review.")
    return _candidate(row)


def undone(conn: Connection, decision_ids: Collection[int]) -> set[int]:
    """Those of the decisions that count no more."""
    return {i for (i,) in conn.execute(UNDONE, (list(decision_ids),))}


def of_batch(conn: Connection, batch: int) -> list[tuple[int, int]]:
    """(id, decision) of the answers given at once."""
    return [(i, d) for i, d in conn.execute(OF_BATCH, (batch,)) if d is not None]


def like(conn: Connection, pattern: str) -> list[int]:
    """Pairs that wait and agree in the same way, the most important first."""
    return [i for (i,) in conn.execute(LIKE, (pattern, limits.match_answers_max))]


def count_like(conn: Connection, pattern: str) -> int:
    """How many wait that agree in the same way."""
    row = conn.execute(COUNT_LIKE, (pattern,)).fetchone()
    return int(row[0]) if row else 0


def counts(conn: Connection, viewer: Viewer) -> dict[str, int]:
    """Pairs by status."""
    viewer.must_read()
    return dict(conn.execute(COUNTS).fetchall())


def open_count(conn: Connection) -> int:
    """How many wait."""
    row = conn.execute(OPEN).fetchone()
    return int(row[0]) if row else 0


def answer(
    conn: Connection, viewer: Viewer, candidate_id: int, status: str, decision_id: int,
    batch: int | None, now_ms: int,
) -> bool:  # fmt: skip
    """Note an answer; False when it is not waiting any more."""
    viewer.must_write()
    values = (status, decision_id, batch, viewer.actor, viewer.name, now_ms, candidate_id)
    return conn.execute(ANSWER, values).rowcount == 1


def reopen(conn: Connection, viewer: Viewer, candidate_id: int) -> None:
    """Let a pair wait again: its answer was taken back."""
    viewer.must_write()
    conn.execute(REOPEN, (candidate_id,))


def assign(conn: Connection, viewer: Viewer, ids: Collection[int], user_id: int | None) -> None:
    """Give pairs to somebody, or to nobody."""
    viewer.must_write()
    conn.execute(ASSIGN, (user_id, list(ids)))


def skip(conn: Connection, viewer: Viewer, candidate_id: int, now_ms: int) -> None:
    """Do not show a pair to this viewer for some days."""
    viewer.must_write()
    conn.execute(SKIP, (candidate_id, viewer.actor, now_ms))


def unskip(conn: Connection, viewer: Viewer, candidate_id: int) -> None:
    """Show it again."""
    viewer.must_write()
    conn.execute(UNSKIP, (candidate_id, viewer.actor))


def tidy(conn: Connection, now_ms: int) -> int:
    """Drop the least important pairs beyond the limit, and old skips; how many pairs."""
    conn.execute(OLD_SKIPS, (now_ms - limits.match_skip_days * clock.DAY_MS,))
    return conn.execute(TRIM, (limits.match_open_max,)).rowcount


def _candidate(row: Sequence[Any]) -> Candidate:
    i, a, b, a_ns, a_value, b_ns, b_value, *rest = row
    return Candidate(i, a, b, Identifier(a_ns, a_value), Identifier(b_ns, b_value), *rest)
