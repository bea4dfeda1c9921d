"""The way in and out, Home, the palette, static files."""

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath

from onefold import crm, record, signals
from onefold.kernel import errors, limits
from onefold.kernel.viewer import ROLES
from onefold.storage import Connection
from onefold.web import data, door, render

_ROWS = 20
_TEAM_ROWS = 6  # a glance: what is not mine must not push what is off the page
_HITS = 6
_FOREVER = "public, max-age=31536000, immutable"
_ACTIONS = (
    ("/tickets/new", "New ticket", "ticket", "member"),
    ("/tasks/new", "New task", "task", "member"),
    ("/contacts/new", "New contact", "person", "member"),
    ("/accounts/new", "New account", "account", "member"),
    ("/sources/new", "New source", "source", "admin"),
    ("/destinations/new", "New webhook", "destination", "admin"),
    ("/deals/new", "New deal", "card", "member"),
    ("/leads/new", "New lead", "user", "member"),
    ("/audiences/new", "New audience", "audience", "admin"),
    ("/settings/keys/new", "New API key", "key", "admin"),
)
_PLACES = (
    ("/", "Home", "home", "G H"), ("/people", "People", "people", "G P"),
    ("/accounts", "Accounts", "account", "G A"), ("/tickets", "Tickets", "ticket", "G T"),
    ("/tasks", "Tasks", "task", "G K"), ("/audiences", "Audiences", "audience", "G U"),
    ("/signals", "Signals", "signal", "G I"), ("/sources", "Sources", "source", "G O"),
    ("/destinations", "Destinations", "destination", "G E"), ("/deals", "Deals", "card", "G D"),
    ("/deals?view=board", "Board of deals", "card", ""), ("/leads", "Leads", "user", "G L"),
    ("/products", "Products", "card", ""), ("/subscriptions", "Subscriptions", "retry", ""),
    ("/activities", "Activities", "clock", ""), ("/reports", "Reports", "insight", ""),
    ("/settings", "Settings", "settings", "G S"),
)  # fmt: skip


class _Part(NamedTuple):
    """A section of Home: the first rows, how many there are, and whether they are mine."""

    rows: list[Any]
    total: int
    mine: bool


@get("/", sync_to_thread=True)
def home(request: door.AnyRequest) -> door.Page:
    """What is mine to do: tasks by due date, signals of my accounts, tickets.

    Where nothing is mine, what the whole team has.
    """
    ask = door.ask_of(request)
    with ask.open() as conn:
        return door.page(
            ask, "home.html", title="Home", tasks=_tasks(conn, ask), tickets=_tickets(conn, ask),
            signals=_signals(conn, ask), counts=data.counts(conn, ask),
        )  # fmt: skip


def _tasks(conn: Connection, ask: door.Ask) -> _Part:
    return _work(conn, ask, crm.tasks, {"status": "open"}, "due")


def _tickets(conn: Connection, ask: door.Ask) -> _Part:
    return _work(conn, ask, crm.tickets, {"status": ["open", "paused"]}, "")


def _work(
    conn: Connection, ask: door.Ask, records: Any, filters: dict[str, Any], sort: str
) -> _Part:
    mine = {**filters, "owner_id": ask.user_id or "none"}
    total = records.count(conn, ask.viewer, mine)
    asked = mine if total else filters
    most = _ROWS if total else _TEAM_ROWS
    rows = records.find(conn, ask.viewer, asked, sort=sort, limit=most).rows
    named = record.named(conn, ask.viewer, rows)
    return _Part(named, total or records.count(conn, ask.viewer, filters), bool(total))


def _signals(conn: Connection, ask: door.Ask) -> _Part:
    filters = {"status": "open"}
    mine = {**filters, "owner": ask.user_id or "none"}
    total = signals.count(conn, ask.viewer, mine)
    most = _ROWS if total else _TEAM_ROWS
    page = signals.find(conn, ask.viewer, mine if total else filters, limit=most)
    rows = [data.signal_row(s) for s in page.rows]
    return _Part(rows, total or signals.count(conn, ask.viewer, filters), bool(total))


@get("/palette", sync_to_thread=True)
def palette(request: door.AnyRequest) -> door.Page:
    """What the palette finds; `@` people, `#` tickets, `>` actions."""
    ask = door.ask_of(request)
    typed = ask.query.get("q", "").strip()[: limits.search_chars_max]
    only, q = (typed[0], typed[1:].strip()) if typed[:1] in ("@", "#", ">") else ("", typed)
    found: dict[str, Any] = {"people": [], "accounts": [], "tickets": []}
    if q and only != ">":
        with ask.open() as conn:
            if only in ("", "@"):
                found["people"] = record.list_people(conn, ask.viewer, q=q, limit=_HITS)["items"]
            if not only:
                accounts = record.list_accounts(conn, ask.viewer, q=q, limit=_HITS)
                found["accounts"] = accounts["items"]
            if only in ("", "#"):
                found["tickets"] = crm.tickets.find(conn, ask.viewer, q=q, limit=_HITS).rows
    fold = q.casefold()
    may = ROLES[: ROLES.index(ask.viewer.role) + 1]
    actions = [
        {"href": href, "name": name, "icon": icon, "key": "", "modal": href != "/audiences/new"}
        for href, name, icon, role in _ACTIONS
        if role in may and fold in name.casefold() and only in ("", ">")
    ]
    places = [
        {"href": href, "name": name, "icon": icon, "key": key}
        for href, name, icon, key in _PLACES
        if fold in name.casefold() and only in ("", ">")
    ]
    return door.page(ask, "palette.html", q=typed, actions=actions, places=places, **found)


@get("/login", sync_to_thread=True)
def login_page(request: door.AnyRequest) -> door.Page:
    """The log-in form."""
    ask = door.ask_of(request)
    return _login(ask, ask.query.get("next", "/"))


def _login(
    ask: door.Ask, target: str, email: str = "", problem: str = "", status: int = 200
) -> door.Page:
    return door.page(
        ask, "login.html", http=status, title="Log in", email=email, problem=problem,
        next=_inside(target),
    )  # fmt: skip


def _inside(target: str) -> str:
    """A path of ours, whatever the address says."""
    parts = urlsplit(target)
    ours = not parts.scheme and not parts.netloc and target.startswith("/")
    return target if ours and not target.startswith(("//", "/\\")) and "\n" not in target else "/"


@post("/login", sync_to_thread=True)
def log_in(request: door.AnyRequest) -> door.Page:
    """Start a session."""
    ask = door.ask_of(request)
    email, password = ask.form.get("email", ""), ask.form.get("password", "")
    target = ask.form.get("next", "/")
    address = request.client.host if request.client else ""
    try:
        with ask.open() as conn:
            session = record.log_in(conn, email, password, ask.now_ms, address=address)
    except (errors.NotSignedIn, record.TooMany) as error:
        return _login(ask, target, email, str(error), error.status)
    answer = door.go(ask, _inside(target))
    settings = request.app.state.settings
    public = (settings.public_url if settings else "") or str(request.base_url)
    answer.set_cookie(
        Cookie(
            key=record.SESSION_COOKIE, value=session.token, path="/", httponly=True, samesite="lax",
            secure=public.startswith("https://"), max_age=(session.expires_ms - ask.now_ms) // 1000,
        )
    )  # fmt: skip
    return answer


@post("/logout", sync_to_thread=True)
def log_out(request: door.AnyRequest) -> door.Page:
    """End the session."""
    ask = door.ask_of(request)
    token = request.cookies.get(record.SESSION_COOKIE, "")
    with ask.open() as conn:
        record.log_out(conn, token)
    request.app.state.gate.forget(token)
    answer = door.go(ask, "/login")
    answer.delete_cookie(record.SESSION_COOKIE, path="/")
    return answer


@get("/static/{name:path}", sync_to_thread=False)
def static_file(request: door.AnyRequest, name: FromPath[str]) -> Response[Any]:
    """A static file; for good when its address carries its version."""
    found = render.static_files().get(str(name).lstrip("/"))
    if found is None:
        raise errors.NotFound("There is no such file.")
    fixed = request.query_params.get("v") == found.version or "/vendor/" in request.url.path
    headers = {
        "Cache-Control": _FOREVER if fixed else "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
    }
    body = found.body
    if found.packed and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"], body = "gzip", found.packed
    return Response(body, media_type=found.kind, headers=headers)


HANDLERS = [home, palette, login_page, log_in, log_out, static_file]
