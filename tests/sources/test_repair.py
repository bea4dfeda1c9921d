"""Corrections of single items: pure."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.sources.trail import repair
from onefold.sources.trail.repair import Fix, apply


@pytest.mark.parametrize(
    ("fix", "before", "after"),
    [
        (Fix("rename", "userid", "userId"), {"userid": 1}, {"userId": 1}),
        (Fix("rename", "user.id", "userId"), {"user": {"id": 1}}, {"user": {}, "userId": 1}),
        (Fix("rename", "plan", "traits.plan"), {"plan": 1}, {"traits": {"plan": 1}}),
        (Fix("rename", "a", "b.c"), {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        (Fix("rename", "a\\.b", "c"), {"a.b": 1}, {"c": 1}),
        (Fix("rename", "none", "b"), {"b": 2}, {"b": 2}),
        (Fix("set", "type", value="track"), {"type": "tack"}, {"type": "track"}),
        (Fix("default", "type", value="track"), {"type": "page"}, {"type": "page"}),
        (Fix("default", "type", value="track"), {"type": None}, {"type": "track"}),
        (Fix("remove", "context.ip"), {"context": {"ip": 1, "a": 2}}, {"context": {"a": 2}}),
        (Fix("convert", "id", "text"), {"id": 7}, {"id": "7"}),
        (Fix("convert", "id", "text"), {"id": 7.0}, {"id": "7"}),
        (Fix("convert", "id", "text"), {"id": {"a": 1}}, {"id": '{"a":1}'}),
        (Fix("convert", "n", "number"), {"n": " 1 200 "}, {"n": 1200}),
        (Fix("convert", "n", "number"), {"n": "1.5"}, {"n": 1.5}),
        (Fix("convert", "n", "number"), {"n": "many"}, {"n": "many"}),
        (Fix("convert", "n", "number"), {"n": "nan"}, {"n": "nan"}),
        (Fix("convert", "b", "boolean"), {"b": "Yes"}, {"b": True}),
        (Fix("convert", "b", "boolean"), {"b": 0}, {"b": False}),
        (Fix("convert", "o", "object"), {"o": []}, {"o": {}}),
        (Fix("convert", "o", "object"), {"o": '{"a": 1}'}, {"o": {"a": 1}}),
        (Fix("convert", "l", "list"), {"l": 1}, {"l": [1]}),
        (Fix("convert", "t", "time"), {"t": 1_790_000_000}, {"t": "2026-09-21T14:13:20.000Z"}),
        (Fix("convert", "t", "time"), {"t": "1790000000000"}, {"t": "2026-09-21T14:13:20.000Z"}),
        (Fix("convert", "t", "time"), {"t": "2026/09/21"}, {"t": "2026-09-21T00:00:00.000Z"}),
        (Fix("convert", "t", "time"), {"t": "soon"}, {"t": "soon"}),
        (Fix("convert", "none", "text"), {"a": 1}, {"a": 1}),
    ],
)
def test_a_correction_does_what_it_says(
    fix: Fix, before: dict[str, Any], after: dict[str, Any]
) -> None:
    repair.check([fix])
    kept = repr(before)
    assert apply(before, [fix]) == after
    assert repr(before) == kept


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(".".join)
fixes = st.one_of(
    st.builds(Fix, st.just("rename"), paths, paths),
    st.builds(Fix, st.sampled_from(["set", "default"]), paths, value=values),
    st.builds(Fix, st.just("convert"), paths, st.sampled_from(repair.TYPES)),
    st.builds(Fix, st.just("remove"), paths),
)


@given(st.dictionaries(st.sampled_from("abc"), values, max_size=3), st.lists(fixes, max_size=4))
def test_no_correction_breaks_on_any_item(item: dict[str, Any], listed: list[Fix]) -> None:
    once = apply(item, listed)
    assert isinstance(once, dict)
    assert apply(item, listed) == once
