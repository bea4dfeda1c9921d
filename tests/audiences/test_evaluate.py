"""The live execution: what conditions mean, and how long an answer is good for."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.audiences import (
    Definition,
    TicketState,
    compile_live,
    evaluate,
    leaves,
    parse,
    windows,
)
from tests.audiences import invent
from tests.audiences.invent import NOW, Happened, Known

DAY = 86_400_000


def _holds(where: dict[str, Any], known: Known, of: str = "person", now_ms: int = NOW) -> bool:
    definition = parse({"of": of, "where": where})
    return compile_live(definition)(invent.folded(definition, known), now_ms)[0]


def _someone(**traits: Any) -> Known:
    return Known([], traits, {}, [])


def _busy(*days_ago: float) -> Known:
    return Known([Happened("Signed In", NOW - int(d * DAY), {}) for d in days_ago], {}, {}, [])


def test_a_missing_trait_passes_is_not_and_set_false_only() -> None:
    nobody = _someone()
    for comparison in ({"is_not": "pro"}, {"set": False}):
        assert _holds({"trait": "plan", **comparison}, nobody)
    for comparison in (
        {"is": "pro"}, {"in": ["pro"]}, {"contains": "p"}, {"set": True},
        {"greater_than": 0}, {"at_least": 0}, {"less_than": 9}, {"at_most": 9},
    ):  # fmt: skip
        assert not _holds({"trait": "plan", **comparison}, nobody)


def test_several_comparisons_of_a_trait_all_hold() -> None:
    where = {"trait": "seats", "at_least": 5, "less_than": 10}
    assert [_holds(where, _someone(seats=n)) for n in (4, 5, 9, 10)] == [False, True, True, False]


def test_one_account_must_pass_all_comparisons_by_itself() -> None:
    where = {"account": {"trait": "seats", "at_least": 5, "less_than": 10}}
    assert not _holds(where, Known([], {}, {"seats": [3, 20]}, []))
    assert _holds(where, Known([], {}, {"seats": [3, 7]}, []))


def test_an_accounts_trait_that_is_not_something_needs_an_account_that_has_one() -> None:
    where = {"account": {"trait": "plan", "is_not": "pro"}}
    assert not _holds(where, Known([], {}, {}, []))
    assert not _holds(where, Known([], {}, {"plan": [None]}, []))
    assert _holds(where, Known([], {}, {"plan": ["pro", "trial"]}, []))


def test_open_tickets_are_those_not_resolved() -> None:
    where = {"any": {"tickets": {"status": "open"}}}
    for status, holds in (("open", True), ("paused", True), ("resolved", False)):
        assert _holds(where, Known([], {}, {}, [TicketState(status)])) is holds


def test_one_ticket_must_match_in_everything_asked() -> None:
    where = {"none": {"tickets": {"tag": "exports", "priority": "high"}}}
    apart = [TicketState("open", ("exports",), "low"), TicketState("open", ("billing",), "high")]
    assert _holds(where, Known([], {}, {}, apart))
    both = TicketState("open", ("billing", "exports"), "high")
    assert not _holds(where, Known([], {}, {}, [both]))


def test_a_count_falls_out_of_its_window_at_the_time_foretold() -> None:
    where = {"count": {"event": "Signed In", "within": "7d"}, "at_least": 2}
    definition = parse({"of": "person", "where": where})
    known = invent.folded(definition, _busy(6.5, 1, 0.5))
    ask = compile_live(definition)
    holds, next_ms = ask(known, NOW)
    assert holds
    assert next_ms is not None
    assert abs(next_ms - (NOW + 6 * DAY)) <= 300_000
    assert ask(known, next_ms - 1) == (True, next_ms)
    assert ask(known, next_ms) == (False, None)


def test_nothing_ever_happened_counts_as_zero() -> None:
    for window in ({}, {"within": "7d"}):
        count = {"event": "Signed In", **window}
        assert _holds({"count": count, "less_than": 3}, _someone())
        assert _holds({"count": count, "is": 0}, _someone())
        assert not _holds({"count": count, "at_least": 1}, _someone())


def test_too_few_stays_too_few_and_enough_ever_stays_enough() -> None:
    for where in (
        {"count": {"event": "Signed In", "within": "7d"}, "at_least": 9},
        {"count": {"event": "Signed In", "within": "7d"}, "less_than": 9},
        {"count": {"event": "Signed In"}, "at_least": 2},
    ):
        definition = parse({"of": "person", "where": where})
        known = invent.folded(definition, _busy(3, 2, 1))
        assert compile_live(definition)(known, NOW)[1] is None


def test_a_condition_that_fails_for_good_spares_the_clock() -> None:
    count = {"count": {"event": "Signed In", "within": "7d"}, "at_least": 1}
    where = {"all": [count, {"trait": "plan", "is": "pro"}]}
    definition = parse({"of": "person", "where": where})
    known = invent.folded(definition, _busy(1))
    assert compile_live(definition)(known, NOW) == (False, None)


def test_all_that_fails_waits_for_the_last_of_its_failing_parts() -> None:
    def fewer(window: str) -> dict[str, Any]:
        return {"count": {"event": "Signed In", "within": window}, "less_than": 1}

    definition = parse({"of": "person", "where": {"all": [fewer("2d"), fewer("5d")]}})
    known = invent.folded(definition, _busy(1))
    holds, next_ms = compile_live(definition)(known, NOW)
    assert not holds
    assert next_ms is not None
    assert abs(next_ms - (NOW + 4 * DAY)) <= 300_000


def test_an_answer_comes_with_its_reasons() -> None:
    where = {"count": {"event": "Signed In"}, "at_least": 1}
    definition = parse({"of": "person", "where": where})
    answer = evaluate(definition, invent.folded(definition, _busy(1)), NOW)
    assert answer.holds
    assert [r["text"] for r in answer.why] == ["Signed In once ever"]


def _nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(inner, min_size=2, max_size=3)
    both = st.sampled_from(("all", "any"))
    return st.one_of(st.builds(lambda k, n: {k: n}, both, several), inner.map(lambda n: {"not": n}))


ends = st.sampled_from(
    ({"at_least": 1}, {"at_least": 2}, {"less_than": 1}, {"at_most": 2}, {"is": 1}, {"is": 2})
)
counts = st.builds(
    lambda window, how: {"count": {"event": "Signed In", "within": window}, **how},
    st.sampled_from(("5s", "10s", "1m")),
    ends,
)
busy = st.lists(st.integers(-70_000, 70_000), min_size=1, max_size=6)


@settings(max_examples=500, deadline=None)
@given(st.one_of(counts, st.recursive(counts, _nested, max_leaves=4)), busy)
def test_waking_at_the_next_time_misses_no_turn(where: dict[str, Any], offsets: list[int]) -> None:
    definition: Definition = parse({"of": "person", "where": where})
    events = [Happened("Signed In", NOW + off, {}) for off in offsets]
    known = invent.folded(definition, Known(events, {}, {}, []))
    ask = compile_live(definition)
    edges = {
        (bucket + after) * 1000
        for leaf in leaves(definition)
        for bucket in known.buckets(leaf.key)
        for after in (0, windows.span(leaf.window_ms or 0))
    }
    told, wake = ask(known, NOW)
    for edge in sorted(e for e in edges if e > NOW):
        assert ask(known, edge - 1)[0] is told
        if wake is not None and wake <= edge:
            assert wake > NOW
            told, wake = ask(known, edge)
        assert ask(known, edge)[0] is told
