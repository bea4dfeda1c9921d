"""What leads can do beside the routes of all objects: become a contact, an account and a deal."""

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody

from onefold import crm
from onefold.api import door, records
from onefold.api.call import Call, expected_version
from onefold.api.records import IfMatch
from onefold.record import leads
from onefold.record.leads import Conversion, Converted, Matches


class TakenBack(msgspec.Struct):
    """A lead that is one again. `kept`: what the conversion made that stays, and why."""

    lead: crm.Lead
    kept: list[str]


@get("/leads/{record_id:str}/matches", opt=door.READER, sync_to_thread=True)
def get_lead_matches(call: Call, record_id: FromPath[str]) -> Matches:
    """Who a lead is already: the contact and account that converting it would use, and why."""
    with records.found_by_id(), call.open() as conn:
        return leads.matches(conn, call.viewer, record_id)


@post("/leads/{record_id:str}/convert", opt=door.MEMBER, status_code=200, sync_to_thread=True)
def convert_lead(call: Call, record_id: FromPath[str], data: JSONBody[Conversion]) -> Converted:
    """Convert a lead to a contact, an account and, if wanted, a deal; those there are are used."""
    with records.found_by_id(), call.open() as conn:
        return leads.convert(conn, call.viewer, record_id, data, call.now_ms)


@post("/leads/{record_id:str}/unconvert", opt=door.MEMBER, status_code=200, sync_to_thread=True)
def unconvert_lead(call: Call, record_id: FromPath[str], if_match: IfMatch = None) -> TakenBack:
    """Take a conversion back: the lead is open again, what was made and not used since goes."""
    version = expected_version({}, if_match)
    with records.found_by_id(), call.open() as conn:
        lead, kept = leads.take_back(
            conn, call.viewer, record_id, call.now_ms, expected_version=version
        )
        return TakenBack(lead, kept)


HANDLERS = [get_lead_matches, convert_lead, unconvert_lead]
