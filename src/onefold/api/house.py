"""Who may come in: the caller, users and API keys."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from onefold import crm, record
from onefold.api import door
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import found_by_id
from onefold.kernel import clock, ids
from onefold.record import access


class Me(msgspec.Struct, frozen=True):
    """The caller: a user by session, or a key."""

    kind: str
    id: str
    name: str
    role: str


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """What to make a log-in of."""

    email: str
    name: str
    password: str
    role: str = "member"


class UserChange(msgspec.Struct, forbid_unknown_fields=True):
    """What to change of a user; what is left out stays."""

    role: str | None = None
    enabled: bool | None = None


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    """What to make a key of."""

    name: str
    role: str = "reader"


class Key(msgspec.Struct, frozen=True):
    """A key; `hint` is its last four characters."""

    id: str
    name: str
    role: str
    hint: str
    created_at: str | None
    used_at: str | None
    revoked_at: str | None


class MadeKey(Key, frozen=True):
    """A new key; `secret` is what to send, and is not shown again."""

    secret: str


@get("/me", opt=door.READER, sync_to_thread=False)
def get_me(call: Call) -> Me:
    """Who is asking."""
    viewer = call.viewer
    prefix = "usr" if viewer.kind == "user" else "key"
    return Me(viewer.kind, ids.api_id(prefix, viewer.id), viewer.name, viewer.role)


@get("/users", opt=door.READER, sync_to_thread=True)
def list_users(call: Call) -> Listed[crm.User]:
    """List users: those who log in, and own records."""
    with call.open() as conn:
        items = crm.users.list_all(conn, call.viewer)
    return Listed(items, len(items))


@post("/users", opt=door.ADMIN, sync_to_thread=True)
def create_user(call: Call, data: JSONBody[NewUser]) -> crm.User:
    """Create a log-in."""
    with call.open() as conn:
        return crm.users.create(
            conn,
            call.viewer,
            email=data.email,
            name=data.name,
            role=data.role,
            password=data.password,
            now_ms=call.now_ms,
        )


@patch("/users/{user_id:str}", opt=door.ADMIN, sync_to_thread=True)
def change_user(
    call: Call, user_id: FromPath[str], data: JSONBody[UserChange], request: Request[Any, Any, Any]
) -> crm.User:
    """Give a user another role, or let them in no longer: their sessions end."""
    with found_by_id(), call.open() as conn:
        user = access.change_user(conn, call.viewer, user_id, role=data.role, enabled=data.enabled)
    request.app.state.gate.forget()
    return user


@get("/keys", opt=door.ADMIN, sync_to_thread=True)
def list_keys(call: Call) -> Listed[Key]:
    """List API keys, revoked ones last."""
    with call.open() as conn:
        items = [_shown(k) for k in record.list_keys(conn, call.viewer)]
    return Listed(items, len(items))


@post("/keys", opt=door.ADMIN, sync_to_thread=True)
def create_key(call: Call, data: JSONBody[NewKey]) -> MadeKey:
    """Create an API key; the key itself is in the answer, and never again."""
    with call.open() as conn:
        row, secret = record.create_key(conn, call.viewer, data.name, data.role)
    return MadeKey(**msgspec.structs.asdict(_shown(row)), secret=secret)


@delete("/keys/{key_id:str}", opt=door.ADMIN, sync_to_thread=True, status_code=200)
def revoke_key(call: Call, key_id: FromPath[str], request: Request[Any, Any, Any]) -> Key:
    """Revoke a key for good."""
    with found_by_id(), call.open() as conn:
        row = record.revoke_key(conn, call.viewer, ids.parse_id("key", key_id), call.now_ms)
    request.app.state.gate.forget()
    return _shown(row)


def _shown(key: record.ApiKey) -> Key:
    return Key(
        id=ids.api_id("key", key.id),
        name=key.name,
        role=key.role,
        hint=key.hint,
        created_at=_iso(key.created_at),
        used_at=_iso(key.used_at),
        revoked_at=_iso(key.revoked_at),
    )


def _iso(value: datetime | None) -> str | None:
    return None if value is None else clock.iso(clock.from_datetime(value))


HANDLERS = [get_me, list_users, create_user, change_user, list_keys, create_key, revoke_key]
