"""Tickets: requests for help."""

from litestar import get, patch, post
from litestar.params import FromPath, JSONBody

from onefold import crm, record
from onefold.api import door, records
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import AnyRequest, Body, IfMatch

_RECORDS = {"records": crm.tickets}


@get("/tickets", opt=door.READER | _RECORDS, sync_to_thread=True)
def list_tickets(call: Call, request: AnyRequest) -> Listed[crm.Ticket]:
    """List tickets."""
    return records.listed(call, crm.tickets, request.query_params)


@post("/tickets", opt=door.MEMBER | _RECORDS, sync_to_thread=True)
def create_ticket(call: Call, data: JSONBody[Body]) -> crm.Ticket:
    """Create a ticket."""
    with call.open() as conn:
        found = record.open_ticket(conn, call.viewer, data, call.now_ms)
        return record.named(conn, call.viewer, [found])[0]


@get("/tickets/{record_id:str}", opt=door.READER, sync_to_thread=True)
def get_ticket(call: Call, record_id: FromPath[str]) -> crm.Ticket:
    """Get a ticket."""
    found: crm.Ticket = records.read(call, crm.tickets, record_id)
    return found


@patch("/tickets/{record_id:str}", opt=door.MEMBER | _RECORDS, sync_to_thread=True)
def change_ticket(
    call: Call, record_id: FromPath[str], data: JSONBody[Body], if_match: IfMatch = None
) -> crm.Ticket:
    """Change fields of a ticket."""
    found: crm.Ticket = records.changed(call, crm.tickets, record_id, data, if_match)
    return found


HANDLERS = [list_tickets, create_ticket, get_ticket, change_ticket]
