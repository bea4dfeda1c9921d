"""The sources' only SQL. Refusals and the ledger are written by the worker and read here."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from onefold.kernel import clock, errors, limits
from onefold.kernel.facts import Refusal
from onefold.kernel.viewer import Viewer
from onefold.sources.model import CATEGORIES, LedgerHour, Source, slug
from onefold.storage import Connection, locks

_WRITE_KEY_BYTES = 18

# Held while a source is made, so that the limit on their number holds.

_COLUMNS = "id, key, name, category, write_key, enabled, backfill, created_by, created_at, test"
LOCK = "SELECT pg_advisory_xact_lock(%s)"
COUNT = "SELECT count(*) FROM source"
INSERT = f"""
INSERT INTO source (key, name, category, write_key, created_by, test)
VALUES (%(key)s, %(name)s, %(category)s, %(write_key)s, %(created_by)s, %(test)s)
ON CONFLICT (key) DO NOTHING RETURNING {_COLUMNS}
"""
GET = f"SELECT {_COLUMNS} FROM source WHERE id = %s"
LIST = f"SELECT {_COLUMNS} FROM source ORDER BY id"
BY_WRITE_KEY = f"SELECT {_COLUMNS} FROM source WHERE write_key = %s"
SET_ENABLED = f"UPDATE source SET enabled = %s WHERE id = %s RETURNING {_COLUMNS}"
SET_BACKFILL = f"UPDATE source SET backfill = %s WHERE id = %s RETURNING {_COLUMNS}"
REFUSED = """
SELECT pos, source_id, received_ms, code, field, problem, remedy, raw FROM refused
WHERE source_id = %s AND pos < %s ORDER BY pos DESC LIMIT %s
"""
# One statement, so that all of it is of one moment: a batch moves items from waiting to the rest.
LEDGER = """
WITH waiting AS (
  SELECT received_ms / 3600000 * 3600000 AS hour_ms, sum(items) AS items
  FROM log
  WHERE seq > coalesce((SELECT seq FROM checkpoint WHERE name = 'worker'), 0)
    AND source_id = %(source)s
  GROUP BY 1
), hours AS (
  SELECT hour_ms FROM accepted WHERE source_id = %(source)s AND hour_ms >= %(since)s
  UNION SELECT hour_ms FROM ledger WHERE source_id = %(source)s AND hour_ms >= %(since)s
  UNION SELECT hour_ms FROM ledger_reason WHERE source_id = %(source)s AND hour_ms >= %(since)s
  ORDER BY hour_ms DESC LIMIT %(rows)s
)
SELECT hours.hour_ms, coalesce(l.received, 0), coalesce(l.processed, 0), coalesce(l.duplicate, 0),
  coalesce(l.refused, 0), coalesce(l.filtered, 0), coalesce(a.items, 0),
  coalesce(w.items, 0)::bigint,
  coalesce((
    SELECT jsonb_agg(jsonb_build_array(outcome, reason, n) ORDER BY outcome, n DESC, reason)
    FROM ledger_reason r WHERE r.source_id = %(source)s AND r.hour_ms = hours.hour_ms
  ), '[]')
FROM hours
LEFT JOIN ledger l ON l.source_id = %(source)s AND l.hour_ms = hours.hour_ms
LEFT JOIN accepted a ON a.source_id = %(source)s AND a.hour_ms = hours.hour_ms
LEFT JOIN waiting w ON w.hour_ms = hours.hour_ms
ORDER BY hours.hour_ms DESC
"""
_POS_MAX = 2**63 - 1
_SUMS = ("received", "processed", "duplicate", "refused", "filtered", "accepted", "waiting")
BACKFILLING = "SELECT EXISTS (SELECT FROM source WHERE backfill)"


def create(
    conn: Connection, viewer: Viewer, name: str, category: str = "product", *, test: bool = False
) -> Source:
    """A new source with its write key. Raises `Invalid` naming each wrong field.

    `test` holds for good: its items never become facts (`sources.micro`).
    """
    viewer.must_admin()
    name = name.strip()
    _check(name, category)
    conn.execute(LOCK, (locks.SOURCES,))
    counted = conn.execute(COUNT).fetchone()
    if counted and counted[0] >= limits.sources_max:
        raise errors.Conflict(
            f"There are {counted[0]:,} sources, the most there may be. Disable or reuse one."
        )
    base = slug(name)[: limits.source_name_chars_max]
    for n in range(1, limits.sources_max + 2):
        values = {
            "key": base if n == 1 else f"{base}-{n}",
            "name": name,
            "category": category,
            "write_key": clock.token("wk_", _WRITE_KEY_BYTES),
            "created_by": viewer.actor,
            "test": test,
        }
        row = conn.execute(INSERT, values).fetchone()
        if row is not None:
            return Source(*row)
    raise errors.Conflict(f"No free key is left for a source named `{name}`. Choose another name.")


def get(conn: Connection, viewer: Viewer, source_id: int) -> Source:
    """One source. Raises `NotFound`."""
    viewer.must_read()
    return _for(viewer, _one(conn, GET, (source_id,), source_id))


def list_all(conn: Connection, viewer: Viewer) -> list[Source]:
    """Every source, oldest first."""
    viewer.must_read()
    return [_for(viewer, Source(*row)) for row in conn.execute(LIST)]


def set_enabled(conn: Connection, viewer: Viewer, source_id: int, enabled: bool) -> Source:
    """Let it send, or answer it 404. Collectors follow within `limits.write_key_cached_s`."""
    viewer.must_admin()
    return _one(conn, SET_ENABLED, (enabled, source_id), source_id)


def set_backfill(conn: Connection, viewer: Viewer, source_id: int, backfill: bool) -> Source:
    """Say that its history is being loaded: signals wait until it is set back."""
    viewer.must_admin()
    return _one(conn, SET_BACKFILL, (backfill, source_id), source_id)


def backfilling(conn: Connection) -> bool:
    """Is history being loaded from any source? Then signals wait."""
    row = conn.execute(BACKFILLING).fetchone()
    return bool(row and row[0])


def by_write_key(conn: Connection, write_key: str) -> Source | None:
    """The source that a sender's key belongs to, disabled ones too. No viewer: the key is it."""
    row = conn.execute(BY_WRITE_KEY, (write_key,)).fetchone()
    return Source(*row) if row else None


def refused(
    conn: Connection,
    viewer: Viewer,
    source_id: int,
    before_pos: int | None = None,
    rows_max: int = limits.page_rows_default,
) -> list[Refusal]:
    """Refused items, newest first, each with its reason and its bytes as sent.

    `before_pos` is the last position of the page before.
    """
    viewer.must_read()
    below = _POS_MAX if before_pos is None else before_pos
    cursor = conn.execute(REFUSED, (source_id, below, min(rows_max, limits.page_rows_max)))
    return [Refusal(*row) for row in cursor]


def ledger(
    conn: Connection,
    viewer: Viewer,
    source_id: int,
    since_ms: int = 0,
    rows_max: int = limits.page_rows_max,
) -> list[LedgerHour]:
    """The hours in which it sent something since `since_ms`, newest first."""
    viewer.must_read()
    values = {
        "source": source_id, "since": since_ms, "rows": min(rows_max, limits.page_rows_max)
    }  # fmt: skip
    out = []
    for row in conn.execute(LEDGER, values):
        why: dict[str, dict[str, int]] = {"refused": {}, "filtered": {}, "turned_away": {}}
        for outcome, reason, n in row[-1]:
            why[outcome][reason] = n
        sums = dict(zip(("hour_ms", *_SUMS), row, strict=False))
        out.append(
            LedgerHour(
                **sums,
                refused_for=why["refused"],
                filtered_by=why["filtered"],
                turned_away=why["turned_away"],
            )
        )
    return out


def totals(hours: Sequence[LedgerHour]) -> LedgerHour:
    """Several hours as one; `hour_ms` is the first of them."""

    def joined(name: str) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for hour in hours:
            counts.update(getattr(hour, name))
        return dict(counts.most_common())

    return LedgerHour(
        hour_ms=min((h.hour_ms for h in hours), default=0),
        **{name: sum(getattr(h, name) for h in hours) for name in _SUMS},
        refused_for=joined("refused_for"),
        filtered_by=joined("filtered_by"),
        turned_away=joined("turned_away"),
    )


def _one(conn: Connection, sql: str, values: tuple[Any, ...], source_id: int) -> Source:
    row = conn.execute(sql, values).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no source `src_{source_id}`.")
    return Source(*row)


def _for(viewer: Viewer, source: Source) -> Source:
    """The key is a right to write: only those who may make sources see it."""
    return source if viewer.role == "admin" else msgspec.structs.replace(source, write_key="")


def _check(name: str, category: str) -> None:
    faults = []
    if not name:
        faults.append(errors.Fault("name", "is empty.", "Say what sends: `Website`, `Billing`."))
    elif len(name) > limits.source_name_chars_max or not name.isprintable():
        faults.append(
            errors.Fault(
                "name",
                f"must be at most {limits.source_name_chars_max} printable characters.",
                "Shorten it and leave control characters out.",
            )
        )
    if category not in CATEGORIES:
        known = ", ".join(CATEGORIES)
        faults.append(
            errors.Fault("category", f"`{category}` is not known.", f"Use one of {known}.")
        )
    if faults:
        raise errors.Invalid(*faults)
