"""How fast a source may send: a runaway client is told to wait, and costs the others nothing.

Off unless the setting `collect_items_per_s` is given. A bucket of `limits.pace_burst_s` seconds of
items fills at that rate. A request is taken whole while the bucket is not empty, and may overdraw
it: so a batch larger than the bucket goes through, and its sender waits longer afterwards.
"""

import math

from onefold.collect.errors import TooFast
from onefold.kernel import limits


class Pace:
    """The buckets of all sources. Belongs to one event loop; `now` is its clock, in seconds."""

    def __init__(self, items_per_s: int) -> None:
        self._rate = items_per_s
        self._full = items_per_s * limits.pace_burst_s
        self._buckets: dict[int, tuple[float, float]] = {}  # source → items left, at

    def check(self, source_id: int, now: float) -> None:
        """Raises `TooFast`, which says how long to wait, when the source has to."""
        if self._rate:
            left = self._left(source_id, now)
            if left < 0:
                raise TooFast(math.ceil(-left / self._rate), self._rate)

    def spend(self, source_id: int, items: int, now: float) -> None:
        """Count what was taken."""
        if self._rate:
            self._buckets[source_id] = self._left(source_id, now) - items, now

    def _left(self, source_id: int, now: float) -> float:
        left, at = self._buckets.get(source_id, (self._full, now))
        return min(self._full, left + (now - at) * self._rate)
