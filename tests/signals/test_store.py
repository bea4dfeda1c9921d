"""Reading usage: the account of a person on a day, as SQL and as a naive loop."""

from collections import defaultdict
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold import signals, storage

DAY = 20_600

Uses = dict[tuple[int, int, int], int]  # (account, person, day) → n


def flat(conn: storage.Connection, accounts: list[int] | None = None) -> Uses:
    out: Uses = {}
    for usage in signals.usage_of(conn, DAY - 30, DAY, accounts):
        for person in usage.people:
            assert list(person.days) == sorted(set(person.days))
            for day, n in zip(person.days, person.counts, strict=True):
                out[usage.account_id, person.person_id, day] = n
    return out


def test_a_mover_leaves_history_behind_and_the_first_account_takes_what_was_before(
    conn: storage.Connection, world: Any
) -> None:
    a, b = world.account("a"), world.account("b")
    world.join(7, a, DAY - 20.5)
    world.join(7, b, DAY - 10 + 0.99)  # late on that day: the day is b's
    fragment = world.fragment(7)
    world.use(fragment, dict.fromkeys((DAY - 25, DAY - 11, DAY - 10, DAY), 2))
    assert flat(conn) == {
        (a, 7, DAY - 25): 2, (a, 7, DAY - 11): 2, (b, 7, DAY - 10): 2, (b, 7, DAY): 2,
    }  # fmt: skip


def test_a_named_account_counts_there_whatever_the_membership(
    conn: storage.Connection, world: Any
) -> None:
    a, b = world.account("a"), world.account("b")
    world.join(7, a)
    fragment = world.fragment(7)
    world.use(fragment, {DAY: 3})
    world.use(fragment, {DAY: 5}, account=b)
    world.use(fragment, {DAY: 1}, event="Report Exported", account=b)
    world.use(world.fragment(0), {DAY: 9}, account=b)
    assert flat(conn) == {(a, 7, DAY): 3, (b, 7, DAY): 6, (b, 0, DAY): 9}


def test_fragments_of_one_person_are_one_person(conn: storage.Connection, world: Any) -> None:
    a = world.account("a")
    world.join(7, a)
    for _ in range(2):
        world.use(world.fragment(7), {DAY: 3})
    world.use(world.fragment(8), {DAY: 3})  # in no account
    assert flat(conn) == {(a, 7, DAY): 6}


def test_first_seen_is_the_first_join_or_the_first_use(
    conn: storage.Connection, world: Any
) -> None:
    a, b = world.account("a"), world.account("b")
    world.join(1, a, DAY - 200)
    world.join(2, b, DAY - 2)
    for person in (1, 2):
        world.use(world.fragment(person), {DAY - 5: 1})
    found = {u.account_id: u.first_day for u in signals.usage_of(conn, DAY - 30, DAY)}
    assert found == {a: DAY - 200, b: DAY - 5}


joins = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 3), st.integers(DAY - 12, DAY + 1)), max_size=10
)
uses = st.lists(
    st.tuples(st.integers(0, 4), st.integers(-1, 3), st.integers(DAY - 12, DAY), st.integers(1, 9)),
    max_size=25,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(joined=joins, used=uses)
def test_sql_gives_each_day_to_the_account_a_naive_loop_gives_it(
    conn: storage.Connection, world: Any, joined: list[tuple[int, int, int]], used: list[Any]
) -> None:
    conn.rollback()
    world = type(world)(conn)
    accounts = [world.account(f"k{n}") for n in range(4)]
    since: dict[int, dict[int, int]] = defaultdict(dict)
    for person, at, day in joined:
        since[person].setdefault(accounts[at], day)
    for person, found in since.items():
        for account, day in found.items():
            world.join(person, account, day)
    fragments = {person: world.fragment(person) for person in range(5)}
    rows: dict[tuple[int, int], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    wanted: Uses = defaultdict(int)
    for person, at, day, n in used:
        rows[person, accounts[at] if at >= 0 else 0][day] += n
        if at >= 0:
            wanted[accounts[at], person, day] += n
        elif person and since[person]:
            order = sorted((d, a) for a, d in since[person].items())
            latest = [a for d, a in order if d <= day]
            first = max(a for d, a in order if d == order[0][0])
            wanted[latest[-1] if latest else first, person, day] += n
    for (person, account), days in rows.items():
        world.use(fragments[person], days, account=account)
    assert flat(conn) == wanted
    for account in accounts:
        assert flat(conn, [account]) == {k: n for k, n in wanted.items() if k[0] == account}
