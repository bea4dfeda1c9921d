"""A definition's size, sample and overlap while somebody writes it, and its past."""

import time
from typing import Any

from onefold.kernel import clock, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record import store as records
from onefold.record.drafts import Overlap, Preview, Sampled
from onefold.record.preview import store
from onefold.record.preview.population import Population, Question
from onefold.storage import Connection

_PREFIX = {"person": "per", "account": "acc"}
_OVERLAP = """
SELECT m.audience_id, count(*) AS size, count(a.entity_id) AS both
FROM memberships m LEFT JOIN answer a USING (entity_id) GROUP BY m.audience_id
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
    with population.over(definition, [now_ms], memberships=True) as (question, conn):
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
