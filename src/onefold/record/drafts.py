"""Definitions that somebody is writing: what they come to now, and came to on past days.

A door makes one `Drafts`. What answers (record/preview) is imported when it is first asked: the
lake's libraries take a second, and most processes never need them.
"""

import threading
from datetime import date
from typing import TYPE_CHECKING, Any, TypedDict

from onefold.kernel.settings import Settings
from onefold.kernel.viewer import Viewer
from onefold.record.connections import Connections

if TYPE_CHECKING:
    from onefold.record.preview import Population


class Sampled(TypedDict):
    """One of those who would be members."""

    id: str
    name: str
    email: str


class Overlap(TypedDict):
    """How many would be in another audience as well; `size` is that one's."""

    audience: str
    name: str
    both: int
    size: int


class Preview(TypedDict):
    """Who a definition would have: `size` of `of`, some of them, and whom other audiences share.

    `facts_to` is the newest fact that was looked at, `ms` how long it took.
    """

    kind: str
    size: int
    of: int
    sample: list[Sampled]
    overlap: list[Overlap]
    as_of: str
    facts_to: str | None
    ms: int


class Day(TypedDict):
    """One day: how many at its end, and how many came and went since the day before."""

    day: str
    at: str
    size: int
    entered: int
    exited: int


class Backtest(TypedDict):
    """A definition at the end of each day. `known`: by what is known `now`, or was `then`."""

    kind: str
    days: list[Day]
    known: str
    ms: int


class Drafts:
    """Previews and back-tests over everybody; without `settings` over the log alone."""

    def __init__(self, connections: Connections, settings: Settings | None) -> None:
        self._connections = connections
        self._settings = settings
        self._making = threading.Lock()
        self._made: Population | None = None

    def preview(
        self, viewer: Viewer, source: str | dict[str, Any], now_ms: int, feature: str = ""
    ) -> Preview:
        """Who a definition would have now. Raises `Invalid` with every fault, `Unavailable`."""
        from onefold.record import preview

        return preview.preview(self._population(), viewer, source, now_ms, feature)

    def backtest(
        self,
        viewer: Viewer,
        source: str | dict[str, Any],
        days: tuple[date, date],
        now_ms: int,
        *,
        feature: str = "",
        known_then: bool = False,
    ) -> Backtest:
        """Whom a definition would have had at the end of each day. Raises `Invalid`."""
        from onefold.record import preview

        asked = self._population()
        definition = asked.understood(viewer, source, feature)
        return preview.backtest(asked, viewer, definition, days, now_ms, known_then=known_then)

    def close(self) -> None:
        """Let everything go that was kept for the next question."""
        if self._made is not None:
            self._made.close()

    def _population(self) -> "Population":
        from onefold.record.preview import Population

        with self._making:
            if self._made is None:
                self._made = Population(self._connections.open, self._settings)
            return self._made
