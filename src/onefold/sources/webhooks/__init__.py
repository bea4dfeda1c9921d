"""Webhook sources: a vendor's deliveries, proven, read, and turned into facts like any other.

`verify` and `read` are pure and know the vendors (one file each; `kinds.KINDS` declares what each
needs); `store` keeps how a source is set up. The collector is the door (collect/webhooks.py).
"""

from onefold.sources.webhooks import mapped, names, store
from onefold.sources.webhooks.kinds import KINDS, Kind, Option
from onefold.sources.webhooks.model import (
    BadSignature,
    Call,
    Config,
    Delivery,
    Known,
    Mapping,
    Reading,
)
from onefold.sources.webhooks.read import Made, answer, asked, make, read, read_again, verify

__all__ = [
    "KINDS", "BadSignature", "Call", "Config", "Delivery", "Kind", "Known", "Made", "Mapping",
    "Option", "Reading", "answer", "asked", "make", "mapped", "names", "read", "read_again",
    "store", "verify",
]  # fmt: skip
