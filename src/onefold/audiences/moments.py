"""Times in definitions and in values: `2026-03-01`, `now`, `7d ago`, `30d ahead`. Pure.

A value is a time when it is text in ISO 8601: a date, or a date with a time of day and perhaps an
offset; without one it is UTC. Values are read to the microsecond, as DuckDB does, a moment of now
to the millisecond. `before` is less, `after` is as much or more.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from onefold.kernel import clock

# Whole text, the same for Python, RE2 and DuckDB.
PATTERN = (
    r"([1-9][0-9]{3})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,6}))?)?"
    r"(?:Z|([+-])(0[0-9]|1[0-4]):([0-5][0-9]))?)?"
)
_VALUE = re.compile(PATTERN, re.ASCII)
_OFFSET = re.compile(r"([1-9][0-9]{0,5}) ?([wdhms]) (ago|ahead)", re.ASCII)
_UNITS = {
    "w": 7 * clock.DAY_MS,
    "d": clock.DAY_MS,
    "h": clock.HOUR_MS,
    "m": clock.MINUTE_MS,
    "s": clock.SECOND_MS,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(msgspec.Struct, frozen=True):
    """A time: fixed, or `offset_ms` from now."""

    fixed_us: int | None
    offset_ms: int = 0

    @property
    def relative(self) -> bool:
        """Does it move with now?"""
        return self.fixed_us is None

    def at_us(self, now_ms: int) -> int:
        """Where it lies at `now_ms`, in microseconds."""
        return self.fixed_us if self.fixed_us is not None else (now_ms + self.offset_ms) * 1000

    def turns_ms(self, at_us: int) -> int:
        """For one that moves: the first now at which a time lies before it."""
        return at_us // 1000 - self.offset_ms + 1


@lru_cache(4096)
def read(text: str) -> Moment:
    """The moment that a text names. Raises `ValueError` when it names none."""
    if text == "now":
        return Moment(None)
    if found := _OFFSET.fullmatch(text):
        ms = int(found[1]) * _UNITS[found[2]]
        return Moment(None, -ms if found[3] == "ago" else ms)
    at = of_value(text)
    if at is None:
        raise ValueError(f"{text!r} is no moment")
    return Moment(at)


def of_value(value: Any) -> int | None:
    """A value as microseconds since 1970 UTC; None when it is no time."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    found = _VALUE.fullmatch(value)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    try:
        at = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
            int((fraction or "0").ljust(6, "0")), tzinfo=UTC,
        )  # fmt: skip
    except ValueError:
        return None
    delta = at - _EPOCH
    us = (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
    if sign:
        offset = (int(hours) * 60 + int(minutes)) * 60_000_000
        us -= offset if sign == "+" else -offset
    return us
