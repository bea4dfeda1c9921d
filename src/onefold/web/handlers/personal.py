"""Personalisation: what a browser may read of its own person, and the secrets of its tokens."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from onefold import audiences
from onefold.kernel import errors
from onefold.record import personal
from onefold.web import data, door

_HOME = "/settings/personalisation"
_KNOWN = ("traits", "audiences", "origins")


@get("/settings/personalisation", sync_to_thread=True)
def personal_page(request: door.AnyRequest) -> door.Page:
    """The lists, and the secrets that hold."""
    return _page(door.ask_of(request))


def _page(
    ask: door.Ask, *, given: Any = None, faults: Any = (), status: int = 200, secret: Any = None
) -> door.Page:
    with ask.open() as conn:
        found = personal.settings(conn, ask.viewer)
        options = [
            (a.key, a.name) for a in audiences.list_all(conn, ask.viewer) if a.of == "person"
        ]
        values = given or {name: getattr(found, name) for name in _KNOWN}
        return door.page(
            ask, "personal.html", http=status, title="Personalisation", s=found, v=values,
            faults=faults, known=_KNOWN, audience_options=options, secret=secret,
            counts=data.counts(conn, ask),
        )  # fmt: skip


@post("/settings/personalisation", sync_to_thread=True)
def personal_change(request: door.AnyRequest) -> door.Page:
    """Set the lists."""
    ask = door.ask_of(request)
    values = {
        "traits": ask.form.get("traits", "").splitlines(),
        "audiences": ask.many.get("audiences", []),
        "origins": ask.form.get("origins", "").splitlines(),
    }
    version = ask.form.get("version", "")
    try:
        with ask.open() as conn:
            personal.change(
                conn, ask.viewer, values, ask.now_ms, int(version) if version.isdecimal() else None
            )
    except (errors.Invalid, errors.Conflict) as error:
        return _page(ask, given=values, faults=data.wrong(error), status=error.status)
    return door.go(ask, _HOME, {"text": "Saved"})


@post("/settings/personalisation/secrets", sync_to_thread=True)
def personal_secret_new(request: door.AnyRequest) -> door.Page:
    """Make a secret; the answer is the only place that shows it."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        made = personal.add_secret(conn, ask.viewer, ask.now_ms)
    return _page(ask, secret=made)


@post("/settings/personalisation/secrets/{ref:str}/end", sync_to_thread=True)
def personal_secret_end(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """End a secret and its tokens."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        personal.drop_secret(conn, ask.viewer, ref)
    return door.go(ask, _HOME, {"text": "Secret ended"})


HANDLERS: list[Any] = [personal_page, personal_change, personal_secret_new, personal_secret_end]
