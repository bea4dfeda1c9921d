"""Cutting at brackets and commas agrees with parsing wherever parsing is possible."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.collect import split

leaves = st.none() | st.booleans() | st.integers() | st.text(alphabet='a"\\{}[],: \n\u00e9')
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(alphabet='k"\\{,', max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)
styles = st.sampled_from([{}, {"indent": 1}, {"ensure_ascii": False}, {"separators": (",", ":")}])


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@settings(deadline=None)
@given(st.lists(values), styles)
def test_an_array_falls_into_its_items(items: list[Any], style: dict[str, Any]) -> None:
    found = split.parts(json.dumps(items, **style).encode(), b"[]", 1_000)
    assert found is not None
    assert [json.loads(part) for part in found] == items


@settings(deadline=None)
@given(st.dictionaries(st.text(alphabet='k"\\{,'), values), styles)
def test_an_object_falls_into_its_members(tree: dict[str, Any], style: dict[str, Any]) -> None:
    found = split.parts(json.dumps(tree, **style).encode(), b"{}", 1_000)
    assert found is not None
    members = [split.key_of(part) for part in found]
    assert {json.loads(k): json.loads(v) for k, v in members if k} == tree


@settings(deadline=None)
@given(values, styles)
def test_nesting_is_the_depth_of_the_tree(value: Any, style: dict[str, Any]) -> None:
    assert split.nesting(json.dumps(value, **style).encode()) == depth_of(value)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_cut_or_declined(data: bytes) -> None:
    found = split.parts(b"[" + data + b"]", b"[]", 1_000)
    if found is not None:
        assert all(found)
        assert b"".join(b"".join(found).split()) in b"".join(data.replace(b",", b"").split()) or (
            b"," in data
        )


@pytest.mark.parametrize(
    "data",
    [b"", b"[", b"]", b"{}", b"[]]", b"[[]", b"[1]]", b'["]', b"[,]", b"[1,]", b"[1] x", b"[1][2]"],
)
def test_what_is_no_array_is_declined(data: bytes) -> None:
    assert split.parts(data, b"[]", 1_000) is None


def test_an_escaped_quote_ends_no_string() -> None:
    assert split.parts(rb'["a\\\"],", 2]', b"[]", 1_000) == [rb'"a\\\"],"', b"2"]
    assert split.parts(rb'["a\\", 2]', b"[]", 1_000) == [rb'"a\\"', b"2"]


def test_depth_costs_no_stack() -> None:
    deep = b"[" * 1_000_000 + b"]" * 1_000_000
    assert split.nesting(deep) == 1_000_000
    assert split.parts(b"[1," + deep + b",2]", b"[]", 1_000) == [b"1", deep, b"2"]


def test_a_key_is_found_whatever_stands_in_it() -> None:
    assert split.key_of(rb' "a\":b" : 1') == (rb'"a\":b"', b"1")
    assert split.key_of(b"a: 1") is None


def test_more_parts_than_asked_for_are_only_counted() -> None:
    assert split.parts(b"[1,2,3]", b"[]", 3) == [b"1", b"2", b"3"]
    with pytest.raises(split.TooManyParts) as caught:
        split.parts(b"[1,2,3,4]", b"[]", 3)
    assert caught.value.n == 4
