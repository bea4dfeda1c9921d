"""Pipelines with their stages, what a deal has beside its fields, currencies, own fields."""

from typing import Annotated, Any

import msgspec
from litestar import delete, get, patch, post, put
from litestar.params import FromPath, JSONBody

from onefold import crm
from onefold.api import door, records
from onefold.api.call import Call, expected_version
from onefold.api.pages import Listed
from onefold.api.records import Body, IfMatch
from onefold.crm.currencies import Currency
from onefold.crm.custom import CustomField
from onefold.crm.deal import Move
from onefold.crm.deal_lines import Line
from onefold.crm.pipeline import Pipeline
from onefold.kernel import limits


class LinesAsked(msgspec.Struct, forbid_unknown_fields=True):
    """A deal's lines, all of them; `expected_version` of the deal."""

    lines: Annotated[list[dict[str, Any]], msgspec.Meta(max_length=limits.deal_lines_max)]
    expected_version: int | None = None


class Lines(msgspec.Struct):
    """A deal and its lines."""

    deal: crm.Deal
    lines: list[Line]


class Rates(msgspec.Struct, forbid_unknown_fields=True):
    """The base currency, and what one unit of each other is worth in it."""

    base: str
    rates: dict[str, float] = {}


@get("/pipelines", opt=door.READER, sync_to_thread=True)
def list_pipelines(call: Call) -> Listed[Pipeline]:
    """List pipelines with their stages."""
    with call.open() as conn:
        found = crm.pipeline.list_all(conn, call.viewer)
    return Listed(found, len(found), None)


@post("/pipelines", opt=door.ADMIN, sync_to_thread=True)
def create_pipeline(call: Call, data: JSONBody[Body]) -> Pipeline:
    """Create a pipeline of stages."""
    with call.open() as conn:
        return crm.pipeline.create(conn, call.viewer, data, call.now_ms)


@get("/pipelines/{record_id:str}", opt=door.READER, sync_to_thread=True)
def get_pipeline(call: Call, record_id: FromPath[str]) -> Pipeline:
    """Get a pipeline."""
    with records.found_by_id(), call.open() as conn:
        return crm.pipeline.get(conn, call.viewer, record_id)


@patch("/pipelines/{record_id:str}", opt=door.ADMIN, sync_to_thread=True)
def change_pipeline(
    call: Call, record_id: FromPath[str], data: JSONBody[Body], if_match: IfMatch = None
) -> Pipeline:
    """Change a pipeline's name or its whole list of stages."""
    version = expected_version(data, if_match)
    with records.found_by_id(), call.open() as conn:
        return crm.pipeline.update(
            conn, call.viewer, record_id, data, call.now_ms, expected_version=version
        )


@delete("/pipelines/{record_id:str}", opt=door.ADMIN, status_code=200, sync_to_thread=True)
def archive_pipeline(call: Call, record_id: FromPath[str]) -> Pipeline:
    """Put a pipeline away that has no open deals."""
    with records.found_by_id(), call.open() as conn:
        return crm.pipeline.update(conn, call.viewer, record_id, {}, call.now_ms, archived=True)


@get("/deals/{record_id:str}/moves", opt=door.READER, sync_to_thread=True)
def list_deal_moves(call: Call, record_id: FromPath[str]) -> Listed[Move]:
    """A deal's way through its stages, newest first: who, when, whence, days there."""
    with records.found_by_id(), call.open() as conn:
        found = crm.deals.moves(conn, call.viewer, record_id)
    return Listed(found, len(found), None)


@get("/deals/{record_id:str}/lines", opt=door.READER, sync_to_thread=True)
def list_deal_lines(call: Call, record_id: FromPath[str]) -> Lines:
    """A deal's products, line by line."""
    with records.found_by_id(), call.open() as conn:
        lines = crm.deal_lines.of(conn, call.viewer, record_id)
        return Lines(crm.deals.get(conn, call.viewer, record_id), lines)


@put("/deals/{record_id:str}/lines", opt=door.MEMBER, sync_to_thread=True)
def put_deal_lines(
    call: Call, record_id: FromPath[str], data: JSONBody[LinesAsked], if_match: IfMatch = None
) -> Lines:
    """Set a deal's lines; its amount becomes their sum."""
    version = expected_version({"expected_version": data.expected_version}, if_match)
    with records.found_by_id(), call.open() as conn:
        deal = crm.deal_lines.put(
            conn, call.viewer, record_id, data.lines, call.now_ms, expected_version=version
        )
        return Lines(deal, crm.deal_lines.of(conn, call.viewer, record_id))


@get("/currencies", opt=door.READER, sync_to_thread=True)
def list_currencies(call: Call) -> Listed[Currency]:
    """List currencies with their rates, the base first."""
    with call.open() as conn:
        found = crm.currencies.list_all(conn, call.viewer)
    return Listed(found, len(found), None)


@put("/currencies", opt=door.ADMIN, sync_to_thread=True)
def put_currencies(call: Call, data: JSONBody[Rates]) -> Listed[Currency]:
    """Set the base currency and the rates of the others; amounts kept before stay as they are."""
    with call.open() as conn:
        found = crm.currencies.put(conn, call.viewer, data.base, data.rates, call.now_ms)
    return Listed(found, len(found), None)


@get("/fields", opt=door.READER, sync_to_thread=True)
def list_fields(call: Call) -> Listed[CustomField]:
    """List the workspace's own fields of every object."""
    with call.open() as conn:
        found = crm.custom.list_all(conn, call.viewer)
    return Listed(found, len(found), None)


@post("/fields", opt=door.ADMIN, sync_to_thread=True)
def create_field(call: Call, data: JSONBody[Body]) -> CustomField:
    """Add a field to an object."""
    with call.open() as conn:
        return crm.custom.create(conn, call.viewer, data, call.now_ms)


@patch("/fields/{record_id:str}", opt=door.ADMIN, sync_to_thread=True)
def change_field(
    call: Call, record_id: FromPath[str], data: JSONBody[Body], if_match: IfMatch = None
) -> CustomField:
    """Change a field's label, options, place, or whether it is required."""
    version = expected_version(data, if_match)
    with records.found_by_id(), call.open() as conn:
        return crm.custom.update(
            conn, call.viewer, record_id, data, call.now_ms, expected_version=version
        )


@delete("/fields/{record_id:str}", opt=door.ADMIN, status_code=200, sync_to_thread=True)
def archive_field(call: Call, record_id: FromPath[str]) -> CustomField:
    """Take a field away; values are kept, for when it is added again."""
    with records.found_by_id(), call.open() as conn:
        return crm.custom.update(conn, call.viewer, record_id, {}, call.now_ms, archived=True)


HANDLERS = [
    list_pipelines, create_pipeline, get_pipeline, change_pipeline, archive_pipeline,
    list_deal_moves, list_deal_lines, put_deal_lines, list_currencies, put_currencies,
    list_fields, create_field, change_field, archive_field,
]  # fmt: skip
