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
from onefold.audiences import rows_store
from onefold.kernel import clock, errors
from onefold.record import lists, model, why
from onefold.record.freshness import Freshness, freshness
from onefold.storage import Connection

Source = str | dict[str, Any]


class Run(msgspec.Struct, frozen=True):
    """The newest run of an audience's query. `good_at`: when the run began whose answer counts."""

    next_at: str | None
    started_at: str | None
    ended_at: str | None
    good_at: str | None
    log_row: int | None
    rows: int | None
    unknown: int | None
    error: str


class Audience(msgspec.Struct, frozen=True):
    """An audience. `definition` is what was written, `members` how many are in it now.

    `kind`: live, sql or list; `run` is of a query.
    """

    key: str
    name: str
    of: str
    definition: dict[str, Any]
    feature: str
    kind: str
    status: str
    members: int | None
    version: int
    created_by: str
    created_at: str
    updated_at: str
    freshness: Freshness
    run: Run | None


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


class Entries(msgspec.Struct, forbid_unknown_fields=True):
    """What to put on a list and what to take off it: a list of identifiers each, or CSV text."""

    add: str | list[str] = ""
    remove: str | list[str] = ""


@post("/audiences/{key:str}/entries", opt=door.ADMIN, status_code=200, sync_to_thread=True)
def change_entries(call: Call, key: FromPath[str], data: JSONBody[Entries]) -> lists.Uploaded:
    """Put identifiers on an audience that is a list, and take others off it."""
    with call.open() as conn:
        return lists.change(
            conn, call.viewer, path_text(key), call.now_ms, add=data.add, remove=data.remove
        )


@get("/audiences/{key:str}/entries", opt=door.READER, sync_to_thread=True)
def list_entries(
    call: Call,
    key: FromPath[str],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> lists.EntriesPage:
    """List the identifiers of an audience that is a list, and who has each."""
    with call.open() as conn:
        return lists.entries(conn, call.viewer, path_text(key), cursor, limit)


@post("/audiences/{key:str}/run", opt=door.ADMIN, status_code=202, sync_to_thread=True)
def run_audience(call: Call, key: FromPath[str]) -> Audience:
    """Run an audience's query as soon as can be, ahead of its time."""
    with call.open() as conn:
        found = audiences.get(conn, call.viewer, path_text(key))
        if found.kind != "sql":
            fault = errors.Fault("key", f"`{found.key}` has no query.", "It is current by itself.")
            raise errors.Invalid(fault)
        rows_store.ask_soon(conn, found.id)
        return _one(call, conn, found)


def _one(call: Call, conn: Connection, found: audiences.Audience) -> Audience:
    return _shown(call, conn, [found])[0]


def _shown(call: Call, conn: Connection, found: list[audiences.Audience]) -> list[Audience]:
    fresh = freshness(conn, call.viewer, found, call.now_ms)
    runs = rows_store.runs(conn, [a.id for a in found if a.kind == "sql"])
    return [
        Audience(
            key=a.key,
            name=a.name,
            of=a.of,
            definition=a.source,
            feature=a.feature,
            kind=a.kind,
            status=a.status,
            members=a.members,
            version=a.version,
            created_by=a.created_by,
            created_at=clock.iso(a.created_ms) or "",
            updated_at=clock.iso(a.updated_ms) or "",
            freshness=fresh[a.key],
            run=_run(runs.get(a.id)),
        )
        for a in found
    ]


def _run(found: rows_store.Run | None) -> Run | None:
    if found is None:
        return None
    return Run(
        next_at=clock.iso(found.next_ms) if found.next_ms else None,
        started_at=clock.iso(found.started_ms),
        ended_at=clock.iso(found.ended_ms),
        good_at=clock.iso(found.good_ms),
        log_row=found.seq,
        rows=found.rows,
        unknown=found.unknown,
        error=found.error,
    )


@get("/audiences/{key:str}/members/{ref:str}/why", opt=door.READER, sync_to_thread=True)
def get_why(call: Call, key: FromPath[str], ref: FromPath[str]) -> why.Why:
    """Say why a person or account is in an audience or not: conditions, values, facts, times."""
    with call.open() as conn:
        return why.why(conn, call.viewer, path_text(key), path_text(ref), call.now_ms)


HANDLERS = [
    list_audiences,
    create_audience,
    get_audience,
    change_audience,
    delete_audience,
    list_members,
    get_why,
    change_entries,
    list_entries,
    run_audience,
]
