"""Windows over buckets: how often did a leaf's events happen lately, and until when is that so?

A leaf's state is a dictionary of buckets, `at_ms // size → n`. The size follows from the window
alone, never from the time asked at, so that states merge by adding: up to 2 h it is a second, to a
day 10 s, to 31 days 5 minutes, beyond that an hour. The window is rounded up to whole buckets and
half-open: at `now` the buckets b with now // size − window/size < b ≤ now // size count. SQL uses
the same bounds (audiences/frames.py). Other windows are there too. All pure.
"""

import re
from collections.abc import Mapping
from math import inf

from onefold.audiences.values import Test
from onefold.kernel import clock

Buckets = Mapping[int, int]

_SIZES = (
    (2 * clock.HOUR_MS, clock.SECOND_MS),
    (clock.DAY_MS, 10 * clock.SECOND_MS),
    (31 * clock.DAY_MS, 5 * clock.MINUTE_MS),
)
UNITS = {
    "w": 7 * clock.DAY_MS,
    "d": clock.DAY_MS,
    "h": clock.HOUR_MS,
    "m": clock.MINUTE_MS,
    "s": clock.SECOND_MS,
}
_TEXT = re.compile(r"([1-9][0-9]{0,8}) ?([wdhms])", re.ASCII)


def parse_window(text: str) -> int | None:
    """`7d` in milliseconds; None when it is not a whole number with a unit w, d, h, m or s."""
    found = _TEXT.fullmatch(text)
    return int(found[1]) * UNITS[found[2]] if found else None


def window_text(window_ms: int) -> str:
    """The shortest text without weeks: `7d`, `36h`, `90s`."""
    for unit, ms in UNITS.items():
        if unit != "w" and window_ms % ms == 0:
            return f"{window_ms // ms}{unit}"
    raise ValueError(f"a window of {window_ms} ms is not in whole seconds")


def bucket_ms(window_ms: int) -> int:
    """The size of a bucket."""
    for up_to, size in _SIZES:
        if window_ms <= up_to:
            return size
    return clock.HOUR_MS


def span(window_ms: int) -> int:
    """How many buckets a window has, rounded up."""
    return -(-window_ms // bucket_ms(window_ms))


def count(buckets: Buckets, window_ms: int, now_ms: int) -> int:
    """How many events are within the window at `now_ms`."""
    top = now_ms // bucket_ms(window_ms)
    low = top - span(window_ms)
    return sum(n for b, n in buckets.items() if low < b <= top)


def limits_of(tests: tuple[Test, ...]) -> tuple[int, int | None]:
    """The tests of a count as one range, both ends included: (lowest, highest or None)."""
    low, high = 0, None
    for test in tests:
        n = int(test.value)
        if test.op in ("is", "at_least", "greater_than"):
            low = max(low, n + (test.op == "greater_than"))
        if test.op in ("is", "at_most", "less_than"):
            top = n - (test.op == "less_than")
            high = top if high is None else min(high, top)
    return low, high


def next_flip(
    buckets: Buckets, window_ms: int, now_ms: int, low: int, high: int | None
) -> int | None:
    """When `low ≤ count ≤ high` next turns, if nothing more happens; None when it never does.

    Buckets leave the window as time passes; those ahead of `now_ms` (a clock ran fast) enter first.
    """
    size, keep = bucket_ms(window_ms), span(window_ms)
    top = now_ms // size
    near = sorted(b for b in buckets if b > top - keep)
    ends = inf if high is None else high
    if not near or near[-1] <= top:  # all of them inside: they leave one by one, oldest first
        n = sum(buckets[b] for b in near)
        holds = low <= n <= ends
        for bucket in near:
            n -= buckets[bucket]
            if (low <= n <= ends) is not holds:
                return (bucket + keep) * size
        return None
    n = sum(buckets[b] for b in near if b <= top)
    holds = low <= n <= ends
    steps: dict[int, int] = {}
    for bucket in near:
        steps[bucket + keep] = steps.get(bucket + keep, 0) - buckets[bucket]
        if bucket > top:
            steps[bucket] = steps.get(bucket, 0) + buckets[bucket]
    for at in sorted(steps):
        n += steps[at]
        if (low <= n <= ends) is not holds:
            return at * size
    return None
