"""The SQL of test sources' lists."""

from collections.abc import Iterator, Sequence

from onefold.kernel import limits
from onefold.storage import Connection, locks

LOCK = "SELECT pg_advisory_xact_lock(%s, %s)"
SEEN = """
SELECT DISTINCT message_id FROM micro_item
WHERE source_id = %s AND message_id = ANY(%s) AND message_id <> ''
"""
ADD = """
INSERT INTO micro_item (source_id, received_ms, outcome, message_id, body)
SELECT %s, %s, * FROM unnest(%s::text[], %s::text[], %s::bytea[])
"""
PRUNE = """
DELETE FROM micro_item WHERE source_id = %(source)s AND id <= (
  SELECT id FROM micro_item WHERE source_id = %(source)s ORDER BY id DESC OFFSET %(keep)s LIMIT 1
)
"""
COUNTS = "SELECT outcome, count(*) FROM micro_item WHERE source_id = %s GROUP BY outcome"
LISTED = "SELECT id, body FROM micro_item WHERE source_id = %s AND outcome = %s ORDER BY id DESC"
RESET = "DELETE FROM micro_item WHERE source_id = %s"


def lock(conn: Connection, source_id: int) -> None:
    """Until the transaction's end nobody else adds to the list: a repeat is told from a first."""
    conn.execute(LOCK, (locks.MICRO, source_id))


def seen(conn: Connection, source_id: int, message_ids: Sequence[str]) -> set[str]:
    """Those of the ids that are listed already."""
    return {found for (found,) in conn.execute(SEEN, (source_id, list(message_ids)))}


def add(
    conn: Connection, source_id: int, received_ms: int, rows: Sequence[tuple[str, str, bytes]]
) -> None:
    """List (outcome, messageId, body), and forget what is beyond the limit."""
    outcomes, ids, bodies = ([row[n] for row in rows] for n in range(3))
    conn.execute(ADD, (source_id, received_ms, outcomes, ids, bodies))
    conn.execute(PRUNE, {"source": source_id, "keep": limits.micro_items_max})


def counts(conn: Connection, source_id: int) -> dict[str, int]:
    """How many are listed, by outcome."""
    return dict(conn.execute(COUNTS, (source_id,)).fetchall())


def listed(conn: Connection, source_id: int, outcome: str) -> Iterator[tuple[int, bytes]]:
    """(id, body) of an outcome, newest first."""
    yield from conn.execute(LISTED, (source_id, outcome))


def reset(conn: Connection, source_id: int) -> None:
    """Forget the list."""
    conn.execute(RESET, (source_id,))
