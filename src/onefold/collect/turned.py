"""How many requests of a source were turned away whole, by reason: the ledger's last column.

Counted in memory, a bounded number of (source, hour, code), and written every couple of seconds; a
kill loses at most those. What is not known to be a source's is not counted here.
"""

import psycopg
import structlog

from onefold import profiles
from onefold.collect.aside import Aside, Later
from onefold.kernel import clock, limits

logger = structlog.get_logger("onefold.collect")

Key = tuple[int, int, str, str]


class TurnedAway:
    """The counts. Belongs to one event loop; the writing to a thread."""

    def __init__(self, database_url: str) -> None:
        self._counts: dict[Key, int] = {}
        self._aside = Aside(database_url, "turned")
        self._later = Later(
            lambda: limits.turned_away_flush_s, lambda: bool(self._counts), self._flush
        )

    def note(self, source_id: int, code: str, at_ms: int) -> None:
        """One request of a source was answered with an error of its own."""
        key = source_id, at_ms // clock.HOUR_MS * clock.HOUR_MS, "turned_away", code
        if key in self._counts or len(self._counts) < limits.turned_away_kept_max:
            self._counts[key] = self._counts.get(key, 0) + 1
        self._later.soon()

    async def close(self) -> None:
        """Write what is counted."""
        await self._later.end()
        await self._aside.close()

    async def _flush(self) -> None:
        counts, self._counts = self._counts, {}
        if counts and not await self._aside.run(self._write, counts):
            for key, n in counts.items():  # for the next time
                self._counts[key] = self._counts.get(key, 0) + n

    def _write(self, counts: dict[Key, int]) -> bool:
        try:
            self._aside.ask(lambda conn: profiles.store.add_reasons(conn, counts))
        except psycopg.Error as error:
            logger.warning("turned away not counted", error=type(error).__name__)
            return False
        return True
