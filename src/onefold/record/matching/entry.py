"""Likely duplicates of somebody being typed in or imported: one look-up by keys, no scan."""

from collections.abc import Mapping
from typing import TypedDict

from onefold.identity import likeness
from onefold.identity.match import Model
from onefold.kernel import ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record.matching import weigh
from onefold.storage import Connection

_SHOWN_FROM = 0.1  # chance
_NOBODY = -1
_PRIOR_MAX = 0.01


class Likely(TypedDict):
    """Somebody known who may be the same. `because`: how they agree."""

    person: str
    name: str
    email: str
    company: str
    title: str
    contacts: list[str]
    chance: float
    because: list[str]


def likely(conn: Connection, viewer: Viewer, values: Mapping[str, str]) -> list[Likely]:
    """Known people who may be the one with these fields, the likeliest first.

    `values`: `name` or `first_name` and `last_name`, `email`, `phone`, `company`, `title` …, named
    as traits are. Whatever is not known is left out.
    """
    viewer.must_read()
    fields = likeness.fields.of_values(values)
    alone = likeness.keys.records_of([fields])
    keys = likeness.keys.keys_of(alone)[0]
    found = weigh.nearest(keys, likeness.store.sharers(conn, keys), _NOBODY)
    records = list(likeness.store.records(conn, viewer, found).values())
    if not records:
        return []
    model = _model(conn, viewer)
    comparable = likeness.keys.records_of([fields, *(r.fields for r in records)])
    pairs = {(0, n) for n in range(1, len(records) + 1)}
    weighed = sorted(likeness.score.weigh(model, comparable, pairs), key=lambda p: -p.bits)
    best = [p for p in weighed if likeness.score.chance(p.bits) >= _SHOWN_FROM]
    best = best[: limits.match_entry_max]
    falls = likeness.score.waterfalls(model, comparable, [(0, p.b) for p in best])
    out: list[Likely] = []
    for pair, steps in zip(best, falls, strict=True):
        record = records[pair.b - 1]
        speaks = sorted((s for s in steps[1:] if s.bits > 0), key=lambda s: -s.bits)
        contact = record.anchor.namespace == "contact"
        out.append(
            {
                "person": ids.api_id("per", record.person_id),
                "name": likeness.fields.name_of(record.fields),
                "email": record.fields.get("email", ""),
                "company": record.fields.get("company", ""),
                "title": record.fields.get("title", ""),
                "contacts": [ids.api_id("con", int(record.anchor.value))] if contact else [],
                "chance": round(likeness.score.chance(pair.bits), 6),
                "because": [f"{s.name}: {s.outcome}" for s in speaks],
            }
        )
    return out


def _model(conn: Connection, viewer: Viewer) -> Model:
    """The model in force; before the first, what such fields usually show."""
    learnt = likeness.store.current(conn, viewer)
    if learnt is not None:
        return learnt.model
    count, _ = likeness.store.count(conn)
    return likeness.train.usual(min(_PRIOR_MAX, 1 / max(count, 1)))
