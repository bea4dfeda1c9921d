"""Schedules: their forms and their next time."""

import pytest

from onefold.kernel import clock, errors, schedule

NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z


@pytest.mark.parametrize(
    ("text", "normal", "minutes"),
    [
        ("every 15m", "every 15m", 15),
        (" Every  2 hours ", "every 2h", 120),
        ("every 1 day", "every 1d", 1440),
        ("0 3 * * *", "0 3 * * *", 15 * 60),
        ("*/5 * * * *", "*/5 * * * *", 5),
    ],
)
def test_a_schedule_names_its_next_time(text: str, normal: str, minutes: int) -> None:
    parsed = schedule.parse(text)
    assert parsed == normal
    assert schedule.next_ms(parsed, NOON) == NOON + minutes * clock.MINUTE_MS
    assert schedule.parse(parsed) == parsed


def test_none_is_a_schedule() -> None:
    assert schedule.next_ms(schedule.parse("  "), NOON) is None


@pytest.mark.parametrize("text", ["every 0m", "hourly", "* * *", "61 * * * *", "every 5 s"])
def test_nonsense_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(errors.Invalid, match="every 15m"):
        schedule.parse(text)
