"""Who is who: decisions, and why."""

from typing import Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from onefold import record
from onefold.api import door
from onefold.api.call import Call


class NewDecision(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Two references and what is said of them. `a_at`, `b_at`: a time in a device's chapter."""

    decision: Literal["same", "not_same", "pin"]
    a: str
    b: str
    a_at: str | None = None
    b_at: str | None = None
    reason: str = ""


class Undo(msgspec.Struct, forbid_unknown_fields=True):
    """Why it is taken back."""

    reason: str = ""


@get("/identity/decisions", opt=door.READER, sync_to_thread=True)
def list_identity_decisions(
    call: Call, cursor: FromQuery[str | None] = None, person: FromQuery[str | None] = None
) -> record.decisions.Decisions:
    """List what people decided on who is who, newest first, undone ones included."""
    with call.open() as conn:
        return record.decisions.list_decisions(conn, call.viewer, cursor, person)


@post("/identity/decisions", opt=door.MEMBER, sync_to_thread=True)
def create_identity_decision(call: Call, data: JSONBody[NewDecision]) -> record.decisions.Decision:
    """Decide that two are the same person, are different people, or stay together for good."""
    with call.open() as conn:
        said = record.decisions.decide(conn, call.viewer, msgspec.to_builtins(data), call.now_ms)
    return record.decisions.settled(call.open, call.viewer, said)


@get("/identity/decisions/{decision_id:str}", opt=door.READER, sync_to_thread=True)
def get_identity_decision(call: Call, decision_id: FromPath[str]) -> record.decisions.Decision:
    """Get a decision."""
    with call.open() as conn:
        return record.decisions.decision(conn, call.viewer, decision_id)


@post("/identity/decisions/{decision_id:str}/undo", opt=door.MEMBER, sync_to_thread=True)
def undo_identity_decision(
    call: Call, decision_id: FromPath[str], data: JSONBody[Undo]
) -> record.decisions.Decision:
    """Take a decision back: everything is as if it had never been made, later events included."""
    with call.open() as conn:
        said = record.decisions.undo(conn, call.viewer, decision_id, data.reason, call.now_ms)
    return record.decisions.settled(call.open, call.viewer, said)


HANDLERS = [
    list_identity_decisions, create_identity_decision, get_identity_decision,
    undo_identity_decision,
]  # fmt: skip
