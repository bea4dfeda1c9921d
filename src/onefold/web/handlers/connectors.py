"""Connectors: the list, a new one, one with its runs and what is done with it."""

import shlex
from typing import Any

from litestar import get, post
from litestar.params import FromPath

from onefold import sources
from onefold.kernel import errors, ids, limits, settings
from onefold.sources import connectors
from onefold.sources.connectors import setup, store
from onefold.storage import Connection, jobs
from onefold.web import data, door

RUNS_SHOWN = 20
PROTOCOLS = [("airbyte", "Airbyte source"), ("singer", "Singer tap")]
CATEGORIES = [(c, c.capitalize()) for c in sources.CATEGORIES]
_ACTS = {
    "run": "Run started", "stop": "Run stopped", "check": "Check started", "reset": "State reset",
    "schedule": "Schedule saved", "install": "Installation started",
}  # fmt: skip


def turned_on(ask: door.Ask) -> bool:
    """May connectors run on this server?"""
    chosen = ask.request.app.state.settings or settings.load()
    return bool(chosen.connectors)


def number_of(ref: str) -> int:
    """The row id in `cnn_4`."""
    return ids.parse_id("cnn", ref)


@get("/connectors", sync_to_thread=True)
def connectors_list(request: door.AnyRequest) -> door.Page:
    """Every connector with its newest run."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        last = store.last_runs(conn, ask.viewer)
        rows = [(one, last.get(one.id)) for one in store.list_all(conn, ask.viewer)]
        counts = data.counts(conn, ask)
    return door.page(
        ask, "connectors.html", title="Connectors", rows=rows, on=turned_on(ask), counts=counts,
        stage=stage,
    )  # fmt: skip


def stage(one: connectors.Connector, last: connectors.Run | None) -> tuple[str, str]:
    """How it stands, as a pill's status and words."""
    if last is not None and last.open:
        words = {"install": "Installing", "check": "Checking", "sample": "Looking", "read": "Reads"}
        return "waiting", words.get(last.kind, "Waiting")
    if last is not None and last.status == "failed":
        return "failed", "Failed"
    if not one.installed:
        return "pending", "Not installed"
    if not one.catalog:
        return "pending", "Needs its config"
    return ("enabled", "Ready") if one.streams else ("pending", "Needs streams")


@get("/connectors/new", sync_to_thread=True)
def connector_new(request: door.AnyRequest) -> door.Page:
    """The form of a new connector."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    return _form(ask, ())


def _form(ask: door.Ask, faults: Any, status: int = 200) -> door.Page:
    known = ("name", "protocol", "package", "executable", "python", "command", "category",
             "source_id")  # fmt: skip
    with ask.open() as conn:
        found = [(s.api_id, s.name) for s in sources.list_all(conn, ask.viewer) if not s.test]
    return door.page(
        ask, "connector_new.html", http=status, title="New connector", verb="Add connector",
        action="/connectors", v={**dict.fromkeys(known, ""), **ask.form}, faults=faults,
        known=known, categories=CATEGORIES, protocols=PROTOCOLS, on=turned_on(ask),
        sources=[("", "A new one of its own"), *found],
    )  # fmt: skip


@post("/connectors", sync_to_thread=True)
def connector_create(request: door.AnyRequest) -> door.Page:
    """Add one; its installation begins."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    form = ask.form
    try:
        connectors.run.allowed(ask.request.app.state.settings)
        source = form.get("source_id", "")
        with ask.open() as conn:
            made = setup.add(
                conn, ask.viewer, name=form.get("name", ""), protocol=form.get("protocol", ""),
                command=_words(form.get("command", "")), package=form.get("package", "").strip(),
                executable=form.get("executable", "").strip(),
                python=form.get("python", "").strip(), category=form.get("category", "product"),
                source_id=ids.parse_id("src", source) if source else None,
            )  # fmt: skip
    except (errors.Invalid, errors.Conflict) as error:
        return _form(ask, data.wrong(error), error.status)
    return door.go(ask, f"/connectors/{made.api_id}/config", {"text": "Connector added"})


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        fault = errors.Fault("command", "has a quotation mark without its other.", "Correct it.")
        raise errors.Invalid(fault) from None


@get("/connectors/{ref:str}", sync_to_thread=True)
def connector_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Its runs, how it stands, its schedule."""
    ask = door.ask_of(request)
    return show(ask, number_of(ref), "connector.html", "")


@get("/connectors/{ref:str}/runs/{run:int}", sync_to_thread=True)
def connector_run(request: door.AnyRequest, ref: FromPath[str], run: FromPath[int]) -> door.Page:
    """One run with its words."""
    ask = door.ask_of(request)
    number = number_of(ref)
    with ask.open() as conn:
        found = store.run(conn, ask.viewer, min(run, 2**62))
        if found.connector_id != number:
            raise errors.NotFound(f"There is no run {run} of this connector.")
    return show(ask, number, "connector.html", "", one_run=found)


def show(
    ask: door.Ask,
    number: int,
    template: str,
    tab: str,
    *,
    http: int = 200,
    faults: Any = (),
    one_run: connectors.Run | None = None,
    **values: Any,
) -> door.Page:
    """A page of a connector: its side, its tabs, and its newest run while that is open."""
    with ask.open() as conn:
        one = store.get(conn, ask.viewer, number)
        runs = store.runs(conn, ask.viewer, number, RUNS_SHOWN)
        source = sources.get(conn, ask.viewer, one.source_id)
        counts = data.counts(conn, ask)
        waits = bool(runs) and runs[0].status == "waiting" and not jobs.served(conn)
    last = runs[0] if runs else None
    state = "" if one.state is None else data.pretty(one.state)
    return door.page(
        ask, template, http=http, title=one.name, c=one, tab=tab, runs=runs, last=last,
        live=last if last is not None and last.open else None, source=source, counts=counts,
        state=state, faults=faults, on=turned_on(ask), waits=waits, one_run=one_run,
        stage=stage(one, last), v=ask.form, **values,
    )  # fmt: skip


@post("/connectors/{ref:str}", sync_to_thread=True)
def connector_act(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Run, stop, check, reset, schedule, install anew or delete it."""
    ask = door.ask_of(request)
    number = number_of(ref)
    act = ask.form.get("act", "")
    try:
        with ask.open() as conn:
            if act in ("run", "check", "install"):
                connectors.run.allowed(ask.request.app.state.settings)
            _act(conn, ask, number, act)
    except (errors.Invalid, errors.Conflict) as error:
        ask.viewer.must_admin()
        return show(
            ask, number, "connector.html", "", http=error.status, faults=data.wrong(error)
        )  # fmt: skip
    if act == "delete":
        return door.go(ask, "/connectors", {"text": "Connector deleted"})
    back = "/config" if act in ("check", "install") else ""
    return door.go(ask, f"/connectors/{ref}{back}", {"text": _ACTS.get(act, "Saved")})


def _act(conn: Connection, ask: door.Ask, number: int, act: str) -> None:
    viewer, form = ask.viewer, ask.form
    if act == "run":
        setup.start(conn, viewer, number)
    elif act == "stop":
        setup.cancel(conn, viewer, number)
    elif act == "check":
        setup.check(conn, viewer, number)
    elif act == "install":
        package = form.get("package", "").strip()
        setup.reinstall(conn, viewer, number, package=package or None)
    elif act == "reset":
        setup.reset(conn, viewer, number, form.get("stream") or None)
    elif act == "schedule":
        text = form.get("schedule", "")[: limits.name_chars_max]
        setup.set_schedule(conn, viewer, number, text, ask.now_ms)
    elif act == "delete":
        setup.delete(conn, viewer, number)
    else:
        raise errors.Invalid(errors.Fault("act", "is not known.", "Use a button of the page."))


HANDLERS = [
    connectors_list, connector_new, connector_create, connector_page, connector_run, connector_act,
]  # fmt: skip
