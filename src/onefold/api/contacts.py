"""Contacts: the people a company works with."""

from litestar import get, patch, post
from litestar.params import FromPath, JSONBody

from onefold import crm
from onefold.api import door, records
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import AnyRequest, Body, IfMatch

_RECORDS = {"records": crm.contacts}


@get("/contacts", opt=door.READER | _RECORDS, sync_to_thread=True)
def list_contacts(call: Call, request: AnyRequest) -> Listed[crm.Contact]:
    """List contacts."""
    return records.listed(call, crm.contacts, request.query_params)


@post("/contacts", opt=door.MEMBER | _RECORDS, sync_to_thread=True)
def create_contact(call: Call, data: JSONBody[Body]) -> crm.Contact:
    """Create a contact."""
    found: crm.Contact = records.created(call, crm.contacts, data)
    return found


@get("/contacts/{record_id:str}", opt=door.READER, sync_to_thread=True)
def get_contact(call: Call, record_id: FromPath[str]) -> crm.Contact:
    """Get a contact."""
    found: crm.Contact = records.read(call, crm.contacts, record_id)
    return found


@patch("/contacts/{record_id:str}", opt=door.MEMBER | _RECORDS, sync_to_thread=True)
def change_contact(
    call: Call, record_id: FromPath[str], data: JSONBody[Body], if_match: IfMatch = None
) -> crm.Contact:
    """Change fields of a contact."""
    found: crm.Contact = records.changed(call, crm.contacts, record_id, data, if_match)
    return found


HANDLERS = [list_contacts, create_contact, get_contact, change_contact]
