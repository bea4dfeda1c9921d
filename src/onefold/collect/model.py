"""What passes through the collector."""

import asyncio

import msgspec

from onefold import log
from onefold.kernel import errors, limits
from onefold.sources import Source


class Parsed(msgspec.Struct, frozen=True):
    """A body, read one level deep.

    envelope   JSON for the log row, as log.model describes it; empty when there are no items
    items      how many are in it
    wrapped    how many of those only a wrapper could hold (envelope.py)
    write_key  the body's own `writeKey`, if it has one that is text
    """

    envelope: bytes
    items: int
    wrapped: int
    write_key: str | None


class Entry:
    """A request on its way into the log. Mutable: the committer moves it along.

    `held` resolves to None once the row is durable, or to the error that the sender gets.
    `deadline` is in the event loop's seconds. `seq` is the row's number once `held` says so.
    """

    __slots__ = (
        "_row",
        "deadline",
        "envelope",
        "held",
        "items",
        "received_ms",
        "seq",
        "size",
        "source",
    )

    def __init__(
        self,
        source: Source,
        parsed: Parsed,
        received_ms: int,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.source = source
        self.envelope = parsed.envelope
        self.items = parsed.items
        self.size = len(parsed.envelope)
        self.received_ms = received_ms
        self.seq = 0
        self.deadline = loop.time() + limits.collect_wait_s_max
        self.held: asyncio.Future[errors.Unavailable | None] = loop.create_future()
        self._row: log.Row | None = None

    def row(self) -> log.Row:
        """The log row; compressed once, by whoever asks first (the committer's thread)."""
        if self._row is None:
            self._row = log.Row(
                source_id=self.source.id,
                category=self.source.category,
                received_ms=self.received_ms,
                items=self.items,
                body=log.pack(self.envelope),
            )
            self.envelope = b""
        return self._row
