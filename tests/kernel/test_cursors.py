import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.kernel import cursors

ROW = tuple[str, str | int, int]
INT64 = st.integers(-(2**63) + 1, 2**63 - 1)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.tuples(TEXT, TEXT | INT64, INT64))
def test_what_is_packed_comes_back(row: tuple[str, str | int, int]) -> None:
    packed = cursors.pack(row)
    assert packed.isascii()
    assert "=" not in packed
    assert cursors.unpack(packed, ROW) == row


@given(st.text())
def test_any_text_is_a_cursor_or_none(text: str) -> None:
    assert cursors.unpack(text, ROW) is None or cursors.unpack(text, ROW)


@pytest.mark.parametrize("parts", [["a", 2**63, 1], ["a", "b\0", 1], ["a", 1], {"a": 1}, 7])
def test_what_no_column_holds_is_refused(parts: object) -> None:
    assert cursors.unpack(cursors.pack(parts), ROW) is None
