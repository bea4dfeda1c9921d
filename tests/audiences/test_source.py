"""Reading text: YAML without its surprises, JSON, and errors that name the line."""

from typing import Any

import pytest

from onefold.audiences import source
from onefold.kernel import errors


def _problem(text: Any) -> str:
    with pytest.raises(errors.Invalid) as caught:
        source.read(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"), ("on", "on"), ("Yes", "Yes"), ("true", True), ("false", False),
        ("null", None), ("~", None), ("", None), ("NULL", "NULL"),
        ("010", "010"), ("0x1F", "0x1F"), ("12:30", "12:30"), ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"), ("12", 12), ("-3", -3), ("1.5", 1.5), ("1e3", 1000.0),
        ("7d", "7d"), (".inf", ".inf"), ("<<", "<<"), ("=", "="),
    ],
)  # fmt: skip
def test_only_plain_numbers_true_false_and_null_are_not_text(written: str, value: Any) -> None:
    found = source.read(f"x: {written}")["x"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("of: person\nwhere: [", "line 2"),
        ("of: person\nof: account", "line 2, column 1: `of` is given twice"),
        ("x: &a 3", "anchors"),
        ("x: &a [1]\ny: *a", "line 1"),
        ("of: person\nx: a\x07", "line 2"),
        ("[" * 900, "nested too deeply"),
        ("{" * 900, "nested too deeply"),
        ("- a", "no mapping"),
        ("", "no mapping"),
        ("x: !!python/name:os.system a", "line 1"),
        ("x: " + "9" * 5000, "cannot be read"),
        ("a: 1\n---\nb: 2", "line 2"),
        ("x" * 50_001, "50000"),
        (7, "neither text"),
    ],
)
def test_text_that_cannot_be_read_is_refused_by_line(text: Any, words: str) -> None:
    assert words in _problem(text)


def test_json_is_read_as_json() -> None:
    assert source.read('{"a":\t"\\u00e9"}')["a"] == "é"
    assert "line 1" in _problem('{"a": 1,,}')
