"""The sentences of a signal."""

import pytest

from onefold.signals import explain
from onefold.signals.model import Use
from onefold.signals.usage_drop import Comparison, Fall, Verdict, Window

T = 20_000


def comparison(before: Window, after: Window, last: int = T - 1, gap: float = 1) -> Comparison:
    return Comparison(1, T, 80, before, after, before, last, T - 1 - last, gap)


def texts(found: dict[str, list[dict[str, str]]]) -> list[str]:
    return [r["text"] for r in found["reasons"]]


def test_numbers_people_and_features_are_told_in_order_of_loss() -> None:
    own = comparison(Window(1_412, 3, 14), Window(156, 2, 9))
    fall = Fall("core_events", "critical", 1_412, 156, 1 - 156 / 1_412, 0.034)
    uses = [
        Use(1, "Exported", T - 20, 1_000), Use(2, "Viewed", T - 15, 402),
        Use(3, "Viewed", T - 28, 6), Use(3, "Viewed", T - 1, 6), Use(1, "Exported", T - 14, 150),
        Use(0, "Synced", T - 16, 4), Use(9, "Viewed", T - 29, 99), Use(9, "Viewed", T, 99),
    ]  # fmt: skip
    found = explain.evidence(Verdict(T, (fall,)), own, uses)
    assert texts(found) == [
        "Core events fell 88 % (1,412 → 156) in the last 14 days",
        "1 of 3 active users stopped",
        "“Exported” fell 85 % (1,000 → 150)",
        "“Viewed” fell 98 % (408 → 6)",
        "Other accounts typically fell by 3 % in the same time",
    ]
    assert [(p["person_id"], p["before"], p["after"]) for p in found["people"]] == [
        (1, 1_000, 150), (2, 402, 0),
    ]  # fmt: skip
    assert found["users"] == {"before": 3, "after": 2, "stopped": 1}
    assert found["as_of"] == "2024-10-04"


def test_silence_is_compared_with_the_two_weeks_before_it() -> None:
    own = comparison(Window(40, 2, 8), Window(0, 0, 0), last=T - 17, gap=4)
    fall = Fall("quiet", "critical", 40, 0, 1.0, 0.0)
    found = explain.evidence(Verdict(T, (fall,)), own, [Use(1, "Viewed", T - 30, 40)])
    assert texts(found) == ["No activity for 16 days; it used to be active every 4 days"]
    assert found["people"][0]["before"] == 40


@pytest.mark.parametrize(
    ("share", "wanted"),
    [(0.624, "62 %"), (0.3, "30 %"), (0.29, "29 %"), (0.999, "99 %"), (1, "100 %")],
)
def test_a_fall_is_never_overstated(share: float, wanted: str) -> None:
    assert explain.percent(share) == wanted


def test_subjects_ask_for_the_reason() -> None:
    falls = [{"reason": "core_events", "drop": 0.62}, {"reason": "active_users", "drop": 0.5}]
    for reason, wanted in (
        ("core_events", "Find out why usage of Acme fell 62 %"),
        ("active_users", "Find out why active users of Acme fell 50 %"),
        ("quiet", "Find out why Acme went quiet"),
    ):
        assert explain.subject(reason, {"falls": falls}, "Acme") == wanted
    assert (
        explain.subject("core_events", {"falls": []}, "Acme") == "Find out why usage of Acme fell"
    )
