"""Who entered and left audiences, in order, from any point on: what the event stream is made of."""

from onefold.record.feed.reads import Move, audiences, head, read

__all__ = ["Move", "audiences", "head", "read"]
