"""The conversation of a ticket: replies, notes, and what the customer wrote."""

from litestar import get, post
from litestar.params import FromPath, JSONBody

from onefold import crm
from onefold.api import door, records
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.crm.conversation import Message, Said


@get("/tickets/{record_id:str}/messages", opt=door.READER, sync_to_thread=True)
def list_ticket_messages(call: Call, record_id: FromPath[str]) -> Listed[crm.Activity]:
    """List the newest messages and other activities of a ticket, oldest first."""
    with records.found_by_id(), call.open() as conn:
        found = crm.conversation.of(conn, call.viewer, record_id)
    return Listed(found, len(found), None)


@post("/tickets/{record_id:str}/messages", opt=door.MEMBER, sync_to_thread=True)
def add_ticket_message(call: Call, record_id: FromPath[str], data: JSONBody[Message]) -> Said:
    """Add a reply, a note or a customer's message to a ticket, and move the ticket with it."""
    with records.found_by_id(), call.open() as conn:
        return crm.conversation.add(conn, call.viewer, record_id, data, call.now_ms)


HANDLERS = [list_ticket_messages, add_ticket_message]
