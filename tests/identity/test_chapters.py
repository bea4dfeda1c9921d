"""Chapters are a function of the set of log-ins, whatever order they came in."""

from hypothesis import given
from hypothesis import strategies as st

from onefold.identity import chapters
from onefold.kernel import limits

WHO = {1: (1, "user_id", "a"), 2: (1, "user_id", "b"), 3: (3, "email", "c@d.e")}


def login(at_ms: int, who: int) -> chapters.Login:
    return chapters.Login(at_ms, WHO[who], who)


logins = st.lists(st.builds(login, st.integers(1, 12), st.sampled_from(sorted(WHO))), max_size=20)


@given(logins)
def test_inserting_one_by_one_gives_the_runs_of_the_set_or_asks_for_it(
    found: list[chapters.Login],
) -> None:
    runs: list[chapters.Run] = []
    for n, one in enumerate(found):
        more = chapters.insert(runs, one)
        whole = chapters.runs_of(found[: n + 1])
        runs = whole if more is None else more
        assert runs == whole


@given(logins)
def test_in_order_of_time_nothing_needs_to_be_asked(found: list[chapters.Login]) -> None:
    runs: list[chapters.Run] = []
    for one in sorted(found):
        more = chapters.insert(runs, one)
        assert more is not None
        runs = more
    assert runs == chapters.runs_of(found)


@given(logins)
def test_every_time_is_in_one_chapter_that_of_the_last_log_in_before_it(
    found: list[chapters.Login],
) -> None:
    told = chapters.chapters(chapters.runs_of(found))
    starts = [c.start_ms for c in told]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    opening = min((one.at_ms for one in found), default=0)
    for at_ms in range(1, 14):
        before = sorted(one for one in found if one.at_ms <= max(at_ms, opening))
        who = before[-1].who if before else None
        assert told[chapters.at(starts, at_ms)].who == who


@given(logins, st.builds(login, st.integers(1, 12), st.sampled_from(sorted(WHO))))
def test_more_log_ins_never_mean_fewer_runs(
    found: list[chapters.Login], one: chapters.Login
) -> None:
    assert len(chapters.runs_of([*found, one])) >= len(chapters.runs_of(found))


def test_a_device_where_too_many_log_in_is_a_kiosk() -> None:
    def many(n: int) -> list[chapters.Run]:
        return chapters.runs_of(
            chapters.Login(i, (1, "user_id", str(i)), i) for i in range(1, n + 1)
        )

    assert not chapters.crowded(many(limits.device_users_max))
    assert chapters.crowded(many(limits.device_users_max + 1))
    turns = [login(n, 1 + n % 2) for n in range(limits.device_chapters_max + 1)]
    assert chapters.crowded(chapters.runs_of(turns))
    assert not chapters.crowded(chapters.runs_of(turns[1:]))
