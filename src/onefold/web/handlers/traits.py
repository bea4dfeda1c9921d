"""A trait's dialog: who says what, every time it was said, and the edit by hand with its undo."""

from typing import Any, Literal

import msgspec
from litestar import HttpMethod, get, post, route
from litestar.params import FromPath

from onefold.kernel import errors
from onefold.record.traits import editing, history
from onefold.storage import Connection
from onefold.web import data, door

Plural = Literal["people", "accounts"]
_VERBS = [HttpMethod.PATCH, HttpMethod.POST]
_HISTORY_ROWS = 50


def handlers(plural: Plural) -> list[Any]:
    """The pages of a person's or an account's traits."""
    path = f"/{plural}/{{ref:str}}/trait"

    def show(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
        ask = door.ask_of(request)
        with ask.open() as conn:
            return _dialog(ask, conn, plural, ref, ask.query.get("name", ""))

    def save(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
        return _save(door.ask_of(request), plural, ref)

    def undo(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
        ask = door.ask_of(request)
        with ask.open() as conn:
            made = editing.undo(conn, ask.viewer, ref, ask.form.get("edit", ""), ask.now_ms)
        editing.settled(ask.open, made)
        return door.go(ask, f"/{plural}/{ref}", {"text": "Undone"})

    return [
        get(path, sync_to_thread=True)(show),
        post(path, sync_to_thread=True)(save),
        route(f"{path}/undo", http_method=_VERBS, sync_to_thread=True)(undo),
    ]


def _dialog(
    ask: door.Ask, conn: Connection, plural: Plural, ref: str, name: str, faults: Any = (),
    status: int = 200,
) -> door.Page:  # fmt: skip
    """`name` empty: a trait that is to be named."""
    found = history.history(conn, ask.viewer, ref, name, _HISTORY_ROWS) if name else None
    value = ask.form.get("value", _shown(found["value"] if found else None))
    words = found["words"] if found else []
    by_hand = any(w["source"] == "hand" and not w["taken_back"] for w in words)
    return door.page(
        ask, "trait.html", http=status, title=name or "New trait", name=name, h=found, value=value,
        action=f"/{plural}/{ref}/trait", back=f"/{plural}/{ref}", by_hand=by_hand, faults=faults,
        known=("name", "value", "reason"), counts=data.counts(conn, ask),
    )  # fmt: skip


def _save(ask: door.Ask, plural: Plural, ref: str) -> door.Page:
    form = ask.form
    name = form.get("name", "").strip()
    try:
        with ask.open() as conn:
            before = history.history(conn, ask.viewer, ref, name, 1)["value"] if name else None
            value = None if form.get("drop") == "yes" else _typed(form.get("value", ""), before)
            made = editing.edit(
                conn, ask.viewer, ref, {name: value}, ask.now_ms, form.get("reason", "")
            )
    except errors.Invalid as invalid:
        faults = [
            msgspec.structs.replace(f, field="value" if name else "name")
            if f.field.startswith("traits")
            else f
            for f in invalid.faults
        ]
        with ask.open() as conn:
            return _dialog(ask, conn, plural, ref, name, faults, invalid.status)
    editing.settled(ask.open, made)
    back = door.undo(f"/{plural}/{ref}/trait/undo", "#nowhere", edit=made["id"])
    word = "Edit taken back" if value is None else f"{name} set"
    return door.go(ask, f"/{plural}/{ref}", {"text": word[:80], "undo": back})


def _shown(value: Any) -> str:
    """A value as the form has it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _typed(text: str, before: Any) -> Any:
    """What was typed, of the kind that the trait has been. Raises `Invalid`."""
    if before is None or isinstance(before, str):
        return text
    try:
        value = msgspec.json.decode(text.strip())
    except msgspec.DecodeError:
        value = None
    numbers = isinstance(before, int | float) and not isinstance(before, bool)
    kind: Any = (int, float) if numbers else type(before)
    if isinstance(value, bool) is not isinstance(before, bool) or not isinstance(value, kind):
        shown = {bool: "true or false", list: "a list", dict: "an object"}.get(type(before), "")
        what = shown or "a number"
        raise errors.Invalid(
            errors.Fault("value", f"is not {what}.", f"It has been {what} so far.")
        )
    return value


HANDLERS = [*handlers("people"), *handlers("accounts")]
