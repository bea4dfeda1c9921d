"""The signals' only SQL: usage by account and person, signal rows, and what health looks at.

Usage with account 0 belongs to the account that its person was in on that day (person_span): the
latest joined by the day's end, else the first ever joined. So a mover takes no history along.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from onefold.kernel import clock
from onefold.signals.model import AccountUsage, PersonUsage, Use
from onefold.storage import Connection

Row = dict[str, Any]
_DAY_MIN, _DAY_MAX = -(2**31), 2**31 - 1

# `ids`: the accounts wanted, or null for all. Both arms can use an index when it is given. An
# account that turned out to be another counts there.
_PARTS = f"""
WITH member AS (
  SELECT person_id FROM person_span
  WHERE %(ids)s::bigint[] IS NULL OR account_id = ANY(%(ids)s)
), span AS (
  SELECT person_id, account_id,
    CASE WHEN row_number() OVER joined = 1 THEN {_DAY_MIN}
         ELSE from_ms / {clock.DAY_MS} END AS from_day,
    coalesce(lead(from_ms) OVER joined / {clock.DAY_MS}, {_DAY_MAX}) AS to_day
  FROM person_span
  WHERE %(ids)s::bigint[] IS NULL OR person_id = ANY(ARRAY(SELECT person_id FROM member))
  WINDOW joined AS (PARTITION BY person_id ORDER BY from_ms)
), merged AS (
  SELECT id, merged_into FROM account WHERE merged_into IS NOT NULL
), part AS (
  SELECT coalesce(m.merged_into, u.account_id) AS account_id, f.person_id, u.day, u.name_id, u.n
  FROM usage u JOIN fragment f ON f.id = u.fragment_id LEFT JOIN merged m ON m.id = u.account_id
  WHERE u.account_id <> 0 AND u.day >= %(since)s AND u.day <= %(until)s
    AND (%(ids)s::bigint[] IS NULL OR u.account_id = ANY(%(ids)s)
      OR u.account_id = ANY(ARRAY(SELECT id FROM merged WHERE merged_into = ANY(%(ids)s))))
  UNION ALL
  SELECT s.account_id, s.person_id, u.day, u.name_id, u.n
  FROM span s
  JOIN fragment f ON f.person_id = s.person_id AND f.person_id <> 0
  JOIN usage u ON u.fragment_id = f.id AND u.account_id = 0
    AND u.day >= s.from_day AND u.day < s.to_day
  WHERE u.day >= %(since)s AND u.day <= %(until)s AND s.account_id <> 0
    AND (%(ids)s::bigint[] IS NULL OR s.account_id = ANY(%(ids)s))
)
"""
USAGE = f"""{_PARTS}, daily AS (
  SELECT account_id, person_id, day, sum(n)::bigint AS n FROM part GROUP BY 1, 2, 3
), first AS (
  SELECT account_id, min(since_ms) / {clock.DAY_MS} AS day FROM person_account GROUP BY 1
)
SELECT d.account_id, d.person_id, array_agg(d.day ORDER BY d.day), array_agg(d.n ORDER BY d.day),
  min(f.day)
FROM daily d LEFT JOIN first f ON f.account_id = d.account_id
GROUP BY d.account_id, d.person_id ORDER BY d.account_id, d.person_id
"""
USES = f"""{_PARTS}
SELECT p.account_id, p.person_id, coalesce(e.name, '(other)'), p.day, sum(p.n)::bigint
FROM part p LEFT JOIN event_name e ON e.id = p.name_id
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""

OPEN = """
SELECT s.*, coalesce(nullif(a.name, ''), a.key) AS account_name
FROM signal s JOIN account a ON a.id = s.account_id
WHERE s.kind = %s AND s.status = 'open' ORDER BY s.id FOR UPDATE OF s
"""
CLOSED_SINCE = """
SELECT DISTINCT ON (account_id) account_id, severity FROM signal
WHERE kind = %s AND status = 'resolved' AND resolved_at > %s
ORDER BY account_id, resolved_at DESC, id DESC
"""
NAMES = "SELECT id, coalesce(nullif(name, ''), key) FROM account WHERE id = ANY(%s)"
INSERT = """
INSERT INTO signal
  (kind, reason, account_id, severity, evidence, baseline, opened_at, last_fired_at)
VALUES (%(kind)s, %(reason)s, %(account_id)s, %(severity)s, %(evidence)s, %(baseline)s,
  %(now)s, %(now)s)
ON CONFLICT DO NOTHING RETURNING id
"""
REFRESH = """
UPDATE signal SET severity = %(severity)s, evidence = %(evidence)s, fired = fired + %(fired)s,
  last_fired_at = %(now)s, version = version + 1 WHERE id = %(id)s
"""
RESOLVE = """
UPDATE signal SET status = 'resolved', outcome = %(outcome)s, resolved_at = %(now)s,
  version = version + 1 WHERE id = %(id)s
"""
_SIGNAL = """
SELECT s.*, coalesce(nullif(a.name, ''), a.key) AS account_name, a.owner_id,
  coalesce(u.name, '') AS owner_name
FROM signal s JOIN account a ON a.id = s.account_id LEFT JOIN app_user u ON u.id = a.owner_id
"""
ONE = f"{_SIGNAL} WHERE s.id = %s"
LOCK = "SELECT id FROM signal WHERE id = %s FOR UPDATE"
_WHERE = """
WHERE (%(status)s::text[] IS NULL OR s.status = ANY(%(status)s))
  AND (%(severity)s::text[] IS NULL OR s.severity = ANY(%(severity)s))
  AND (%(account)s::bigint[] IS NULL OR s.account_id = ANY(%(account)s))
  AND (%(owner)s::bigint[] IS NULL OR coalesce(a.owner_id, 0) = ANY(%(owner)s))
"""
LIST = f"""{_SIGNAL} {_WHERE}
  AND (%(after_at)s::timestamptz IS NULL OR (s.last_fired_at, s.id) < (%(after_at)s, %(after_id)s))
ORDER BY s.last_fired_at DESC, s.id DESC LIMIT %(limit)s
"""
COUNT = f"""
SELECT count(*) FROM (
  SELECT 1 FROM signal s JOIN account a ON a.id = s.account_id {_WHERE} LIMIT %(limit)s
) AS counted
"""

ACCOUNTS = """
SELECT id, health ->> 'band' FROM account
WHERE merged_into IS NULL AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s)) ORDER BY id
"""
PRESSING = """
SELECT coalesce(a.merged_into, a.id), count(*) FILTER (WHERE t.priority = 'urgent'),
  count(*) FILTER (WHERE t.priority = 'high')
FROM ticket t JOIN account a ON a.id = t.account_id
WHERE t.status <> 'resolved' AND t.priority IN ('high', 'urgent')
  AND (%(ids)s::bigint[] IS NULL OR coalesce(a.merged_into, a.id) = ANY(%(ids)s))
GROUP BY 1
"""


def usage_of(
    conn: Connection, since_day: int, until_day: int, account_ids: Sequence[int] | None = None
) -> Iterator[AccountUsage]:
    """Daily usage by account, in order of their ids, both days included; one account at a time.

    `first_day` is the account's first day with usage in the span, or when somebody first joined it
    if that was earlier.
    """
    found: list[PersonUsage] = []
    account = first = 0
    with conn.cursor(binary=True) as cursor:
        cursor.execute(USAGE, _span(since_day, until_day, account_ids))
        for account_id, person_id, days, counts, joined in cursor:
            if account_id != account:
                if found:
                    yield AccountUsage(account, first, tuple(found))
                account, first, found = account_id, _DAY_MAX, []
            first = min(first, days[0], days[0] if joined is None else joined)
            found.append(PersonUsage(person_id, tuple(days), tuple(counts)))
    if found:
        yield AccountUsage(account, first, tuple(found))


def uses_of(
    conn: Connection, since_day: int, until_day: int, account_ids: Sequence[int]
) -> dict[int, list[Use]]:
    """The same by event, for the accounts that need explaining."""
    out: dict[int, list[Use]] = {account: [] for account in account_ids}
    if account_ids:
        for account, *use in conn.execute(USES, _span(since_day, until_day, account_ids)):
            out[account].append(Use(*use))
    return out


def _span(since_day: int, until_day: int, account_ids: Sequence[int] | None) -> Row:
    wanted = None if account_ids is None else list(account_ids)
    return {"since": since_day, "until": until_day, "ids": wanted}


# ── signal rows ───────────────────────────────────────────────────────────────────────────────────


def open_signals(conn: Connection, kind: str) -> dict[int, Row]:
    """Open signals by account id, held."""
    return {row["account_id"]: row for row in _all(conn, OPEN, (kind,))}


def closed_since(conn: Connection, kind: str, since_ms: int) -> dict[int, str]:
    """The severity of the signal closed last since then, by account id."""
    return dict(conn.execute(CLOSED_SINCE, (kind, clock.to_datetime(since_ms))).fetchall())


def names(conn: Connection, account_ids: Sequence[int]) -> dict[int, str]:
    """Accounts' names by id, of those there are."""
    return dict(conn.execute(NAMES, (list(account_ids),)).fetchall())


def insert(conn: Connection, values: Row) -> int | None:
    """A new open signal's id; None when the account has one of this kind."""
    row = conn.execute(INSERT, {**values, "evidence": _json(values["evidence"])}).fetchone()
    return int(row[0]) if row else None


def refresh(conn: Connection, values: Row) -> None:
    """Newer evidence, and one firing more when `fired` is 1."""
    conn.execute(REFRESH, {**values, "evidence": _json(values["evidence"])})


def resolve(conn: Connection, signal_id: int, outcome: str, now_ms: int) -> None:
    """Close it."""
    now = clock.to_datetime(now_ms)
    conn.execute(RESOLVE, {"id": signal_id, "outcome": outcome, "now": now})


def signal(conn: Connection, signal_id: int) -> Row | None:
    """One signal with the names to show."""
    rows = _all(conn, ONE, (signal_id,))
    return rows[0] if rows else None


def lock(conn: Connection, signal_id: int) -> bool:
    """Hold the row; False when there is none."""
    return conn.execute(LOCK, (signal_id,)).fetchone() is not None


def signals(conn: Connection, asked: Row) -> list[Row]:
    """Rows of the list, newest firing first; the keys of `asked` are `LIST`'s parameters."""
    return _all(conn, LIST, asked)


def count(conn: Connection, asked: Row) -> int:
    """How many rows the list has, counted up to `limit`."""
    row = conn.execute(COUNT, asked).fetchone()
    return int(row[0]) if row else 0


# ── what health looks at beside usage ─────────────────────────────────────────────────────────────


def bands(conn: Connection, account_ids: Sequence[int] | None) -> dict[int, str | None]:
    """The accounts there are, each with the band it has now."""
    return dict(conn.execute(ACCOUNTS, _ids(account_ids)).fetchall())


def pressing(conn: Connection, account_ids: Sequence[int] | None) -> dict[int, tuple[int, int]]:
    """Unresolved (urgent, high) tickets by account id."""
    return {a: (urgent, high) for a, urgent, high in conn.execute(PRESSING, _ids(account_ids))}


def _ids(account_ids: Sequence[int] | None) -> Row:
    return {"ids": None if account_ids is None else list(account_ids)}


def _json(value: Any) -> Jsonb:
    return Jsonb(value, dumps=msgspec.json.encode)


def _all(conn: Connection, query: str, params: Any) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, params).fetchall()
