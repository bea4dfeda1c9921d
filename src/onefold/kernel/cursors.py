"""Cursors: what the next page of a list needs to know, as text that is opaque to callers."""

import base64
import binascii
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def pack(value: Any) -> str:
    """Any JSON-like value as URL-safe text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=").decode()


def unpack(cursor: str, kind: type[T]) -> T | None:
    """The inverse of `pack`; None for text that `pack` did not make of a `kind`.

    Numbers beyond 64 bits and texts with a NUL are refused: no column holds them.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        parts = msgspec.json.decode(raw)
        if not isinstance(parts, list) or not all(map(_storable, parts)):
            return None
        return msgspec.convert(parts, kind)
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        return None


def _storable(part: Any) -> bool:
    if isinstance(part, str):
        return "\0" not in part
    return not isinstance(part, int) or abs(part) < 2**63
