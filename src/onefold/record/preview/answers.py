"""A definition's size, sample and overlap while somebody writes it, and its past."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

from onefold import audiences
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record import store as records
from onefold.record.drafts import Backtest, Day, Overlap, Preview, Sampled
from onefold.record.preview import store
from onefold.record.preview.population import Population
from onefold.record.preview.question import Question
from onefold.storage import Connection

_PREFIX = {"person": "per", "account": "acc"}
_OVERLAP = """
SELECT m.audience_id, count(*) AS size, count(a.entity_id) AS both
FROM memberships m LEFT JOIN answer a USING (entity_id) GROUP BY m.audience_id
"""
_TURNED = """
SELECT count(*) FILTER (WHERE b.entity_id IS NULL), count(*) FILTER (WHERE a.entity_id IS NULL)
FROM answer a FULL JOIN before b USING (entity_id)
"""
_SAMPLE = "SELECT entity_id FROM answer ORDER BY hash(entity_id) LIMIT ?"


def preview(
    population: Population,
    viewer: Viewer,
    source: str | dict[str, Any],
    now_ms: int,
    feature: str = "",
) -> Preview:
    """Who a definition would have now. Raises `Invalid` with every fault, `Unavailable`."""
    viewer.must_admin()
    began = time.perf_counter()
    definition = population.understood(viewer, source, feature)
    rows = audiences.rows_of(definition)
    given = population.asked(viewer, rows, definition.of) if rows else []
    with population.over(definition, [now_ms], memberships=True) as question:
        if rows:
            question.give(definition.of, given)
        conn = question.conn
        size = question.answer(definition, now_ms)
        return {
            "kind": definition.of,
            "size": size,
            "of": question.one(f"SELECT count(*) FROM {definition.of}_entities"),
            "sample": _sample(question, conn, definition.of),
            "overlap": _overlap(question, conn, viewer, definition.of),
            "as_of": clock.iso(now_ms) or "",
            "facts_to": clock.iso(question.seen.received_ms),
            "ms": round((time.perf_counter() - began) * 1000),
        }


def _sample(question: Question, conn: Connection, kind: str) -> list[Sampled]:
    found = question.duck.execute(_SAMPLE, [limits.preview_sample_max * 4]).fetchall()
    entity_ids = [i for (i,) in found]
    names = (
        records.people_names(conn, entity_ids)
        if kind == "person"
        else {i: (n or k, "") for i, (n, k) in records.account_names(conn, entity_ids).items()}
    )
    told = sorted(entity_ids, key=lambda i: not any(names.get(i, ("", ""))))
    return [
        {
            "id": ids.api_id(_PREFIX[kind], i),
            "name": names.get(i, ("", ""))[0],
            "email": names.get(i, ("", ""))[1],
        }
        for i in told[: limits.preview_sample_max]
    ]


def _overlap(question: Question, conn: Connection, viewer: Viewer, kind: str) -> list[Overlap]:
    named = store.audiences(conn, viewer, kind)
    found: list[Overlap] = [
        {"audience": named[i][0], "name": named[i][1], "both": both, "size": size}
        for i, size, both in question.duck.execute(_OVERLAP).fetchall()
        if i in named
    ]
    found.sort(key=lambda o: (-o["both"], o["audience"]))
    return found[: limits.preview_overlap_max]


def backtest(
    population: Population,
    viewer: Viewer,
    definition: audiences.Definition,
    days: tuple[date, date],
    now_ms: int,
    *,
    known_then: bool = False,
) -> Backtest:
    """Whom a definition would have had at the end of each day, from the first to the last.

    `known_then`: by what had been accepted by then; else by all that is known today. Raises
    `Invalid` for days that are too many or to come, `Unavailable`.
    """
    viewer.must_read()
    began = time.perf_counter()
    if audiences.rows_of(definition):
        remedy = "Its sizes by day are kept: ask `sizes`."
        fault = errors.Fault("definition", "Queries and lists are not tested back.", remedy)
        raise errors.Invalid(fault)
    moments = _moments(days, now_ms)
    told: list[Day] = []
    with population.over(
        definition, [at for _, at in moments], seconds=limits.backtest_s_max
    ) as question:
        question.duck.execute("CREATE OR REPLACE TEMP TABLE answer AS SELECT 0 AS entity_id")
        for day, at_ms in moments:
            question.duck.execute("CREATE OR REPLACE TEMP TABLE before AS SELECT * FROM answer")
            size = question.answer(definition, at_ms, known_then=known_then)
            ((entered, exited),) = question.duck.execute(_TURNED).fetchall()
            told.append(
                {"day": day.isoformat(), "at": clock.iso(at_ms) or "", "size": size,
                 "entered": entered, "exited": exited}
            )  # fmt: skip
    return {
        "kind": definition.of,
        "days": told[1:],
        "known": "then" if known_then else "now",
        "ms": round((time.perf_counter() - began) * 1000),
    }


def _moments(days: tuple[date, date], now_ms: int) -> list[tuple[date, int]]:
    """The end of each day, and of the day before them; of today it is now."""
    first, last = days
    n = (last - first).days + 1
    if not 1 <= n <= limits.backtest_days_max:
        remedy = f"Ask for 1 to {limits.backtest_days_max} days, the earlier one as `since`."
        raise errors.Invalid(errors.Fault("since", f"There are {max(n, 0)} days.", remedy))
    if last > datetime.fromtimestamp(now_ms / 1000, UTC).date():
        raise errors.Invalid(
            errors.Fault("until", "is to come.", "Today is the last day there is.")
        )
    out = []
    for i in range(-1, n):
        day = first + timedelta(days=i)
        end = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
        out.append((day, min(clock.from_datetime(end) - 1, now_ms)))
    return out
