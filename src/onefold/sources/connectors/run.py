"""The task `connectors.run`: whatever a connector is asked, in the process `jobs`.

A run is a row of `connector_run` and the job that does it, made in one transaction. It ends as
done, failed or cancelled; one whose job ended without that, or that was started too often without
getting anywhere, is ended as failed by the clock's task (`due`).
"""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import psycopg
import structlog

from onefold import sources
from onefold.kernel import clock, errors, limits, schedule, settings
from onefold.kernel.viewer import SYSTEM
from onefold.sources.connectors import drive, model, process, store
from onefold.storage import Connection, jobs

RUN, DUE = "connectors.run", "connectors.due"
_SOON = 10  # what people wait for goes before reading

logger = structlog.get_logger("onefold.connectors")


class Work(msgspec.Struct, frozen=True):
    """What a run works with. `begun` is told of each process that it starts."""

    running: jobs.Running
    conn: Connection
    one: model.Connector
    held: model.Run
    words: process.Words
    begun: drive.Begun

    @property
    def driver(self) -> drive.Driver:
        """What asks the connector."""
        return drive.Driver(self.one, self.running.settings.data, self.words, self.begun)


class Outcome(msgspec.Struct, frozen=True):
    """How a run ended: what went wrong, and the connector's exit code where it has one."""

    error: str = ""
    code: int | None = None


Doer = Callable[[Work], Outcome]


def allowed(chosen: settings.Settings | None) -> None:
    """Raise `Conflict` where connectors are turned off: they are programs that run here."""
    if not (chosen or settings.load()).connectors:
        raise errors.Conflict(
            "Connectors are turned off on this server. Set ONEFOLD_CONNECTORS=true and start it "
            "again: an admin may then run programs on its machine."
        )


def start(
    conn: Connection,
    connector_id: int,
    kind: model.Kind = "read",
    args: dict[str, Any] | None = None,
) -> model.Run | None:
    """Leave a run to the process `jobs`; None when one is waiting or under way."""
    made = store.new_run(conn, SYSTEM, connector_id, kind, args)
    if made is not None:
        job = jobs.defer(
            conn, RUN, {"run_id": made.id}, lock=f"connector:{connector_id}",
            priority=0 if kind == "read" else _SOON,
            queue=jobs.READS if kind == "read" else jobs.QUEUE,
        )  # fmt: skip
        store.change_run(conn, made.id, job_id=job)
    return made


def due(running: jobs.Running) -> None:
    """The periodic task: end what nobody will end, start what its schedule names."""
    with running.connect() as conn:
        now_ms = clock.now_ms()
        for one in store.lost(conn):
            process.end_left(one.process)
            _over(conn, one, "Its job ended before it was done. Start it again.")
        store.drop_samples(
            conn, clock.to_datetime(now_ms - limits.connector_sample_h * clock.HOUR_MS)
        )
        if not running.settings.connectors:
            return
        for number, often in store.due(conn, clock.to_datetime(now_ms)):
            start(conn, number)
            following = schedule.next_ms(often, now_ms)
            at = None if following is None else clock.to_datetime(following)
            store.change(conn, SYSTEM, number, next_at=at)


def run(running: jobs.Running, run_id: int, doers: dict[model.Kind, Doer]) -> None:
    """From where the run stands to its end."""
    with running.connect() as conn:
        held = store.run(conn, SYSTEM, run_id, hold=True)
        process.end_left(held.process)
        if not held.open:
            conn.rollback()
            return
        if held.tries >= limits.connector_tries_max:
            _over(conn, held, f"It was ended {held.tries} times before it got anywhere.")
            return
        now = clock.to_datetime(clock.now_ms())
        store.change_run(
            conn, run_id, status="running", started_at=held.started_at or now, process=None,
            tries=held.tries + 1,
        )  # fmt: skip
        conn.commit()
        outcome = _do(running, conn, held, doers)
        if held.kind == "delete" and store.status(conn, run_id) != "running":
            return  # it went with its connector
        if running.stop.is_set():  # goes on at the next start, from what is committed
            store.change_run(conn, run_id, process=None, tries=0)
        else:
            again = store.run(conn, SYSTEM, run_id, hold=True)
            given: dict[str, Any] = {"exit_code": outcome.code, "process": None}
            store.change_run(conn, run_id, **given)
            if again.status == "running":
                _over(conn, again, outcome.error, ok="done")
        conn.commit()
    running.check()


def _do(
    running: jobs.Running, conn: Connection, held: model.Run, doers: dict[model.Kind, Doer]
) -> Outcome:
    try:
        if held.kind != "delete":
            allowed(running.settings)
            # Never with an empty config in place of one that can't be read.
            one = store.for_run(conn, held.connector_id, whole=held.kind != "install")
        else:
            one = _nobody(held.connector_id)
        conn.commit()
        words = drive.words_of(one, held.lines)
        with _Watch(running, held.id, words) as watch:
            return doers[held.kind](Work(running, conn, one, held, words, watch.take))
    except errors.OnefoldError as fault:
        conn.rollback()
        return Outcome(str(fault)[:2_000])
    except (psycopg.OperationalError, jobs.Interrupted):
        raise  # tried again
    except Exception:
        conn.rollback()
        name = clock.token("err_", 8)
        logger.exception("connector run failed", id=name, run=held.id)
        return Outcome(f"Something broke. The fault is in the server's log as {name}.")


def _over(conn: Connection, one: model.Run, error: str, ok: str = "failed") -> None:
    """A run's end; signals need not wait for its history any more."""
    now = clock.to_datetime(clock.now_ms())
    status = "failed" if error else ok
    store.change_run(conn, one.id, status=status, error=error, done_at=now, process=None)
    if one.args.get("history"):
        with contextlib.suppress(errors.NotFound):
            source_id = store.for_run(conn, one.connector_id).source_id
            sources.set_backfill(conn, SYSTEM, source_id, False)
    conn.commit()


def _nobody(connector_id: int) -> model.Connector:
    """A connector that was deleted: nothing of it is asked any more."""
    then = clock.to_datetime(0)
    return model.Connector(
        id=connector_id, name="", source_id=0, protocol="singer", command=[], package="",
        executable="", python="", program="", spec={}, config={}, pending=None, catalog=[],
        streams={}, state=None, schedule="", enabled=False, next_at=None, rows_named=0,
        rows_forgotten=0, rows_kept=0, created_by="", created_at=then, version=0,
    )  # fmt: skip


class _Watch:
    """Ends what is under way when the run is cancelled or the process is to end, and writes down
    what it says. On a connection and in a thread of its own."""

    def __init__(self, running: jobs.Running, run_id: int, words: process.Words) -> None:
        self.running = running
        self.run_id = run_id
        self.words = words
        self.child: process.Process | None = None
        self.over = threading.Event()
        self.ended = False
        self.lock = threading.Lock()
        self.told: list[str] = []
        self.thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "_Watch":
        self.conn = self.running.connect()
        self.conn.autocommit = True
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()
        with contextlib.suppress(psycopg.OperationalError):
            self._tell()
        self.conn.close()

    def take(self, child: process.Process) -> None:
        """A process began: note which, so that the next runner can end it if we are killed."""
        with self.lock:
            self.child = child
            store.tell(self.conn, self.run_id, self.words.list(), list(child.mark))
            if self.ended:
                child.stop()

    def _look(self) -> None:
        while not self.over.wait(limits.connector_look_s):
            with self.lock:
                try:
                    status = store.status(self.conn, self.run_id)
                    self._tell()
                except psycopg.OperationalError:
                    status = ""  # what works with the database will notice
                silent = time.monotonic() - self.words.at > limits.connector_silence_s
                if self.running.stop.is_set() or status != "running" or silent:
                    self.ended = True
                    if silent:
                        self.words.add("It said nothing for too long and was ended.")
                    if self.child is not None:
                        self.child.stop()
                    return

    def _tell(self) -> None:
        lines = self.words.list()
        if lines != self.told:
            store.tell(self.conn, self.run_id, lines)
            self.told = lines
