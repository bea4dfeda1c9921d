"""How a leaf folds: what one fact adds, to which bucket, and how much is kept.

The worker gives it to `profiles.fold`, which knows nothing of definitions. Counts in a sliding
window and a person's counts ever need none of it: they are folded on a shorter way.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from onefold.audiences import cells, frames
from onefold.audiences.cells import LEVEL, Cell
from onefold.audiences.model import Leaf
from onefold.kernel import facts


class Folding:
    """The rule of one leaf."""

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.merge = cells.MERGES[leaf.keeps]
        self.bucket = frames.bucket_of(leaf.frame, by_day=leaf.by_day)
        self._tally = leaf.keeps == "tally"

    @cached_property
    def is_short(self) -> bool:
        """Is it a plain count, which needs no rule?"""
        leaf = self.leaf
        ever_by_day = leaf.window_ms is None and leaf.by_day
        return leaf.keeps == "count" and leaf.framed is None and not ever_by_day and not leaf.own

    @property
    def size_ms(self) -> int:
        """Of a plain count's buckets; 0 for ever."""
        return frames.size_ms(self.leaf.frame) if self.leaf.window_ms is not None else 0

    @property
    def keep(self) -> int:
        """How many buckets the window spans; 0 for ever."""
        return frames.kept(self.leaf.frame)

    def cell(self, fact: facts.Fact) -> Cell | None:
        """What a fact of the right name adds; None for nothing."""
        leaf = self.leaf
        if leaf.own and fact.category in facts.OURS:
            return None
        if leaf.then is None and not leaf.match(fact.properties):
            return None
        return leaf.make(fact)

    def day(self, bucket: int) -> int | None:
        """The UTC day of a bucket; None for what belongs to no day."""
        return None if bucket == LEVEL else frames.utc_day_of(self.leaf.frame, bucket)

    def join(self, parts: Sequence[dict[int, Cell]]) -> dict[int, Cell]:
        """Several states as one; they stay as they are."""
        return cells.merge(self.leaf.keeps, parts)

    def prune(self, buckets: dict[int, Any], now_ms: int) -> None:
        """Back to the limits: drop what no window can see any more, sample too many values."""
        oldest = frames.oldest(self.leaf.frame, now_ms)
        for bucket in [b for b in buckets if b < oldest and b != LEVEL]:
            del buckets[bucket]

    def bound(self, buckets: dict[int, Any]) -> None:
        """Back to the limit of distinct values."""
        if self._tally:
            cells.bound(buckets)
