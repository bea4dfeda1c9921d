"""Sources: keys and snippets, what became of the items of each hour, refusals, the live stream."""

from collections.abc import AsyncIterator
from typing import Any

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Stream

from onefold import governance, sources
from onefold.governance import plan_store
from onefold.kernel import clock, errors, ids
from onefold.web import data, door, install, live
from onefold.web.handlers import pulls

_HOURS = 72
CATEGORIES = [(c, c.capitalize()) for c in sources.CATEGORIES]


@get("/sources", sync_to_thread=True)
def sources_list(request: door.AnyRequest) -> door.Page:
    """Every source with its last 24 hours, and the stream of all of them."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        rows = []
        for source in sources.list_all(conn, ask.viewer):
            hours = _hours(conn, ask, source.id, 24)
            row = data.builtins(source)
            last = max((h.hour_ms for h in hours if h.received), default=None)
            rows.append({**row, "api_id": source.api_id, "day": _sum(hours), "last_ms": last})
        counts = data.counts(conn, ask)
        pulled = pulls.rows(conn, ask)
    return door.page(ask, "sources.html", title="Sources", rows=rows, counts=counts, pulls=pulled)


@get("/sources/{ref:str}", sync_to_thread=True)
def source_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """A source: the stream, or how to install it."""
    ask = door.ask_of(request)
    tab = "?tab=install" if ask.query.get("tab") == "install" else ""
    if ask.query.get("tab") == "refused":
        return door.go(ask, f"/sources/{ref}/refused")
    with ask.open() as conn:
        source = sources.get(conn, ask.viewer, ids.parse_id("src", ref))
        hours = _hours(conn, ask, source.id, _HOURS)
        rules = governance.current(conn, ask.viewer, source.id)
        plan = plan_store.by_id(conn, ask.viewer, rules.plan_id) if rules.plan_id else None
        counts = data.counts(conn, ask)
    day = _sum([h for h in hours if h.hour_ms > ask.now_ms - clock.DAY_MS])
    return door.page(
        ask, "source.html", s=source, tab=tab, day=day, chart=_chart(ask, hours),
        chart_words=f"Items an hour over {_HOURS} hours: {_sum(hours)['processed']:,} in all.",
        snippets=_snippets(ask, source), counts=counts, rules=rules, plan=plan,
    )  # fmt: skip


def _hours(conn: Any, ask: door.Ask, source_id: int, hours: int) -> list[sources.LedgerHour]:
    since = (ask.now_ms // clock.HOUR_MS - hours + 1) * clock.HOUR_MS
    return sources.ledger(conn, ask.viewer, source_id, since, hours)


def _sum(hours: list[sources.LedgerHour]) -> dict[str, int]:
    names = ("received", "processed", "duplicate", "refused", "filtered", "waiting")
    return {name: sum(getattr(h, name) for h in hours) for name in names}


def _chart(ask: door.Ask, hours: list[sources.LedgerHour]) -> dict[str, Any]:
    by_hour = {h.hour_ms: h for h in hours}
    last = ask.now_ms // clock.HOUR_MS * clock.HOUR_MS
    every = [last - i * clock.HOUR_MS for i in reversed(range(_HOURS))]

    def of(name: str) -> list[int]:
        return [getattr(by_hour[h], name) if h in by_hour else 0 for h in every]

    parts = (
        ("Processed", "processed", "accent-ink"), ("Repeats", "duplicate", "amber"),
        ("Refused", "refused", "red"),
    )  # fmt: skip
    return {
        "x": [ask.clock(h) for h in every],
        "series": [
            {"name": name, "kind": "bar", "colour": colour, "stack": "all", "y": of(field)}
            for name, field, colour in parts
        ],
    }


def _snippets(ask: door.Ask, source: sources.Source) -> list[dict[str, str]]:
    settings = ask.request.app.state.settings
    host = (settings.public_url if settings else "") or str(ask.request.base_url)
    return install.snippets(host.rstrip("/"), source.write_key or "YOUR_WRITE_KEY")


@post("/sources/{ref:str}", sync_to_thread=True)
def source_switch(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Turn a source on or off."""
    ask = door.ask_of(request)
    enabled = ask.form.get("enabled") == "yes"
    with ask.open() as conn:
        source = sources.set_enabled(conn, ask.viewer, ids.parse_id("src", ref), enabled)
    word = {"text": "Source is on" if enabled else "Source is off"}
    return door.go(ask, f"/sources/{source.api_id}", word)


@get("/sources/new", sync_to_thread=True)
def source_new(request: door.AnyRequest) -> door.Page:
    """The form of a new source."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    return _form(ask, {}, ())


@post("/sources", sync_to_thread=True)
def source_create(request: door.AnyRequest) -> door.Page:
    """Make a source and show how to install it."""
    ask = door.ask_of(request)
    name, category = ask.form.get("name", ""), ask.form.get("category", "")
    try:
        with ask.open() as conn:
            test = ask.form.get("test") == "yes"
            source = sources.create(conn, ask.viewer, name, category, test=test)
    except (errors.Invalid, errors.Conflict) as error:
        return _form(ask, ask.form, data.wrong(error), error.status)
    return door.go(ask, f"/sources/{source.api_id}?tab=install", {"text": "Source created"})


def _form(ask: door.Ask, values: dict[str, str], faults: Any, status: int = 200) -> door.Page:
    known = ("name", "category")
    return door.page(
        ask, "source_new.html", http=status, title="New source", verb="Create source",
        action="/sources", v={**dict.fromkeys(known, ""), **values}, faults=faults, known=known,
        categories=CATEGORIES,
    )  # fmt: skip


@get("/sources/{ref:str}/live")
async def source_live(request: Request[Any, Any, Any], ref: FromPath[str]) -> Stream:
    """The events of one source as they arrive."""
    door.ask_of(request).viewer.must_read()
    return _stream(request, ids.parse_id("src", ref))


@get("/live")
async def all_live(request: Request[Any, Any, Any]) -> Stream:
    """The events of all sources as they arrive."""
    door.ask_of(request).viewer.must_read()
    return _stream(request, 0)


def _stream(request: Request[Any, Any, Any], source_id: int) -> Stream:
    state = request.app.state
    if "live" not in state:
        state.live = live.Hub(state.connections)
    hub: live.Hub = state.live

    async def messages() -> AsyncIterator[bytes]:
        async for message in hub.watch(source_id):
            yield message

    return Stream(
        messages(), media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )  # fmt: skip


HANDLERS = [
    sources_list, source_new, source_create, source_page, source_switch, source_live, all_live
]  # fmt: skip
