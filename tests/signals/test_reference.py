"""docs/reference/signals.md gives the numbers that the rules use."""

from pathlib import Path

from onefold.signals import OUTCOMES, health
from onefold.signals import usage_drop as rules
from onefold.signals.model import REASONS

DOC = (Path(__file__).parents[2] / "docs/reference/signals.md").read_text(encoding="utf-8")


PHRASES = (
    f"the last {rules.WINDOW_DAYS} complete days",
    f"at least {rules.AGE_DAYS_MIN} days ago",
    f"{rules.EVENTS_MIN} events, {rules.DAYS_MIN} active days, {rules.PEOPLE_MIN} active users",
    f"warning from {rules.WARNING_PERCENT} %, critical from {rules.CRITICAL_PERCENT} %",
    f"≥ {rules.NOISE_MIN}",
    f"≥ {rules.PEERS_MARGIN * 100:.0f} points",
    f"for {rules.QUIET_DAYS_MIN} complete days and for {rules.QUIET_GAPS} ×",
    f"at least {rules.RECOVERED_PERCENT} % of the baseline",
    f"{rules.COOLDOWN_DAYS} days of pause",
    f"red below {health.YELLOW_FROM}, yellow below {health.GREEN_FROM}",
    f"{health.HYSTERESIS} points beyond",
    f"a coverage of {health.COVERAGE_MIN}",
)


def test_thresholds_and_words_are_those_of_the_rules() -> None:
    assert [p for p in PHRASES if p not in DOC] == []
    assert {w for w in (*REASONS, *OUTCOMES) if f"`{w}`" not in DOC} == set()


def test_measures_are_listed_with_dimension_weight_and_points() -> None:
    for measure in health.MEASURES:
        (row,) = [line for line in DOC.splitlines() if line.startswith(f"| `{measure.key}`")]
        assert f"| {measure.dimension}, {health.DIMENSIONS[measure.dimension]:.0f} |" in row
        scores = [f"{score:.0f}" for _, score in measure.bands]
        assert [part.split(";")[0].split()[-1] for part in row.split("|")[3].split("·")] == scores
