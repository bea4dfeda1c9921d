"""The language of rules: text and tree are one, every operation is total, its cost is bounded."""

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.governance import expressions
from onefold.governance.expressions import model
from onefold.governance.expressions.parse import BINDING, KEYWORDS
from onefold.kernel import limits

EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Report Exported",
    "userId": "org:42",
    "properties": {
        "format": "PDF", "rows": 120, "price": "9.50", "tags": ["a", "b"], "a b": {"c": [7]},
        "on": True, "none": None,
    },
    "traits": {"email": "Ann@Acme.CO "},
    "context": {"page": {"url": "https://app.acme.co/reports?x=1"}},
}  # fmt: skip

_text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
_literals = st.builds(
    model.Literal,
    st.none() | st.booleans() | _text | st.integers(0, 10**17)
    | st.floats(0, 1e300, allow_nan=False, allow_infinity=False),
)  # fmt: skip
_paths = st.builds(
    lambda root, rest: model.Path((root, *rest)),
    st.sampled_from(expressions.ROOTS),
    st.lists(_text | st.integers(0, 99_999) | st.sampled_from(sorted(KEYWORDS)), max_size=3),
)


def _extend(inner: Any) -> Any:
    plain = [n for n, f in expressions.FUNCTIONS.items() if f.prepare is None]
    calls = st.sampled_from(plain).flatmap(
        lambda name: st.builds(
            lambda args: model.Call(name, tuple(args)),
            st.lists(
                inner,
                min_size=expressions.FUNCTIONS[name].args_min,
                max_size=min(4, expressions.FUNCTIONS[name].args_max),
            ),
        )
    )
    return st.one_of(
        st.builds(model.Not, inner),
        st.builds(model.Minus, inner),
        st.builds(model.Items, st.lists(inner, max_size=3).map(tuple)),
        st.builds(model.Binary, st.sampled_from(sorted(BINDING)), inner, inner),
        calls,
    )


nodes = st.recursive(_literals | _paths, _extend, max_leaves=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=15,
)


@given(nodes)
def test_text_and_tree_are_one(node: model.Node) -> None:
    text = expressions.dump(node)
    assert expressions.parse(text) == node
    assert expressions.dump(expressions.parse(text)) == text


@given(nodes, st.dictionaries(st.sampled_from(expressions.ROOTS), values))
def test_no_expression_fails_on_any_event(node: model.Node, event: dict[str, Any]) -> None:
    expressions.compile(node)(event)


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_told_why_not(text: str) -> None:
    with contextlib.suppress(expressions.WrongExpression):
        expressions.compile(expressions.parse(text))(EVENT)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('event == "Report Exported" and properties.rows > 100', True),
        ("event == 'Report Exported' && !(properties.rows <= 100)", True),
        ("properties.missing > 1 or properties.none == null", True),
        ('properties.format in ["CSV", "PDF"]', True),
        ('properties.format not in ["CSV", "PDF"]', False),
        ('"b" in properties.tags', True),
        ('contains(properties.tags, "c")', False),
        ('properties["a b"].c[0] + 1', 8),
        ("1 + 2 * 3 - 8 / 4 % 3", 5),
        ("-2 - -3", 1),
        ('lower(trim(traits.email))', "ann@acme.co"),
        ("domain(lower(trim(traits.email)))", "acme.co"),
        ("number(properties.price) * 2", 19.0),
        ('number("x")', None),
        ("1 / 0", None),
        ('"a" + 1', None),
        ('"a" + text(1)', "a1"),
        ("properties.on == 1", False),
        ("1 == 1.0", True),
        ("host(context.page.url) + path(context.page.url)", "app.acme.co/reports"),
        ('split(userId, ":", 1)', "42"),
        ('split(userId, ":", 9)', None),
        ('matches(event, "^Report .*ed$")', True),
        ('matches(properties.rows, "1")', False),
        ('if(properties.rows > 9, "big", "small")', "big"),
        ("coalesce(properties.none, properties.format)", "PDF"),
        ("900000000000000000 * 900", None),
        ("has(properties.none) or has(properties.on)", True),
        ("not properties.rows", True),
        ("round(9.456, 2)", 9.46),
        ("max(1, properties.rows, properties.format)", 120),
        ('replace(event, " ", "_")', "Report_Exported"),
        ("substring(event, 0, 6)", "Report"),
        ("length(properties.tags) + length(event)", 17),
        ('boolean("yes")', True),
    ],
)  # fmt: skip
def test_what_expressions_mean(text: str, value: Any) -> None:
    assert expressions.compile(expressions.parse(text))(EVENT) == value


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("", "expects a value", "example"),
        ("propertis.rows > 1", "no field", "Did you mean `properties`?"),
        ("lowre(event)", "no function", "Did you mean `lower`?"),
        ("lower()", "takes 1 argument", "lower(traits.email)"),
        ("1 < 2 < 3", "compares twice", "and"),
        ("event == ", "expects a value", "example"),
        ("event == Export", "no field", "double quotes"),
        ("properties.rows > 1 properties", "ends too early", "example"),
        ('matches(event, properties.p)', "must be a text", "matches("),
        ('matches(event, "(?=a)")', "no pattern", "matches("),
        ("event # 1", "cannot be read from character 6", "operators"),
        ("(" * 100 + "1" + ")" * 100, "nested too deeply", "several steps"),
        (" + ".join(["1"] * 400), "parts", "several steps"),
        ("1" * 3_000, "characters", "read"),
        ("[" + "1" * 400 + "]", "too large", "64 bits"),
    ],
)  # fmt: skip
def test_a_wrong_text_is_told_with_its_place_and_remedy(
    text: str, problem: str, remedy: str
) -> None:
    with pytest.raises(expressions.WrongExpression) as wrong:
        expressions.parse(text)
    assert problem in wrong.value.problem
    assert remedy in wrong.value.remedy


def test_hostile_expressions_are_bounded() -> None:
    long = "a" * 500_000
    event = {"properties": {"x": long, "l": [long] * 50_000, "s": "a" * 9_999}}
    hostile = [
        'matches(properties.s, "^(a+)+$") and matches(properties.s, "(a*)*b")',
        'replace(replace(properties.s, "a", "' + "b" * 1_000 + '"), "b", "aaaa")',
        " or ".join(["properties.l == properties.l", "properties.x in properties.l"] * 20),
        "properties.s" + " + properties.s" * 90,
        "9" + " * 999999999999999999" * 90,
    ]
    for text in hostile:
        run = expressions.compile(expressions.parse(text))
        began = time.perf_counter()
        found = run(event)
        assert time.perf_counter() - began < 2  # it takes milliseconds; unbounded, it takes hours
        assert not isinstance(found, str) or len(found) <= limits.expression_text_chars_max
