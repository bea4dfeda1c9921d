"""What every page handler needs: who asks, the CSRF check, answers as pages, fragments and words.

`enter` runs before each handler: it signs the session in, refuses a change without the session's
CSRF token, and puts an `Ask` on the request. A handler then is a plain function in a thread.
"""

import asyncio
import hmac
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import msgspec
import structlog
from litestar import MediaType, Request, Response
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException

from onefold import record
from onefold.kernel import clock, errors
from onefold.kernel.viewer import ROLES, Viewer
from onefold.storage import Connection
from onefold.web import render, view

logger = structlog.get_logger("onefold.web")

CSRF_FIELD = "_csrf"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_OPEN = ("/login", "/static/")
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "HX-Request, Cookie",
}

Page = Response[str]
AnyRequest = Request[Any, Any, Any]


class Ask(msgspec.Struct, frozen=True):
    """One request as handlers see it."""

    viewer: Viewer
    csrf: str
    tz: tzinfo
    now_ms: int
    theme: str
    nav: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    many: dict[str, list[str]]
    htmx: bool
    request: AnyRequest

    def open(self) -> AbstractContextManager[Connection]:
        """A connection in a transaction of its own."""
        connections: record.Connections = self.request.app.state.connections
        return connections.open()

    @property
    def can_write(self) -> bool:
        """Whether buttons that change records are shown; the rooms check again."""
        return ROLES.index(self.viewer.role) >= ROLES.index("member")

    @property
    def can_admin(self) -> bool:
        """Whether buttons that change the set-up are shown."""
        return self.viewer.role == "admin"

    @property
    def user_id(self) -> str:
        """The user's API id."""
        return f"usr_{self.viewer.id}" if self.viewer.kind == "user" else ""

    def url(self, **changes: str | None) -> str:
        """This page's address with some of its query changed; None takes one away."""
        query = {k: v for k, v in self.query.items() if k != "cursor"}
        for key, value in changes.items():
            if value is None:
                query.pop(key, None)
            else:
                query[key] = value
        return self.path + ("?" + urlencode(query) if query else "")

    def ago(self, value: Any) -> str:
        """A time beside now."""
        at = view.ms(value)
        return "–" if at is None else view.ago(at, self.now_ms, self.tz)

    def exact(self, value: Any) -> str:
        """A time in full, in the viewer's zone and in UTC."""
        at = view.ms(value)
        return "" if at is None else view.exact(at, self.tz)

    def iso(self, value: Any) -> str:
        """A time for a `datetime` attribute."""
        return clock.iso(view.ms(value)) or ""

    def clock(self, value: Any) -> str:
        """A time of day in the viewer's zone."""
        at = view.ms(value)
        return "" if at is None else f"{view.local(at, self.tz):%H:%M}"

    def day(self, value: Any) -> str:
        """A date in the viewer's zone, as a date field wants it."""
        at = view.ms(value)
        return "" if at is None else view.local(at, self.tz).date().isoformat()

    def minute(self, value: Any) -> str:
        """A time in the viewer's zone, as a field for day and time wants it."""
        at = view.ms(value)
        return "" if at is None else f"{view.local(at, self.tz):%Y-%m-%dT%H:%M}"

    def instant(self, field: str, text: str) -> str | None:
        """The instant of such a field; None when it is empty. Raises `Invalid`."""
        if not text:
            return None
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            raise errors.Invalid(
                errors.Fault(field, "is not a time.", "Choose a day and a time.")
            ) from None
        if local.tzinfo is None:
            local = local.replace(tzinfo=self.tz)
        return clock.iso(clock.from_datetime(local))

    def due(self, value: Any) -> tuple[view.Hue, str]:
        """A due date's colour and words."""
        at = view.ms(value)
        return ("gray", "–") if at is None else view.due_label(at, self.now_ms, self.tz)


async def enter(request: AnyRequest) -> Response[Any] | None:
    """Sign in, check CSRF, leave an `Ask` in `request.state.ask`; or send to the log-in page."""
    path = request.url.path
    if path.startswith("/static/"):
        return None
    form: dict[str, str] = {}
    many: dict[str, list[str]] = {}
    if request.method not in _SAFE:
        _refuse_other_sites(request)
        data = await request.form()
        for key, value in data.multi_items():
            if isinstance(value, str):
                form[key] = value
                many.setdefault(key, []).append(value)
    if path.startswith(_OPEN):
        request.state.ask = _ask(request, None, form, many)
        return None
    token = request.cookies.get(record.SESSION_COOKIE)
    gate: record.Gate = request.app.state.gate
    try:
        signed_in = gate.remembered(None, token)
        if signed_in is None:
            signed_in = await asyncio.to_thread(gate.sign_in, None, token)
    except errors.NotSignedIn:
        return _to_login(request)
    if request.method not in _SAFE:
        given = request.headers.get(record.CSRF_HEADER) or form.get(CSRF_FIELD)
        if not hmac.compare_digest((given or "").encode(), (signed_in.csrf or "-").encode()):
            raise errors.Forbidden(
                "This form is from another session. Reload the page and send it again."
            )
    request.state.ask = _ask(request, signed_in, form, many)
    return None


def _ask(
    request: AnyRequest,
    signed_in: record.SignedIn | None,
    form: dict[str, str],
    many: dict[str, list[str]],
) -> Ask:
    theme = request.cookies.get("onefold_theme", "")
    viewer = signed_in.viewer if signed_in else Viewer("user", 0, "", "reader")
    return Ask(
        viewer=viewer,
        csrf=(signed_in.csrf or "") if signed_in else "",
        tz=view.zone(_cookie(request, "onefold_tz")),
        now_ms=clock.now_ms(),
        theme=theme if theme in {"light", "dark"} else "",
        nav=request.cookies.get("onefold_nav", "open"),
        path=request.url.path,
        query={k: v for k, v in request.query_params.items() if isinstance(v, str)},
        form=form,
        many=many,
        htmx=request.headers.get("HX-Request") == "true",
        request=request,
    )


def _cookie(request: AnyRequest, name: str) -> str:
    return unquote(request.cookies.get(name, ""))


def _refuse_other_sites(request: AnyRequest) -> None:
    site = request.headers.get("Sec-Fetch-Site")
    if site not in (None, "same-origin", "none"):
        raise errors.Forbidden("Another site sent this form. Open the page here and send it again.")
    origin = request.headers.get("Origin")
    if origin and origin != "null" and urlsplit(origin).netloc != request.headers.get("Host"):
        raise errors.Forbidden("Another site sent this form. Open the page here and send it again.")


def _to_login(request: AnyRequest) -> Response[Any]:
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    plain = request.method == "GET" and request.headers.get("HX-Request") != "true"
    login = "/login" + (f"?next={quote(target, safe='')}" if plain and target != "/" else "")
    if request.headers.get("HX-Request") == "true":
        return Response("", status_code=401, headers={"HX-Redirect": login, **_HEADERS})
    return Response("", status_code=303, headers={"Location": login, **_HEADERS})


def ask_of(request: AnyRequest) -> Ask:
    """The `Ask` that `enter` left."""
    found: Ask = request.state.ask
    return found


def page(ask: Ask, template: str, /, *, http: int = 200, toast: Any = None, **values: Any) -> Page:
    """A template as an answer. Dialog templates answer alone to htmx, as a page without it."""
    values.setdefault("counts", {})
    text = render.template(template, {"ask": ask, "fault_of": _fault_of, **values})
    headers = dict(_HEADERS)
    if toast is not None:
        headers["X-Toast"] = json.dumps(toast)
    return Response(text, status_code=http, media_type=MediaType.HTML, headers=headers)


def go(ask: Ask, url: str, toast: Mapping[str, Any] | None = None) -> Page:
    """To another page, with a word that is shown there."""
    cookies = []
    if toast is not None:
        word = quote(json.dumps(toast), safe="")
        cookies.append(
            Cookie(key="onefold_flash", value=word, path="/", max_age=30, samesite="lax")
        )
    if ask.htmx:
        headers = {"HX-Redirect": url, **_HEADERS}
        return Response("", status_code=200, headers=headers, cookies=cookies)
    return Response("", status_code=303, headers={"Location": url, **_HEADERS}, cookies=cookies)


def plain(text: str, kind: str, headers: Mapping[str, str] | None = None) -> Response[Any]:
    """An answer that is not a page."""
    return Response(text, media_type=kind, headers={**_HEADERS, **(headers or {})})


def undo(url: str, target: str, **values: Any) -> dict[str, Any]:
    """The inverse change that a toast offers: sent as PATCH, its answer replaces `target`."""
    return {"url": url, "target": target, "values": {k: str(v) for k, v in values.items()}}


def _fault_of(faults: Any, field: str) -> list[str]:
    return [
        f"{f.problem} {f.remedy}".strip() for f in faults or () if f.field.split(".")[0] == field
    ]


def refuse(request: AnyRequest, error: Exception) -> Response[Any]:
    """An error as a page, or for htmx as a word that leaves the page as it is."""
    status, title, text = _words_of(error)
    if status >= 500 and not isinstance(error, errors.OnefoldError):
        error_id = clock.token("err_", 8)
        text = f"The fault is logged as {error_id}. Try again, or go back."
        logger.error("page failed", id=error_id, path=request.url.path, exc_info=error)
    ask = getattr(request.state, "ask", None) or _ask(request, None, {}, {})
    if ask.htmx:
        short = text if len(text) <= 160 else text[:159] + "…"
        headers = {
            "X-Toast": json.dumps({"text": short, "bad": True}), "HX-Reswap": "none", **_HEADERS
        }  # fmt: skip
        return Response("", status_code=status, media_type=MediaType.HTML, headers=headers)
    shell = bool(ask.csrf)
    return page(ask, "error.html", http=status, title=title, text=text, shell=shell, code=status)


def _words_of(error: Exception) -> tuple[int, str, str]:
    if isinstance(error, errors.OnefoldError):
        titles = {403: "Not allowed", 404: "Not found", 409: "Changed meanwhile", 503: "Not ready"}
        return error.status, titles.get(error.status, "That did not work"), str(error)
    if isinstance(error, HTTPException):
        if error.status_code == 404:
            return 404, "Not found", "There is nothing at this address."
        return error.status_code, "That did not work", str(error.detail)
    return 500, "Something broke", ""
