"""Audiences by SQL: their queries, run over the lake by the process `jobs` when they are due.

A query sees the lake's tables and the log beyond them, and nothing else: DuckDB is shut to files,
network and settings before it is asked, and one that takes too long or too much is ended. What it
answers takes the place of the answer before, in one transaction with the marks of whom that
concerns; members follow as for every audience. A run that fails keeps its reason and the members.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import structlog

from onefold import audiences, log
from onefold.audiences import query, rows_store
from onefold.kernel import clock, limits
from onefold.kernel.settings import Settings
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import history, marking
from onefold.storage import Connection, jobs

_LOOK_S = 0.25

logger = structlog.get_logger("onefold.audiences")


class Refused(Exception):
    """A query that was not answered, and why, for whoever wrote it."""


def run(running: jobs.Running) -> None:
    """Run every query that is due, one after another."""
    with running.connect() as conn:
        for audience_id, key, version in rows_store.due(conn, clock.now_ms()):
            conn.rollback()
            running.check()
            _run(running, conn, audience_id, key, version)


def _run(running: jobs.Running, conn: Connection, audience_id: int, key: str, version: int) -> None:
    one = audiences.get(conn, SYSTEM, key)
    rows = audiences.rows_of(one.definition)
    if rows is None or one.id != audience_id:
        return
    now_ms = clock.now_ms()
    rows_store.began(conn, audience_id, now_ms, now_ms + rows.every_ms)
    conn.commit()
    try:
        with asked(conn, SYSTEM, running.settings, running.url, running.stop) as duck:
            seq = log.checkpoint(conn, "worker")
            found = answer(duck, rows.text, one.of)
    except Refused as refused:
        conn.rollback()
        running.check()
        rows_store.failed(conn, audience_id, clock.now_ms(), str(refused))
        conn.commit()
        logger.warning("query of an audience failed", audience=key, reason=str(refused)[:200])
        return
    conn.rollback()
    if not rows_store.still(conn, audience_id, version):
        conn.rollback()  # changed or deleted meanwhile: it is asked again as it is now
        rows_store.ask_soon(conn, audience_id)
        conn.commit()
        return
    changed, n, known = rows_store.answered(conn, audience_id, one.of, found)
    if one.answered:
        marking.mark(conn, one.of, changed, audience_id)
    rows_store.made(conn, audience_id, version, clock.now_ms(), seq, n, n - known)
    conn.commit()
    logger.info("query of an audience answered", audience=key, rows=n, changed=len(changed))


@contextmanager
def asked(
    conn: Connection,
    viewer: Viewer,
    settings: Settings,
    url: str,
    stop: threading.Event,
    seconds: int | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake and the log for one query, shut to all else, within its limits of time and memory.

    Raises `Refused`.
    """
    with (
        history.open_lake(url, settings) as lake,
        history.opened(
            conn, viewer, lake, threads=1, memory_mb=limits.audience_sql_memory_mb
        ) as duck,
        _watched(duck, stop, seconds or limits.audience_sql_s_max) as late,
    ):
        try:
            yield duck
        except duckdb.InterruptException:
            told = "The server was stopped." if stop.is_set() else late
            raise Refused(told) from None
        except duckdb.OutOfMemoryException:
            most = limits.audience_sql_memory_mb
            raise Refused(f"It needs more than {most} MB. Ask for fewer rows at once.") from None
        except duckdb.Error as error:
            raise Refused(_cut(str(error))) from None
        except ValueError as error:
            raise Refused(str(error)) from None


@contextmanager
def _watched(duck: duckdb.DuckDBPyConnection, stop: threading.Event, seconds: int) -> Iterator[str]:
    done = threading.Event()
    until = clock.now_ms() + seconds * 1000

    def watch() -> None:
        while not done.wait(_LOOK_S):
            if stop.is_set() or clock.now_ms() > until:
                duck.interrupt()
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield f"It took more than {seconds} seconds."
    finally:
        done.set()
        thread.join()


def answer(duck: duckdb.DuckDBPyConnection, text: str, kind: str) -> list[int]:
    """The ids that a query answers, each once."""
    if fault := query.fault_of(text):
        raise ValueError(f"The query {fault}")
    columns = [str(row[0]) for row in duck.execute(f"DESCRIBE {_bare(text)}").fetchall()]
    wanted = query.ids_of(_bare(text), kind, columns)
    most = limits.audience_sql_rows_max
    found: list[tuple[Any, ...]] = duck.execute(f"{wanted} LIMIT {most + 1}").fetchall()
    if len(found) > most:
        raise ValueError(f"It answers more than {most:,} ids.")
    return [i for (i,) in found]


def _bare(text: str) -> str:
    return text.strip().rstrip(";")


def _cut(text: str) -> str:
    return text.replace("\x00", "")[:1_000]
