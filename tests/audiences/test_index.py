"""Look-ups for the hot path agree with walking every definition."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.audiences import Definition, Index, leaves, parse
from tests.audiences import invent


@settings(max_examples=60, deadline=None)
@given(st.lists(invent.definitions, max_size=5), st.sampled_from((*invent.NAMES, "Other")))
def test_an_event_finds_every_leaf_that_may_count_it(
    definitions: list[Definition], name: str
) -> None:
    index = Index(list(enumerate(definitions)))
    every = {leaf.key: leaf for d in definitions for leaf in leaves(d)}
    wanted = {key for key, leaf in every.items() if {None, name} & set(leaf.events)}
    found = [leaf.key for leaf in index.leaves_for(name)]
    assert sorted(found) == sorted(wanted)
    for key in every:
        users = {i for i, d in enumerate(definitions) if key in {x.key for x in leaves(d)}}
        assert index.touched_by_leaf[key] == users


def _parsed(of: str, where: dict[str, Any]) -> Definition:
    return parse({"of": of, "where": where})


def test_each_change_names_the_definitions_it_can_touch() -> None:
    index = Index(
        [
            (1, _parsed("person", {"trait": "plan", "is": "pro"})),
            (2, _parsed("account", {"not": {"trait": "plan", "is": "pro"}})),
            (3, _parsed("person", {"any": [{"account": {"trait": "plan", "set": True}}]})),
            (4, _parsed("person", {"all": [{"none": {"tickets": {}}}]})),
            (5, _parsed("person", {"count": {"within": "1d"}, "at_least": 1})),
            (6, _parsed("person", {"accounts": {"any": {"trait": "plan", "is": "pro"}}})),
            (7, _parsed("account", {"people": {"all": {"tickets": {}, "at_least": 2}}})),
        ]
    )
    assert index.touched_by_trait == {("person", "plan"): {1}, ("account", "plan"): {2, 3, 6}}
    assert index.touched_by_crm == {"person": {4, 7}, "account": set()}
    assert index.related == {"person": {7}, "account": {6}}
    assert index.by_kind == {"person": {1, 3, 4, 5, 6}, "account": {2, 7}}
    assert [leaf.event for leaf in index.leaves_for("whatever")] == [None]
