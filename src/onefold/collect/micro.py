"""Requests of test sources: checked and listed instead of logged, and asked for at `/micro/…`.

One thread of its own, so that a customer's CI run delays nobody's events.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
import psycopg
import structlog

from onefold import sources, storage
from onefold.collect import answers, store
from onefold.collect.model import Entry
from onefold.kernel import errors, limits
from onefold.sources import micro

logger = structlog.get_logger("onefold.collect")

T = TypeVar("T")
Answer = tuple[int, answers.Headers, bytes]


class Micro:
    """The lists of test sources. Belongs to one event loop."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="collect-micro")
        self._waiting: set[asyncio.Task[None]] = set()
        self._conn: storage.Connection | None = None

    def submit(self, entry: Entry) -> None:
        """Check a request's items; `entry.held` tells its end, as with the log's committer."""
        if len(self._waiting) >= limits.micro_waiting_max:
            raise errors.Unavailable("Too many test requests at once. Try again.")
        task = asyncio.get_running_loop().create_task(self._take(entry))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _take(self, entry: Entry) -> None:
        error = None
        try:
            await self._do(lambda conn: micro.take(conn, entry.row()))
        except errors.Unavailable as unavailable:
            error = unavailable
        except Exception:
            logger.exception("test items not listed")
            error = errors.Unavailable("The items could not be checked. See the server's log.")
        if not entry.held.done():
            entry.held.set_result(error)

    async def answer(
        self, what: str, source: sources.Source, query: bytes, body: bytes,
        headers: Mapping[bytes, bytes],
    ) -> Answer:  # fmt: skip
        """`all`: counts; `good` and `bad`: items by filters; `reset`: empty the list."""
        if not source.test:
            raise errors.NotFound(
                f"`{source.key}` is no test source: its events are real. Make one for tests."
            )
        if what in ("good", "bad"):
            wanted = _wanted(query, body)
            found: Any = await self._do(lambda conn: micro.items(conn, source.id, what, wanted))
        else:
            if what == "reset":
                await self._do(lambda conn: micro.reset(conn, source.id))
            found = await self._do(lambda conn: micro.counts(conn, source.id))
        return answers.fresh(msgspec.json.encode(found), headers)

    async def _do(self, work: Callable[[storage.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._in_thread, work)

    def _in_thread(self, work: Callable[[storage.Connection], T]) -> T:
        """One transaction. A connection that was lost since is opened again once."""
        for fresh in (False, True):
            try:
                if self._conn is None or self._conn.closed or fresh:
                    self._conn = store.writer(self._url, limits.collect_wait_s_max * 1000)
                with self._conn.transaction():
                    return work(self._conn)
            except psycopg.OperationalError as error:
                if self._conn is not None:
                    self._conn.close()
                if fresh:
                    logger.warning("test sources wait", error=type(error).__name__)
                    raise errors.Unavailable("The database cannot be reached. Try again.") from None
        raise AssertionError  # the second round returns or raises

    async def close(self) -> None:
        """Finish what was taken, then let go of the thread and the connection."""
        if self._waiting:
            await asyncio.wait(self._waiting)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._conn is not None:
            self._conn.close()


def _wanted(query: bytes, body: bytes) -> dict[str, Any]:
    """The filters: of the query, and of a JSON body, which may hold objects."""
    wanted: dict[str, Any] = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    if body.strip():
        try:
            tree = msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            tree = None
        if not isinstance(tree, dict):
            raise errors.Invalid(
                errors.Fault("body", "is not a JSON object.", 'Send `{"event": "…"}`, or nothing.')
            )
        wanted |= tree
    return wanted
