"""Whose word counts: whatever the rule, the order and the grouping, and when the rule changes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.kernel import facts, limits
from onefold.profiles import fold, merge
from onefold.profiles.model import State, decode, encode
from onefold.profiles.precedence import DEFAULT, EDITED, HAND, Precedence, Rule, Rules, origin_of

SOURCES = {
    1: ("app", "product"), 2: ("site", "website"), 3: ("clear", "enrichment"), 4: ("old", "import")
}  # fmt: skip
ENTRIES = ["hand", "crm", "product", "website", "enrichment", "import", "source:app", "source:old"]
ORIGINS = [HAND, 0, 1, 2, 3, 4]


def said(origin: int, at: int, **traits: Any) -> facts.Fact:
    """A fact of an origin."""
    ours = origin in (0, HAND)
    return facts.Fact(
        pos=at, source_id=0 if ours else origin, category="crm" if ours else SOURCES[origin][1],
        kind="track", name=EDITED if origin == HAND else "x", at_ms=at, received_ms=10**10,
        message_id="", home=facts.Identifier("user_id", "u"), identifiers=(), account=None,
        traits=traits, properties={},
    )  # fmt: skip


@st.composite
def rules(draw: st.DrawFn) -> Precedence:
    def rule() -> Rule:
        if draw(st.booleans()):
            return Rule(by="last")
        entries = draw(st.lists(st.sampled_from(ENTRIES), unique=True, max_size=6))
        sizes = draw(st.integers(1, 3))
        groups = (tuple(entries[i : i + sizes]) for i in range(0, len(entries), sizes))
        return Rule(order=tuple(groups))

    return Precedence(Rules(rule(), {"person.b": rule()}), 1, SOURCES)


HISTORY = st.lists(
    st.builds(
        lambda origin, at, name, value: said(origin, at, **{name: value}),
        st.sampled_from(ORIGINS), st.integers(0, 9), st.sampled_from("abc"),
        st.none() | st.booleans() | st.integers(0, 2),
    ),
    max_size=24,
)  # fmt: skip


def folded(history: list[facts.Fact], precedence: Precedence = DEFAULT) -> State:
    state = State()
    for fact in history:
        fold.fold_traits(state, fact, precedence)
    return state


def expected(history: list[facts.Fact], precedence: Precedence, name: str) -> Any:
    """By the words of the rule: each origin's last word, then who comes first, then who is last."""

    def key(fact: facts.Fact) -> tuple[int, bytes]:
        return fact.at_ms, fold.msgspec.json.encode(fact.traits[name])

    words: dict[int, facts.Fact] = {}
    for fact in history:
        if name in fact.traits:
            origin = origin_of(fact)
            if origin not in words or key(fact) > key(words[origin]):
                words[origin] = fact
    if HAND in words and words[HAND].traits[name] is None:
        del words[HAND]
    ranks = precedence.ranks("person", name)
    best = max(words.items(), key=lambda w: (ranks[w[0]], *key(w[1]), w[0]), default=None)
    return None if best is None else (best[0], best[1].traits[name])


def found(states: list[State], name: str) -> Any:
    trait = merge.trait(states, name)
    assert merge.traits(states).get(name) == trait
    return None if trait is None else (trait.source_id, trait.value)


@given(HISTORY, rules(), st.randoms(use_true_random=False), st.integers(0, 24))
def test_any_order_and_grouping_come_to_what_the_rule_says(
    history: list[facts.Fact], precedence: Precedence, rng: Any, cut: int
) -> None:
    shuffled = list(history)
    rng.shuffle(shuffled)
    whole = folded(shuffled, precedence)
    parts = [folded(shuffled[:cut], precedence), folded(shuffled[cut:], precedence)]
    for name in "abc":
        wanted = expected(history, precedence, name)
        assert found([whole], name) == wanted
        assert found(parts, name) == found(parts[::-1], name) == wanted
    assert decode(encode(whole)) == whole


@given(HISTORY, HISTORY, rules(), rules())
def test_a_changed_rule_needs_no_fact_again(
    before: list[facts.Fact], after: list[facts.Fact], old: Precedence, new: Precedence
) -> None:
    """Also for what arrives between the change and the state's own turn."""
    state = folded(before, old)
    for fact in after:
        fold.fold_traits(state, fact, new)
    fold.decide_again(state, new, "person")
    at_once = folded([*before, *after], new)
    assert {n: found([state], n) for n in "abc"} == {n: found([at_once], n) for n in "abc"}
    assert state.traits == at_once.traits
    assert fold.decide_again(state, new, "person") == []


@given(HISTORY)
def test_the_names_that_changed_are_told(history: list[facts.Fact]) -> None:
    state = State()
    for fact in history:
        before = {n: (t.value, type(t.value)) for n, t in state.traits.items()}
        changed = fold.fold_traits(state, fact)
        after = {n: (t.value, type(t.value)) for n, t in state.traits.items()}
        different = {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
        equal_but_for_type = {n for n in different if n in before and n in after
                              and before[n][0] == after[n][0]}  # fmt: skip
        assert different - equal_but_for_type <= set(changed)


def test_by_default_hand_crm_tools_enrichment_and_imports_come_in_this_order() -> None:
    history = [said(origin, 9 - n, plan=origin) for n, origin in enumerate([HAND, 0, 1, 3, 4])]
    precedence = Precedence(sources=SOURCES)
    state = folded(history, precedence)
    while history:
        assert found([state], "plan") == (origin_of(history[0]), history[0].traits["plan"])
        history.pop(0)
        state = folded(history, precedence)
    tools = folded([said(1, 5, plan="a"), said(2, 6, plan="b")], precedence)
    assert found([tools], "plan") == (2, "b")


def test_an_edit_by_hand_can_be_taken_back_from_another_fragment() -> None:
    one = folded([said(1, 1, plan="pro"), said(HAND, 2, plan="team")])
    two = folded([said(HAND, 3, plan=None)])
    assert found([one], "plan") == (HAND, "team")
    assert found([two], "plan") is None
    assert found([one, two], "plan") == (1, "pro")
    fold.fold_traits(two, said(HAND, 4, plan="free"))
    assert found([one, two], "plan") == (HAND, "free")


def test_words_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "trait_origins_max", 2)
    state = folded([said(origin, origin + 5, plan=1) for origin in ORIGINS])
    assert len(state.others["plan"]) == 2
