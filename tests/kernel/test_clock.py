"""Times, exact to the millisecond."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onefold.kernel import clock


@given(st.integers(clock.MS_MIN, clock.MS_MAX))
@example(clock.MS_MAX - 1)
@example(-1)
def test_every_millisecond_comes_back_from_datetime(at_ms: int) -> None:
    moment = clock.to_datetime(at_ms)
    assert clock.from_datetime(moment) == at_ms
    assert moment.microsecond == at_ms % 1000 * 1000


@given(st.integers())
def test_a_time_beyond_the_calendar_is_clipped(at_ms: int) -> None:
    clipped = min(max(at_ms, clock.MS_MIN), clock.MS_MAX)
    assert clock.from_datetime(clock.to_datetime(at_ms)) == clipped


@pytest.mark.parametrize(
    ("at_ms", "words"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_464_000_001, "2026-11-23T20:00:00.001Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (None, None),
    ],
)
def test_iso_is_utc_with_milliseconds(at_ms: int | None, words: str | None) -> None:
    assert clock.iso(at_ms) == words
