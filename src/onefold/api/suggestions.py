"""Suggestions for who writes definitions: names and frequent values that are there."""

from litestar import get
from litestar.params import FromQuery

from onefold.api import door
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.record import suggest


@get("/suggestions", opt=door.READER, sync_to_thread=True)
def list_suggestions(
    call: Call,
    field: FromQuery[str],
    of: FromQuery[str] = "person",
    q: FromQuery[str] = "",
    event: FromQuery[str] = "",
    name: FromQuery[str] = "",
) -> Listed[suggest.Suggestion]:
    """List names or frequent values for a part of a definition, likeliest first."""
    with call.open() as conn:
        items = suggest.suggest(
            conn, call.viewer, field, call.now_ms, of=of, q=q, event=event, name=name
        )
    return Listed(items, len(items))


HANDLERS = [list_suggestions]
