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
from onefold.sources.webhooks.presets import PRESETS
from onefold.sources.webhooks.preview import Outcome, preview
from onefold.sources.webhooks.read import Made, answer, asked, make, read, read_again, verify
from onefold.sources.webhooks.reread import Reread, reread
from onefold.sources.webhooks.setup import config_of

__all__ = [
    "KINDS", "PRESETS", "BadSignature", "Call", "Config", "Delivery", "Kind", "Known", "Made",
    "Mapping", "Option", "Outcome", "Reading", "Reread", "answer", "asked", "config_of", "make",
    "mapped", "names", "preview", "read", "read_again", "reread", "store", "verify",
]  # fmt: skip
