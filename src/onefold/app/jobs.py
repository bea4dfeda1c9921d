"""The process `jobs`: procrastinate's worker over the tasks that the rooms list.

One such process works on a database, held by an advisory lock. So whatever is marked as running
when it starts was left by one that was killed, and goes back into the queue at once. Each queue has
room of its own, so that reads that take hours hold up no import and no clock. Tasks run in threads;
those that are under way when the process is to end are asked to stop and wait for the next start.
When PostgreSQL goes away the process ends, and the supervisor starts it again.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import procrastinate
import psycopg
import structlog
from procrastinate import jobs as queue
from procrastinate import retry

from onefold import storage
from onefold.audiences import rows_store
from onefold.crm import bulk_edits, custom
from onefold.identity.namespaces import preview
from onefold.kernel import limits
from onefold.kernel.settings import Settings
from onefold.record import (
    connecting,
    import_files,
    importing,
    marking,
    matching,
    pulling,
    repeats,
    sealing,
)
from onefold.record.traits import catalog
from onefold.sources import connectors
from onefold.storage import jobs, locks

_BEAT_S = 5.0
_STOP_S = 15.0  # tasks that do not stop by then are left to the next start
_LEAVE_S = _STOP_S + 2
_POLL_S = 2.0

WAITING = """
SELECT EXISTS (
  SELECT FROM procrastinate_jobs
  WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now()))
"""

# How many tasks of each queue run at once.
ROOM = {
    jobs.QUEUE: limits.jobs_at_once_max,
    jobs.READS: limits.jobs_reads_at_once_max,
    jobs.CLOCK: limits.jobs_clock_at_once_max,
}

logger = structlog.get_logger("onefold.jobs")


def _lake(running: jobs.Running) -> None:
    from onefold.record import history  # PyIceberg takes a second to import: not at the start

    history.work(running)


def _answer(running: jobs.Running) -> None:
    from onefold.record import answering  # the same

    answering.run(running)


# Every task by the name that `storage.jobs.defer` uses.
TASKS: dict[str, jobs.Task] = {
    importing.RUN: importing.run,
    importing.REVERT: importing.take_back,
    connectors.run.RUN: connecting.run,
    matching.run.RUN: matching.run.run,
    pulling.RUN: pulling.run,
    pulling.FORGET: pulling.forget,
    preview.RUN: preview.run,
    rows_store.ANSWER: _answer,
    custom.INDEX: custom.index,
    catalog.TASK: catalog.count_task,
    bulk_edits.RUN: bulk_edits.run,
}
PERIODIC: tuple[jobs.Periodic, ...] = (
    jobs.Periodic("* * * * *", connectors.run.DUE, connectors.run.due),
    jobs.Periodic("* * * * *", "lake.work", _lake),
    jobs.Periodic("* * * * *", marking.DUE, marking.due),
    jobs.Periodic("* * * * *", matching.run.DUE, matching.run.due),
    jobs.Periodic("23 * * * *", matching.trust.TASK, matching.trust.refresh_task),
    jobs.Periodic("11 * * * *", "traits.hourly", catalog.count_task),
    jobs.Periodic("41 * * * *", import_files.TIDY, import_files.tidy),
    jobs.Periodic("* * * * *", pulling.DUE, pulling.due),
    jobs.Periodic("29 * * * *", repeats.TIDY, repeats.tidy),
)


class _Again(retry.BaseRetryStrategy):
    """What was interrupted, or met a database that went away, is tried again."""

    def get_retry_decision(
        self, *, exception: BaseException, job: queue.Job
    ) -> procrastinate.RetryDecision | None:
        if isinstance(exception, jobs.Interrupted):
            return procrastinate.RetryDecision()
        away = isinstance(exception, psycopg.OperationalError)
        if away and job.attempts < limits.job_attempts_max:
            return procrastinate.RetryDecision(retry_in={"seconds": 2 ** min(job.attempts, 6)})
        return None


class Jobs:
    """The tasks, and the worker over them."""

    def __init__(
        self,
        url: str,
        settings: Settings,
        tasks: Mapping[str, jobs.Task] | None = None,
        periodic: tuple[jobs.Periodic, ...] | None = None,
    ) -> None:
        self.url = url
        self.settings = settings
        self.stop = threading.Event()
        self.app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=url,
                min_size=1,
                max_size=4,
                kwargs={"application_name": "onefold-jobs-queue"},
            )
        )
        for name, task in (TASKS if tasks is None else tasks).items():
            self._register(name, task)
        for one in PERIODIC if periodic is None else periodic:
            registered = self._register(one.name, one.task, jobs.CLOCK)
            self.app.periodic(cron=one.cron, periodic_id=one.name)(registered)
        tidy = self._tidy
        self.app.periodic(cron="17 * * * *", periodic_id="jobs.tidy")(
            self.app.task(name="jobs.tidy", queue=jobs.CLOCK)(tidy)
        )

    def _register(self, name: str, task: jobs.Task, queue: str = jobs.QUEUE) -> Any:
        async def run(context: procrastinate.JobContext, /, **args: Any) -> None:
            args.pop("timestamp", None)  # a periodic job's own; tasks ask the clock
            running = jobs.Running(self.url, self.settings, self.stop, context.job.attempts)
            await asyncio.to_thread(task, running, **args)

        return self.app.task(name=name, queue=queue, pass_context=True, retry=_Again())(run)

    async def _tidy(self, timestamp: int) -> None:  # noqa: ARG002 procrastinate names it
        """Forget finished jobs after some days; failed ones too."""
        await self.app.job_manager.delete_old_jobs(
            nb_hours=limits.job_kept_h, include_failed=True, include_cancelled=True
        )

    async def take_back(self) -> int:
        """Put what a killed process was at back into the queue; how many. Needs the lock."""
        found = list(await self.app.job_manager.get_stalled_jobs(seconds_since_heartbeat=0))
        for job in found:
            logger.warning("job of a killed process goes on", task=job.task_name, job=job.id)
            await self.app.job_manager.retry_job(job)
        await self.app.job_manager.prune_stalled_workers(0)
        return len(found)

    async def run(self, *, wait: bool = True) -> None:
        """Work until cancelled; with `wait` false until nothing waits."""
        threads = ThreadPoolExecutor(sum(ROOM.values()) + 1, thread_name_prefix="job")
        asyncio.get_running_loop().set_default_executor(threads)
        async with self.app.open_async():
            await self.take_back()
            async with asyncio.TaskGroup() as workers:
                for queue_name, room in ROOM.items():
                    workers.create_task(self._work(queue_name, room, wait=wait))

    async def _work(self, queue_name: str, room: int, *, wait: bool) -> None:
        await self.app.run_worker_async(
            queues=[queue_name],
            name=queue_name,
            concurrency=room,
            wait=wait,
            install_signal_handlers=False,
            update_heartbeat_interval=_BEAT_S,
            fetch_job_polling_interval=_POLL_S,
            shutdown_graceful_timeout=_STOP_S,
        )


def drain(made: Jobs, conn: storage.Connection) -> None:
    """Do what waits in the queue, here and now: for commands and tests without a server."""
    while True:
        row = conn.execute(WAITING).fetchone()
        conn.rollback()  # no transaction is left open while jobs run
        if not row or not row[0]:
            return
        asyncio.run(made.run(wait=False))


def run(url: str, settings: Settings) -> None:
    """Work until SIGTERM."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # until the loop listens
    with storage.connect(url, autocommit=True, application="onefold-jobs-lock") as lock:
        lock.execute("SET statement_timeout = 0")  # another may still be ending
        lock.execute("SELECT pg_advisory_lock(%s)", (locks.JOBS,))
        _seal(url)
        asyncio.run(_serve(Jobs(url, settings), lock))


def _seal(url: str) -> None:
    """Secrets of before there were keys, or of an older key, are sealed with the newest."""
    with storage.connect(url, application="onefold-jobs") as conn:
        sealed = sealing.reseal(conn)
        conn.commit()
        if sealed:
            logger.info("secrets sealed", secrets=sealed)


async def _serve(made: Jobs, lock: storage.Connection) -> NoReturn:
    """Leaves the process: with 0 after a signal, with 1 when the database went away.

    It leaves by itself, and after `_LEAVE_S` at the latest: a pool of connections that is told to
    end while it opens may not hear it, and the event loop would wait for it, and for threads that
    did not stop, for as long as they take. What a task was at is taken up at the next start.
    """
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    working = asyncio.create_task(made.run(), name="jobs")
    logger.info("jobs ready")
    code = 0
    while not stopped.is_set():
        try:
            await asyncio.wait_for(stopped.wait(), _BEAT_S)
        except TimeoutError:
            if working.done() or not await asyncio.to_thread(_alive, lock):
                code = 1
                break
    made.stop.set()
    working.cancel()
    await asyncio.wait({working}, timeout=_LEAVE_S)
    if not working.done():
        logger.warning("jobs left to the next start")
    elif not working.cancelled() and working.exception() is not None:
        logger.error("jobs ended", exc_info=working.exception())  # the supervisor starts us again
        code = 1
    sys.stderr.flush()
    os._exit(code)


def _alive(lock: storage.Connection) -> bool:
    try:
        lock.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True
