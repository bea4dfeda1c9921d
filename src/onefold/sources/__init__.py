"""Where data comes from: each source has a write key, and a ledger of what became of its items.

`create` prints the key that a sender carries; `by_write_key` is what the collector asks. What was
refused, and why, stays listed per source until it is replayed.
"""

from onefold.sources.model import CATEGORIES, LedgerHour, Source, slug
from onefold.sources.store import (
    backfilling,
    by_write_key,
    create,
    get,
    ledger,
    list_all,
    refused,
    set_backfill,
    set_enabled,
    totals,
)

list = list_all  # noqa: A001 - `sources.list(...)` reads best at the caller

__all__ = [
    "CATEGORIES", "LedgerHour", "Source", "backfilling", "by_write_key", "create", "get",
    "ledger", "list", "list_all", "refused", "set_backfill", "set_enabled", "slug", "totals",
]  # fmt: skip
