"""Settings of identifiers: the table of namespaces, what a change would do, and its history."""

from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath

from onefold import record
from onefold.kernel import errors, forms
from onefold.record import namespaces
from onefold.web import data, door

_HOME = "/settings/identifiers"
_KNOWN = (
    "name", "kind", "limit", "window_days", "hub", "verified", "blocked", "patterns", "form",
    "region", "types", "traits", "priority",
)  # fmt: skip
_KINDS = (("person", "Person"), ("device", "Device"), ("account", "Account"))
_NUMBERS = ("limit", "window_days", "hub", "priority")
_LISTS = ("verified", "blocked", "patterns", "types", "traits")
_NEW = {"kind": "person", "limit": "5", "form": "text", "priority": "80"}


@get("/settings/identifiers", sync_to_thread=True)
def identifiers_page(request: door.AnyRequest) -> door.Page:
    """The namespaces in force, how far a change is applied, and former versions."""
    return _page(door.ask_of(request))


def _page(ask: door.Ask, faults: Any = (), status: int = 200, text: str = "") -> door.Page:
    with ask.open() as conn:
        rules = namespaces.shown(conn, ask.viewer)
        past = namespaces.history(conn, ask.viewer)["items"][:20]
        return door.page(
            ask, "identifiers.html", http=status, title="Identifiers", rules=rules, past=past,
            moving=rules["progress"]["state"] != "in_force", faults=faults, text=text,
            counts=data.counts(conn, ask),
        )  # fmt: skip


@get("/settings/identifiers/edit", sync_to_thread=True)
def identifier_form(request: door.AnyRequest) -> door.Page:
    """A namespace's fields, each explained; without a name a new one's."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    name = ask.query.get("name", "")
    values = dict(_NEW)
    if name:
        with ask.open() as conn:
            found = [r for r in namespaces.shown(conn, ask.viewer)["items"] if r["name"] == name]
        if not found:
            raise errors.NotFound(f"There is no namespace `{name[:50]}`.")
        values = {field: _text(value) for field, value in found[0].items()}
    return _form(ask, values, name)


@post("/settings/identifiers/edit", sync_to_thread=True)
def identifier_change(request: door.AnyRequest) -> door.Page:
    """Propose a changed or new namespace; what it would do is shown next."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    form, old = ask.form, ask.form.get("old", "")
    given: dict[str, Any] = {"name": old or form.get("name", "").strip()}
    for field in _KNOWN[1:]:
        if field in form and not (old and field == "kind"):
            given[field] = _value(field, form[field])
    try:
        with ask.open() as conn:
            found = namespaces.propose(conn, ask.viewer, [given], None, ask.now_ms)
    except errors.Invalid as error:
        return _form(ask, dict(form), old, _by_field(error))
    return door.go(ask, f"{_HOME}/preview/{found['id']}")


@post("/settings/identifiers/order", sync_to_thread=True)
def identifiers_order(request: door.AnyRequest) -> door.Page:
    """Propose another order of priority."""
    ask = door.ask_of(request)
    names = ask.many.get("order", [])
    given = [{"name": name, "priority": n * 10} for n, name in enumerate(names, 1)]
    return _proposed(
        ask, lambda conn: namespaces.propose(conn, ask.viewer, given, None, ask.now_ms)
    )


@post("/settings/identifiers/import", sync_to_thread=True)
def identifiers_import(request: door.AnyRequest) -> door.Page:
    """Propose settings of Segment Unify."""
    ask = door.ask_of(request)
    text = ask.form.get("settings", "")
    try:
        given = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return _page(ask, [errors.Fault("settings", "is not JSON.", "Paste all of it.")], 400, text)
    return _proposed(
        ask, lambda conn: namespaces.propose_segment(conn, ask.viewer, given, ask.now_ms), text
    )


@post("/settings/identifiers/revert", sync_to_thread=True)
def identifiers_revert(request: door.AnyRequest) -> door.Page:
    """Propose going back to a former version."""
    ask = door.ask_of(request)
    text = ask.form.get("version", "")
    version = int(text) if text.isdecimal() and len(text) < 9 else 0
    return _proposed(
        ask, lambda conn: namespaces.propose_back(conn, ask.viewer, version, ask.now_ms)
    )


def _proposed(ask: door.Ask, propose: Any, text: str = "") -> door.Page:
    try:
        with ask.open() as conn:
            found = propose(conn)
    except errors.Invalid as error:
        return _page(ask, error.faults, error.status, text)
    return door.go(ask, f"{_HOME}/preview/{found['id']}")


@get("/settings/identifiers/preview/{ref:str}", sync_to_thread=True)
def identifiers_preview(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """What a change would do, while it is worked out and after."""
    return _preview(door.ask_of(request), ref)


def _preview(ask: door.Ask, ref: str, faults: Any = (), status: int = 200) -> door.Page:
    with ask.open() as conn:
        found = record.namespaces.preview(conn, ask.viewer, ref)
        return door.page(
            ask, "identifiers_preview.html", http=status, title="What would change", p=found,
            moving=found["status"] in ("waiting", "running"), faults=faults,
            counts=data.counts(conn, ask),
        )  # fmt: skip


@post("/settings/identifiers/preview/{ref:str}", sync_to_thread=True)
def identifiers_apply(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Let the change hold."""
    ask = door.ask_of(request)
    try:
        with ask.open() as conn:
            record.namespaces.apply(conn, ask.viewer, ref, ask.form.get("reason", ""), ask.now_ms)
    except errors.Invalid as error:
        return _preview(ask, ref, error.faults, error.status)
    return door.go(ask, _HOME, {"text": "Rules changed"})


def _form(
    ask: door.Ask, values: dict[str, str], old: str, faults: tuple[errors.Fault, ...] = ()
) -> door.Page:
    return door.page(
        ask, "identifier_edit.html", http=400 if faults else 200,
        title=old or "New namespace", verb="Preview", action=f"{_HOME}/edit", back=_HOME,
        v={**dict.fromkeys(_KNOWN, ""), **values}, old=old, faults=faults, known=_KNOWN,
        kinds=_KINDS, forms=[(name, name.capitalize()) for name in forms.FORMS],
    )  # fmt: skip


def _by_field(error: errors.Invalid) -> tuple[errors.Fault, ...]:
    """Faults named by the form's field instead of `email.limit`."""
    return tuple(
        errors.Fault(f.field.rpartition(".")[2], f.problem, f.remedy) for f in error.faults
    )


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    return "" if value is None else str(value)


def _value(field: str, text: str) -> Any:
    if field in _LISTS:
        return [line.strip() for line in text.splitlines() if line.strip()]
    if field in _NUMBERS:
        plain = text.strip()
        return int(plain) if plain.isdecimal() and len(plain) < 9 else plain or None
    return text.strip()


HANDLERS: list[Any] = [
    identifiers_page, identifier_form, identifier_change, identifiers_order, identifiers_import,
    identifiers_revert, identifiers_preview, identifiers_apply,
]  # fmt: skip
