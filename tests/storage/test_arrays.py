"""Encoded columns arrive as PostgreSQL arrays."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold import storage
from onefold.storage import arrays


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=50))
def test_integers_arrive_as_they_were(conn: storage.Connection, values: list[int]) -> None:
    query = "SELECT coalesce(array_agg(v), '{}') FROM unnest(%b::bigint[]) AS t (v)"
    (found,) = conn.execute(query, (arrays.bigints(values),)).fetchone() or ([],)
    assert found == values


@pytest.mark.parametrize("kind", ["int", "smallint", "bigint"])
def test_the_statement_may_ask_for_a_narrower_type(conn: storage.Connection, kind: str) -> None:
    query = f"SELECT sum(v) FROM unnest(%b::{kind}[]) AS t (v)"
    assert conn.execute(query, (arrays.bigints([1, 2]),)).fetchone() == (3,)
