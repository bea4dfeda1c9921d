"""Changes in bulk, saved views, and the board of a pipeline."""

from typing import Any

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from onefold import crm
from onefold.api import door, records
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import AnyRequest, Body
from onefold.crm.board import Board
from onefold.crm.bulk_edits import BulkEdit
from onefold.crm.reports import Report
from onefold.crm.views import View
from onefold.kernel import errors


class BulkAsked(msgspec.Struct, forbid_unknown_fields=True):
    """What to change: `ids`, or everything that a list with `filters` and `q` has."""

    object: str
    values: dict[str, Any]
    ids: list[str] = []
    filters: dict[str, Any] | None = None
    q: str = ""


@post("/bulk-edits", opt=door.MEMBER, sync_to_thread=True)
def create_bulk_edit(call: Call, data: JSONBody[BulkAsked]) -> BulkEdit:
    """Change many records at once; more than 200 in the background."""
    if data.object not in crm.objects.ALL:
        known = ", ".join(crm.objects.ALL)
        raise errors.Invalid(errors.Fault("object", "is not known.", f"Use one of {known}."))
    with call.open() as conn, conn.transaction():
        return crm.bulk_edits.start(
            conn, call.viewer, data.object, data.values, call.now_ms, of=data.ids,
            filters=data.filters, q=data.q,
        )  # fmt: skip


@get("/bulk-edits/{record_id:str}", opt=door.READER, sync_to_thread=True)
def get_bulk_edit(call: Call, record_id: FromPath[str]) -> BulkEdit:
    """How far a change in bulk is."""
    with records.found_by_id(), call.open() as conn:
        return crm.bulk_edits.get(conn, call.viewer, record_id)


@post("/bulk-edits/{record_id:str}/undo", opt=door.MEMBER, status_code=200, sync_to_thread=True)
def undo_bulk_edit(call: Call, record_id: FromPath[str]) -> BulkEdit:
    """Give the changed records their values back, but those that were changed again."""
    with records.found_by_id(), call.open() as conn, conn.transaction():
        return crm.bulk_edits.undo(conn, call.viewer, record_id, call.now_ms)


@get("/views", opt=door.READER, sync_to_thread=True)
def list_views(call: Call, object: FromQuery[str] = "") -> Listed[View]:  # noqa: A002
    """List saved views: shared ones, and one's own."""
    with call.open() as conn:
        found = crm.views.list_all(conn, call.viewer, object)
    return Listed(found, len(found), None)


@post("/views", opt=door.MEMBER, sync_to_thread=True)
def create_view(call: Call, data: JSONBody[Body]) -> View:
    """Save a view of a list."""
    with call.open() as conn:
        return crm.views.create(conn, call.viewer, data, call.now_ms)


@patch("/views/{record_id:str}", opt=door.MEMBER, sync_to_thread=True)
def change_view(call: Call, record_id: FromPath[str], data: JSONBody[Body]) -> View:
    """Rename a saved view, set its query, share it or not."""
    with records.found_by_id(), call.open() as conn:
        return crm.views.update(conn, call.viewer, record_id, data, call.now_ms)


@delete("/views/{record_id:str}", opt=door.MEMBER, status_code=200, sync_to_thread=True)
def delete_view(call: Call, record_id: FromPath[str]) -> View:
    """Delete a saved view."""
    with records.found_by_id(), call.open() as conn:
        return crm.views.delete(conn, call.viewer, record_id)


@get("/pipelines/{record_id:str}/board", opt=door.READER | {"records": crm.deals},
     sync_to_thread=True)  # fmt: skip
def get_board(call: Call, record_id: FromPath[str], request: AnyRequest) -> Board:
    """A pipeline's deals by stage with sums and weighted sums; filters as for deals."""
    asked, q = records.filters_of(request.query_params)
    with records.found_by_id(), call.open() as conn:
        return crm.board(conn, call.viewer, record_id, asked, q)


@get("/reports/{name:str}", opt=door.READER | {"records": crm.deals}, sync_to_thread=True)
def get_report(call: Call, name: FromPath[str], request: AnyRequest) -> Report:
    """A report on deals; filters as for deals, and `since` and `before`."""
    asked, q = records.filters_of(request.query_params)
    with call.open() as conn:
        return crm.reports.report(conn, call.viewer, name, asked, q)


HANDLERS = [
    create_bulk_edit, get_bulk_edit, undo_bulk_edit, list_views, create_view, change_view,
    delete_view, get_board, get_report,
]  # fmt: skip
