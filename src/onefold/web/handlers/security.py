"""Who may come in: a user's role and access, and the audit log with its CSV."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath
from litestar.response import Stream

from onefold import crm, record
from onefold.governance import audit
from onefold.kernel import errors, ids, limits
from onefold.record import access
from onefold.storage import Connection
from onefold.web import data, door, exports, view


@get("/settings/users/{ref:str}/edit", sync_to_thread=True)
def user_edit(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """The form of a user's role and access."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    return _form(ask, ref)


@post("/settings/users/{ref:str}", sync_to_thread=True)
def user_change(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Another role, or no access any more."""
    ask = door.ask_of(request)
    try:
        with ask.open() as conn:
            access.change_user(
                conn, ask.viewer, ref,
                role=ask.form.get("role"), enabled=ask.form.get("enabled") != "no",
            )  # fmt: skip
    except (errors.Invalid, errors.Conflict) as error:
        return _form(ask, ref, data.wrong(error), error.status)
    ask.request.app.state.gate.forget()
    return door.go(ask, "/settings", {"text": "User changed"})


def _form(ask: door.Ask, ref: str, faults: Any = (), status: int = 200) -> door.Page:
    with ask.open() as conn:
        user = crm.users.get(conn, ask.viewer, ref)
    v = {"role": user.role, "enabled": "yes" if user.enabled else "no", **ask.form}
    return door.page(
        ask, "user_edit.html", http=status, title=user.name, verb="Save", back="/settings",
        action=f"/settings/users/{user.id}", v=v, faults=faults, known=("role", "enabled"),
        roles=data.ROLES,
        lets_in=[("yes", "May log in"), ("no", "May not: sessions end at once")],
    )  # fmt: skip


@get("/settings/audit", sync_to_thread=True)
def audit_page(request: door.AnyRequest) -> door.Page:
    """Who let whom in, newest first."""
    ask = door.ask_of(request)
    before = ask.query.get("cursor", "")
    asked = _asked(ask)
    with ask.open() as conn:
        found, more = audit.find(
            conn, ask.viewer, action=asked["action"], actor=asked["actor"],
            before=int(before) if _is_id(before) else 0, limit=limits.page_rows_default,
        )  # fmt: skip
        names = _names(conn, ask)
        counts = data.counts(conn, ask)
    return door.page(
        ask, "audit.html", title="Audit log", counts=counts, more=more and str(more),
        rows=[_row(entry, names) for entry in found], asked=asked,
        actions=[("", "Everything"), *((a, _words(a)) for a in audit.ACTIONS)],
        actors=[("", "Anybody"), *((a, n) for a, n in names.items() if ":" in a)],
    )  # fmt: skip


def _asked(ask: door.Ask) -> dict[str, str]:
    return {name: ask.query.get(name, "") for name in ("action", "actor")}


@get("/settings/audit.csv", sync_to_thread=True, media_type="text/csv")
def audit_csv(request: door.AnyRequest) -> Stream:
    """The same list whole, as CSV."""
    ask = door.ask_of(request)
    asked = _asked(ask)
    with ask.open() as conn:
        audit.find(conn, ask.viewer, action=asked["action"], actor=asked["actor"], limit=1)

    def rows() -> Iterator[list[Any]]:
        before: int | None = 0
        while before is not None:
            with ask.open() as conn:
                found, before = audit.find(
                    conn, ask.viewer, action=asked["action"], actor=asked["actor"], before=before
                )
            for e in found:
                changes = msgspec.to_builtins(e.changes)
                yield [e.id, ask.iso(e.at), e.actor, e.action, e.subject, changes]

    return exports.stream("audit", ["id", "at", "actor", "action", "subject", "changes"], rows())


def _names(conn: Connection, ask: door.Ask) -> dict[str, str]:
    """What actors (`user:3`) and subjects (`usr_3`) are called; gone ones keep their ids."""
    out = {"system:0": "Command line"}
    for user in crm.users.list_all(conn, ask.viewer):
        out[f"user:{ids.parse_id('usr', user.id)}"] = out[user.id] = user.name
    for key in record.list_keys(conn, ask.viewer):
        out[f"key:{key.id}"] = out[ids.api_id("key", key.id)] = f"Key {key.name}"
    return out


def _row(entry: audit.Entry, names: Mapping[str, str]) -> dict[str, Any]:
    changes = "; ".join(
        f"{view.words(field)} {_value(change.before)} → {_value(change.after)}"
        for field, change in entry.changes.items()
    )
    return {
        "at": entry.at,
        "who": names.get(entry.actor, entry.actor),
        "what": _words(entry.action),
        "whom": names.get(entry.subject, entry.subject),
        "changes": changes,
    }


def _words(action: str) -> str:
    return "Logged in" if action == "login" else view.words(action.replace(".", "_"))


def _value(value: Any) -> str:
    return {None: "nothing", True: "yes", False: "no"}.get(value) or str(value)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


HANDLERS = [user_edit, user_change, audit_page, audit_csv]
