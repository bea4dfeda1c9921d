"""Background jobs: deferred with the caller's rows, done again after a kill, run by the clock."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from onefold import storage
from onefold.app.jobs import Jobs, drain
from onefold.kernel import limits, settings
from onefold.storage import jobs

WAIT_S = 60


def _run(database: str, **tasks: jobs.Task) -> None:
    with storage.connect(database) as conn:
        drain(Jobs(database, settings.load(), tasks, ()), conn)


def _statuses(conn: storage.Connection) -> list[tuple[str, int]]:
    conn.commit()
    rows = conn.execute(  # without what the clock may have started just now
        "SELECT status::text, attempts FROM procrastinate_jobs "
        "WHERE task_name <> 'jobs.tidy' ORDER BY id"
    )
    return [(str(s), int(n)) for s, n in rows]


def test_a_job_exists_exactly_when_the_callers_transaction_does(
    database: str, conn: storage.Connection
) -> None:
    done: list[dict[str, Any]] = []

    def note(running: jobs.Running, **args: Any) -> None:
        with running.connect() as own:
            assert own.execute("SELECT 1").fetchone() == (1,)
        done.append(args)

    jobs.defer(conn, "note", {"n": 1})
    conn.rollback()
    assert jobs.defer(conn, "note", {"n": 2, "name": "Zoë"}) is not None
    conn.commit()
    _run(database, note=note)
    assert done == [{"n": 2, "name": "Zoë"}]
    assert _statuses(conn) == [("succeeded", 1)]


def test_of_jobs_with_the_same_once_only_one_waits(conn: storage.Connection) -> None:
    assert jobs.defer(conn, "pull", once="pull:1") is not None
    assert jobs.defer(conn, "pull", once="pull:1") is None
    assert jobs.defer(conn, "pull", once="pull:2") is not None
    conn.commit()
    assert len(_statuses(conn)) == 2


def test_jobs_with_the_same_lock_run_one_after_another(
    database: str, conn: storage.Connection
) -> None:
    at_once, most = 0, 0
    guard = threading.Lock()
    met = threading.Barrier(2)

    def alone(running: jobs.Running, wait: bool) -> None:
        nonlocal at_once, most
        with guard:
            at_once += 1
            most = max(most, at_once)
        if wait:
            met.wait(WAIT_S)  # the free job runs beside: threads do run at once
        with guard:
            at_once -= 1

    def free(running: jobs.Running) -> None:
        met.wait(WAIT_S)

    jobs.defer(conn, "alone", {"wait": True}, lock="one")
    jobs.defer(conn, "alone", {"wait": False}, lock="one")
    jobs.defer(conn, "free")
    conn.commit()
    _run(database, alone=alone, free=free)
    assert most == 1
    assert {s for s, _ in _statuses(conn)} == {"succeeded"}


def test_reads_that_take_long_hold_up_nothing_else(database: str, conn: storage.Connection) -> None:
    """All the room for reads is taken, and an import runs; then they may end."""
    imported = threading.Event()
    reading = threading.Barrier(limits.jobs_reads_at_once_max + 1)

    def read(running: jobs.Running) -> None:
        reading.wait(WAIT_S)
        assert imported.wait(WAIT_S)

    def load(running: jobs.Running) -> None:
        reading.wait(WAIT_S)
        imported.set()

    for _ in range(limits.jobs_reads_at_once_max):
        jobs.defer(conn, "read", queue=jobs.READS)
    jobs.defer(conn, "load")
    conn.commit()
    _run(database, read=read, load=load)
    assert {s for s, _ in _statuses(conn)} == {"succeeded"}


def test_a_task_that_fails_is_kept_as_failed(database: str, conn: storage.Connection) -> None:
    def fail(running: jobs.Running) -> None:
        raise ValueError("no")

    jobs.defer(conn, "fail")
    conn.commit()
    _run(database, fail=fail)
    assert _statuses(conn) == [("failed", 1)]


def test_a_task_that_is_interrupted_goes_on_at_the_next_start(
    database: str, conn: storage.Connection
) -> None:
    attempts: list[int] = []

    def stopping(running: jobs.Running) -> None:
        attempts.append(running.attempt)
        if running.attempt == 0:
            running.stop.set()
        try:
            running.check()
        finally:
            running.stop.clear()

    jobs.defer(conn, "stopping")
    conn.commit()
    _run(database, stopping=stopping)
    assert attempts == [0, 1]
    assert _statuses(conn) == [("succeeded", 2)]


def test_what_a_killed_process_was_at_goes_back_into_the_queue(
    database: str, conn: storage.Connection
) -> None:
    jobs.defer(conn, "note", {"n": 1})
    conn.execute("SELECT procrastinate_register_worker_v1()")
    conn.execute(
        "SELECT procrastinate_fetch_job_v2(ARRAY['default'], max(id)) FROM procrastinate_workers"
    )
    assert _statuses(conn) == [("doing", 0)]
    done: list[int] = []
    made = Jobs(database, settings.load(), {"note": lambda running, n: done.append(n)}, ())
    asyncio.run(made.run(wait=False))
    assert done == [1]
    assert _statuses(conn) == [("succeeded", 2)]


@pytest.mark.chaos
def test_one_process_of_jobs_serves_a_database_and_ends_when_asked(
    database: str, conn: storage.Connection, tmp_path: Path
) -> None:
    assert not jobs.served(conn)
    conn.commit()
    env = {**os.environ, "ONEFOLD_DATABASE_URL": database, "ONEFOLD_DATA": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-m", "onefold.app.process", "jobs"], env=env)
    try:
        deadline = time.monotonic() + WAIT_S
        served = False
        while not served and time.monotonic() < deadline:
            served = jobs.served(conn)
            conn.commit()
        assert served
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
    finally:
        process.kill()
        process.wait()
    assert not jobs.served(conn)
