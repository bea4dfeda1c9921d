"""Normal forms of identifier values."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.kernel.identifiers import normalise


@given(st.sampled_from(["user_id", "email", "anonymous_id"]), st.text())
def test_a_normal_form_is_its_own_normal_form(namespace: str, value: str) -> None:
    clean = normalise(namespace, value)
    assert clean is None or normalise(namespace, clean) == clean


@pytest.mark.parametrize(
    "value",
    ["", "  ", "null", "NULL", "undefined", "0", "-1", "Anonymous", "guest", "none", "NaN", "true",
     "false", "[object Object]", "00000000-0000-0000-0000-000000000000", "---", '"null"', "'0'"],
)  # fmt: skip
def test_a_value_that_identifies_nobody_is_blocked(value: str) -> None:
    assert normalise("user_id", value) is None


def test_addresses_are_lower_case_and_other_values_are_not() -> None:
    assert normalise("email", " Ann@Acme.CO ") == "ann@acme.co"
    assert normalise("email", "not an address") is None
    assert normalise("user_id", " U1 ") == "U1"


def test_one_spelling_for_what_looks_the_same() -> None:
    composed = "andré"
    assert normalise("user_id", unicodedata.normalize("NFD", composed)) == composed
