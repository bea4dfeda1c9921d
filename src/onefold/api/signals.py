"""Signals: interpreted changes worth acting on."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from onefold import record, signals
from onefold.api import door
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import found_by_id
from onefold.record import keyset

Several = Annotated[list[str] | None, QueryParameter(description="One, or several of them.")]


class Closing(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the signal helped: `useful`, `false_alarm` or `already_known`."""

    outcome: str
    expected_version: int | None = None


@get("/signals", opt=door.READER, sync_to_thread=True)
def list_signals(
    call: Call,
    status: Several = None,
    severity: Several = None,
    account: Several = None,
    owner: Several = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> Listed[signals.Signal]:
    """List signals, the newest firing first."""
    given = {"status": status, "severity": severity, "account": account, "owner": owner}
    filters = {name: value for name, value in given.items() if value is not None}
    rows = keyset.page_rows(limit)
    with call.open() as conn:
        page = signals.find(conn, call.viewer, filters, cursor=cursor, limit=rows)
        total = signals.count(conn, call.viewer, filters)
    return Listed(page.rows, total, page.next)


@get("/signals/{signal_id:str}", opt=door.READER, sync_to_thread=True)
def get_signal(call: Call, signal_id: FromPath[str]) -> signals.Signal:
    """Get a signal: its reasons, people and numbers."""
    with found_by_id(), call.open() as conn:
        return signals.get(conn, call.viewer, signal_id)


@post("/signals/{signal_id:str}/close", opt=door.MEMBER, sync_to_thread=True, status_code=200)
def close_signal(call: Call, signal_id: FromPath[str], data: JSONBody[Closing]) -> signals.Signal:
    """Close a signal by hand: its account's risk is cleared and its task done."""
    with found_by_id(), call.open() as conn:
        return record.close_signal(
            conn,
            call.viewer,
            signal_id,
            data.outcome,
            call.now_ms,
            expected_version=data.expected_version,
        )


HANDLERS = [list_signals, get_signal, close_signal]
