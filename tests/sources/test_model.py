"""Keys made from names."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold import sources


@settings(deadline=None)
@given(st.text())
def test_any_name_makes_a_key_that_needs_no_quoting(name: str) -> None:
    key = sources.slug(name)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key)
    assert sources.slug(key) == key


@pytest.mark.parametrize(
    ("name", "key"),
    [("App", "app"), ("Café (EU) app", "cafe-eu-app"), ("日本", "source"), ("--", "source")],
)
def test_a_key_resembles_its_name(name: str, key: str) -> None:
    assert sources.slug(name) == key
