"""Background jobs: how a room or a door leaves work for the process `jobs`.

`defer` writes the job in the caller's transaction, so it exists exactly when the rows it is about
do. A task is a plain function `task(running, **args)` that a room lists and `app/jobs.py` registers
by name; it may be run again after a crash, so it commits its progress with its results and goes on
from there. The queue is procrastinate's (https://procrastinate.readthedocs.io), in our database.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from onefold.kernel.settings import Settings
from onefold.storage import database, locks

DEFER = """
INSERT INTO procrastinate_jobs
  (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
VALUES (%(queue)s, %(task)s, %(priority)s, %(lock)s, %(once)s, %(args)s, %(at)s)
ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
RETURNING id
"""
SERVED = """
SELECT EXISTS (
  SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
  WHERE l.locktype = 'advisory' AND l.classid = 0 AND l.objid = %s AND l.granted
  AND d.datname = current_database())
"""
QUEUE = "default"
READS = "reads"  # of connectors and pulls: they may take hours, and hold nothing else up
CLOCK = "clock"  # what runs by the clock: it starts the others, and keeps the lake


class Interrupted(Exception):
    """Raised by a task that was asked to stop: its job waits for the next start."""


class Running(msgspec.Struct, frozen=True):
    """What a task is given besides its arguments.

    `stop` is set when the process is to end: return `Interrupted` by `check()` at a point from
    which the task can go on. `attempt` counts from 0.
    """

    url: str
    settings: Settings
    stop: threading.Event
    attempt: int = 0

    def connect(self) -> database.Connection:
        """A connection of the task's own."""
        return database.connect(self.url, application="onefold-jobs")

    def check(self) -> None:
        """Raise `Interrupted` when the process is to end."""
        if self.stop.is_set():
            raise Interrupted


Task = Callable[..., None]


class Periodic(msgspec.Struct, frozen=True):
    """A task run by the clock: `cron` in UTC, to the minute."""

    cron: str
    name: str
    task: Task


def defer(
    conn: database.Connection,
    task: str,
    args: dict[str, Any] | None = None,
    *,
    lock: str | None = None,
    once: str | None = None,
    at: datetime | None = None,
    priority: int = 0,
    queue: str = QUEUE,
) -> int | None:
    """Leave a job in the caller's transaction; its id, or None when `once` already waits.

    Jobs with the same `lock` run one after another. Of jobs with the same `once` only one waits.
    Each `queue` has room of its own: what fills one holds up no other.
    """
    values = {
        "queue": queue, "task": task, "priority": priority, "lock": lock, "once": once,
        "args": Jsonb(args or {}), "at": at,
    }  # fmt: skip
    row = conn.execute(DEFER, values).fetchone()
    return int(row[0]) if row else None


def served(conn: database.Connection) -> bool:
    """Is a process `jobs` at work on this database?"""
    row = conn.execute(SERVED, (locks.JOBS,)).fetchone()
    return bool(row and row[0])
