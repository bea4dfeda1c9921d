"""The SQL of the trust page: each a scan at most, made by a task and not by who looks."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from onefold.kernel import clock, limits
from onefold.storage import Connection

PUT = """
INSERT INTO identity_trust (id, at_ms, took_ms, body) VALUES (1, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET at_ms = excluded.at_ms, took_ms = excluded.took_ms,
  body = excluded.body
"""
GET = "SELECT at_ms, took_ms, body FROM identity_trust"
SUSPECTED = """
SELECT count(DISTINCT person) FROM match_candidate c
CROSS JOIN LATERAL (VALUES (c.a_person), (c.b_person)) AS v (person) WHERE c.status = 'open'
"""
COVERAGE = """
SELECT count(*), count(*) FILTER (WHERE known), count(*) FILTER (WHERE known AND name <> ''),
  count(*) FILTER (WHERE known AND email <> ''),
  count(*) FILTER (WHERE known AND account_id IS NOT NULL),
  count(*) FILTER (WHERE known AND title <> '')
FROM person
"""
PHONES = "SELECT count(*) FROM match_record WHERE fields ?| ARRAY['phone', 'phone_2', 'phone_3']"
HOLDERS = """
SELECT i.namespace, count(DISTINCT f.person_id) FROM identifier i
JOIN fragment f ON f.identifier_id = i.id
WHERE i.namespace IN ('user_id', 'contact') AND f.person_id <> 0 GROUP BY 1
"""
_SHOWN = "coalesce(nullif(p.name, ''), nullif(p.email, ''), split_part(p.identifiers, ' ', 1))"
_WITHOUT = {
    "name": "p.name = ''",
    "email": "p.email = ''",
    "account": "p.account_id IS NULL",
    "title": "p.title = ''",
    "phone": """NOT EXISTS (SELECT FROM match_record r WHERE r.person_id = p.id
      AND r.fields ?| ARRAY['phone', 'phone_2', 'phone_3'])""",
    "user_id": """NOT EXISTS (SELECT FROM fragment f JOIN identifier i ON i.id = f.identifier_id
      WHERE f.person_id = p.id AND i.namespace = 'user_id')""",
    "contact": """NOT EXISTS (SELECT FROM fragment f JOIN identifier i ON i.id = f.identifier_id
      WHERE f.person_id = p.id AND i.namespace = 'contact')""",
}
WITHOUT = {
    key: f"""
SELECT p.id, {_SHOWN} FROM person p WHERE p.known AND {condition}
ORDER BY p.last_seen_ms DESC NULLS LAST, p.id LIMIT %s
"""
    for key, condition in _WITHOUT.items()
}
SUPPRESSED = """
SELECT suppressed, count(*) FROM link WHERE suppressed IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1
"""
SUPPRESSED_WITH = """
SELECT
  (SELECT person_id FROM fragment WHERE identifier_id = l.a ORDER BY chapter_ms DESC LIMIT 1),
  (SELECT person_id FROM fragment WHERE identifier_id = l.b ORDER BY chapter_ms DESC LIMIT 1),
  x.namespace || ':' || x.value, y.namespace || ':' || y.value
FROM (SELECT a, b, last_day FROM link WHERE suppressed = %s
      ORDER BY last_day DESC, a, b LIMIT %s) l
JOIN identifier x ON x.id = l.a JOIN identifier y ON y.id = l.b
ORDER BY l.last_day DESC, l.a, l.b
"""
BARRED = "SELECT reason, count(*) FROM match_candidate WHERE status = 'barred' GROUP BY 1"
IGNORED = """
SELECT kind, a_namespace || ':' || a_value, b_namespace || ':' || b_value, actor_name, suppressed
FROM identity_decision
WHERE suppressed IS NOT NULL AND undone_ms IS NULL AND replaced_by IS NULL
ORDER BY id DESC LIMIT %s
"""
MANY_IDENTIFIERS = f"""
SELECT n.person_id, n.namespace, n.count, {_SHOWN} FROM (
  SELECT f.person_id, i.namespace, count(DISTINCT i.id) AS count
  FROM fragment f JOIN identifier i ON i.id = f.identifier_id
  WHERE f.person_id <> 0 AND i.namespace NOT IN ('anonymous_id', 'account_id') GROUP BY 1, 2
  HAVING count(DISTINCT i.id) >= greatest(2, coalesce((%(caps)s::jsonb ->> i.namespace)::int,
    %(other)s))
) n JOIN person p ON p.id = n.person_id
ORDER BY n.count DESC, n.person_id LIMIT %(most)s
"""
MANY_DEVICES = f"""
SELECT n.person_id, n.count, {_SHOWN} FROM (
  SELECT f.person_id, count(DISTINCT i.id) AS count
  FROM fragment f JOIN identifier i ON i.id = f.identifier_id
  WHERE f.person_id <> 0 AND i.namespace = 'anonymous_id' GROUP BY 1
  HAVING count(DISTINCT i.id) >= %s
) n JOIN person p ON p.id = n.person_id ORDER BY n.count DESC, n.person_id LIMIT %s
"""
NAMES = """
SELECT person_id, names FROM match_record WHERE cardinality(names) > 1
ORDER BY cardinality(names) DESC, person_id LIMIT %s
"""
DAYS = """
SELECT done_ms / 86400000, count(*) FILTER (WHERE status = 'same'),
  count(*) FILTER (WHERE status = 'different'), count(*) FILTER (WHERE status = 'joined')
FROM match_candidate WHERE done_ms >= %s AND status IN ('same', 'different', 'joined')
GROUP BY 1 ORDER BY 1
"""
LOAD = """
SELECT count(*) FILTER (WHERE c.status = 'open'),
  coalesce(min(c.found_ms) FILTER (WHERE c.status = 'open'), 0),
  count(*) FILTER (WHERE c.status IN ('same', 'different') AND c.done_ms >= %(since)s),
  count(*) FILTER (WHERE c.done_ms >= %(since)s
    AND ((c.status = 'same' AND c.chance >= 0.5) OR (c.status = 'different' AND c.chance < 0.5))),
  count(*) FILTER (WHERE c.status IN ('same', 'different') AND c.done_ms >= %(since)s
    AND d.undone_ms IS NOT NULL)
FROM match_candidate c LEFT JOIN identity_decision d ON d.id = c.decision_id
"""
_LOAD_DAYS = 90
_MOST = limits.trust_listed_max


def put(conn: Connection, at_ms: int, took_ms: int, body: Mapping[str, Any]) -> None:
    """Keep the numbers."""
    conn.execute(PUT, (at_ms, took_ms, Jsonb(body)))


def get(conn: Connection) -> tuple[int, int, Any] | None:
    """(when, how long it took, body) of the numbers."""
    return conn.execute(GET).fetchone()


def people_suspected(conn: Connection) -> int:
    """People in a pair that waits."""
    return _one(conn, SUSPECTED)


def coverage(conn: Connection) -> dict[str, int]:
    """How many people there are, and of the known ones how many have what."""
    (row,) = conn.execute(COVERAGE).fetchall()
    out = dict(
        zip(("people", "known", "name", "email", "account", "title"), map(int, row), strict=True)
    )
    held: dict[str, int] = dict(conn.execute(HOLDERS).fetchall())
    return {**out, "phone": _one(conn, PHONES), "user_id": held.get("user_id", 0),
            "contact": held.get("contact", 0)}  # fmt: skip


def without(conn: Connection, key: str) -> list[tuple[int, str]]:
    """(person, what to call them) of known people who lack something, the newest seen first."""
    return conn.execute(WITHOUT[key], (_MOST,)).fetchall()


def suppressed(conn: Connection) -> list[tuple[str, int]]:
    """(reason, links) that do not count."""
    return conn.execute(SUPPRESSED).fetchall()


def suppressed_with(conn: Connection, reason: str) -> list[tuple[int, int, str, str]]:
    """(person, person, identifier, identifier) of such links, the newest first."""
    return conn.execute(SUPPRESSED_WITH, (reason, _MOST)).fetchall()


def barred(conn: Connection) -> dict[str, int]:
    """Reason → likely pairs that f would not join."""
    return dict(conn.execute(BARRED).fetchall())


def ignored(conn: Connection) -> list[tuple[str, str, str, str, str]]:
    """(kind, end, end, who said so, why not) of decisions that f cannot follow."""
    return conn.execute(IGNORED, (_MOST,)).fetchall()


def many_identifiers(
    conn: Connection, caps: Mapping[str, int], other: int
) -> list[tuple[int, str, int, str]]:
    """(person, namespace, values, shown) of people at a limit or beyond it."""
    values = {"caps": Jsonb(dict(caps)), "other": other, "most": _MOST}
    return conn.execute(MANY_IDENTIFIERS, values).fetchall()


def many_devices(conn: Connection, least: int) -> list[tuple[int, int, str]]:
    """(person, devices, shown) of people with that many."""
    return conn.execute(MANY_DEVICES, (least, _MOST)).fetchall()


def names(conn: Connection) -> list[tuple[int, list[str]]]:
    """(person, names) of people whose parts carry several."""
    return conn.execute(NAMES, (limits.trust_names_max,)).fetchall()


def days(conn: Connection, now_ms: int, count: int) -> list[dict[str, Any]]:
    """What was answered on each of the last days, those without an answer included."""
    today = now_ms // clock.DAY_MS
    found = {row[0]: row[1:] for row in conn.execute(DAYS, ((today - count + 1) * clock.DAY_MS,))}
    out = []
    for day in range(today - count + 1, today + 1):
        same, different, joined = found.get(day, (0, 0, 0))
        shown = (clock.iso(day * clock.DAY_MS) or "")[:10]
        out.append({"day": shown, "same": same, "different": different, "joined": joined})
    return out


def load(conn: Connection, now_ms: int) -> dict[str, int]:
    """What waits, what was answered in 90 days, and how that went."""
    since = now_ms - _LOAD_DAYS * clock.DAY_MS
    (row,) = conn.execute(LOAD, {"since": since}).fetchall()
    waiting, oldest, answered, agreed, undone = map(int, row)
    age = (now_ms - oldest) // clock.DAY_MS if oldest else 0
    return {"open": waiting, "oldest_days": age, "answered": answered, "agreed": agreed,
            "undone": undone}  # fmt: skip


def _one(conn: Connection, statement: str) -> int:
    row = conn.execute(statement).fetchone()
    return int(row[0]) if row else 0
