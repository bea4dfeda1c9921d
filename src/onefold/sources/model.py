"""What a source is.

A source is one place that sends data: the product's backend, the website, billing. Its category is
on every fact (`kernel.facts.Fact.category`) and decides whose trait value wins.
"""

import re
from datetime import datetime

import msgspec

from onefold.kernel import ids
from onefold.storage import fold_name

CATEGORIES = ("product", "website", "billing", "support", "email", "enrichment", "import")
_GAPS = re.compile(r"[^a-z0-9]+")


class Source(msgspec.Struct, frozen=True):
    """A row of `source`. `write_key` is empty for viewers that may not send: all but admins.

    `backfill`: its history is being loaded, so signals wait. `enabled`: false answers senders 404.
    `test`: its items are checked and listed at `/micro`, and never enter the log.
    """

    id: int
    key: str
    name: str
    category: str
    write_key: str
    enabled: bool
    backfill: bool
    created_by: str
    created_at: datetime
    test: bool = False

    @property
    def api_id(self) -> str:
        """The id as the API writes it: `src_1`."""
        return ids.api_id("src", self.id)


class LedgerHour(msgspec.Struct, frozen=True):
    """What became of a source's items in one hour.

    received     read by the worker = processed + duplicate + refused + filtered
    accepted     durable in the log, as those who append count it = received + waiting
    waiting      in the log and not yet read by the worker
    refused_for  refused, by code; filtered_by: filtered, by rule
    turned_away  requests (not items) that were answered 4xx, by code: they never got into the log
    """

    hour_ms: int
    received: int
    processed: int
    duplicate: int
    refused: int
    filtered: int = 0
    accepted: int = 0
    waiting: int = 0
    refused_for: dict[str, int] = {}
    filtered_by: dict[str, int] = {}
    turned_away: dict[str, int] = {}

    @property
    def reconciles(self) -> bool:
        """Is every item accounted for, counted from both sides?"""
        return (
            self.accepted == self.received + self.waiting
            and self.received == self.processed + self.duplicate + self.refused + self.filtered
            and self.refused == sum(self.refused_for.values())
            and self.filtered == sum(self.filtered_by.values())
        )


def slug(name: str) -> str:
    """A key from a name: `Café (EU) app` → `cafe-eu-app`; `source` when nothing is left."""
    return _GAPS.sub("-", fold_name(name)).strip("-") or "source"
