"""Settings: API keys, shown once when made, and users."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from onefold import crm, record
from onefold.kernel import errors, ids
from onefold.web import data, door


@get("/settings", sync_to_thread=True)
def settings_page(request: door.AnyRequest) -> door.Page:
    """Keys and users; everybody else learns whom to ask."""
    return _page(door.ask_of(request))


def _page(ask: door.Ask, key: str = "") -> door.Page:
    with ask.open() as conn:
        keys = record.list_keys(conn, ask.viewer) if ask.can_admin else []
        users = crm.users.list_all(conn, ask.viewer) if ask.can_admin else []
        return door.page(
            ask, "settings.html", title="Settings", key=key, keys=keys, users=users,
            counts=data.counts(conn, ask),
        )  # fmt: skip


@get("/settings/keys/new", sync_to_thread=True)
def key_new(request: door.AnyRequest) -> door.Page:
    """The form of a new key."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    return _form(ask, "key", {}, ())


@post("/settings/keys", sync_to_thread=True)
def key_create(request: door.AnyRequest) -> door.Page:
    """Make a key; the answer is the only place that shows it."""
    ask = door.ask_of(request)
    try:
        with ask.open() as conn:
            _, key = record.create_key(
                conn, ask.viewer, ask.form.get("name", ""), ask.form.get("role", "")
            )
    except errors.Invalid as error:
        return _form(ask, "key", ask.form, error.faults, error.status)
    if not ask.htmx:
        return _page(ask, key)
    return door.page(ask, "key_made.html", title="Key created", key=key)


@post("/settings/keys/{ref:str}/revoke", sync_to_thread=True)
def key_revoke(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """End a key for good."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        record.revoke_key(conn, ask.viewer, ids.parse_id("key", ref), ask.now_ms)
    ask.request.app.state.gate.forget()
    return door.go(ask, "/settings", {"text": "Key revoked"})


@get("/settings/users/new", sync_to_thread=True)
def user_new(request: door.AnyRequest) -> door.Page:
    """The form of a new user."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    return _form(ask, "user", {}, ())


@post("/settings/users", sync_to_thread=True)
def user_create(request: door.AnyRequest) -> door.Page:
    """Make a user."""
    ask = door.ask_of(request)
    form = {k: ask.form.get(k, "") for k in ("email", "name", "role", "password")}
    try:
        with ask.open() as conn:
            crm.users.create(conn, ask.viewer, now_ms=ask.now_ms, **form)
    except (errors.Invalid, errors.Conflict) as error:
        return _form(ask, "user", form, data.wrong(error), error.status)
    return door.go(ask, "/settings", {"text": "User created"})


def _form(
    ask: door.Ask, noun: str, values: dict[str, str], faults: Any, status: int = 200
) -> door.Page:
    known = ("name", "role", "email", "password")
    return door.page(
        ask, f"{noun}_new.html", http=status, title=f"New {noun}", verb=f"Create {noun}",
        action=f"/settings/{noun}s", back="/settings",
        v={**dict.fromkeys(known, ""), **values}, faults=faults,
        known=known, roles=data.ROLES,
    )  # fmt: skip


HANDLERS = [settings_page, key_new, key_create, key_revoke, user_new, user_create]
