"""What the event loop must not wait for: database work on a thread of its own, and later."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg

from onefold import storage
from onefold.collect import store
from onefold.kernel import limits

_T = TypeVar("_T")


class Aside:
    """One thread with one connection. `run` is for the event loop, `ask` for the thread."""

    def __init__(self, database_url: str, name: str) -> None:
        self._url = database_url
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"collect-{name}")
        self._conn: storage.Connection | None = None

    async def run(self, work: Callable[..., _T], *args: Any) -> _T:
        """Do the work on the thread. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    def ask(self, ask: Callable[[storage.Connection], _T]) -> _T:
        """Ask the database. A connection that was lost since is opened again once."""
        for fresh in (False, True):
            try:
                if self._conn is None or self._conn.closed or fresh:
                    self._conn = store.reader(self._url, limits.collect_wait_s_max * 1000)
                return ask(self._conn)
            except psycopg.OperationalError:
                self._close()
                if fresh:
                    raise
        raise AssertionError  # the second round returns or raises

    async def close(self) -> None:
        """Let go of the connection and the thread."""
        await self.run(self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._conn is not None:
            self._conn.close()


class Later:
    """Calls `flush` a moment after `soon`, again while something waits, and once at the end."""

    def __init__(
        self,
        pause_s: Callable[[], float],
        waits: Callable[[], bool],
        flush: Callable[[], Awaitable[None]],
    ) -> None:
        self._pause_s = pause_s
        self._waits = waits
        self._flush = flush
        self._task: asyncio.Task[None] | None = None

    def soon(self) -> None:
        """Something waits. Call it on the event loop."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def end(self) -> None:
        """Flush what is left, now."""
        if self._task is not None:
            self._task.cancel()
        await self._flush()

    async def _run(self) -> None:
        while self._waits():  # also for what came while the rest was being written
            await asyncio.sleep(self._pause_s())
            await self._flush()
