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


@get("/identity/why", opt=door.READER, sync_to_thread=True)
def why_same(
    call: Call,
    a: FromQuery[str],
    b: FromQuery[str],
    a_at: FromQuery[str | None] = None,
    b_at: FromQuery[str | None] = None,
) -> record.whois.Why:
    """Why two identifiers are one person, or what keeps them apart: the path, with its events."""
    with call.open() as conn:
        return record.whois.why(conn, call.viewer, a, b, call.now_ms, a_at, b_at)


@get("/identity/why-not", opt=door.READER, sync_to_thread=True)
def why_not_same(
    call: Call,
    a: FromQuery[str],
    b: FromQuery[str],
    a_at: FromQuery[str | None] = None,
    b_at: FromQuery[str | None] = None,
) -> record.whois.Why:
    """The same question asked the other way round; the answer is the same."""
    with call.open() as conn:
        return record.whois.why(conn, call.viewer, a, b, call.now_ms, a_at, b_at)


@get("/identity/history", opt=door.READER, sync_to_thread=True)
def identity_history(call: Call, ref: FromQuery[str]) -> record.whois.History:
    """Every merge, split and decision of a person, newest first, with cause and actor."""
    with call.open() as conn:
        return record.whois.history(conn, call.viewer, ref)


@get("/identity/as-of", opt=door.READER, sync_to_thread=True)
def identity_as_of(call: Call, ref: FromQuery[str], at: FromQuery[str]) -> record.whois.AsOf:
    """Whose an identifier was at a past time, and what else was theirs then."""
    with call.open() as conn:
        return record.whois.as_of(conn, call.viewer, ref, at, call.now_ms)


@get("/identity/graph", opt=door.READER, sync_to_thread=True)
def identity_graph(call: Call, ref: FromQuery[str]) -> record.whois.GraphAnswer:
    """A person's identifiers, chapters, links and suppressed links, each with a sentence."""
    with call.open() as conn:
        return record.whois.person_graph(conn, call.viewer, ref)


@get("/identity/simulate", opt=door.READER, sync_to_thread=True)
def simulate_identity(
    call: Call,
    decision: FromQuery[str | None] = None,
    a: FromQuery[str] = "",
    b: FromQuery[str] = "",
    a_at: FromQuery[str | None] = None,
    b_at: FromQuery[str | None] = None,
    undo: FromQuery[str | None] = None,
) -> record.whois.Simulation:
    """What a decision, or undoing one, would do to whom. Nothing is changed."""
    with call.open() as conn:
        return record.whois.simulate(
            conn, call.viewer, call.now_ms,
            decision=decision, a=a, b=b, a_at=a_at, b_at=b_at, undo=undo,
        )  # fmt: skip


HANDLERS = [
    list_identity_decisions, create_identity_decision, get_identity_decision,
    undo_identity_decision, why_same, why_not_same, identity_history, identity_as_of,
    identity_graph, simulate_identity,
]  # fmt: skip
