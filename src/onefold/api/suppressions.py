"""People whose items are not taken."""

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from onefold import governance
from onefold.api import door
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.governance import suppression
from onefold.kernel import clock, errors, ids, limits


class NewSuppression(msgspec.Struct, forbid_unknown_fields=True):
    """Whose items to leave out, by one identifier."""

    namespace: str
    value: str
    reason: str = ""


class Suppression(msgspec.Struct, frozen=True):
    """Somebody whose items are answered as ever and never become facts."""

    id: str
    namespace: str
    value: str
    reason: str
    created_by: str
    created_at: str


def _shown(one: suppression.Entry) -> Suppression:
    return Suppression(
        one.api_id, one.namespace, one.value, one.reason, one.created_by,
        one.created_at.isoformat(),
    )  # fmt: skip


@get("/suppressions", opt=door.READER, sync_to_thread=True)
def list_suppressions(
    call: Call,
    limit: FromQuery[int] = limits.page_rows_default,
    cursor: FromQuery[str | None] = None,
) -> Listed[Suppression]:
    """Those in force, newest first."""
    before = ids.parse_id("sup", cursor, "cursor") if cursor else None
    rows = min(max(limit, 1), limits.page_rows_max)
    with call.open() as conn:
        found = suppression.list_all(conn, call.viewer, before, rows + 1)
    following = found[rows - 1].api_id if len(found) > rows else None
    return Listed([_shown(one) for one in found[:rows]], next=following)


@post("/suppressions", opt=door.ADMIN, sync_to_thread=True)
def create_suppression(call: Call, data: JSONBody[NewSuppression]) -> Suppression:
    """Leave out whatever names this identifier, from the worker's next batch on."""
    with call.open() as conn:
        clean = governance.load(conn).read(data.namespace, data.value)
        if clean is None:
            raise errors.Invalid(
                errors.Fault("value", "identifies nobody.", "Give it as sources send it.")
            )
        now = clock.to_datetime(clock.now_ms())
        return _shown(suppression.add(conn, call.viewer, clean, data.reason, now))


@delete("/suppressions/{suppression_id:str}", opt=door.ADMIN, sync_to_thread=True, status_code=204)
def end_suppression(call: Call, suppression_id: FromPath[str]) -> None:
    """Take their items again, from the worker's next batch on."""
    with call.open() as conn:
        now = clock.to_datetime(clock.now_ms())
        suppression.end(conn, call.viewer, ids.parse_id("sup", suppression_id), now)


HANDLERS = [list_suppressions, create_suppression, end_suppression]
