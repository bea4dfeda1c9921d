"""What a log row holds.

The body is zstd over JSON: an envelope as the Segment spec has it,
`{"batch": [item, …], "sentAt"?, "context"?, "integrations"?, "type"?}`. `type` is the kind for
items that carry none (they came by `/v1/track` and its like). Items are kept byte for byte. A
webhook's items are made of its body, so the row keeps that as well: `"webhook": {kind, headers,
body}` (`body_base64` when it is no text). `times` is the rule that tells when its items happened
(governance/admit.py); rows from before there was a second one have none.
"""

import base64
import threading
from functools import cache
from typing import Any

import msgspec
import zstandard

TIMES = 2  # the rule of time that new rows go by; 1 is that of rows that name none


class Row(msgspec.Struct, frozen=True):
    """A row of the log. `seq` is 0 until it is appended; `body` is packed."""

    source_id: int
    category: str
    received_ms: int
    items: int
    body: bytes
    seq: int = 0


class Envelope(msgspec.Struct):
    """A row's body, decoded one level deep: items stay bytes.

    Envelope fields of the wrong type are the sender's fault and are treated as absent, so that no
    item is lost over them; hence `Any`.
    """

    batch: list[msgspec.Raw]
    sentAt: Any = None
    context: Any = None
    integrations: Any = None
    type: Any = None
    webhook: Any = None
    times: Any = None  # never a sender's: which rule of time holds for the row
    accepted: Any = None  # never a sender's: people let these in against the tracking plan


_envelope = msgspec.json.Decoder(Envelope)


def pack(envelope: bytes) -> bytes:
    """Compress an envelope's JSON for a row's body."""
    return _codecs().compressor.compress(envelope)


def unpack(body: bytes) -> Envelope:
    """Decode a row's body. Items are `msgspec.Raw` over the decompressed buffer."""
    return _envelope.decode(_codecs().decompressor.decompress(body))


def webhook_of(envelope: Envelope) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a webhook's delivery; empty for any other row."""
    kept = envelope.webhook if isinstance(envelope.webhook, dict) else {}
    if "body_base64" in kept:
        return kept["headers"], base64.b64decode(kept["body_base64"])
    return kept.get("headers", {}), kept.get("body", "").encode()


class _Codecs(threading.local):
    """One compressor a thread: making one costs more than compressing a small request."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=1)
        self.decompressor = zstandard.ZstdDecompressor()


@cache
def _codecs() -> _Codecs:
    return _Codecs()
