"""One definition, two executions: the live fold and SQL over history answer alike."""

from collections.abc import Iterator
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.audiences import Definition, compile_live, compile_sql, frames, leaves, parse, windows
from onefold.audiences.model import Leaf
from onefold.kernel.facts import OURS
from onefold.profiles import fold
from onefold.worker.catalog import fold_of
from tests.audiences import invent
from tests.audiences.invent import NOW, Happened, Known

OF_EACH = """
CREATE TABLE {of}_entities (entity_id BIGINT);
CREATE TABLE {of}_facts
  (entity_id BIGINT, name VARCHAR, at_ms BIGINT, properties JSON, own BOOLEAN);
CREATE TABLE {of}_traits (entity_id BIGINT, name VARCHAR, value JSON);
CREATE TABLE {of}_tickets
  (entity_id BIGINT, status VARCHAR, tags VARCHAR[], priority VARCHAR, category VARCHAR);
CREATE TABLE {of}_owners (entity_id BIGINT, email VARCHAR);
CREATE TABLE {of}_deals (entity_id BIGINT, deal JSON);
"""
TABLES = f"""
{OF_EACH.format(of="person")} {OF_EACH.format(of="account")}
CREATE TABLE person_touches (entity_id BIGINT, first JSON, last JSON);
CREATE TABLE person_accounts (person_id BIGINT, account_id BIGINT);
CREATE TABLE members (key VARCHAR, kind VARCHAR, entity_id BIGINT);
"""
# Fixtures live through all examples; every example empties the tables itself.
thorough = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(TABLES)
        yield connection


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _rows(of: str, i: int, known: Known) -> dict[str, list[tuple[Any, ...]]]:
    out: dict[str, list[tuple[Any, ...]]] = {
        f"{of}_entities": [(i,)],
        f"{of}_facts": [
            (i, e.name, e.at_ms, _json(e.properties), e.category not in OURS) for e in known.events
        ],
        f"{of}_traits": [(i, name, _json(value)) for name, value in known.traits.items()],
        f"{of}_tickets": [
            (i, t.status, list(t.tags), t.priority, t.category) for t in known.open_tickets
        ],
        f"{of}_owners": [(i, email) for email in known.owned_by],
        f"{of}_deals": [(i, _json(deal)) for deal in known.sold],
        "members": [(key, of, i) for key in known.rows],
    }
    if of == "person" and known.campaigns:
        first, last = known.campaigns[0], known.campaigns[-1]
        out["person_touches"] = [(i, _json(first), _json(last))]
    return out


def fill(duck: duckdb.DuckDBPyConnection, people: list[Known], of: str = "person") -> None:
    rows: dict[str, list[tuple[Any, ...]]] = {}
    other = "account" if of == "person" else "person"
    for i, known in enumerate(people):
        parts = [_rows(of, i, known)]
        for j, kin in enumerate(known.kin):
            parts.append(_rows(other, 1000 * (i + 1) + j, kin))
            pair = (i, 1000 * (i + 1) + j)
            parts.append({"person_accounts": [pair if of == "person" else pair[::-1]]})
        for part in parts:
            for table, found in part.items():
                rows.setdefault(table, []).extend(found)
    for (table,) in duck.execute("SELECT table_name FROM duckdb_tables()").fetchall():
        duck.execute(f"DELETE FROM {table}")
    for table, found in rows.items():
        if found:
            marks = ", ".join(f"({', '.join('?' * len(row))})" for row in found)
            duck.execute(f"INSERT INTO {table} VALUES {marks}", [v for row in found for v in row])


def by_sql(duck: duckdb.DuckDBPyConnection, definition: Definition, now_ms: int) -> list[int]:
    return [i for (i,) in duck.execute(compile_sql(definition, now_ms)).fetchall()]


def live(definition: Definition, people: list[Known], now_ms: int) -> list[int]:
    ask = compile_live(definition)
    return [i for i, known in enumerate(people) if ask(invent.folded(definition, known), now_ms)[0]]


@thorough
@given(
    invent.definitions,
    st.lists(invent.subjects, min_size=1, max_size=3),
    st.lists(invent.moments, min_size=1, max_size=3),
)
def test_live_and_sql_name_the_same_members(
    duck: duckdb.DuckDBPyConnection, definition: Definition, people: list[Known], nows: list[int]
) -> None:
    fill(duck, people, definition.of)
    for now_ms in nows:
        assert live(definition, people, now_ms) == by_sql(duck, definition, now_ms)


@thorough
@given(invent.comparisons, st.lists(invent.found, min_size=1, max_size=20))
def test_every_comparison_means_the_same_in_both(
    duck: duckdb.DuckDBPyConnection, comparison: dict[str, Any], found: list[Any]
) -> None:
    people = [Known([], {"plan": value}, {"plan": [value]}, []) for value in found]
    fill(duck, people)
    for condition in (
        {"trait": "plan", **comparison},
        {"account": {"trait": "plan", **comparison}},
    ):
        definition = parse({"of": "person", "where": condition})
        assert live(definition, people, NOW) == by_sql(duck, definition, NOW)


@pytest.mark.parametrize(
    "kind", ["counts", "measures", "recency", "sequences", "relations", "deals"]
)
@settings(thorough, max_examples=80)
@given(
    data=st.data(),
    people=st.lists(invent.subjects, min_size=1, max_size=4),
    now_ms=invent.moments,
)
def test_every_kind_of_condition_on_events_means_the_same_in_both(
    duck: duckdb.DuckDBPyConnection,
    kind: str,
    data: st.DataObject,
    people: list[Known],
    now_ms: int,
) -> None:
    for of in ("person", "account"):
        strategy = getattr(invent, kind)
        made = strategy if kind == "deals" else strategy(of) if kind == "relations" else strategy()
        where = data.draw(made)
        definition = invent.understood({"of": of, "where": where})
        fill(duck, people, of)
        assert live(definition, people, now_ms) == by_sql(duck, definition, now_ms)


@thorough
@given(st.data(), st.sampled_from(invent.WINDOWS), st.integers(1, 4))
def test_window_edges_are_the_same_in_both(
    duck: duckdb.DuckDBPyConnection, data: st.DataObject, window: str, n: int
) -> None:
    window_ms = windows.parse_window(window) or 0
    size = windows.bucket_ms(window_ms)
    near = st.integers(-2 * size, 2 * size)
    times = st.one_of(near.map(lambda d: NOW - window_ms + d), near.map(lambda d: NOW + d))
    events = [Happened("Signed In", t, {}) for t in data.draw(st.lists(times, max_size=8))]
    people = [Known(events, {}, {}, [])]
    where = {"count": {"event": "Signed In", "within": window}, "at_least": n}
    definition = parse({"of": "person", "where": where})
    fill(duck, people)
    newest = max((e.at_ms for e in events), default=0)  # no fact is of after its receipt
    for off in data.draw(st.lists(near, min_size=1, max_size=4)):
        now_ms = max(NOW + off, newest)
        assert live(definition, people, now_ms) == by_sql(duck, definition, now_ms)


@settings(max_examples=300, deadline=None)
@given(invent.definitions, invent.subjects, st.data())
def test_an_answer_stays_until_its_next_time(
    definition: Definition, known: Known, data: st.DataObject
) -> None:
    ask = compile_live(definition)
    invent.folded(definition, known)
    now_ms = data.draw(invent.moments)
    for _ in range(100):
        holds, next_ms = ask(known, now_ms)
        end = now_ms + 10 * 604_800_000 if next_ms is None else next_ms
        assert end > now_ms
        between = [end - 1, *data.draw(st.lists(st.integers(now_ms, end - 1), max_size=3))]
        between += [t for t in _turns(definition, known) if now_ms <= t < end]
        for then in between:
            assert ask(known, then)[0] is holds
        if next_ms is None:
            return
        now_ms = next_ms
    raise AssertionError("woken a hundred times for eight events")


def _turns(definition: Definition, known: Known) -> list[int]:
    """Times at which a count can change."""
    out = []
    for leaf in leaves(definition):
        if leaf.frame.kind == "sliding":
            size, span = frames.size_ms(leaf.frame), frames.kept(leaf.frame)
            for bucket in known.buckets(leaf.key):
                out += [bucket * size, (bucket + span) * size]
    return out


@settings(max_examples=250, deadline=None)
@given(invent.definitions, invent.histories, st.data(), invent.moments)
def test_merging_split_histories_in_any_order_is_folding_their_union(
    definition: Definition, events: list[Happened], data: st.DataObject, now_ms: int
) -> None:
    parts: list[list[Happened]] = [[], [], []]
    for event in data.draw(st.permutations(events)):
        parts[data.draw(st.integers(0, 2))].append(event)
    for leaf in leaves(definition):
        whole = _kept(leaf, invent.fold_events(leaf, events), events)
        for order in (parts, parts[::-1]):  # a part alone may keep what the whole has let go
            assert _kept(leaf, invent.joined(leaf, order), events) == whole
        pruned = dict(whole)
        fold.prune(pruned, fold_of(leaf, 1, frozenset()), now_ms) if frames.kept(leaf.frame) else 0
        first, last = frames.inside(leaf.frame, now_ms)
        assert {b: c for b, c in pruned.items() if first <= b <= last} == {
            b: c for b, c in whole.items() if first <= b <= last
        }


def _kept(leaf: Leaf, cells: dict[int, Any], events: list[Happened]) -> dict[int, Any]:
    """Of the cells those that no fold has let go by the newest event."""
    kept = dict(cells)
    if events and frames.kept(leaf.frame):
        fold.prune(kept, fold_of(leaf, 1, frozenset()), max(e.at_ms for e in events))
    return kept


@thorough
@given(invent.texts, st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8))
def test_values_are_quoted_whatever_they_hold(
    duck: duckdb.DuckDBPyConnection, name: str, text: str
) -> None:
    people = [Known([], {name or "plan": value}, {}, []) for value in (text, text + "'", "", 1)]
    fill(duck, people)
    definition = parse({"of": "person", "where": {"trait": name or "plan", "is": text}})
    assert live(definition, people, NOW) == by_sql(duck, definition, NOW)
