"""People: made of facts, read whole, in part, or a thousand at once."""

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromQuery, JSONBody, PathParameter

from onefold import record
from onefold.api import door, etag
from onefold.api.call import Call, path_text
from onefold.record import bulk, model
from onefold.record.profile import wanted as profile
from onefold.record.traits import history

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


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """Who is asked for, and which parts. `fields`: these alone; `include`: these beside the head.

    `ids`: ids or identifiers, at most 1,000 of them, 100 with `recent_events`.
    """

    ids: list[str]
    fields: list[str] | None = None
    include: list[str] | None = None


@get("/people/{ref:str}", opt=door.READER, sync_to_thread=True)
def get_person(
    call: Call,
    ref: Ref,
    fields: FromQuery[str | None] = None,
    include: FromQuery[str | None] = None,
    as_of: FromQuery[str | None] = None,
    if_none_match: etag.IfNoneMatch = None,
) -> Response[model.Person]:
    """Get a person, whole or in part; 304 when `If-None-Match` names what would be answered.

    `as_of`: traits, events and audiences as of a past moment, nothing else.
    """
    wanted = profile.parse(profile.PERSON, fields, include)
    with call.open() as conn:
        found: Any
        if as_of is not None:
            then = history.as_of(conn, call.viewer, path_text(ref), as_of)
            found = {**wanted.cut(then), "as_of": then["as_of"]}
        else:
            found = bulk.person(conn, call.viewer, path_text(ref), wanted)
    answer: Response[model.Person] = etag.answer(found, if_none_match)
    return answer


@post("/people/batch", opt=door.READER, status_code=200, sync_to_thread=True)
def get_people(call: Call, data: JSONBody[Asked]) -> bulk.Batch:
    """Get up to 1,000 people, in the order asked; who is not there is named in its place."""
    wanted = profile.parse(profile.PERSON, data.fields, data.include, but=profile.SLOW)
    with call.open() as conn:
        return bulk.find_people(conn, call.viewer, data.ids, wanted)


@get("/people/{ref:str}/timeline", opt=door.READER, sync_to_thread=True)
def get_person_timeline(
    call: Call, ref: Ref, before: FromQuery[str | None] = None, limit: FromQuery[int | None] = None
) -> model.Timeline:
    """What happened to a person, newest first."""
    with call.open() as conn:
        return record.person_timeline(conn, call.viewer, path_text(ref), before, limit)


HANDLERS = [list_people, get_person, get_people, get_person_timeline]
