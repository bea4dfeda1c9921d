"""How many requests of a source were turned away whole, by reason: the ledger's last column.

Counted in memory, a bounded number of (source, hour, code), and written every couple of seconds; a
kill loses at most those. What is not known to be a source's is not counted here.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import psycopg
import structlog

from onefold import profiles, storage
from onefold.collect import store
from onefold.kernel import clock, limits

logger = structlog.get_logger("onefold.collect")

Key = tuple[int, int, str, str]


class TurnedAway:
    """The counts. Belongs to one event loop; the writing to a thread."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._counts: dict[Key, int] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="collect-turned")
        self._task: asyncio.Task[None] | None = None
        self._conn: storage.Connection | None = None

    def note(self, source_id: int, code: str, at_ms: int) -> None:
        """One request of a source was answered with an error of its own."""
        key = source_id, at_ms // clock.HOUR_MS * clock.HOUR_MS, "turned_away", code
        if key in self._counts or len(self._counts) < limits.turned_away_kept_max:
            self._counts[key] = self._counts.get(key, 0) + 1
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._later())

    async def close(self) -> None:
        """Write what is counted."""
        if self._task is not None:
            self._task.cancel()
        await self._flush()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._conn is not None:
            self._conn.close()

    async def _later(self) -> None:
        while self._counts:  # also what was counted while the rest was being written
            await asyncio.sleep(limits.turned_away_flush_s)
            await self._flush()

    async def _flush(self) -> None:
        counts, self._counts = self._counts, {}
        if counts:
            loop = asyncio.get_running_loop()
            if not await loop.run_in_executor(self._thread, self._write, counts):
                for key, n in counts.items():  # for the next time
                    self._counts[key] = self._counts.get(key, 0) + n

    def _write(self, counts: dict[Key, int]) -> bool:
        try:
            if self._conn is None or self._conn.closed:
                self._conn = store.reader(self._url, limits.collect_wait_s_max * 1000)
            profiles.store.add_reasons(self._conn, counts)
        except psycopg.Error as error:
            logger.warning("turned away not counted", error=type(error).__name__)
            if self._conn is not None:
                self._conn.close()
            return False
        return True
