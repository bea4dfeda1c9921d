"""Associations between records, and files at them."""

import asyncio
from typing import Annotated

from litestar import Response, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from onefold import crm
from onefold.api import door, records
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import AnyRequest, Body
from onefold.crm.attachments import Attachment
from onefold.crm.links import Label, Link
from onefold.kernel import limits

Of = Annotated[str, QueryParameter(description="A record: `deal_4`.")]


@get("/associations", opt=door.READER, sync_to_thread=True)
def list_associations(call: Call, of: Of) -> Listed[Link]:
    """List what a record is linked to, the primary ones first."""
    with call.open() as conn:
        found = crm.links.of(conn, call.viewer, of)
    return Listed(found, len(found), None)


@post("/associations", opt=door.MEMBER, sync_to_thread=True)
def create_association(call: Call, data: JSONBody[Body]) -> Link:
    """Link two records, with a label, as the primary of its kind or beside others."""
    with call.open() as conn:
        return crm.links.add(conn, call.viewer, data, call.now_ms)


@delete("/associations/{record_id:str}", opt=door.MEMBER, sync_to_thread=True)
def delete_association(call: Call, record_id: FromPath[str]) -> None:
    """Take a link away."""
    with records.found_by_id(), call.open() as conn:
        crm.links.drop(conn, call.viewer, record_id)


@get("/association-labels", opt=door.READER, sync_to_thread=True)
def list_association_labels(call: Call) -> Listed[Label]:
    """List the labels that links may have, by pair of objects."""
    with call.open() as conn:
        found = crm.links.labels(conn, call.viewer)
    return Listed(found, len(found), None)


@post("/association-labels", opt=door.ADMIN, sync_to_thread=True)
def create_association_label(call: Call, data: JSONBody[Body]) -> Label:
    """Add a label for a pair of objects, or rename it."""
    with call.open() as conn:
        return crm.links.add_label(conn, call.viewer, data)


@get("/attachments", opt=door.READER, sync_to_thread=True)
def list_attachments(call: Call, of: Of) -> Listed[Attachment]:
    """List the files at a record."""
    with call.open() as conn:
        found = crm.attachments.of(conn, call.viewer, of)
    return Listed(found, len(found), None)


@post(
    "/attachments",
    opt={**door.MEMBER, "file": True},
    request_max_body_size=limits.attachment_bytes_max,
)
async def upload_attachment(
    request: AnyRequest, call: Call, of: Of, name: FromQuery[str]
) -> Attachment:
    """Upload a file as the request's body, to a record."""
    body = await request.body()
    kind = request.headers.get("content-type", "")

    def keep() -> Attachment:
        with call.open() as conn:
            return crm.attachments.add(conn, call.viewer, of, name, kind, body, call.now_ms)

    return await asyncio.to_thread(keep)


@get("/attachments/{record_id:str}/content", opt=door.READER, sync_to_thread=True)
def get_attachment(call: Call, record_id: FromPath[str]) -> Response[bytes]:
    """Download a file; it is never shown in place."""
    with records.found_by_id(), call.open() as conn:
        found, body = crm.attachments.content(conn, call.viewer, record_id)
    return Response(
        body, media_type="application/octet-stream", headers=crm.attachments.download(found.name)
    )


@delete("/attachments/{record_id:str}", opt=door.MEMBER, sync_to_thread=True)
def delete_attachment(call: Call, record_id: FromPath[str]) -> None:
    """Delete a file for good."""
    with records.found_by_id(), call.open() as conn:
        crm.attachments.drop(conn, call.viewer, record_id)


HANDLERS = [
    list_associations, create_association, delete_association, list_association_labels,
    create_association_label, list_attachments, upload_attachment, get_attachment,
    delete_attachment,
]  # fmt: skip
