"""People: read only, they are made of facts."""

from typing import Annotated

from litestar import get
from litestar.params import FromQuery, PathParameter

from onefold import record
from onefold.api import door
from onefold.api.call import Call, path_text
from onefold.record import model

Ref = Annotated[
    str,
    PathParameter(
        description="`per_12`, or a percent-encoded `namespace:value`: `user_id:org%2F42`."
    ),
]


@get("/people", opt=door.READER, sync_to_thread=True)
def list_people(
    call: Call,
    q: FromQuery[str] = "",
    audience: FromQuery[str | None] = None,
    account: FromQuery[str | None] = None,
    known: FromQuery[bool | None] = None,
    sort: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> model.PeoplePage:
    """List people."""
    with call.open() as conn:
        return record.list_people(
            conn,
            call.viewer,
            q=q,
            audience=audience,
            account=account,
            known=known,
            sort=sort,
            cursor=cursor,
            limit=limit,
        )


@get("/people/{ref:str}", opt=door.READER, sync_to_thread=True)
def get_person(call: Call, ref: Ref) -> model.Person:
    """Get a person: identifiers, traits, accounts, audiences, counts of events."""
    with call.open() as conn:
        return record.person(conn, call.viewer, path_text(ref))


@get("/people/{ref:str}/timeline", opt=door.READER, sync_to_thread=True)
def get_person_timeline(
    call: Call, ref: Ref, before: FromQuery[str | None] = None, limit: FromQuery[int | None] = None
) -> model.Timeline:
    """What happened to a person, newest first."""
    with call.open() as conn:
        return record.person_timeline(conn, call.viewer, path_text(ref), before, limit)


HANDLERS = [list_people, get_person, get_person_timeline]
