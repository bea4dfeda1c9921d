"""Evaluations on a real database: open, update, resolve, cool down; health."""

from collections.abc import Callable
from typing import Any

import pytest

from onefold import signals, storage
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from onefold.signals.model import Change

DAY = 20_600
Run = Callable[[int], list[Change]]


@pytest.fixture
def run(conn: storage.Connection) -> Run:
    """Evaluate at nine in the morning of a day."""
    return lambda day: signals.evaluate(conn, day * clock.DAY_MS + 9 * clock.HOUR_MS)


def team(
    world: Any,
    key: str,
    first: int,
    daily: Callable[[int, int], int],
    people: int = 4,
    until: int = DAY + 60,
) -> int:
    """An account of `people` who each make `daily(person, day)` events."""
    account: int = world.account(key, key.title())
    for n in range(people):
        person = first + n
        world.join(person, account, DAY - 80)
        fragment = world.fragment(person)
        days = {d: daily(n, d) for d in range(DAY - 80, until)}
        world.use(fragment, {d: c // 2 for d, c in days.items()}, "Report Exported")
        world.use(fragment, {d: c - c // 2 for d, c in days.items()}, "Report Viewed")
    return account


@pytest.fixture
def peers(world: Any) -> list[int]:
    return [team(world, f"peer{n}", 1000 + 10 * n, lambda _, __: 6, 2) for n in range(5)]


def dip(start: int, end: int) -> Callable[[int, int], int]:
    """Ten a day each; between, the first two stop and the others make two."""

    def daily(person: int, day: int) -> int:
        if not start <= day < end:
            return 10
        return 0 if person < 2 else 2

    return daily


def test_a_drop_opens_updates_and_resolves_and_says_why(
    conn: storage.Connection, world: Any, peers: list[int], run: Run
) -> None:
    acme = team(world, "acme", 10, dip(DAY, DAY + 16))
    actions: dict[int, Change] = {}
    for day in range(DAY - 3, DAY + 45):
        for change in run(day):
            assert change.account_id == acme
            actions[day] = change
        assert run(day) == []  # the same numbers again say nothing new
    opened = min(actions)
    # after 5 days 5/14 of 90 % are gone: 32 %, on the next day for the second time
    assert (opened, actions[opened].action, actions[opened].severity) == (
        DAY + 6,
        "opened",
        "warning",
    )
    assert actions[DAY + 8].severity == "critical"
    resolved = max(actions)
    assert actions[resolved].action == "resolved"
    assert {c.action for d, c in actions.items() if opened < d < resolved} == {"updated"}
    at_worst = actions[DAY + 14]
    assert [r["text"] for r in at_worst.reasons] == [
        "Core events fell 90 % (560 → 56) in the last 14 days",
        "2 of 4 active users stopped",
        "“Report Exported” fell 90 % (280 → 28)",
        "“Report Viewed” fell 90 % (280 → 28)",
        "Other accounts stayed level",
    ]
    assert at_worst.people == [
        {"person_id": 10, "text": "stopped; 140 events in the 14 days before"},
        {"person_id": 11, "text": "stopped; 140 events in the 14 days before"},
        {"person_id": 12, "text": "140 → 28 events"},
        {"person_id": 13, "text": "140 → 28 events"},
    ]
    assert at_worst.subject == "Find out why usage of Acme fell 90 %"
    assert actions[resolved].reasons[0]["text"].startswith("Core events are back: ")
    (row,) = signals.find(conn, SYSTEM).rows
    assert (row.status, row.outcome, row.baseline) == ("resolved", "recovered", 560)
    assert row.severity == "critical"


def test_severity_never_falls_while_open_and_firings_are_counted_by_day(
    conn: storage.Connection, world: Any, peers: list[int], run: Run
) -> None:
    team(world, "acme", 10, dip(DAY, DAY + 60))
    for day in range(DAY, DAY + 20):
        run(day)
    (row,) = signals.find(conn, SYSTEM, {"status": "open"}).rows
    assert row.severity == "critical"
    assert row.fired == 14  # DAY + 6 … DAY + 19
    assert row.evidence["as_of"] == "2026-06-15"


def test_a_holiday_of_all_opens_nothing(conn: storage.Connection, world: Any, run: Run) -> None:
    for n in range(8):
        team(world, f"a{n}", 10 * n + 10, lambda _, d: 0 if DAY <= d < DAY + 10 else 8, 2)
    for day in range(DAY, DAY + 30):
        assert run(day) == []


def test_silence_opens_with_its_own_words(
    conn: storage.Connection, world: Any, peers: list[int], run: Run
) -> None:
    acme = team(world, "acme", 10, lambda _, d: 1 if d < DAY else 0, 2)
    assert [c for d in range(DAY, DAY + 8) for c in run(d)] == []
    (change,) = run(DAY + 8)
    assert (change.account_id, change.action, change.severity) == (acme, "opened", "warning")
    assert [r["text"] for r in change.reasons] == [
        "No activity for 8 days; it used to be active every day"
    ]
    assert change.subject == "Find out why Acme went quiet"
    (row,) = signals.find(conn, SYSTEM).rows
    assert (row.reason, row.baseline) == ("quiet", 28)


def test_after_closing_there_is_a_pause_unless_it_gets_worse(
    conn: storage.Connection, world: Any, peers: list[int], run: Run
) -> None:
    mild = team(world, "mild", 10, lambda _, d: 20 if d < DAY else 12)
    grave = team(world, "grave", 20, lambda _, d: 20 if d < DAY else 13 if d < DAY + 14 else 2)
    opened: dict[int, list[int]] = {mild: [], grave: []}
    for day in range(DAY, DAY + 26):
        for change in run(day):
            if change.action == "opened":
                opened[change.account_id].append(day)
                at = day * clock.DAY_MS + 10 * clock.HOUR_MS
                signals.close(conn, SYSTEM, change.signal_id, "already_known", at)
    assert len(opened[mild]) == 1
    assert len(opened[grave]) == 2
    first, second = opened[grave]
    assert second - first < 14
    severities = [s.severity for s in signals.find(conn, SYSTEM, {"account": grave}).rows]
    assert severities == ["critical", "warning"]


def test_two_accounts_of_one_consultant_are_judged_apart(
    conn: storage.Connection, world: Any, peers: list[int], run: Run
) -> None:
    a = team(world, "a", 10, lambda _, __: 5, 2)
    b = world.account("b", "B")
    world.join(99, b, DAY - 80)
    for person in (10, 99):  # 10 is a's, and works for b by name
        fragment = world.fragment(person)
        world.use(fragment, {d: 9 if d < DAY else 0 for d in range(DAY - 80, DAY + 9)}, account=b)
    assert {c.account_id for c in run(DAY + 14)} == {b}
    assert a != b


def test_accounts_that_are_gone_from_the_table_open_nothing(
    conn: storage.Connection, world: Any, peers: list[int], run: Run
) -> None:
    for person in (5, 6):
        fragment = world.fragment(person)
        world.use(fragment, dict.fromkeys(range(DAY - 80, DAY - 14), 9), account=987_654)
    assert run(DAY) == []


def test_health_is_the_mean_of_what_is_known(
    conn: storage.Connection, world: Any, peers: list[int]
) -> None:
    empty = world.account("empty")
    falling = team(world, "falling", 10, lambda _, d: 10 if d < DAY - 14 else 5, until=DAY - 3)
    conn.execute(
        "INSERT INTO ticket (subject, priority, account_id) VALUES ('x', 'urgent', %s), "
        "('y', 'high', %s), ('z', 'low', %s)",
        (falling, falling, falling),
    )
    now = DAY * clock.DAY_MS
    found = signals.health_of(conn, now)
    assert found[empty]["band"] == "unknown"
    assert found[empty]["score"] is None
    assert found[peers[0]]["band"] == "green"
    bad = found[falling]
    assert bad["band"] == "red"
    assert [m["value"] for m in bad["measures"]] == [-0.6071, 4.0, 3.0]
    assert signals.health_of(conn, now, [falling]) == {falling: bad}
    assert signals.health_of(conn, now, []) == {}
