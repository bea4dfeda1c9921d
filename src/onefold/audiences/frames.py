"""Which facts a leaf looks at, as buckets of time: sliding, since a date, calendar, or ever. Pure.

A fact's bucket follows from its time and the leaf alone, never from when it is asked for, so that
states merge. Four kinds (`Frame.kind`):

    sliding  the last 7d, in the steps of audiences/windows.py
    since    from a date on, and `ever`: one bucket; a bucket a UTC day for accounts, whose facts
             belong to whoever was there that day
    days     the last n days of a calendar, today included
    this     the day, week, month, quarter or year of a calendar that now is in; `last`: the one
             before it

A calendar's day begins when its clocks say so, whatever daylight saving does. Its buckets are
`local day * 4 + (UTC day - local day + 1)`: a local day has facts of at most two UTC days, which
are kept apart, again because accounts need the UTC day.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from onefold.audiences import windows
from onefold.kernel import clock

Unit = Literal["day", "week", "month", "quarter", "year"]
UNITS: tuple[Unit, ...] = ("day", "week", "month", "quarter", "year")
_EPOCH = date(1970, 1, 1).toordinal()
_FAR = 1 << 60


class Frame(msgspec.Struct, frozen=True):
    """A frame as the tree keeps it; `windows.py` alone knows plain sliding ones, by their length.

    ms        sliding: how long
    step_ms   sliding: the size of a bucket where the window alone does not say it
    since_ms  since: from when on; None: ever
    n         days: how many
    unit      this, last
    zone      days, this, last: whose calendar; for since: in which the date was written
    date      since: as written
    """

    kind: Literal["sliding", "since", "days", "this", "last"]
    ms: int = 0
    step_ms: int = 0
    since_ms: int | None = None
    n: int = 0
    unit: Unit = "day"
    zone: str = "UTC"
    date: str = ""

    @property
    def calendar(self) -> bool:
        """Are its buckets days of a calendar?"""
        return self.kind in ("days", "this", "last")


EVER = Frame("since")


@lru_cache(512)
def zone_of(name: str) -> ZoneInfo:
    """The zone; raises `ValueError` or `ZoneInfoNotFoundError` for a name that is none."""
    return ZoneInfo(name)


def local_day(at_ms: int, zone: str) -> int:
    """The day of the calendar, since 1970-01-01."""
    return datetime.fromtimestamp(at_ms / 1000, zone_of(zone)).toordinal() - _EPOCH


@lru_cache(100_000)
def day_start_ms(day: int, zone: str) -> int:
    """The first instant of a day of the calendar."""
    at = datetime.combine(date.fromordinal(day + _EPOCH), datetime.min.time(), zone_of(zone))
    return clock.from_datetime(at.astimezone(UTC))


def size_ms(frame: Frame) -> int:
    """The size of a sliding frame's bucket."""
    return frame.step_ms or windows.bucket_ms(frame.ms)


def bucket_of(frame: Frame, *, by_day: bool) -> Callable[[int], int | None]:
    """From a fact's time to its bucket, None for a fact that the frame never sees.

    `by_day`: the leaf is one of accounts.
    """
    if frame.kind == "sliding":
        size = size_ms(frame)
        return lambda at_ms: at_ms // size
    if frame.calendar:
        zone = frame.zone

        def of_calendar(at_ms: int) -> int:
            local = local_day(at_ms, zone)
            return local * 4 + at_ms // clock.DAY_MS - local + 1

        return of_calendar
    since = -_FAR if frame.since_ms is None else frame.since_ms
    if by_day:
        return lambda at_ms: at_ms // clock.DAY_MS if at_ms >= since else None
    return lambda at_ms: 0 if at_ms >= since else None


def utc_day_of(frame: Frame, bucket: int) -> int:
    """The UTC day that a bucket of an account's leaf is in."""
    if frame.kind == "sliding":
        return bucket * size_ms(frame) // clock.DAY_MS
    if frame.calendar:
        return (bucket >> 2) + (bucket & 3) - 1
    return bucket


def inside(frame: Frame, now_ms: int) -> tuple[int, int]:
    """Buckets with first ≤ bucket ≤ last count at `now_ms`."""
    if frame.kind == "sliding":
        top = now_ms // size_ms(frame)
        return top - kept(frame) + 1, top
    if not frame.calendar:
        return -_FAR, _FAR
    first, end = days(frame, now_ms)
    return first * 4, end * 4 - 1


def bounds_ms(frame: Frame, now_ms: int) -> tuple[int, int]:
    """Facts with first ≤ at_ms < end count at `now_ms`; what SQL asks for."""
    if frame.kind == "sliding":
        first, last = inside(frame, now_ms)
        return first * size_ms(frame), (last + 1) * size_ms(frame)
    if not frame.calendar:
        return (-_FAR if frame.since_ms is None else frame.since_ms), _FAR
    first, end = days(frame, now_ms)
    return day_start_ms(first, frame.zone), day_start_ms(end, frame.zone)


def days(frame: Frame, now_ms: int) -> tuple[int, int]:
    """A calendar's days with first ≤ day < end."""
    today = local_day(now_ms, frame.zone)
    if frame.kind == "days":
        return today - frame.n + 1, today + 1
    first, end = _period(today, frame.unit)
    return (first, end) if frame.kind == "this" else (_period(first - 1, frame.unit)[0], first)


def _period(day: int, unit: Unit) -> tuple[int, int]:
    """First day of the unit that a day is in, and of the next one."""
    at = date.fromordinal(day + _EPOCH)
    if unit == "day":
        return day, day + 1
    if unit == "week":
        return day - at.weekday(), day - at.weekday() + 7
    months = {"month": 1, "quarter": 3, "year": 12}[unit]
    month = (at.month - 1) // months * months + 1
    after = month + months
    first = date(at.year, month, 1).toordinal() - _EPOCH
    end = date(at.year + (after > 12), after - 12 if after > 12 else after, 1).toordinal() - _EPOCH
    return first, end


def leaves_ms(frame: Frame, bucket: int, now_ms: int) -> int | None:
    """When a bucket that counts at `now_ms` no longer does; None: never."""
    if frame.kind == "sliding":
        return (bucket + kept(frame)) * size_ms(frame)
    if frame.kind == "days":
        return day_start_ms((bucket >> 2) + frame.n, frame.zone)
    if frame.calendar:
        return turns_ms(frame, now_ms)[0]
    return None


def enters_ms(frame: Frame, bucket: int) -> int:
    """When a bucket that is ahead of now begins to count, at the earliest."""
    if frame.kind == "sliding":
        return bucket * size_ms(frame)
    return day_start_ms(bucket >> 2, frame.zone)


def turns_ms(frame: Frame, now_ms: int) -> list[int]:
    """For `this` and `last`: the next two instants at which the period changes."""
    _, end = _period(local_day(now_ms, frame.zone), frame.unit)
    _, after = _period(end, frame.unit)
    return [day_start_ms(end, frame.zone), day_start_ms(after, frame.zone)]


def kept(frame: Frame) -> int:
    """How many buckets the frame spans, roughly from above; 0 when it forgets none."""
    if frame.kind == "sliding":
        return -(-frame.ms // size_ms(frame))
    if frame.kind == "days":
        return 2 * frame.n
    if frame.calendar:
        return 4 * {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}[frame.unit]
    return 0


def oldest(frame: Frame, now_ms: int) -> int:
    """The first bucket that counts from `now_ms` on."""
    if frame.kind in {"last", "this"}:
        first, _ = days(msgspec.structs.replace(frame, kind="last"), now_ms)
        return first * 4
    return inside(frame, now_ms)[0]
