"""Cursors: what the next page of a list needs to know, as text that is opaque to callers."""

import base64
import binascii
from typing import Any, TypeVar

import msgspec

from onefold.kernel import errors

T = TypeVar("T")


class After(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page of a sorted list starts: after the row with this sort value and id.

    It names the order it was made in, so that a cursor of another order is refused rather than
    answered with a page that makes no sense.
    """

    order: str
    value: str | int | float | None
    id: int


def after(cursor: str | None, order: str) -> After | None:
    """Where a page starts; None for the first. Raises `Invalid` for a cursor not of this order."""
    if cursor is None:
        return None
    found = unpack(cursor, After)
    if found is None or found.order != order:
        raise wrong()
    return found


def wrong() -> errors.Invalid:
    """The error of a cursor that is not one of the list."""
    return errors.Invalid(
        errors.Fault(
            "cursor",
            "is not one of this list in this order.",
            "Take it from `next` of the page before, and keep `sort` and filters as they were.",
        )
    )


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
