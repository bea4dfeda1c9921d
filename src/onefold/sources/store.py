"""The sources' only SQL. Refusals and the ledger are written by the worker and read here."""

from typing import Any

import msgspec

from onefold.kernel import clock, errors, limits
from onefold.kernel.facts import Refusal
from onefold.kernel.viewer import Viewer
from onefold.sources.model import CATEGORIES, LedgerHour, Source, slug
from onefold.storage import Connection, locks

_WRITE_KEY_BYTES = 18

# Held while a source is made, so that the limit on their number holds.

_COLUMNS = "id, key, name, category, write_key, enabled, backfill, created_by, created_at"
LOCK = "SELECT pg_advisory_xact_lock(%s)"
COUNT = "SELECT count(*) FROM source"
INSERT = f"""
INSERT INTO source (key, name, category, write_key, created_by)
VALUES (%(key)s, %(name)s, %(category)s, %(write_key)s, %(created_by)s)
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
LEDGER = """
SELECT hour_ms, received, processed, duplicate, refused FROM ledger
WHERE source_id = %s AND hour_ms >= %s ORDER BY hour_ms DESC LIMIT %s
"""
_POS_MAX = 2**63 - 1
BACKFILLING = "SELECT EXISTS (SELECT FROM source WHERE backfill)"


def create(conn: Connection, viewer: Viewer, name: str, category: str = "product") -> Source:
    """A new source with its write key. Raises `Invalid` naming each wrong field."""
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
    cursor = conn.execute(LEDGER, (source_id, since_ms, min(rows_max, limits.page_rows_max)))
    return [LedgerHour(*row) for row in cursor]


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
