"""History in the lake: what the log holds goes on into it, and readers see both as one.

`work` runs each minute in the process `jobs`. The lake follows the worker, never overtakes it:
which items of a log row are facts is settled when the worker's checkpoint has passed it. `opened`
reads the lake's files and the log's rows beyond them as one table.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pyarrow as pa
import structlog
from pyiceberg.io.pyarrow import schema_to_pyarrow

from onefold import governance, lake, log, storage
from onefold.identity import store as identity_store
from onefold.kernel import clock, facts, limits
from onefold.kernel.settings import Settings
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, jobs

_S3 = {  # of those that its library does not read by itself
    "s3.endpoint": "AWS_ENDPOINT_URL",
    "s3.region": "AWS_REGION",
}
_WORKER = "worker"  # the checkpoint that the lake follows

logger = structlog.get_logger("onefold.lake")

# Each in the order of its columns in lake/model.py; times as microseconds since 1970.
_EXTRACTS = {
    "identifiers": """
SELECT f.identifier_id, i.namespace, i.value, f.id, f.chapter_ms, nullif(f.person_id, 0)
FROM fragment f JOIN identifier i ON i.id = f.identifier_id
ORDER BY f.identifier_id, f.chapter_ms""",
    "people": """
SELECT id, known, name, email, title, account_id, first_seen_ms * 1000, last_seen_ms * 1000
FROM person ORDER BY id""",
    "accounts": """
SELECT id, key, name, domain, industry, plan, risk, last_seen_ms * 1000
FROM account ORDER BY id""",
    "person_accounts": """
SELECT person_id, account_id, since_ms * 1000, is_primary
FROM person_account ORDER BY person_id, account_id""",
    "memberships": """
SELECT a.key, a.of, m.entity_id, m.since_ms * 1000
FROM membership m JOIN audience a ON a.id = m.audience_id WHERE a.status <> 'deleted'
ORDER BY a.key, m.entity_id""",
}


class Status(msgspec.Struct, frozen=True):
    """How the lake stands. `behind_rows` are log rows that the worker has read and files lack."""

    tables: list[lake.Size]
    seq: int
    behind_rows: int
    undone: int
    location: str
    at_ms: int


def open_lake(url: str, settings: Settings) -> lake.Lake:
    """The lake of this database and these settings. S3 is reached by Amazon's own variables."""
    given = {name: os.environ.get(variable, "") for name, variable in _S3.items()}
    return lake.Lake(url, settings.lake_location(), {k: v for k, v in given.items() if v})


def work(running: jobs.Running) -> None:
    """Bring the lake up to the worker, and keep it when it is time; one process at a time."""
    with (
        storage.connect(running.url, autocommit=True, application="onefold-lake") as lock,
        lake.store.writing(lock) as ours,
    ):
        if not ours:
            return
        with open_lake(running.url, running.settings) as one, running.connect() as conn:
            append(conn, one, running.check)
            now_ms = clock.now_ms()
            _extract_when_due(conn, one, now_ms)
            _keep_when_due(conn, one, now_ms, running.check)


def append(conn: Connection, one: lake.Lake, look: lake.keep.Look) -> int:
    """Write what the worker has processed and the lake lacks; how many facts."""
    seq, total = one.seq(), 0
    while True:
        parts: list[pa.Table] = []
        rows = size = 0
        upto = seq
        for reached, part in stretches(conn, seq):
            parts.append(part)
            upto = reached
            rows, size = rows + part.num_rows, size + part.nbytes
            if rows >= limits.lake_commit_rows_max or size >= limits.lake_commit_bytes_max:
                break
        conn.rollback()
        if upto == seq:
            return total
        one.append_facts(pa.concat_tables(parts), upto)
        parts.clear()
        pa.default_memory_pool().release_unused()
        logger.info("lake appended", facts=rows, seq=upto)
        seq, total = upto, total + rows
        look()


def stretches(conn: Connection, seq: int) -> Iterator[tuple[int, pa.Table]]:
    """What lies between `seq` and the worker: (last log row, the facts up to there) each."""
    head = log.checkpoint(conn, _WORKER)
    rules = governance.load(conn)
    while seq < head:
        found = [row for row in log.read(conn, seq) if row.seq <= head]
        if not found:
            return
        seq = found[-1].seq
        yield seq, _rows(conn, found, rules)


def _rows(conn: Connection, found: Sequence[log.Row], rules: governance.Rules) -> pa.Table:
    skipped = log.dedupe.skipped(conn, found[0].seq, found[-1].seq)
    admitted = [
        fact
        for row in found
        for fact in governance.admit(row, rules)
        if isinstance(fact, facts.Fact) and fact.pos not in skipped
    ]
    ids = identity_store.ids_of(conn, {f.home for f in admitted})
    return lake.rows.of_facts(admitted, ids)


# ── extracts ───────────────────────────────────────────────────────────────────────────────────


def extract(conn: Connection, one: lake.Lake, now_ms: int) -> None:
    """Write people, identifiers, accounts and memberships anew, all of one moment."""
    conn.rollback()
    conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    conn.execute("SET LOCAL statement_timeout = 0")
    for name, statement in _EXTRACTS.items():
        one.extract(name, _batches(conn, lake.model.TABLES[name], statement), now_ms)
    conn.rollback()


def _batches(conn: Connection, table: lake.model.Table, statement: str) -> Iterator[pa.Table]:
    schema = schema_to_pyarrow(table.schema, include_field_ids=False)
    with conn.cursor(f"lake_{table.name}", binary=True) as cursor:
        cursor.itersize = limits.lake_row_group_rows
        cursor.execute(statement)
        while found := cursor.fetchmany(limits.lake_row_group_rows):
            yield _table(found, schema)


def _table(found: Iterable[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*found, strict=True)
    arrays = [pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _extract_when_due(conn: Connection, one: lake.Lake, now_ms: int) -> None:
    made = int(one.table(lake.model.MEMBERSHIPS.name).properties.get(lake.model.AS_OF, "0"))
    if now_ms - made >= limits.lake_extract_every_s * 1_000:
        extract(conn, one, now_ms)
        logger.info("lake extracts made")


# ── keeping ────────────────────────────────────────────────────────────────────────────────────


def keep(conn: Connection, one: lake.Lake, now_ms: int, look: lake.keep.Look) -> None:
    """Write small files together, take out what was taken back, let go of what is unreferenced."""
    before = (one.seq() + 1) << facts.POSITION_BITS
    gone = lake.store.undone(conn, before)
    conn.rollback()
    if gone:
        held = lake.keep.take_out(one, gone)
        lake.store.settled(conn, gone)
        conn.commit()
        logger.info("facts taken out of the lake", facts=len(gone), files=held)
    lake.keep.compact(one, clock.day_of(now_ms), look)
    now = clock.to_datetime(now_ms)
    for name in lake.model.TABLES:
        look()
        one.expire(name, now - timedelta(hours=limits.lake_snapshots_kept_h))
        one.sweep(name, now - timedelta(hours=limits.lake_unreferenced_kept_h))


def _keep_when_due(conn: Connection, one: lake.Lake, now_ms: int, look: lake.keep.Look) -> None:
    name = "lake.kept"  # ms since 1970, in place of a sequence number
    done = log.checkpoint(conn, name)
    if now_ms - done >= limits.lake_keep_every_s * 1_000:
        keep(conn, one, now_ms, look)
        log.save_checkpoint(conn, name, now_ms, now_ms)
    conn.commit()


def status(conn: Connection, viewer: Viewer, one: lake.Lake, now_ms: int) -> Status:
    """What each table holds, and how far the files are behind the worker."""
    viewer.must_admin()
    head = log.checkpoint(conn, _WORKER)
    return Status(
        tables=[one.size(name) for name in lake.model.TABLES],
        seq=one.seq(),
        behind_rows=max(0, head - one.seq()),
        undone=len(lake.store.undone(conn, facts.position(head + 1, 0))),
        location=one.location,
        at_ms=now_ms,
    )


# ── reading ────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def opened(
    conn: Connection,
    viewer: Viewer,
    one: lake.Lake,
    *,
    threads: int = 2,
    memory_mb: int = limits.lake_query_memory_mb,
) -> Iterator[lake.query.Duck]:
    """The lake and the log beyond it as one: a DuckDB with a view for each table.

    Facts are complete up to the worker's checkpoint; extracts are of the time that their table's
    `onefold.as-of-ms` says. Raises `Forbidden` unless the viewer may see everything.
    """
    viewer.must_admin()
    parts = [lake.rows.SCHEMA.empty_table()]
    total = 0
    for _, part in stretches(conn, one.seq()):
        parts.append(part)
        total += part.num_rows
        if total > limits.lake_tail_rows_max:
            break
    gone = lake.store.undone(conn, facts.position(log.checkpoint(conn, _WORKER) + 1, 0))
    with lake.query.opened(
        one, pa.concat_tables(parts), gone, threads=threads, memory_mb=memory_mb
    ) as duck:
        yield duck
