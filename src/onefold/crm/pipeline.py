"""Pipelines and their stages. A stage may be called anything; code goes by its category.

Changing a stage's probability does not rewrite the deals that are in it: they keep what the stage
said when they entered it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from psycopg.rows import dict_row

from onefold.crm import fields
from onefold.crm.model import Row
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

CATEGORIES = ("open", "won", "lost")
FORECASTS = ("pipeline", "best_case", "commit", "closed", "omitted")
_OF_CATEGORY = {"open": (50, "pipeline"), "won": (100, "closed"), "lost": (0, "omitted")}
_FIELDS = (
    fields.Field("name", required=True),
    fields.Field("position", "number", most=10_000),
)
_STAGE = (
    fields.Field("name", required=True),
    fields.Field("category", "enum", options=CATEGORIES),
    fields.Field("probability", "number", most=100),
    fields.Field("forecast", "enum", options=FORECASTS),
    fields.Field("stale_days", "number", most=3_650),
)
PIPELINES = "SELECT * FROM pipeline WHERE archived_at IS NULL ORDER BY position, id"
PIPELINE = "SELECT * FROM pipeline WHERE id = %s"
HOLD = PIPELINE + " FOR NO KEY UPDATE"
STAGES = """
SELECT * FROM stage WHERE pipeline_id = ANY(%s) AND archived_at IS NULL
ORDER BY pipeline_id, position, id
"""
STAGE = "SELECT * FROM stage WHERE id = %s"
INSERT = """
INSERT INTO pipeline (name, position, created_at, updated_at) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING RETURNING id
"""
UPDATE = """
UPDATE pipeline SET name = %s, position = %s, archived_at = %s, updated_at = %s,
  version = version + 1
WHERE id = %s
"""
TAKEN = """
SELECT EXISTS (
  SELECT FROM pipeline WHERE lower(name) = lower(%s) AND id <> %s AND archived_at IS NULL)
"""
ADD_STAGE = """
INSERT INTO stage (pipeline_id, name, position, category, probability, forecast, stale_days)
VALUES (%(pipeline_id)s, %(name)s, %(position)s, %(category)s, %(probability)s, %(forecast)s,
  %(stale_days)s)
"""
SET_STAGE = """
UPDATE stage SET name = %(name)s, position = %(position)s, category = %(category)s,
  probability = %(probability)s, forecast = %(forecast)s, stale_days = %(stale_days)s
WHERE id = %(id)s
"""
DROP_STAGE = "UPDATE stage SET archived_at = %s WHERE id = %s"
IN_STAGE = "SELECT count(*) FROM deal WHERE stage_id = %s AND archived_at IS NULL"
OPEN_IN = """
SELECT count(*) FROM deal WHERE pipeline_id = %s AND status = 'open' AND archived_at IS NULL
"""


class Stage(msgspec.Struct, frozen=True):
    """A step of a pipeline. `stale_days`: a deal here for longer is marked; 0: never."""

    id: str
    name: str
    category: str
    probability: int
    forecast: str
    stale_days: int


class Pipeline(msgspec.Struct, frozen=True):
    """The way of a deal, stage by stage."""

    id: str
    name: str
    position: int
    stages: list[Stage]
    version: int
    created_at: str
    updated_at: str
    archived_at: str | None


def list_all(conn: Connection, viewer: Viewer) -> list[Pipeline]:
    """Those in use, in their order; the first is where deals go that name none."""
    viewer.must_read()
    rows = _rows(conn, PIPELINES, ())
    stages = _rows(conn, STAGES, ([r["id"] for r in rows],))
    return [_present(row, [s for s in stages if s["pipeline_id"] == row["id"]]) for row in rows]


def get(conn: Connection, viewer: Viewer, pipeline_id: str | int) -> Pipeline:
    """One pipeline. Raises `NotFound`."""
    viewer.must_read()
    row = _one(conn, PIPELINE, ids.parse_id("pip", pipeline_id))
    return _present(row, _rows(conn, STAGES, ([row["id"]],)))


def create(conn: Connection, viewer: Viewer, values: Mapping[str, Any], now_ms: int) -> Pipeline:
    """A new pipeline of `name`, `position` and `stages`. Raises `Invalid` with every fault."""
    viewer.must_admin()
    given, stages = _clean(values, creating=True)
    now = clock.to_datetime(now_ms)
    made = conn.execute(INSERT, (given["name"], given.get("position", 0), now, now)).fetchone()
    if made is None:
        raise errors.Conflict(f"There is a pipeline `{given['name']}` already.")
    for position, stage in enumerate(stages or []):
        conn.execute(ADD_STAGE, {**stage, "pipeline_id": made[0], "position": position})
    return get(conn, viewer, made[0])


def update(
    conn: Connection, viewer: Viewer, pipeline_id: str | int, values: Mapping[str, Any],
    now_ms: int, *, expected_version: int | None = None, archived: bool = False,
) -> Pipeline:  # fmt: skip
    """Change name, position, or the whole list of stages; those with an `id` are kept.

    Raises `Conflict` for a stage with deals that is left out, and for a pipeline with open deals
    that is put away.
    """
    viewer.must_admin()
    row_id = ids.parse_id("pip", pipeline_id)
    before = _one(conn, HOLD, row_id)
    if before["archived_at"] is not None:
        raise errors.NotFound(f"There is no pipeline `{pipeline_id}` any more.")
    given, stages = _clean(values, creating=False)
    if expected_version is not None and expected_version != before["version"]:
        raise errors.Conflict(
            f"This pipeline has been changed: it is at version {before['version']}.",
            msgspec.to_builtins(get(conn, viewer, row_id)),
        )
    if archived and _count(conn, OPEN_IN, row_id):
        raise errors.Conflict("Deals are open in it. Move them to another pipeline first.")
    name = given.get("name", before["name"])
    if conn.execute(TAKEN, (name, row_id)).fetchall()[0][0]:
        raise errors.Conflict(f"There is a pipeline `{name}` already.")
    if stages is not None:
        _replace(conn, row_id, stages, now_ms)
    now = clock.to_datetime(now_ms)
    position = given.get("position", before["position"])
    conn.execute(UPDATE, (name, position, now if archived else None, now, row_id))
    return get(conn, viewer, row_id)


def _replace(
    conn: Connection, pipeline_id: int, stages: Sequence[Mapping[str, Any]], now_ms: int
) -> None:
    there = {s["id"]: s for s in _rows(conn, STAGES, ([pipeline_id],))}
    kept = {s["id"] for s in stages if s.get("id")}
    faults = [
        errors.Fault("stages", f"`{ids.api_id('stg', i)}` is not of this pipeline.", "Check it.")
        for i in kept - there.keys()
    ]
    for stage_id in there.keys() - kept:
        used = _count(conn, IN_STAGE, stage_id)
        if used:
            name = there[stage_id]["name"]
            raise errors.Conflict(f"`{name}` holds {used:,} deals. Move them, then take it out.")
        conn.execute(DROP_STAGE, (clock.to_datetime(now_ms), stage_id))
    for stage in stages:
        was = there.get(stage.get("id", 0))
        if was and was["category"] != stage["category"] and _count(conn, IN_STAGE, was["id"]):
            problem = f"`{was['name']}` holds deals: its category can't change."
            faults.append(errors.Fault("stages", problem, "Add another stage."))
    if faults:
        raise errors.Invalid(*faults)
    for position, stage in enumerate(stages):
        named = {**stage, "pipeline_id": pipeline_id, "position": position}
        conn.execute(SET_STAGE if stage.get("id") else ADD_STAGE, named)


def stage(conn: Connection, stage_id: int) -> Row | None:
    """A stage's row."""
    found = _rows(conn, STAGE, (stage_id,))
    return found[0] if found else None


def stages(conn: Connection, pipeline_id: int | None) -> list[Row]:
    """A pipeline's stages in order; of the first pipeline when none is named."""
    if pipeline_id is None:
        first = _rows(conn, PIPELINES, ())
        pipeline_id = first[0]["id"] if first else 0
    return _rows(conn, STAGES, ([pipeline_id],))


def _clean(
    values: Mapping[str, Any], *, creating: bool
) -> tuple[dict[str, Any], list[dict[str, Any]] | None]:
    rest = {n: v for n, v in values.items() if n != "stages"}
    given, faults = fields.clean(_FIELDS, ("id", "version"), rest, creating=creating)
    found = values.get("stages")
    stages: list[dict[str, Any]] | None = None
    if found is not None or creating:
        if not isinstance(found, list) or not 0 < len(found) <= limits.pipeline_stages_max:
            remedy = f"Send 1 to {limits.pipeline_stages_max} stages."
            faults.append(errors.Fault("stages", "must be a list.", remedy))
            found = []
        stages = [_stage(one, n, faults) for n, one in enumerate(found)]
        categories = [s["category"] for s in stages]
        for category in CATEGORIES if stages else ():
            if category not in categories:
                remedy = f"Add a stage of the category `{category}`."
                faults.append(errors.Fault("stages", f"has none that is {category}.", remedy))
    if faults:
        raise errors.Invalid(*faults)
    return given, stages


def _stage(one: Any, n: int, faults: list[errors.Fault]) -> dict[str, Any]:
    if not isinstance(one, Mapping):
        faults.append(errors.Fault(f"stages[{n}]", "must be an object.", "Send `name` and more."))
        one = {"name": "?"}
    rest = {k: v for k, v in one.items() if k != "id"}
    given, wrong = fields.clean(_STAGE, ("id",), rest, creating=True)
    faults += [errors.Fault(f"stages[{n}].{f.field}", f.problem, f.remedy) for f in wrong]
    category = given.get("category", "open")
    probability, forecast = _OF_CATEGORY[category]
    out = {
        "name": given.get("name", ""), "category": category, "stale_days": 0,
        "probability": probability, "forecast": forecast,
    }  # fmt: skip
    out |= {k: v for k, v in given.items() if v is not None}
    if one.get("id"):
        out["id"] = ids.parse_id("stg", one["id"], f"stages[{n}].id")
    return out


def _present(row: Row, stages: Sequence[Row]) -> Pipeline:
    return Pipeline(
        id=ids.api_id("pip", row["id"]),
        name=row["name"],
        position=row["position"],
        stages=[
            Stage(
                ids.api_id("stg", s["id"]), s["name"], s["category"], s["probability"],
                s["forecast"], s["stale_days"],
            )
            for s in stages
        ],
        version=row["version"],
        created_at=clock.iso(clock.from_datetime(row["created_at"])) or "",
        updated_at=clock.iso(clock.from_datetime(row["updated_at"])) or "",
        archived_at=clock.iso(clock.from_datetime(row["archived_at"]))
        if row["archived_at"]
        else None,
    )  # fmt: skip


def _one(conn: Connection, query: str, row_id: int) -> Row:
    found = _rows(conn, query, (row_id,))
    if not found:
        raise errors.NotFound(f"There is no pipeline `{ids.api_id('pip', row_id)}`. Check the id.")
    return found[0]


def _count(conn: Connection, query: str, row_id: int) -> int:
    return int(conn.execute(query, (row_id,)).fetchall()[0][0])


def _rows(conn: Connection, query: str, values: tuple[Any, ...]) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()
