"""Buckets: sizes, bounds, counting, and when a count next turns."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.audiences import frames, windows
from onefold.audiences.frames import Frame

DAY = 86_400_000
window_sizes = st.one_of(st.integers(1, 10_000), st.integers(1, 400 * 86_400)).map(
    lambda s: s * 1000
)
instants = st.integers(-(10**12), 4 * 10**12)


@pytest.mark.parametrize(
    ("text", "ms"),
    [("30s", 30_000), ("15m", 900_000), ("12h", DAY // 2), ("7d", 7 * DAY), ("4w", 28 * DAY)],
)
def test_a_window_is_a_number_and_a_unit(text: str, ms: int) -> None:
    assert windows.parse_window(text) == ms


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "1.5d", "7 days", "٣d", "7d "])
def test_anything_else_is_no_window(text: str) -> None:
    assert windows.parse_window(text) is None


@given(window_sizes)
def test_a_window_is_written_as_it_is_read(ms: int) -> None:
    assert windows.parse_window(windows.window_text(ms)) == ms


@pytest.mark.parametrize(
    ("window", "size"),
    [("1s", 1), ("2h", 1), ("121m", 10), ("1d", 10), ("25h", 300), ("31d", 300), ("32d", 3600)],
)
def test_the_bucket_follows_from_the_window_alone(window: str, size: int) -> None:
    assert windows.bucket_ms(windows.parse_window(window) or 0) == size * 1000


@given(window_sizes)
def test_a_leaf_keeps_a_bounded_number_of_buckets(window_ms: int) -> None:
    assert windows.span(window_ms) <= 9_600


@given(window_sizes, instants)
def test_the_bounds_are_as_long_as_the_window_in_whole_buckets(window_ms: int, now: int) -> None:
    first, end = frames.bounds_ms(Frame("sliding", ms=window_ms), now)
    size = windows.bucket_ms(window_ms)
    assert first % size == end % size == 0
    assert window_ms <= end - first < window_ms + size
    assert now < end <= now + size


@given(window_sizes, instants, st.lists(st.integers(-3, 3), max_size=8), st.data())
def test_counting_buckets_is_counting_the_facts_within_the_bounds(
    window_ms: int, now: int, steps: list[int], data: st.DataObject
) -> None:
    size = windows.bucket_ms(window_ms)
    edges = st.sampled_from((now, now - window_ms, now + size))
    times = [data.draw(edges) + step * size + step for step in steps]
    buckets = Counter(t // size for t in times)
    first, end = frames.bounds_ms(Frame("sliding", ms=window_ms), now)
    assert windows.count(buckets, window_ms, now) == sum(first <= t < end for t in times)


@settings(deadline=None)
@given(
    st.dictionaries(st.integers(-15, 15), st.integers(1, 3), max_size=8),
    st.integers(0, 5),
    st.one_of(st.none(), st.integers(0, 6)),
    st.integers(0, 9_999),
)
def test_the_next_flip_is_the_first_moment_the_answer_differs(
    buckets: dict[int, int], low: int, high: int | None, now: int
) -> None:
    window_ms = 5_000

    def holds(at_ms: int) -> bool:
        n = windows.count(buckets, window_ms, at_ms)
        return low <= n and (high is None or n <= high)

    turns = [s * 1000 for s in range(now // 1000 + 1, 30) if holds(s * 1000) != holds(now)]
    found = windows.next_flip(buckets, window_ms, now, low, high)
    assert found == (turns[0] if turns else None)
