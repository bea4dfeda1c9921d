"""Why: the conditions that decide, and what is so."""

from typing import Any

import msgspec
from hypothesis import given, settings

from onefold.audiences import Definition, TicketState, compile_live, explain, parse
from onefold.kernel import limits
from tests.audiences import invent
from tests.audiences.invent import NOW, Happened, Known


def _why(where: dict[str, Any], known: Known) -> list[str]:
    definition = parse({"of": "person", "where": where})
    return [r["text"] for r in explain(definition, invent.folded(definition, known), NOW)]


@settings(max_examples=100, deadline=None)
@given(invent.definitions, invent.subjects, invent.moments)
def test_reasons_can_be_stored_and_agree_with_the_answer(
    definition: Definition, known: Known, now_ms: int
) -> None:
    invent.folded(definition, known)
    why = explain(definition, known, now_ms)
    assert 0 < len(why) <= limits.why_reasons_max
    msgspec.json.encode(why)
    if definition.where.__struct_config__.tag in ("trait", "account", "count", "tickets"):
        assert [r["holds"] for r in why] == [compile_live(definition)(known, now_ms)[0]]


def test_what_holds_and_what_fails_is_said_in_words() -> None:
    events = [Happened("Report Exported", NOW, {"format": "pdf"}) for _ in range(2)]
    known = Known(events, {"plan": "pro"}, {"plan": ["trial"]}, [TicketState("open", ("exports",))])
    where = {
        "all": [
            {"trait": "plan", "is": "pro"},
            {"account": {"trait": "plan", "is": "trial"}},
            {"count": {"event": "Report Exported", "where": {"format": "pdf"}, "within": "7d"},
             "at_least": 2},
            {"any": {"tickets": {"tag": "exports"}}},
            {"trait": "gone", "set": False},
        ]
    }  # fmt: skip
    assert _why(where, known) == [
        'plan is "pro"',
        'account plan is "trial"',
        'Report Exported (format is "pdf") 2 times in 7d',
        "1 unresolved exports ticket",
        "gone is not set",
    ]


def test_only_what_decides_is_told() -> None:
    known = Known([], {"plan": "pro"}, {}, [TicketState("paused", ("exports",))])
    pro, trial = {"trait": "plan", "is": "pro"}, {"trait": "plan", "is": "trial"}
    muted = {"none": {"tickets": {"tag": "exports"}}}
    assert _why({"all": [pro, muted]}, known) == ["1 unresolved exports ticket"]
    assert _why({"any": [pro, trial]}, known) == ['plan is "pro"']
    assert _why({"not": {"any": [trial, {"trait": "x", "set": True}]}}, known) == [
        'plan is "pro"',
        "x is not set",
    ]


def test_a_long_value_is_cut() -> None:
    (text,) = _why({"trait": "plan", "set": True}, Known([], {"plan": "x" * 10_000}, {}, []))
    assert len(text) < 200
