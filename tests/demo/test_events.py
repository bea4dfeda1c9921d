"""The generator against its own truth: what it says is planted is really in the events."""

import time
from collections import Counter, defaultdict
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import pytest

from onefold.demo.company import DAYS
from onefold.demo.events import History
from onefold.demo.items import SOURCES, Emission
from onefold.demo.stories import FAILED
from onefold.demo.truth import Truth
from onefold.kernel import clock

NOW = 1_795_000_000_000  # 2026-11-18, in the afternoon
SCALE = 0.25
CORE = frozenset(
    ("Report Viewed", "Dashboard Viewed", "Report Exported", "Filter Applied", "Report Created",
     "Comment Added", "Report Shared", "Report Scheduled", "Dashboard Created")
)  # fmt: skip


class Made(NamedTuple):
    history: History
    days: list[list[Emission]]
    truth: Truth
    seconds: float


@pytest.fixture(scope="module")
def made() -> Made:
    began = time.perf_counter()
    history = History(7, SCALE, NOW)
    days = [emissions for _, emissions in history.days()]
    return Made(history, days, history.truth(), time.perf_counter() - began)


def true_ms(emission: Emission) -> int:
    stamp = datetime.fromisoformat(emission.item["timestamp"])
    return clock.from_datetime(stamp) - emission.skew_ms


def once(made: Made) -> list[Emission]:
    """Every item, repetitions left out."""
    return list({e.item["messageId"]: e for day in made.days for e in day}.values())


def usage(made: Made) -> dict[str, Counter[int]]:
    """Core events by account and true UTC day."""
    out: dict[str, Counter[int]] = defaultdict(Counter)
    for e in once(made):
        if e.item.get("event") in CORE:
            day = (true_ms(e) - made.history.first_ms) // clock.DAY_MS
            out[e.item["context"]["groupId"]][day] += 1
    return out


def ratio(made: Made, days: Counter[int]) -> float:
    """A working day of the last 14 against an ordinary one before any story begins."""
    first = clock.to_datetime(made.history.first_ms).weekday()
    odd = {*made.truth.holiday, made.truth.outage_day}

    def mean(begin: int, end: int) -> float:
        found = [days[d] for d in range(begin, end) if (first + d) % 7 < 5 and d not in odd]
        return sum(found) / len(found)

    return mean(DAYS - 14, DAYS) / max(mean(DAYS - 44, DAYS - 20), 0.1)


# ── the frame ──────────────────────────────────────────────────────────────────────────────────


def test_the_same_seed_makes_the_same_events_and_another_others() -> None:
    def all_of(seed: int) -> bytes:
        return msgspec.json.encode([e for _, day in History(seed, 0.05, NOW).days() for e in day])

    first = all_of(3)
    assert all_of(3) == first
    assert all_of(4) != first


def test_a_company_is_the_same_whenever_it_is_made_but_its_days_move() -> None:
    later = History(7, 0.05, NOW + 7 * clock.DAY_MS)
    assert later.company == History(7, 0.05, NOW).company
    assert later.first_ms - History(7, 0.05, NOW).first_ms == 7 * clock.DAY_MS


def test_numbers_are_in_range(made: Made, record_property: Any) -> None:
    total = sum(len(day) for day in made.days)
    record_property("events_per_second", round(total / made.seconds))
    print(f"{total:,} events in {made.seconds:.1f} s: {total / made.seconds:,.0f}/s")  # noqa: T201
    assert len(made.days) == DAYS + 1
    assert 350_000 * SCALE * 0.8 < total < 450_000 * SCALE * 1.2
    assert sum(made.truth.counts[name] for name in SOURCES) == total
    for name in SOURCES:
        assert made.truth.counts[name] > 100


def test_events_arrive_in_order_on_their_day_and_never_before_they_happen(made: Made) -> None:
    for day, emissions in enumerate(made.days):
        begin = made.history.first_ms + day * clock.DAY_MS
        arrivals = [e.arrive_ms for e in emissions]
        assert arrivals == sorted(arrivals)
        assert not arrivals or (begin <= arrivals[0] and arrivals[-1] < begin + clock.DAY_MS)
        for e in emissions:
            assert made.history.first_ms <= true_ms(e) <= e.arrive_ms <= NOW


def test_items_say_who_they_are_about(made: Made) -> None:
    for e in once(made):
        item, context = e.item, e.item.get("context", {})
        match e.source:
            case "website":
                assert item["anonymousId"]
                assert "userId" not in item
            case "product":
                assert item["userId"]
            case "billing":
                assert item.get("groupId") or context["groupId"]
                assert "userId" not in item
            case "support" | "email":
                assert list(context) == ["traits"]
                assert context["traits"]["email"].endswith(".test")


def test_ids_are_unique_and_some_items_come_twice_or_late(made: Made) -> None:
    total = sum(len(day) for day in made.days)
    repeated = total - len(once(made))
    assert 0.002 < repeated / total < 0.01
    assert made.truth.counts["late"] > 20
    late = [e for e in once(made) if e.arrive_ms - true_ms(e) > clock.HOUR_MS]
    assert late
    copies: dict[str, dict[str, Any]] = {}
    for day in made.days:
        for e in day:
            assert copies.setdefault(e.item["messageId"], e.item) == e.item


def test_wrong_clocks_show_only_in_what_their_devices_send(made: Made) -> None:
    skewed = [e for e in once(made) if e.skew_ms]
    assert skewed
    assert all(e.item.get("anonymousId") for e in skewed)


def test_visits_come_before_sign_up_on_the_same_device(made: Made) -> None:
    first_page: dict[str, int] = {}
    signed_up: dict[str, int] = {}
    for e in once(made):
        device = e.item.get("anonymousId", "")
        if e.source == "website":
            first_page[device] = min(first_page.get(device, NOW), true_ms(e))
        elif e.item.get("event") == "Signed Up":
            signed_up[device] = true_ms(e)
    before = [d for d, at in signed_up.items() if first_page.get(d, NOW) < at - clock.HOUR_MS]
    assert len(signed_up) > 50
    assert len(before) > len(signed_up) * 0.8


# ── rhythm ─────────────────────────────────────────────────────────────────────────────────────


def by_day(made: Made) -> list[int]:
    out = [0] * (DAYS + 1)
    for days in usage(made).values():
        for day, n in days.items():
            out[day] += n
    return out


def test_weekends_are_quiet(made: Made) -> None:
    days = by_day(made)
    weekday = clock.to_datetime(made.history.first_ms).weekday()
    rest = [n for d, n in enumerate(days[1:DAYS], 1) if (weekday + d) % 7 > 4]
    work = [n for d, n in enumerate(days[1:DAYS], 1) if (weekday + d) % 7 < 4]
    assert sum(rest) / len(rest) < 0.3 * sum(work) / len(work)


def test_the_holiday_week_and_the_outage_are_felt_by_all(made: Made) -> None:
    days, truth = by_day(made), made.truth
    week, before = sum(days[d] for d in truth.holiday), sum(days[d - 7] for d in truth.holiday)
    assert week < 0.55 * before
    assert days[truth.outage_day] < 0.3 * days[truth.outage_day - 7]
    assert (clock.to_datetime(made.history.first_ms).weekday() + truth.outage_day) % 7 < 5


# ── stories ────────────────────────────────────────────────────────────────────────────────────


def test_accounts_that_fall_keep_a_third_at_most_and_others_keep_most(made: Made) -> None:
    counted = usage(made)
    found = {key: ratio(made, days) for key, days in counted.items() if days.total() > 800}
    falling = {f.account for f in made.truth.falling}
    fell = {key: ratio(made, counted[key]) for key in falling}
    assert all(r < 0.38 for r in fell.values()), fell
    others = sorted(r for key, r in found.items() if key not in falling)
    assert 0.85 < others[len(others) // 2] < 1.2


def test_who_and_what_fell_is_as_the_truth_says(made: Made) -> None:
    for fall in made.truth.falling:
        users: Counter[str] = Counter()
        early: Counter[str] = Counter()
        late: Counter[str] = Counter()
        for e in once(made):
            if e.source != "product" or e.item.get("context", {}).get("groupId") != fall.account:
                continue
            day = (true_ms(e) - made.history.first_ms) // clock.DAY_MS
            if fall.to_day < day <= DAYS:
                users[e.item["userId"]] += 1
                late[e.item.get("event", "")] += 1
            elif day < fall.from_day:
                early[e.item.get("event", "")] += 1
        assert not any(users[u] for u in fall.quitters)
        kept = sum(late[f] for f in fall.features) / sum(early[f] for f in fall.features)
        rest = CORE - set(fall.features)
        assert kept < sum(late[f] for f in rest) / sum(early[f] for f in rest)


def test_the_trial_goes_cold_after_a_lively_start(made: Made) -> None:
    days, trial = usage(made)[made.truth.trial.account], made.truth.trial
    lively = sum(days[d] for d in range(trial.created_day, trial.quiet_day))
    cold = sum(days[d] for d in range(trial.quiet_day + 1, DAYS + 1))
    assert lively > 40
    assert cold < 0.15 * lively


def test_exports_fail_where_the_truth_says_and_hardly_anywhere_else(made: Made) -> None:
    failure = made.truth.failure
    failed: Counter[str] = Counter()
    done: Counter[str] = Counter()
    since = made.history.first_ms + failure.from_day * clock.DAY_MS
    for e in once(made):
        if e.item.get("event") not in (FAILED, "Report Exported") or true_ms(e) < since:
            continue
        count = failed if e.item["event"] == FAILED else done
        count[e.item["context"]["groupId"]] += 1
        if e.item["event"] == FAILED:
            assert e.item["properties"]["error"] in failure.errors
            assert e.item["properties"]["request_id"]
    for account in failure.accounts:
        assert failed[account] > done[account]
    elsewhere = sum(n for key, n in failed.items() if key not in failure.accounts)
    assert elsewhere < 0.03 * sum(n for key, n in done.items() if key not in failure.accounts)


def test_the_campaign_reaches_those_it_says_and_not_the_customer(made: Made) -> None:
    campaign, customer = made.truth.campaign, made.truth.customer
    reached = {
        e.item["context"]["traits"]["email"]
        for e in once(made)
        if e.item.get("event") == "Email Delivered"
        and e.item["properties"]["campaign"] == campaign.name
    }
    assert reached == set(campaign.mailed)
    assert len(reached) > 10
    assert customer.email not in reached


def test_the_customer_has_tried_in_the_last_hours_and_nobody_answered(made: Made) -> None:
    customer = made.truth.customer
    assert customer.account in made.truth.failure.accounts
    assert customer.user_id in made.truth.members[customer.account]
    assert made.truth.emails[customer.user_id] == customer.email
    tries = [
        true_ms(e) for e in once(made)
        if e.item.get("event") == FAILED and e.item.get("userId") == customer.user_id
    ]  # fmt: skip
    assert sum(at > NOW - 4 * clock.HOUR_MS for at in tries) >= 5
    assert max(tries) > NOW - clock.HOUR_MS


def test_stories_do_not_meet_in_one_account(made: Made) -> None:
    falling = {f.account for f in made.truth.falling}
    assert not falling & set(made.truth.failure.accounts)
    assert made.truth.trial.account not in falling | set(made.truth.failure.accounts)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_small_company_has_every_story(seed: int) -> None:
    history = History(seed, 0.05, NOW)
    assert len(history.stories.falling) >= 2
    assert len(history.stories.failure.accounts) >= 2
    assert history.stories.campaign.mailed
