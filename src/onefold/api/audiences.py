"""Audiences: definitions of people or accounts, and who is in them now."""

from typing import Any

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType

from onefold import audiences, record
from onefold.api import door
from onefold.api.call import Call, expected_version, path_text
from onefold.api.pages import Listed
from onefold.api.records import IfMatch
from onefold.kernel import clock
from onefold.record import model
from onefold.record.freshness import Freshness, freshness
from onefold.storage import Connection

Source = str | dict[str, Any]


class Audience(msgspec.Struct, frozen=True):
    """An audience. `definition` is what was written, `members` how many are in it now."""

    key: str
    name: str
    of: str
    definition: dict[str, Any]
    feature: str
    status: str
    members: int | None
    version: int
    created_by: str
    created_at: str
    updated_at: str
    freshness: Freshness


class NewAudience(msgspec.Struct, forbid_unknown_fields=True):
    """What to make an audience of. `definition`: an object, or the same as YAML text.

    `feature`: of a campaign; an open ticket with that tag keeps a person out meanwhile.
    """

    definition: Source
    key: str = ""
    name: str = ""
    feature: str = ""


class AudienceChange(msgspec.Struct, forbid_unknown_fields=True):
    """Fields to set; the key stays."""

    definition: Source | UnsetType = UNSET
    name: str | UnsetType = UNSET
    feature: str | UnsetType = UNSET
    expected_version: int | UnsetType | None = UNSET


@get("/audiences", opt=door.READER, sync_to_thread=True)
def list_audiences(call: Call) -> Listed[Audience]:
    """List audiences."""
    with call.open() as conn:
        items = _shown(call, conn, audiences.list_all(conn, call.viewer))
    return Listed(items, len(items))


@post("/audiences", opt=door.ADMIN, sync_to_thread=True)
def create_audience(call: Call, data: JSONBody[NewAudience]) -> Audience:
    """Create an audience; it is `building` until everyone has been looked at, then `live`."""
    with call.open() as conn:
        made = audiences.create(
            conn, call.viewer, data.key, data.name, data.definition, data.feature
        )
        return _one(call, conn, made)


@get("/audiences/{key:str}", opt=door.READER, sync_to_thread=True)
def get_audience(call: Call, key: FromPath[str]) -> Audience:
    """Get an audience."""
    with call.open() as conn:
        return _one(call, conn, audiences.get(conn, call.viewer, path_text(key)))


@patch("/audiences/{key:str}", opt=door.ADMIN, sync_to_thread=True)
def change_audience(
    call: Call, key: FromPath[str], data: JSONBody[AudienceChange], if_match: IfMatch = None
) -> Audience:
    """Change an audience; its members stay until a changed definition is built."""
    values: dict[str, Any] = msgspec.to_builtins(data)
    version = expected_version(values, if_match)
    with call.open() as conn:
        changed = audiences.update(
            conn,
            call.viewer,
            path_text(key),
            name=values.get("name"),
            source=values.get("definition"),
            feature=values.get("feature"),
            version=version,
        )
        return _one(call, conn, changed)


@delete("/audiences/{key:str}", opt=door.ADMIN, sync_to_thread=True)
def delete_audience(call: Call, key: FromPath[str]) -> None:
    """Delete an audience; its members leave it."""
    with call.open() as conn:
        audiences.delete(conn, call.viewer, path_text(key))


@get("/audiences/{key:str}/members", opt=door.READER, sync_to_thread=True)
def list_members(
    call: Call,
    key: FromPath[str],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> model.MembersPage:
    """List who is in an audience, and since when."""
    with call.open() as conn:
        return record.list_members(conn, call.viewer, path_text(key), cursor, limit)


def _one(call: Call, conn: Connection, found: audiences.Audience) -> Audience:
    return _shown(call, conn, [found])[0]


def _shown(call: Call, conn: Connection, found: list[audiences.Audience]) -> list[Audience]:
    fresh = freshness(conn, call.viewer, found, call.now_ms)
    return [
        Audience(
            key=a.key,
            name=a.name,
            of=a.of,
            definition=a.source,
            feature=a.feature,
            status=a.status,
            members=a.members,
            version=a.version,
            created_by=a.created_by,
            created_at=clock.iso(a.created_ms) or "",
            updated_at=clock.iso(a.updated_ms) or "",
            freshness=fresh[a.key],
        )
        for a in found
    ]


HANDLERS = [
    list_audiences,
    create_audience,
    get_audience,
    change_audience,
    delete_audience,
    list_members,
]
