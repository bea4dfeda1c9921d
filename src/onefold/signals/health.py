"""Account health: a weighted mean of measures, with what it rests on. Pure.

    score(dimension) = Σ w·s / Σ w     over its measures that have an answer
    score(account)   = Σ W·score / Σ W over dimensions with a score
    coverage         = Σ weight present / Σ weight of all; below 0.5 there is no verdict
    band             = red < 50, yellow < 75, green from 75, with 3 points of hysteresis

docs/reference/signals.md names the models this follows.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from onefold.signals.explain import percent
from onefold.signals.usage_drop import EVENTS_MIN, Comparison

COVERAGE_MIN = 0.5
YELLOW_FROM, GREEN_FROM = 50, 75
HYSTERESIS = 3
_BANDS = ("red", "yellow", "green")


class Inputs(NamedTuple):
    """What the measures look at.

    `comparison`: usage as of today; None without any. `idle_days`: days since the last activity,
    today included; None without any. `urgent` and `high`: unresolved tickets of that priority.
    """

    comparison: Comparison | None
    idle_days: int | None
    urgent: int
    high: int


class Measure(msgspec.Struct, frozen=True):
    """One measure as data: `read` gives (value, sentence), or None when there is no answer.

    `bands` are (value, score) with rising values; between them the score is interpolated.
    """

    key: str
    dimension: str
    label: str
    weight: float
    bands: tuple[tuple[float, float], ...]
    read: Callable[[Inputs], tuple[float, str] | None]


def _trend(inputs: Inputs) -> tuple[float, str] | None:
    found = inputs.comparison
    if found is None or found.before.events < EVENTS_MIN:
        return None
    before, after = found.before.events, found.after.events
    change = after / before - 1
    if before == after:
        return 0.0, f"Core events level at {after:,} in 14 days"
    way = "up" if after > before else "down"
    return change, f"Core events {way} {percent(abs(change))} ({before:,} → {after:,}) in 14 days"


def _recency(inputs: Inputs) -> tuple[float, str] | None:
    idle = inputs.idle_days
    if idle is None:
        return None
    if idle <= 0:
        return 0.0, "Active today"
    return float(idle), f"Last active {idle} day{'s' if idle > 1 else ''} ago"


def _tickets(inputs: Inputs) -> tuple[float, str] | None:
    urgent, high = inputs.urgent, inputs.high
    if not urgent and not high:
        return 0.0, "No urgent or high tickets open"
    parts = [f"{n} {word}" for n, word in ((urgent, "urgent"), (high, "high")) if n]
    return float(2 * urgent + high), f"{' and '.join(parts)} open"


DIMENSIONS = {"adoption": 40.0, "engagement": 15.0, "support": 15.0}
MEASURES = (
    Measure(
        "core_event_trend", "adoption", "Core events, 14 days against 14", 1.0,
        ((-0.5, 0), (-0.2, 50), (-0.05, 75), (0.0, 80), (0.1, 100)), _trend,
    ),
    Measure(
        "recency", "engagement", "Days since last activity", 1.0,
        ((1, 100), (7, 80), (14, 60), (30, 25), (45, 0)), _recency,
    ),
    Measure(
        "open_tickets", "support", "Urgent and high tickets open", 1.0,
        ((0, 100), (1, 70), (2, 45), (4, 20), (6, 0)), _tickets,
    ),
)  # fmt: skip


def health(
    inputs: Inputs,
    previous_band: str | None = None,
    measures: Sequence[Measure] = MEASURES,
    dimensions: dict[str, float] = DIMENSIONS,
) -> dict[str, Any]:
    """`{"score", "band", "coverage", "text", "measures": [{"key", "label", "score", …}]}`.

    `weight` in the answer is the measure's share of all measures, 0 to 1; a measure without an
    answer has score and value None. `previous_band` is what the account had until now.
    """
    total = sum(dimensions[name] for name in {m.dimension for m in measures})
    inner = {name: sum(m.weight for m in measures if m.dimension == name) for name in dimensions}
    lines = [_line(m, inputs, dimensions[m.dimension] * m.weight / inner[m.dimension] / total)
             for m in measures]  # fmt: skip
    coverage = sum(line["weight"] for line in lines if line["score"] is not None)
    for line in lines:
        line["weight"] = round(line["weight"], 4)
    if coverage < COVERAGE_MIN:
        score, band, text = None, "unknown", "Not enough data"
    else:
        score = round(_score(measures, lines, dimensions))
        band = band_of(score, previous_band)
        worst = min((x for x in lines if x["score"] is not None), key=lambda x: x["score"])
        text = worst["text"] if worst["score"] < GREEN_FROM else "All measures are good"
    return {
        "score": score, "band": band, "coverage": round(coverage, 4), "text": text,
        "measures": lines,
    }  # fmt: skip


def band_of(score: float, previous: str | None = None) -> str:
    """The band; the previous one holds until the score is 3 points beyond its edge."""
    plain = _plain(score)
    if previous in _BANDS and previous != plain:
        towards = HYSTERESIS if _BANDS.index(previous) > _BANDS.index(plain) else -HYSTERESIS
        return _plain(score + towards) if _plain(score + towards) == previous else plain
    return plain


def interpolate(bands: Sequence[tuple[float, float]], value: float) -> float:
    """The score at `value` on the line through the bands; flat beyond its ends."""
    x0, y0 = bands[0]
    if value <= x0:
        return y0
    for x1, y1 in bands[1:]:
        if value <= x1:
            return y0 + (y1 - y0) * (value - x0) / (x1 - x0)
        x0, y0 = x1, y1
    return y0


def _plain(score: float) -> str:
    return "red" if score < YELLOW_FROM else "yellow" if score < GREEN_FROM else "green"


def _line(measure: Measure, inputs: Inputs, weight: float) -> dict[str, Any]:
    found = measure.read(inputs)
    return {
        "key": measure.key,
        "label": measure.label,
        "score": None if found is None else round(interpolate(measure.bands, found[0]), 1),
        "weight": weight,
        "value": None if found is None else round(found[0], 4),
        "text": f"{measure.label}: not enough data" if found is None else found[1],
    }


def _score(
    measures: Sequence[Measure], lines: Sequence[dict[str, Any]], dimensions: dict[str, float]
) -> float:
    sums: dict[str, tuple[float, float]] = {}
    for measure, line in zip(measures, lines, strict=True):
        if line["score"] is not None:
            scored, weights = sums.get(measure.dimension, (0.0, 0.0))
            sums[measure.dimension] = (
                scored + measure.weight * line["score"],
                weights + measure.weight,
            )
    return sum(dimensions[d] * s / w for d, (s, w) in sums.items()) / sum(
        dimensions[d] for d in sums
    )
