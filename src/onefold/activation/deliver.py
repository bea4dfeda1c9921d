"""Carries the outbox out.

One lane a destination: each claims its own rows, keeps a bounded number of requests under way, and
waits on nobody else, so that a slow or dead receiver delays no other. A watcher looks for due rows
every `outbox_poll_ms` and wakes their lanes; a settler marks what came back, many rows and their
facts in one transaction. All database work runs in one thread, in short transactions.

Every change is sent at least once: a deliverer that dies between sending and marking leaves a lease
that runs out, and the row goes out again under the same `webhook-id`.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

import aiohttp
import psycopg
import structlog

from onefold import storage
from onefold.activation import answers, pace, store, urls
from onefold.activation.kinds import KINDS
from onefold.activation.model import Batch, Job, Outcome, Verdict
from onefold.kernel import clock, errors, limits
from onefold.kernel.settings import Settings
from onefold.storage import secrets

P = ParamSpec("P")
T = TypeVar("T")

_RETRY_S = 0.5
_PRIVATE = "The address is private, and ONEFOLD_DESTINATIONS_PRIVATE is off."

logger = structlog.get_logger("onefold.activation")


class _PrivateAddressError(OSError):
    """A name resolved to an address that we must not reach."""


class _Database:
    """One connection, one thread, one transaction a call."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._conn: storage.Connection | None = None

    async def do(
        self, work: Callable[Concatenate[storage.Connection, P], T], *args: P.args, **kw: P.kwargs
    ) -> T:
        """Run `work` in a transaction. Raises `psycopg.Error`; the next call connects anew."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: self._run(work, *args, **kw))

    def _run(
        self, work: Callable[Concatenate[storage.Connection, P], T], *args: P.args, **kw: P.kwargs
    ) -> T:
        if self._conn is None or self._conn.closed:
            self._conn = storage.connect(self._url, application="onefold-deliver")
        try:
            with self._conn.transaction():
                return work(self._conn, *args, **kw)
        except psycopg.Error:
            self._conn.close()
            raise

    async def close(self) -> None:
        """Wait for the call under way, then let the connection go."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._conn.close if self._conn else int)
        self._thread.shutdown()


class _Lane:
    """One destination: what is under way, and how hard it may be pushed."""

    def __init__(self, destination_id: int, kind: str) -> None:
        self.id = destination_id
        self.pace = pace.Pace(KINDS[kind].capabilities.in_flight_max)
        self.unsettled: set[int] = set()  # rows sent or being sent, not yet marked
        self.woken = asyncio.Event()
        self.rest_until_ms = 0


class Deliverer:
    """The delivering half of activation; the worker runs one. `now_ms` is the clock."""

    def __init__(
        self, database_url: str, settings: Settings, now_ms: Callable[[], int] = clock.now_ms
    ) -> None:
        self._database = _Database(database_url)
        self._private_allowed = settings.destinations_private
        self._now_ms = now_ms
        self._lanes: dict[int, _Lane] = {}
        self._outcomes: asyncio.Queue[tuple[_Lane, Outcome]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set, then finish what is under way and mark it.

        Survives the database going away and coming back.
        """
        async with self._session() as session:
            settler = asyncio.create_task(self._settle(), name="outbox-settler")
            try:
                await self._watch(session, stop)
            finally:
                self._stopping = True
                for lane in self._lanes.values():
                    lane.woken.set()
                while self._tasks:
                    await asyncio.wait(self._tasks)
                try:
                    await asyncio.wait_for(self._outcomes.join(), limits.outbox_timeout_s)
                except TimeoutError:
                    logger.warning("outcomes not marked; these changes will be sent again")
                settler.cancel()
                await asyncio.gather(settler, return_exceptions=True)
                await self._database.close()

    # ── watching ───────────────────────────────────────────────────────────────────────────────

    async def _watch(self, session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
        swept_ms = 0
        while not stop.is_set():
            now_ms = self._now_ms()
            pause_s = limits.outbox_poll_ms / 1000
            try:
                for destination_id, kind in await self._database.do(store.due, now_ms):
                    self._lane(session, destination_id, kind).woken.set()
                if now_ms - swept_ms >= limits.outbox_sweep_s * 1000:
                    await self._database.do(store.expire, now_ms)
                    await self._database.do(store.prune, now_ms)
                    swept_ms = now_ms
            except psycopg.Error as error:
                logger.warning("outbox not readable, trying again", error=str(error).strip())
                pause_s = _RETRY_S
            await _either(stop, pause_s)

    def _lane(self, session: aiohttp.ClientSession, destination_id: int, kind: str) -> _Lane:
        lane = self._lanes.get(destination_id)
        if lane is None:
            lane = self._lanes[destination_id] = _Lane(destination_id, kind)
            self._start(self._run_lane(session, lane), f"outbox-{destination_id}")
        return lane

    def _start(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ── sending ────────────────────────────────────────────────────────────────────────────────

    async def _run_lane(self, session: aiohttp.ClientSession, lane: _Lane) -> None:
        while not self._stopping:
            await lane.woken.wait()
            lane.woken.clear()
            now_ms = self._now_ms()
            room = lane.pace.room(len(lane.unsettled), now_ms)
            if self._stopping or not room or now_ms < lane.rest_until_ms:
                continue
            try:
                batch = await self._database.do(store.claim, lane.id, room, now_ms)
            except psycopg.Error as error:
                logger.warning("claim failed, trying again", error=str(error).strip())
                lane.rest_until_ms = self._now_ms() + limits.outbox_recheck_ms
                continue
            jobs = [j for j in batch.jobs if j.id not in lane.unsettled] if batch else []
            if not batch or not jobs:  # the rest wait for rows under way: settling wakes us
                lane.rest_until_ms = now_ms + limits.outbox_recheck_ms
                continue
            for job in jobs:
                lane.unsettled.add(job.id)
                self._start(self._send(session, lane, batch, job), f"outbox-row-{job.id}")

    async def _send(
        self, session: aiohttp.ClientSession, lane: _Lane, batch: Batch, job: Job
    ) -> None:
        verdict = await self._attempt(session, batch, job)
        now_ms = self._now_ms()
        lane.pace.note(verdict, now_ms)
        final, next_ms = pace.settle(job, verdict, now_ms)
        outcome = Outcome(job, lane.id, batch.key, final, next_ms)
        self._outcomes.put_nowait((lane, outcome))

    async def _attempt(self, session: aiohttp.ClientSession, batch: Batch, job: Job) -> Verdict:
        try:
            config = {**batch.config, "secret": secrets.unseal(batch.config["secret"])}
            request = KINDS[batch.kind].request(config, job, self._now_ms())
            faults = urls.faults_of(request.url, private_allowed=self._private_allowed)
            if faults:
                return Verdict("failed", str(faults[0])[: limits.outbox_response_chars_max])
            async with session.post(
                request.url, data=request.body, headers=request.headers, allow_redirects=False
            ) as response:
                body = await response.content.read(limits.outbox_response_bytes_max)
                return answers.judge(response.status, response.headers, body, self._now_ms())
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _PrivateAddressError):
                return Verdict("failed", _PRIVATE)
            return answers.unreachable(error)
        except aiohttp.InvalidURL as error:
            return Verdict("failed", f"Not a URL: {error}"[: limits.outbox_response_chars_max])
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return answers.unreachable(error)
        except errors.Unavailable as error:  # it goes out signed or not at all
            return Verdict("retry", str(error)[: limits.outbox_response_chars_max])
        except Exception as error:  # a fault of ours must not leave the row leased for ever
            logger.exception("delivery could not be made", row=job.id)
            return answers.unreachable(error)

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0, ttl_dns_cache=60, socket_factory=self._socket, enable_cleanup_closed=False
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=limits.outbox_timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a tiny answer must not grow into a large one
        )

    def _socket(self, info: Any) -> socket.socket:
        """A socket for an address that a name has resolved to, or a refusal."""
        family, kind, protocol, _, address = info
        if not self._private_allowed and urls.is_private(str(address[0])):
            raise _PrivateAddressError(_PRIVATE)
        return socket.socket(family, kind, protocol)

    # ── settling ───────────────────────────────────────────────────────────────────────────────

    async def _settle(self) -> None:
        while True:
            taken = [await self._outcomes.get()]
            while not self._outcomes.empty() and len(taken) < limits.outbox_claim_max:
                taken.append(self._outcomes.get_nowait())
            await self._mark([outcome for _, outcome in taken])
            for lane, outcome in taken:
                lane.unsettled.discard(outcome.job.id)
                lane.rest_until_ms = 0
                lane.woken.set()
                self._outcomes.task_done()

    async def _mark(self, settled: list[Outcome]) -> None:
        """Mark rows, as often as it takes; one that can't be marked does not hold up the others."""
        while True:
            try:
                await self._database.do(store.settle, settled, self._now_ms())
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                logger.warning("outcomes not marked, trying again", error=str(error).strip())
                await asyncio.sleep(_RETRY_S)
            except Exception:
                logger.exception("outcomes not marked", rows=[o.job.id for o in settled])
                if len(settled) > 1:
                    for outcome in settled:
                        await self._mark([outcome])
                return
            else:
                return


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most so long."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
