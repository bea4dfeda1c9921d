"""Cursors say what they mean, and anything else is refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.kernel import cursors, errors
from onefold.record import keyset

BY_NAME = keyset.Order("name", "name_sort")
BY_TIME = keyset.Order("-last_seen", "last_seen_ms", descending=True, nullable=True)

values = (
    st.none()
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
    | st.integers(-(2**62), 2**62)
    | st.floats(0, 1)
)


@given(values, st.integers(0, 2**62))
def test_a_cursor_means_what_it_was_made_of(value: object, row_id: int) -> None:
    cursor = keyset.encode(BY_NAME, value, row_id)
    after = cursors.After("name", value, row_id)  # type: ignore[arg-type]
    assert keyset.decode(cursor, BY_NAME) == after
    with pytest.raises(errors.Invalid):
        keyset.decode(cursor, BY_TIME)


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda b: b.hex()))
def test_any_other_text_is_refused_by_name(text: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        keyset.decode(text, BY_NAME)
    assert [f.field for f in caught.value.faults] == ["cursor"]


@pytest.mark.parametrize(
    "inner", ['["name","a\\u0000",1]', '["name","a",99999999999999999999]', "[]", "1"]
)
def test_a_cursor_that_no_query_could_hold_is_refused(inner: str) -> None:
    import base64

    with pytest.raises(errors.Invalid):
        keyset.decode(base64.urlsafe_b64encode(inner.encode()).decode(), BY_NAME)


def test_no_cursor_is_the_first_page() -> None:
    assert keyset.decode(None, BY_NAME) is None
