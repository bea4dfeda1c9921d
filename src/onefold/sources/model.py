"""What a source is.

A source is one place that sends data: the product's backend, the website, billing. Its category is
on every fact (`kernel.facts.Fact.category`) and decides whose trait value wins.
"""

import re
from datetime import datetime

import msgspec

from onefold.kernel import ids
from onefold.storage import fold_name

CATEGORIES = ("product", "website", "billing", "support", "email")
_GAPS = re.compile(r"[^a-z0-9]+")


class Source(msgspec.Struct, frozen=True):
    """A row of `source`. `write_key` is empty for viewers that may not send: all but admins.

    `backfill`: its history is being loaded, so signals wait. `enabled`: false answers senders 404.
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

    @property
    def api_id(self) -> str:
        """The id as the API writes it: `src_1`."""
        return ids.api_id("src", self.id)


class LedgerHour(msgspec.Struct, frozen=True):
    """What became of a source's items in one hour: received = processed + duplicate + refused."""

    hour_ms: int
    received: int
    processed: int
    duplicate: int
    refused: int


def slug(name: str) -> str:
    """A key from a name: `Café (EU) app` → `cafe-eu-app`; `source` when nothing is left."""
    return _GAPS.sub("-", fold_name(name)).strip("-") or "source"
