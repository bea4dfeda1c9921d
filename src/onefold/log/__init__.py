"""The append-only log: every fact, in commit order.

One row is one request (or one CRM change) with its items as sent, compressed. `append` is the only
way in: it takes one transaction-level lock and then the sequence numbers, as the last step before
the caller commits, so that a lower number can never commit after a higher one.
"""

from onefold.log import dedupe
from onefold.log.model import TIMES, Envelope, Row, pack, unpack, webhook_of
from onefold.log.store import (
    append,
    append_facts,
    checkpoint,
    fetch,
    head,
    read,
    received_ms,
    recent,
    save_checkpoint,
)

__all__ = [
    "TIMES", "Envelope", "Row", "append", "append_facts", "checkpoint", "dedupe", "fetch", "head",
    "pack", "read", "received_ms", "recent", "save_checkpoint", "unpack", "webhook_of",
]  # fmt: skip
