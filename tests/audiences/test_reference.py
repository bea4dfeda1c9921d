"""docs/reference/audiences.md tells every operator, and its examples parse."""

import re
from pathlib import Path

import pytest

from onefold.audiences import parse, values, windows
from onefold.audiences.dump import TICKET_FIELDS
from onefold.audiences.frames import UNITS
from onefold.audiences.parse import CATEGORIES, HEADS, PRIORITIES, RELATED, TOP
from onefold.audiences.parse_events import FRAME_FIELDS, SEQUENCE_FIELDS

PAGE = (Path(__file__).parents[2] / "docs/reference/audiences.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
WORDS = {
    *TOP, *HEADS, *values.OPS, *TICKET_FIELDS, *PRIORITIES, *CATEGORIES, *windows.UNITS,
    *UNITS, *FRAME_FIELDS, *SEQUENCE_FIELDS, "event", "for", *RELATED,
    "tickets", "open", "paused", "person", "account",
}  # fmt: skip


@pytest.mark.parametrize("word", sorted(WORDS))
def test_every_word_of_the_language_is_told(word: str) -> None:
    assert f"`{word}`" in PAGE or f"`{word}:" in PAGE


@pytest.mark.parametrize(
    "word", sorted({*HEADS, *values.OPS, *FRAME_FIELDS, *SEQUENCE_FIELDS, "tickets", "for"})
)
def test_every_operator_stands_in_an_example(word: str) -> None:
    assert any(f"{word}:" in example for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_parses(example: str) -> None:
    parse(example)
