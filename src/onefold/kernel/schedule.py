"""When something repeats: `every 15m`, `every 2h`, `every 1d`, or a cron line in UTC.

`parse` gives the schedule in its normal form or says what is wrong; `next_ms` is pure.
"""

import re
from datetime import datetime

from croniter import croniter

from onefold.kernel import clock, errors

_EVERY = re.compile(r"every\s+(\d{1,5})\s*(m|min|minutes?|h|hours?|d|days?)", re.ASCII)
_UNITS = {"m": clock.MINUTE_MS, "h": clock.HOUR_MS, "d": clock.DAY_MS}
_CRON_FIELDS = 5


def parse(text: str, field: str = "schedule") -> str:
    """The normal form of a schedule; empty for none. Raises `Invalid` naming `field`."""
    clean = " ".join(text.split()).lower()
    if not clean:
        return ""
    found = _EVERY.fullmatch(clean)
    if found and int(found[1]) > 0:
        return f"every {int(found[1])}{found[2][0]}"
    if found is None and len(clean.split()) == _CRON_FIELDS and croniter.is_valid(clean):
        return clean
    raise errors.Invalid(
        errors.Fault(
            field,
            f"`{text[:80]}` is no schedule.",
            "Write `every 15m`, `every 2h`, `every 1d`, or five cron fields such as `0 3 * * *`.",
        )
    )


def next_ms(schedule: str, after_ms: int) -> int | None:
    """The first time after `after_ms` (UTC) that the schedule names; None without a schedule."""
    if not schedule:
        return None
    found = _EVERY.fullmatch(schedule)
    if found:
        return after_ms + int(found[1]) * _UNITS[found[2][0]]
    after = clock.to_datetime(after_ms)
    following: datetime = croniter(schedule, after).get_next(datetime)
    return clock.from_datetime(following)
