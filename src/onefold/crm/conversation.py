"""The conversation of a ticket: public replies, internal notes and what the customer wrote.

Messages are activities of the ticket, so that timelines, mentions and imports know them already. A
message and the status it brings commit together: nobody sees the answer without the pause.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from onefold.crm import fields
from onefold.crm.activity import activities
from onefold.crm.model import Activity, Item, Ticket
from onefold.crm.records import append
from onefold.crm.ticket import STATUSES, tickets
from onefold.kernel import errors, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

Status = Literal["", "open", "paused", "resolved"]
_KINDS = {
    "reply": ("email", "outbound"), "note": ("note", ""), "received": ("email", "inbound"),
}  # fmt: skip


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said. `status`: what the ticket becomes with it; "" leaves it.

    `received` is what the customer wrote: it opens a paused or resolved ticket again.
    """

    kind: Literal["reply", "note", "received"]
    body: str
    status: Status = ""
    expected_version: int | None = None


class Said(msgspec.Struct, frozen=True):
    """The message as it is kept, and the ticket after it."""

    message: Activity
    ticket: Ticket


def typed(values: Mapping[str, str]) -> Message:
    """The message of a form. Raises `Invalid` for an unknown `kind` or `status`."""
    kind = fields.enum("kind", values.get("kind", ""), tuple(_KINDS))
    status = fields.enum("status", values.get("status", ""), ("", *STATUSES))
    return msgspec.convert(
        {"kind": kind, "status": status, "body": values.get("body", "")}, Message
    )


def of(conn: Connection, viewer: Viewer, ref: str) -> list[Activity]:
    """The newest messages of a ticket, oldest first, and other activities on it in their places.

    Raises `NotFound`.
    """
    ticket = tickets.get(conn, viewer, ref)
    page = activities.find(
        conn, viewer, {"ticket_id": ticket.id}, sort="-at", limit=limits.page_rows_max
    )
    return page.rows[::-1]


def add(conn: Connection, viewer: Viewer, ref: str, said: Message, now_ms: int) -> Said:
    """Add a message, and move the ticket as it says.

    Raises `NotFound`, `Invalid` without a text, `Conflict` at another version.
    """
    viewer.must_write()
    if not said.body.strip():
        raise errors.Invalid(errors.Fault("body", "is empty.", "Write a text."))
    items: list[Item] = []
    status = said.status or ("open" if said.kind == "received" else "")
    ticket = tickets.update(
        conn, viewer, ref, {"status": status} if status else {}, now_ms,
        expected_version=said.expected_version, into=items,
    )  # fmt: skip
    kind, direction = _KINDS[said.kind]
    writes = viewer.kind == "user" and said.kind != "received"
    message = activities.create(
        conn, viewer,
        {
            "kind": kind, "direction": direction, "body": said.body, "ticket_id": ticket.id,
            "owner_id": viewer.id if writes else None,
        },
        now_ms, into=items,
    )  # fmt: skip
    append(conn, items, now_ms)
    return Said(message, ticket)


def take_back(
    conn: Connection, viewer: Viewer, ref: str, message_id: str, status: str, now_ms: int
) -> Ticket:
    """Archive a message of this ticket and give the ticket the status it had. Raises `NotFound`."""
    viewer.must_write()
    ticket = tickets.get(conn, viewer, ref)
    if activities.get(conn, viewer, message_id).ticket_id != ticket.id:
        raise errors.NotFound(f"`{message_id}` is not a message of {ticket.id}.")
    items: list[Item] = []
    activities.archive(conn, viewer, message_id, now_ms, into=items)
    values = {"status": status} if status else {}
    ticket = tickets.update(conn, viewer, ref, values, now_ms, into=items)
    if items:
        append(conn, items, now_ms)
    return ticket
