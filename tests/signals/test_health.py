"""Health: a weighted mean, honest about what is missing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.signals import health as rules
from onefold.signals.usage_drop import Comparison, Window


def usage(before: int, after: int) -> Comparison:
    window = Window(before, 2, 10)
    return Comparison(1, 20_000, 80, window, Window(after, 2, 10), window, 19_999, 0, 1)


def score(before: int, after: int, idle: int | None = 0, urgent: int = 0, high: int = 0) -> Any:
    return rules.health(rules.Inputs(usage(before, after), idle, urgent, high))


def test_all_good_is_a_hundred() -> None:
    found = score(100, 120)
    assert (found["score"], found["band"], found["coverage"]) == (100, "green", 1.0)
    assert found["text"] == "All measures are good"
    assert [m["weight"] for m in found["measures"]] == [0.5714, 0.2143, 0.2143]


def test_weights_are_those_of_the_dimensions() -> None:
    found = score(100, 80, idle=14, urgent=1)  # 50, 60 and 45 by the bands
    assert [m["score"] for m in found["measures"]] == [50, 60, 45]
    assert found["score"] == round((40 * 50 + 15 * 60 + 15 * 45) / 70)
    assert found["text"] == "1 urgent open"


def test_too_little_baseline_leaves_the_trend_out_and_no_verdict() -> None:
    found = score(19, 0)
    assert found["coverage"] == pytest.approx(30 / 70, abs=1e-4)
    assert (found["score"], found["band"], found["text"]) == (None, "unknown", "Not enough data")
    assert found["measures"][0]["score"] is None
    assert found["measures"][0]["text"] == "Core events, 14 days against 14: not enough data"


def test_without_any_usage_only_tickets_are_known() -> None:
    found = rules.health(rules.Inputs(None, None, 0, 0))
    assert found["coverage"] == pytest.approx(15 / 70, abs=1e-4)


@pytest.mark.parametrize(
    ("value", "previous", "wanted"),
    [
        (49, None, "red"), (50, None, "yellow"), (74, None, "yellow"), (75, None, "green"),
        (74, "green", "green"), (72, "green", "green"), (71, "green", "yellow"),
        (75, "yellow", "yellow"), (77, "yellow", "yellow"), (78, "yellow", "green"),
        (47, "yellow", "yellow"), (46, "yellow", "red"), (52, "red", "red"), (53, "red", "yellow"),
        (40, "green", "red"), (90, "red", "green"), (60, "unknown", "yellow"),
    ],
)  # fmt: skip
def test_bands_hold_three_points(value: int, previous: str | None, wanted: str) -> None:
    assert rules.band_of(value, previous) == wanted


@given(st.integers(0, 100), st.sampled_from([None, "red", "yellow", "green", "unknown"]))
def test_a_band_is_never_more_than_three_points_off(value: int, previous: str | None) -> None:
    found = rules.band_of(value, previous)
    assert found in {rules.band_of(value - 3), rules.band_of(value), rules.band_of(value + 3)}
    assert rules.band_of(value, found) == found


@given(
    st.integers(0, 500), st.integers(0, 500), st.integers(0, 500),
    st.integers(0, 90), st.integers(0, 5), st.integers(0, 5),
)  # fmt: skip
def test_less_use_and_more_trouble_never_raise_the_score(
    before: int, after: int, less: int, idle: int, urgent: int, high: int
) -> None:
    base = score(before, after, idle, urgent, high)
    if base["score"] is None:
        return
    assert 0 <= base["score"] <= 100
    assert score(before, max(after - less, 0), idle, urgent, high)["score"] <= base["score"]
    assert score(before, after, idle + 1, urgent, high)["score"] <= base["score"]
    assert score(before, after, idle, urgent + 1, high)["score"] <= base["score"]


@given(st.floats(-10, 100))
def test_interpolation_stays_within_its_bands(value: float) -> None:
    for measure in rules.MEASURES:
        scores = [s for _, s in measure.bands]
        assert min(scores) <= rules.interpolate(measure.bands, value) <= max(scores)
    assert rules.interpolate(((0, 0), (10, 100)), 5) == 50


def test_two_measures_of_a_dimension_share_its_weight() -> None:
    ones = tuple(
        rules.Measure(key, dim, key, weight, ((0, 0), (1, 100)), read)
        for key, dim, weight, read in (
            ("a", "x", 3.0, lambda _: (1.0, "a")),
            ("b", "x", 1.0, lambda _: (0.0, "b")),
            ("c", "y", 1.0, lambda _: (0.0, "c")),
        )
    )
    found = rules.health(rules.Inputs(None, None, 0, 0), None, ones, {"x": 2.0, "y": 1.0})
    assert found["score"] == round((2 * 75 + 1 * 0) / 3)
    assert [m["weight"] for m in found["measures"]] == [0.5, 0.1667, 0.3333]
