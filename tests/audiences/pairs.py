"""Random (definition, history) pairs by the thousand: what the live fold says, and what SQL says.

Each round invents a definition of one kind and a few subjects, folds their facts as the worker does
and asks DuckDB over the same facts. No shrinking: a difference is told with its seed and round.
"""

from typing import Any

import duckdb
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.audiences import invent, test_two_ways

KINDS = (
    "counts",
    "measures",
    "recency",
    "sequences",
    "relations",
    "tickets",
    "touches",
    "deals",
    "sources",
)
PEOPLE = 4


def wrong(first_seed: int, pairs: int) -> tuple[int, list[str]]:
    """How many pairs were compared, and what was different."""
    compared = 0
    out: list[str] = []
    rounds = -(-pairs // (PEOPLE * len(KINDS)))
    with duckdb.connect(config={"threads": 1}) as duck:
        duck.execute(test_two_ways.TABLES)
        for kind in KINDS:
            compared += _kind(duck, kind, first_seed, rounds, out)
    return compared, out


def _kind(
    duck: duckdb.DuckDBPyConnection, kind: str, first_seed: int, rounds: int, out: list[str]
) -> int:
    compared = 0

    @seed(first_seed)
    @settings(
        max_examples=rounds, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(
        st.data(),
        st.lists(invent.subjects, min_size=PEOPLE, max_size=PEOPLE),
        invent.moments,
        st.sampled_from(("person", "account")),
    )
    def compare(data: Any, people: list[invent.Known], now_ms: int, of: str) -> None:
        nonlocal compared
        source = data.draw(_sources(kind, of))
        definition = invent.understood(source)
        test_two_ways.fill(duck, people, definition.of)
        live = test_two_ways.live(definition, people, now_ms)
        by_sql = test_two_ways.by_sql(duck, definition, now_ms)
        compared += len(people)
        if live != by_sql:
            out.append(f"seed {first_seed}, {kind}: {source} at {now_ms}: {live} or {by_sql}")

    compare()
    return compared


def _sources(kind: str, of: str) -> st.SearchStrategy[dict[str, Any]]:
    if kind == "sources":
        return invent.sources()
    of = "person" if kind == "touches" else of
    strategy = getattr(invent, kind)
    where = strategy if kind == "deals" else strategy(of) if kind == "relations" else strategy()
    framed: st.SearchStrategy[dict[str, Any]] = where.map(lambda w: {"of": of, "where": w})
    return framed
