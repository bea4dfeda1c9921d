"""Where time and randomness enter.

Everything below the doors takes the time as an argument, in milliseconds since 1970 UTC
(`at_ms`), so that a simulator can hold the clock. Only this module may ask the machine.
"""

import secrets
import time
from datetime import UTC, datetime, timedelta

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
SECOND_MS = 1_000


def now_ms() -> int:
    """The wall clock in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def token(prefix: str, bytes_n: int = 24) -> str:
    """A new secret, URL-safe, readable by its prefix: `of_live_…`."""
    return f"{prefix}{secrets.token_urlsafe(bytes_n)}"


def to_datetime(at_ms: int) -> datetime:
    """An aware UTC datetime, clipped to what `datetime` can hold."""
    return _EPOCH + timedelta(milliseconds=min(max(at_ms, MS_MIN), MS_MAX))


def from_datetime(value: datetime) -> int:
    """Milliseconds since 1970 UTC; a naive value is taken as UTC."""
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    delta = value - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def iso(at_ms: int | None) -> str | None:
    """ISO 8601 in UTC with milliseconds (`2026-11-23T20:00:00.000Z`), or None."""
    if at_ms is None:
        return None
    return to_datetime(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day_of(at_ms: int) -> int:
    """Days since 1970-01-01 UTC."""
    return at_ms // DAY_MS


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS_MIN = -62_135_596_800_000  # 0001-01-01
MS_MAX = 253_402_300_799_000  # 9999-12-31
