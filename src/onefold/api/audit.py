"""The audit log: who let whom in, and by which door."""

import msgspec
from litestar import get
from litestar.params import FromQuery

from onefold.api import door
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.governance import audit
from onefold.kernel import clock, limits


class Act(msgspec.Struct, frozen=True):
    """One act; `actor` tells the door too: `user:3`, `key:7`, or `system:0` (command line)."""

    id: int
    at: str | None
    actor: str
    action: str
    subject: str
    changes: dict[str, audit.Change]


@get("/audit", opt=door.ADMIN, sync_to_thread=True)
def list_audit(
    call: Call,
    action: FromQuery[str] = "",
    actor: FromQuery[str] = "",
    before: FromQuery[int] = 0,
    limit: FromQuery[int] = limits.page_rows_default,
) -> Listed[Act]:
    """List log-ins and changes of users and keys, newest first; nothing ever changes a row."""
    with call.open() as conn:
        found, more = audit.find(
            conn, call.viewer, action=action, actor=actor, before=before, limit=limit
        )
    items = [
        Act(e.id, clock.iso(clock.from_datetime(e.at)), e.actor, e.action, e.subject, e.changes)
        for e in found
    ]
    return Listed(items, None, None if more is None else str(more))


HANDLERS = [list_audit]
