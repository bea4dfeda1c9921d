"""The usage drop's rules on series made by hand and by dice."""

import random
from collections.abc import Callable, Iterable, Mapping
from math import exp, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.signals import AccountUsage, PersonUsage
from onefold.signals import usage_drop as rules
from onefold.signals.evaluate import Finding, judge_all

T = 20_000  # today; a Monday: 20_000 % 7 == 1 and day 4 was one
Daily = Callable[[int], int]


def account(
    number: int, people: Mapping[int, Daily], *, first: int = T - 80, last: int = T
) -> AccountUsage:
    """An account whose person `p` makes `people[p](day)` events on each day of [first, last)."""
    found = []
    for person, daily in people.items():
        days = tuple(d for d in range(first, last) if daily(d))
        if days:
            found.append(PersonUsage(person, days, tuple(daily(d) for d in days)))
    return AccountUsage(number, first, tuple(found))


def steady(n: int = 5) -> Daily:
    return lambda _: n


def falling(before: int, after: int, at: int = T - 14) -> Daily:
    return lambda day: before if day < at else after


def peers(n: int = 9, daily: Daily | None = None) -> list[AccountUsage]:
    return [account(100 + k, {1: daily or steady(), 2: daily or steady()}) for k in range(n)]


def judged(own: AccountUsage, others: Iterable[AccountUsage] = (), today: int = T) -> Finding:
    return next(f for f in judge_all([own, *others], today) if f.own.account_id == own.account_id)


def fired(own: AccountUsage, others: Iterable[AccountUsage] = (), today: int = T) -> list[str]:
    found = judged(own, others, today).today
    return [f"{f.reason}:{f.severity}" for f in found.falls] if found else []


# ── each threshold, from both sides ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        (71, []),
        (70, ["core_events:warning"]),
        (51, ["core_events:warning"]),
        (50, ["core_events:critical"]),
        (1, ["core_events:critical"]),
    ],
)
def test_thirty_percent_warns_and_fifty_is_critical(after: int, wanted: list[str]) -> None:
    own = account(1, {1: falling(100, after), 2: falling(100, after)})
    assert fired(own, peers()) == wanted


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (24, 9, []),  # 62 %, but (24 − 9) / √33 = 2.61 … of which 9 → noise stays just above
        (20, 8, []),  # 60 %: 12 / √28 = 2.27
        (20, 6, ["core_events:critical"]),  # 70 %: 14 / √26 = 2.75
        (300, 210, ["core_events:warning"]),  # 30 %: 90 / √510 = 3.99
        (60, 42, []),  # 30 %: 18 / √102 = 1.78
    ],
)
def test_a_fall_must_be_larger_than_chance(before: int, after: int, wanted: list[str]) -> None:
    if (before, after) == (24, 9):
        wanted = ["core_events:critical"] if 15 / sqrt(33) >= 2.6 else []
    own = account(1, {1: _spread(before, after), 2: lambda _: 0})
    two = account(1, {1: _spread(before - 2, after), 2: _spread(2, 0)})
    assert fired(own, peers()) == []  # one user is no baseline
    assert fired(two, peers()) == wanted


def _spread(before: int, after: int) -> Daily:
    """So many events in the 14 days before and in the last 14, on as many days as there are."""

    def daily(day: int) -> int:
        total, at = (after, day - (T - 14)) if day >= T - 14 else (before, (day - T) % 14)
        return total * (at + 1) // 14 - total * at // 14

    return daily


def test_a_baseline_needs_events_days_and_people() -> None:
    def gone(before: Daily) -> Daily:
        return lambda day: before(day) if day < T - 14 else 0

    full = {1: gone(steady(3)), 2: gone(steady(1))}
    assert fired(account(1, full), peers()) != []
    one_user = {1: gone(steady(4))}
    assert fired(account(1, one_user), peers()) == []
    two_days = {p: gone(lambda d: 50 if d % 14 < 2 else 0) for p in (1, 2)}
    assert fired(account(1, two_days), peers()) == []
    nineteen = {1: gone(_spread(17, 0)), 2: gone(_spread(2, 0))}
    assert fired(account(1, nineteen), peers()) == []


def test_an_account_is_judged_from_its_forty_second_day() -> None:
    people = {1: falling(10, 1), 2: falling(10, 1)}
    assert fired(account(1, people, first=T - 41), peers()) == []
    assert fired(account(1, people, first=T - 42), peers()) == ["core_events:critical"]


def test_active_users_are_compared_on_their_own() -> None:
    people: dict[int, Daily] = {p: falling(1, 0) for p in range(1, 19)}
    people |= {p: falling(1, 30) for p in (19, 20)}
    assert fired(account(1, people), peers()) == ["active_users:critical"]


def test_events_without_a_person_count_as_events_and_not_as_users() -> None:
    own = account(1, {0: falling(10, 0), 7: steady(1)})
    assert judged(own).own.before == rules.Window(events=154, people=1, days=14)


# ── what is not a drop ────────────────────────────────────────────────────────────────────────────


def test_weekends_cancel_out_on_every_day_of_the_week() -> None:
    def workdays(day: int) -> int:
        return 0 if (day - 4) % 7 >= 5 else 20

    own = account(1, {1: workdays, 2: workdays}, last=T + 7)
    for today in range(T, T + 7):
        assert fired(own, peers(), today) == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_a_holiday_that_all_take_alarms_nobody(share: float) -> None:
    def holiday(day: int) -> int:
        return round(20 * share) if day >= T - 10 else 20

    everyone = [account(n, {1: holiday, 2: holiday}) for n in range(1, 30)]
    for back in range(-9, 20):
        assert all(f.today is None for f in judge_all(everyone, T + min(back, 0)))


def test_an_outage_of_two_weeks_alarms_nobody() -> None:
    everyone = [account(n, {1: falling(20, 0), 2: falling(20, 0)}) for n in range(1, 30)]
    assert all(f.today is None for f in judge_all(everyone, T))


def test_who_falls_more_than_the_holiday_is_still_seen() -> None:
    others = peers(daily=falling(20, 14))  # 30 % for all
    assert fired(account(1, {1: falling(20, 11), 2: falling(20, 11)}), others) == []  # 45 %
    assert fired(account(1, {1: falling(20, 9), 2: falling(20, 9)}), others) != []  # 55 %


def test_the_margin_over_peers_is_twenty_points_exactly() -> None:
    others = peers(daily=falling(10, 7))
    assert fired(account(1, {1: falling(10, 5), 2: falling(10, 5)}), others) != []
    assert fired(account(1, {1: falling(100, 51), 2: falling(100, 51)}), others) == []


def test_an_account_is_not_its_own_peer() -> None:
    own = account(1, {1: falling(20, 2), 2: falling(20, 2)})
    assert fired(own) == ["core_events:critical"]
    assert fired(own, peers(1)) == ["core_events:critical"]


# ── silence ───────────────────────────────────────────────────────────────────────────────────────


def test_a_week_of_silence_is_seen_before_the_half_is_gone() -> None:
    own = account(1, {1: steady(2), 2: steady(2)}, last=T - 6)
    assert fired(own, peers()) == []
    own = account(1, {1: steady(2), 2: steady(2)}, last=T - 7)
    assert "quiet:warning" in fired(own, peers())
    own = account(1, {1: steady(2), 2: steady(2)}, last=T - 14)
    assert fired(own, peers()) == ["core_events:critical", "quiet:critical"]


def test_who_comes_rarely_is_given_three_times_the_usual_distance() -> None:
    def every_fourth(day: int) -> int:
        return 20 if day % 4 == 0 else 0

    own = account(1, {1: every_fourth, 2: every_fourth}, last=T - 11)
    assert judged(own).own.gap_days == 4
    last = judged(own).own.last_day
    quiet = [d for d in range(1, 20) if "quiet" in str(fired(own, peers(), last + 1 + d))]
    assert quiet[0] == 12


def test_silence_of_half_of_the_others_is_a_holiday() -> None:
    own = account(1, {1: steady(2), 2: steady(2)}, last=T - 8)
    silent = [account(50 + n, {1: steady(), 2: steady()}, last=T - 8) for n in range(4)]
    assert "quiet:warning" in fired(own, [*silent, *peers(5)])
    assert "quiet" not in str(fired(own, [*silent, *peers(4)]))


# ── opening and resolving ─────────────────────────────────────────────────────────────────────────


def test_a_signal_opens_on_the_second_day_in_a_row() -> None:
    own = account(1, {1: falling(10, 0, T - 5), 2: falling(10, 0, T - 5)}, last=T + 20)
    days = [d for d in range(T - 10, T + 10) if fired(own, peers(), d)]
    opening = [d for d in range(T - 10, T + 10) if judged(own, peers(), d).opening]
    assert opening == days[1:]
    assert days == list(range(days[0], T + 9 + 1))


def test_different_tests_on_two_days_do_not_open() -> None:
    today = rules.Verdict(T, (rules.Fall("quiet", "warning", 20, 0, 1.0, 0.0),))
    yesterday = rules.Verdict(T - 1, (rules.Fall("active_users", "warning", 20, 8, 0.6, 0.0),))
    assert rules.opens(today, yesterday) is None
    assert rules.opens(today, None) is None
    assert rules.opens(None, today) is None
    both = rules.Verdict(T, (*yesterday.falls, *today.falls))
    assert rules.opens(both, yesterday) == rules.Verdict(T, yesterday.falls)


@pytest.mark.parametrize(("after", "wanted"), [(84, False), (85, True), (200, True)])
def test_it_is_over_at_eighty_five_percent_of_the_frozen_baseline(after: int, wanted: bool) -> None:
    found = judged(account(1, {1: falling(30, after), 2: falling(30, after)}))
    assert rules.recovered("core_events", 2 * 14 * 100, found.own) is wanted
    assert rules.recovered("quiet", 2 * 14 * 100, found.own) is wanted


# ── properties ────────────────────────────────────────────────────────────────────────────────────

series = st.dictionaries(st.integers(T - 60, T + 3), st.integers(1, 50), max_size=40)
usages = st.lists(series, max_size=4).map(
    lambda people: AccountUsage(
        1,
        T - 60,
        tuple(
            PersonUsage(n, tuple(sorted(s)), tuple(s[d] for d in sorted(s)))
            for n, s in enumerate(people)
            if s
        ),
    )
)


@given(usages)
def test_windows_count_what_a_naive_loop_counts(usage: AccountUsage) -> None:
    found = rules.compare(usage, T)
    for got, since in ((found.before, T - 28), (found.after, T - 14)):
        rows = [
            (p.person_id, d, n)
            for p in usage.people
            for d, n in zip(p.days, p.counts, strict=True)
            if since <= d < since + 14
        ]
        assert got.events == sum(n for _, _, n in rows)
        assert got.people == len({p for p, _, _ in rows if p})
        assert got.days == len({d for _, d, _ in rows})


@given(usages, st.integers(T, T + 3))
def test_what_happens_today_and_later_changes_nothing(usage: AccountUsage, day: int) -> None:
    later = PersonUsage(99, (day,), (1_000,))
    more = AccountUsage(1, usage.first_day, (*usage.people, later))
    assert rules.compare(more, T) == rules.compare(usage, T)


@given(st.lists(usages, max_size=8))
def test_each_is_judged_against_the_median_of_the_others(found: list[AccountUsage]) -> None:
    numbered = [AccountUsage(n, u.first_day, u.people) for n, u in enumerate(found)]
    compared = [rules.compare(u, T) for u in numbered]
    all_peers = rules.Peers(compared)
    for own in compared:
        others = [c for c in compared if c is not own and c.comparable]
        drops = [rules.drop(c.before.events, c.after.events) for c in others]
        assert all_peers.median_drop("core_events", own) == rules.median_drop(drops)
        share = sum(c.silent_days >= 7 for c in others) / len(others) if others else 0.0
        assert all_peers.silent_share(own) == share


# ── false alarms ──────────────────────────────────────────────────────────────────────────────────


def _poisson(dice: random.Random, mean: float) -> int:
    floor, n, p = exp(-mean), 0, dice.random()
    while p > floor:
        n, p = n + 1, p * dice.random()
    return n


def test_of_a_thousand_stable_accounts_fewer_than_half_a_percent_open() -> None:
    """Stable: Poisson events each workday, at a rate of each person's own, no trend at all."""
    dice = random.Random(42)
    accounts = []
    for number in range(1_000):
        people = []
        for person in range(1, dice.randint(2, 12)):
            rate = dice.choice((0.3, 1.0, 3.0, 8.0))
            counts = {d: _poisson(dice, rate) for d in range(T - 60, T) if (d - 4) % 7 < 5}
            used = {d: n for d, n in counts.items() if n}
            people.append(PersonUsage(person, tuple(used), tuple(used.values())))
        accounts.append(AccountUsage(number, T - 60, tuple(p for p in people if p.days)))
    findings = judge_all(accounts, T)
    judged_at_all = sum(f.own.comparable for f in findings)
    opened = sum(f.opening is not None for f in findings)
    assert judged_at_all > 800
    assert opened <= 5
