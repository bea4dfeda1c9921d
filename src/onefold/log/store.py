"""The log's only SQL."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from onefold.kernel import facts, limits
from onefold.log import model
from onefold.storage import Connection, locks

LOCK = "SELECT pg_advisory_xact_lock(%s)"
# `accepted` is the ledger's other side: counted here, in the append's own transaction, it says what
# the worker has to account for. The lock that is held keeps its rows from being contended.
INSERT = """
WITH counted AS (
  INSERT INTO accepted (source_id, hour_ms, items)
  SELECT source_id, received_ms / 3600000 * 3600000, sum(items)
  FROM unnest(%(sources)b::int[], %(received)b::bigint[], %(items)b::int[])
    AS t (source_id, received_ms, items)
  GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (source_id, hour_ms) DO UPDATE SET items = accepted.items + excluded.items
)
INSERT INTO log (seq, source_id, category, received_ms, items, body)
SELECT nextval('log_seq'), source_id, category, received_ms, items, body
FROM unnest(%(sources)b::int[], %(categories)b::text[], %(received)b::bigint[],
  %(items)b::int[], %(bodies)b::bytea[])
  AS t (source_id, category, received_ms, items, body)
RETURNING seq
"""
# The limits cut here rather than in a loop over a stream: leaving a stream early cancels the query,
# and with it the caller's transaction. `octet_length` does not fetch a body stored out of line.
READ = """
SELECT source_id, category, received_ms, items, body, seq
FROM (
  SELECT *, sum(items) OVER before AS items_sum, sum(octet_length(body)) OVER before AS bytes_sum,
    row_number() OVER before AS number
  FROM (SELECT * FROM log WHERE seq > %(after)s ORDER BY seq LIMIT %(rows_max)s) AS page
  WINDOW before AS (ORDER BY seq ROWS UNBOUNDED PRECEDING)
) AS summed
WHERE number = 1 OR (items_sum <= %(items_max)s AND bytes_sum <= %(bytes_max)s)
ORDER BY seq
"""
FETCH = """
SELECT source_id, category, received_ms, items, body, seq
FROM log WHERE seq = ANY(%b::bigint[])
"""
# Among the newest rows of all sources, so that a source that is silent costs no walk over the log.
RECENT = """
SELECT source_id, category, received_ms, items, body, seq FROM log
WHERE seq > (SELECT coalesce(max(seq), 0) FROM log) - %s AND source_id = %s
ORDER BY seq DESC LIMIT %s
"""
HEAD = "SELECT coalesce(max(seq), 0) FROM log"
CHECKPOINT = "SELECT seq FROM checkpoint WHERE name = %s"
RECEIVED = "SELECT received_ms FROM log WHERE seq <= %s ORDER BY seq DESC LIMIT 1"
SAVE_CHECKPOINT = """
INSERT INTO checkpoint (name, seq, updated_ms) VALUES (%s, %s, %s)
ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, updated_ms = excluded.updated_ms
"""


def append(conn: Connection, rows: Sequence[model.Row]) -> list[int]:
    """Append rows and return their sequence numbers, in order.

    Must be the last statement of the caller's transaction before its commit: every other appender
    waits from here on.
    """
    if not rows:
        return []
    with conn.pipeline():
        conn.execute(LOCK, (locks.APPEND,))
        cursor = conn.execute(
            INSERT,
            {
                "sources": [r.source_id for r in rows],
                "categories": [r.category for r in rows],
                "received": [r.received_ms for r in rows],
                "items": [r.items for r in rows],
                "bodies": [r.body for r in rows],
            },
            binary=True,
        )
    return [seq for (seq,) in cursor]


def append_facts(
    conn: Connection, category: str, items: Sequence[dict[str, Any]], received_ms: int
) -> list[int]:
    """Append facts of our own (CRM changes, deliveries) as Segment-spec items.

    The same rule holds as for `append`: last before the commit. Returns the positions.
    """
    if not items:
        return []
    body = model.pack(msgspec.json.encode({"batch": items}))
    row = model.Row(
        source_id=0, category=category, received_ms=received_ms, items=len(items), body=body
    )
    (seq,) = append(conn, [row])
    return [facts.position(seq, i) for i in range(len(items))]


def read(conn: Connection, after_seq: int, rows_max: int = 1_000) -> list[model.Row]:
    """Rows after `after_seq` in order: whole rows, at least one, up to the micro-batch limits."""
    values = {
        "after": after_seq,
        "rows_max": rows_max,
        "items_max": limits.batch_events_max,
        "bytes_max": limits.batch_bytes_max,
    }
    return [model.Row(*record) for record in conn.execute(READ, values, binary=True)]


def fetch(
    conn: Connection, positions: Iterable[int]
) -> dict[int, tuple[model.Row, model.Envelope, bytes]]:
    """Items by position: the row, its envelope (for context and sentAt) and the item's bytes."""
    wanted: dict[int, list[int]] = {}
    for pos in positions:
        seq, index = facts.split_position(pos)
        wanted.setdefault(seq, []).append(index)
    out = {}
    for record in conn.execute(FETCH, (list(wanted),), binary=True):
        row = model.Row(*record)
        envelope = model.unpack(row.body)
        for index in wanted[row.seq]:
            out[facts.position(row.seq, index)] = (row, envelope, bytes(envelope.batch[index]))
    return out


def recent(conn: Connection, source_id: int, rows_max: int) -> Iterator[model.Row]:
    """A source's newest rows, newest first, as far back as `limits.recent_rows_max` rows of all."""
    values = (limits.recent_rows_max, source_id, rows_max)
    for record in conn.execute(RECENT, values, binary=True):
        yield model.Row(*record)


def head(conn: Connection) -> int:
    """The newest committed sequence number, 0 for an empty log."""
    row = conn.execute(HEAD).fetchone()
    return int(row[0]) if row else 0


def received_ms(conn: Connection, seq: int) -> int | None:
    """When the last row up to this one was accepted; None when there is none."""
    row = conn.execute(RECEIVED, (seq,)).fetchone()
    return int(row[0]) if row else None


def checkpoint(conn: Connection, name: str) -> int:
    """How far the reader `name` has come: the last sequence number wholly processed."""
    row = conn.execute(CHECKPOINT, (name,)).fetchone()
    return int(row[0]) if row else 0


def save_checkpoint(conn: Connection, name: str, seq: int, now_ms: int) -> None:
    """Move the reader on, in the transaction that holds what the batch changed."""
    conn.execute(SAVE_CHECKPOINT, (name, seq, now_ms))
