"""One thread that puts waiting requests into the log, all that wait in one commit.

While a group commits, the next one gathers. A group whose transaction failed before its COMMIT was
sent is put back and tried again until its requests' deadline; one whose COMMIT got no answer may or
may not be in the log, so its senders get 503 and send again, and dedupe by messageId settles it.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from enum import Enum

import psycopg
import structlog

from onefold import log, storage
from onefold.collect import metrics, store
from onefold.collect.micro import Micro
from onefold.collect.model import Entry
from onefold.kernel import errors, limits

_SWEEP_S = 0.25
_PAUSE_FIRST_S = 0.05
_PAUSE_CAP_S = 1.0
_STOP_S = limits.collect_wait_s_max + 5
_STATEMENT_MS = limits.collect_wait_s_max * 1000

logger = structlog.get_logger("onefold.collect")


class _Outcome(Enum):
    HELD = "durable"
    NOT_HELD = "certainly not in the log"
    UNKNOWN = "perhaps in the log"


class Committer:
    """The queue in front of the log. `submit` belongs to one event loop; the rest to a thread."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._loop: asyncio.AbstractEventLoop  # from start on
        self._thread = threading.Thread(target=self._run, name="collect-committer", daemon=True)
        self._change = threading.Condition()
        self._waiting: deque[Entry] = deque()
        self._in_flight: Sequence[Entry] = ()
        self._stopping = False
        self._bytes = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._conn: storage.Connection | None = None
        self.micro = Micro(database_url)

    # ── on the event loop ──────────────────────────────────────────────────────────────────────

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the thread. It connects when there is something to commit."""
        self._loop = loop
        self._thread.start()
        self._sweeper = loop.call_later(_SWEEP_S, self._sweep)

    def submit(self, entry: Entry) -> None:
        """Queue a request; `entry.held` tells its end. Raises `Unavailable`: there is no room.

        A test source's request is checked instead, and never comes near the log.
        """
        if entry.source.test:
            self.micro.submit(entry)
            return
        if self._bytes + entry.size > limits.collect_queue_bytes_max:
            raise errors.Unavailable("The log is behind and the queue is full. Try again.")
        with self._change:
            if self._stopping:
                raise errors.Unavailable("The server is stopping. Try again.")
            self._waiting.append(entry)
            self._change.notify()
        self._bytes += entry.size
        metrics.queue_bytes.set(self._bytes)

    async def stop(self) -> None:
        """Commit what waits, then end. What cannot be committed within the deadline gets 503."""
        await self.micro.close()
        with self._change:
            self._stopping = True
            self._change.notify()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, _STOP_S)
        if self._sweeper is not None:
            self._sweeper.cancel()
        with self._change:
            left = [*self._in_flight, *self._waiting]
            self._waiting.clear()
        self._settle(left, errors.Unavailable("The server is stopping. Try again."))

    def _settle(self, entries: Sequence[Entry], error: errors.Unavailable | None) -> None:
        """Give requests their end. One that was given up meanwhile only leaves the queue."""
        for entry in entries:
            self._bytes -= entry.size
            if not entry.held.done():
                entry.held.set_result(error)
        metrics.queue_bytes.set(self._bytes)

    def _sweep(self) -> None:
        """Answer those that have waited long enough; those in a running commit stay in it."""
        now = self._loop.time()
        late = []
        with self._change:
            while self._waiting and self._waiting[0].deadline <= now:
                late.append(self._waiting.popleft())
            stuck = [e for e in self._in_flight if e.deadline <= now]
        error = errors.Unavailable("The log cannot be written at the moment. Try again.")
        self._settle(late, error)
        for entry in stuck:
            if not entry.held.done():
                entry.held.set_result(error)
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

    # ── in the thread ──────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        pause = _PAUSE_FIRST_S
        while True:
            group = self._take()
            if not group:
                break
            outcome = self._commit(group)
            if outcome is _Outcome.NOT_HELD:
                self._put_back(group, pause)
                pause = min(pause * 2, _PAUSE_CAP_S)
                continue
            pause = _PAUSE_FIRST_S
            self._done(group, outcome)
        self._disconnect()

    def _take(self) -> Sequence[Entry]:
        """What waits, up to the group's limits; empty when stopping and nothing waits."""
        group: list[Entry] = []
        size = 0
        with self._change:
            while not self._waiting and not self._stopping:
                self._change.wait()
            while self._waiting and len(group) < limits.commit_group_rows_max:
                size += self._waiting[0].size
                if group and size > limits.commit_group_bytes_max:
                    break
                group.append(self._waiting.popleft())
            self._in_flight = group
        return group

    def _put_back(self, group: Sequence[Entry], pause: float) -> None:
        """For another try, but for those whose senders have been told to come again."""
        given_up = {entry for entry in group if entry.held.done()}
        with self._change:
            self._waiting.extendleft(e for e in reversed(group) if e not in given_up)
            self._in_flight = ()
        self._loop.call_soon_threadsafe(self._settle, list(given_up), None)
        time.sleep(pause)

    def _done(self, group: Sequence[Entry], outcome: _Outcome) -> None:
        error = None
        if outcome is _Outcome.UNKNOWN:
            error = errors.Unavailable("The log did not confirm. Send the same messageId again.")
        with self._change:
            self._in_flight = ()
        self._loop.call_soon_threadsafe(self._settle, group, error)

    def _commit(self, group: Sequence[Entry]) -> _Outcome:
        began = time.perf_counter()
        try:
            rows = [entry.row() for entry in group]
            conn = self._connected()
            numbers = log.append(conn, rows)
        except psycopg.Error as error:
            logger.warning("log not written, will retry", error=_name(error), rows=len(group))
            self._disconnect()
            return _Outcome.NOT_HELD
        except Exception:
            logger.exception("log not written", rows=len(group))
            self._disconnect()
            return _Outcome.UNKNOWN
        try:
            conn.commit()
        except Exception as error:  # whatever it is, the COMMIT may have been carried out
            logger.warning("commit not confirmed", error=_name(error), rows=len(group))
            self._disconnect()
            return _Outcome.UNKNOWN
        for entry, number in zip(group, numbers, strict=True):
            entry.seq = number
        metrics.commit_seconds.observe(time.perf_counter() - began)
        metrics.items.inc(sum(entry.items for entry in group))
        return _Outcome.HELD

    def _connected(self) -> storage.Connection:
        if self._conn is None or self._conn.closed:
            self._conn = store.writer(self._url, _STATEMENT_MS)
        return self._conn

    def _disconnect(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()


def _name(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip()[:200]}"
