"""The builder's cards: a definition survives them, whatever it says; edits; what they lack."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from onefold.audiences import dump, form, parse
from onefold.audiences.form import texts
from onefold.kernel import errors
from tests.audiences import invent


def _told(thing: Any) -> bytes:
    return msgspec.json.encode(thing, order="sorted")


def _through_the_form(where: Any) -> Any:
    cards = form.opened(where)
    fields = form.encode(cards)
    assert all(isinstance(v, str) and "\n" not in v for k, v in fields.items() if "/text" not in k)
    back = form.decode(fields)
    assert back == cards
    return form.written(back)


@settings(max_examples=300, deadline=None)
@given(invent.sources())
def test_a_tree_goes_through_the_form_unchanged(source: dict[str, Any]) -> None:
    definition = parse(source)
    where = dump(definition)["where"]
    written = _through_the_form(where)
    assert _told(written.where) == _told(where)
    assert _told(parse({"of": source["of"], "where": written.where})) == _told(definition)
    assert not written.lacks, written.lacks
    assert not any(card.kind == "text" for card in _all(form.opened(where)))


@settings(max_examples=200, deadline=None)
@given(invent.sources())
def test_what_somebody_wrote_means_the_same_after_it(source: dict[str, Any]) -> None:
    written = _through_the_form(source["where"])
    again = parse({"of": source["of"], "where": written.where})
    assert _told(again) == _told(parse(source))


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text("ab \"'\n:{}[],#", max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(("all", "any", "not", "none", "trait", "count", "tickets", "is", "x",
                             "people", "event", "where", "within", "sequence", "first", "by")),
            inner, max_size=3,
        ),
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(anything)
@example({"tickets": {}})
@example({"count": {"event": None}, "at_least": None})
@example({"people": {"any": None}})
def test_even_nonsense_survives(where: Any) -> None:
    assert _told(_through_the_form(where).where) == _told(where)


def _all(card: form.Card) -> list[form.Card]:
    return [card, *(x for cards in card.lists.values() for one in cards for x in _all(one))]


@settings(max_examples=200, deadline=None)
@given(st.one_of(invent.scalars, st.text()))
def test_a_value_survives_its_field(value: Any) -> None:
    if isinstance(value, float) and value.is_integer():
        value = int(value) if abs(value) < 2**53 else value
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
        return
    shown = texts.show(value)
    assert not set("\n\r") & set(shown)
    assert _told(texts.read(f" {shown} ")) == _told(value)
    assert _told(texts.read_list(texts.show_list([value, value, "a,b"]))) == _told(
        [value, value, "a,b"]
    )


def test_every_line_of_the_menu_makes_a_card_that_its_row_knows() -> None:
    for _, entries in form.MENU:
        for entry in entries:
            card = form.new(entry.id)
            root = form.Card("group", {"how": "all"}, {"of": (card,)})
            told = form.written(root)
            again = form.opened(told.where)
            assert [one.kind for one in again.cards("of")] == [card.kind], entry
            assert _told(form.written(again).where) == _told(told.where)


def _do(root: form.Card, *words: str) -> form.Card:
    for word in words:
        root, _ = form.apply(root, word)
    return root


def test_edits_build_what_the_buttons_say() -> None:
    root = _do(form.opened({"all": []}), "add w.of trait", "add w.of count", "nest w.of.1 any")
    fields = form.encode(root)
    fields |= {"w.of.0/name": "plan", "w.of.0.tests.0/value": "trial"}
    fields |= {"w.of.1.of.0/event": "Report Exported"}
    where = form.written(form.decode(fields)).where
    assert where == {
        "all": [
            {"trait": "plan", "is": "trial"},
            {"any": [{"count": {"event": "Report Exported", "within": "30d"}, "at_least": 1}]},
        ]
    }
    root = form.decode(fields)
    assert form.written(_do(root, "up w.of.1")).where["all"][0] == where["all"][1]
    assert form.written(_do(root, "free w.of.1")).where["all"][1] == where["all"][1]["any"][0]
    assert form.written(_do(root, "drop w.of.1")).where == {"all": [where["all"][0]]}
    assert form.written(_do(root, "not w.of.0")).where["all"][0] == {"not": where["all"][0]}
    assert form.written(_do(root, "not w.of.0", "not w.of.0")).where == where
    assert form.written(_do(root, "copy w.of.0")).where["all"][1] == where["all"][0]
    turned = form.written(_do(root, "kind w.of.1.of.0 since_last")).where["all"][1]["any"][0]
    assert turned == {"since_last": {"event": "Report Exported"}, "at_least": "30d"}
    assert form.apply(root, "explode w.of.0") == (root, "")
    with pytest.raises(errors.Invalid):
        form.apply(root, "drop w.of.x")


def test_a_group_for_one_condition_becomes_a_group_when_it_gets_another() -> None:
    root = form.opened({"trait": "plan", "is": "pro"})
    assert form.written(root).where == {"trait": "plan", "is": "pro"}
    assert list(form.written(_do(root, "copy w.of.0")).where) == ["all"]


def test_what_is_missing_is_said_at_its_field() -> None:
    root = _do(form.opened({"all": []}), "add w.of trait", "add w.of sequence", "add w.of people")
    lacks = {lack.field: lack.text for lack in form.written(root).lacks}
    assert lacks == {
        "w.of.0/name": "Choose a trait.",
        "w.of.0.tests.0/value": "Say what to compare with.",
        "w.of.1.first.0/event": "Name the first event.",
        "w.of.1.second.0/event": "Name the second event.",
        "w.of.2.node.0/how": "Add a condition.",
    }


def test_a_fault_is_found_at_its_card() -> None:
    where = {
        "all": [
            {"not": {"any": [{"trait": "x", "set": True}, {"count": {"within": "9x"}, "is": 1}]}},
            {"people": {"any": {"trait": "role", "matches": "("}}},
        ]
    }
    written = form.written(form.opened(where))
    with pytest.raises(errors.Invalid) as caught:
        parse({"of": "account", "where": written.where})
    at = {f.field: written.card_of(f.field) for f in caught.value.faults}
    assert at == {
        "where.all[0].not.any[1].count.within": "w.of.0.of.1",
        "where.all[1].people.any.matches": "w.of.1.node.0.of.0",
    }


def test_a_comparison_that_stands_twice_is_told_and_not_lost() -> None:
    card = form.Card(
        "trait", {"name": "plan"},
        {"tests": (form.Card("test", {"op": "is_not", "value": "a"}),
                   form.Card("test", {"op": "is_not", "value": "b"}))},
    )  # fmt: skip
    written = form.written(form.Card("group", {"how": "all"}, {"of": (card,)}))
    assert written.lossy
    assert written.lacks[0].field == "w.of.0.tests.1/op"


def test_a_form_of_another_page_is_refused_or_passed_over() -> None:
    assert form.decode({"x/kind": "trait", "w.of/kind": "trait", "_csrf": "y"}).kind == "group"
    with pytest.raises(errors.Invalid):
        form.decode({f"w.of.{i}/kind": "trait" for i in range(6000)})
