"""Pulls: the list, the connection, what is read with its mapping and preview, runs."""

from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath

from onefold import sources
from onefold.kernel import errors, limits
from onefold.record import pulling
from onefold.sources import imports, pulls
from onefold.sources.imports.model import FIELDS, OPEN
from onefold.web import data, door
from onefold.web.handlers.imports import KINDS, TARGETS

LABELS = [
    ("postgresql", "PostgreSQL"), ("mysql", "MySQL or MariaDB"), ("sqlite", "SQLite file"),
    ("duckdb", "DuckDB file"), ("parquet", "Folder of Parquet files"),
]  # fmt: skip
TLS = [
    ("prefer", "Where the server offers it"), ("require", "Always"),
    ("verify", "Always, and check the certificate"), ("off", "Never"),
]  # fmt: skip
CATEGORIES = [(c, c.capitalize()) for c in sources.CATEGORIES]
_PLACE = ("name", "kind", "host", "port", "database", "user", "password", "tls", "ca", "path")


def rows(conn: Any, ask: door.Ask) -> list[dict[str, Any]]:
    """Every pull with its newest run."""
    latest = pulls.store.latest(conn, ask.viewer)
    return [
        {"one": one, "run": latest.get(one.id), "kind": dict(LABELS)[one.place.kind]}
        for one in pulls.store.list_all(conn, ask.viewer)
    ]


@get("/pulls", sync_to_thread=True)
def pulls_list(request: door.AnyRequest) -> door.Page:
    """Every pull with its newest run and its next."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        found = rows(conn, ask)
        counts = data.counts(conn, ask)
    return door.page(ask, "pulls.html", title="Pulls", pulls=found, counts=counts)


@get("/pulls/new", sync_to_thread=True)
def pull_new(request: door.AnyRequest) -> door.Page:
    """The form of a connection."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    return _place_page(ask, None, {}, ())


@post("/pulls", sync_to_thread=True)
def pull_create(request: door.AnyRequest) -> door.Page:
    """Try the connection; make the pull when it answers."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    try:
        place, secret = _place(ask.form)
        pulls.setup.check_name(ask.form.get("name", ""))
        pulls.setup.tables(place, secret, _allowed(request))
        with ask.open() as conn:
            made = pulls.setup.create(
                conn, ask.viewer, name=ask.form.get("name", ""), place=place, secret=secret,
                category=ask.form.get("category", "product"),
            )  # fmt: skip
    except (errors.Invalid, errors.Conflict) as error:
        return _place_page(ask, None, ask.form, data.wrong(error), error.status)
    return door.go(ask, f"/pulls/{made.api_id}/edit", {"text": "Connected"})


@get("/pulls/{ref:str}/connection", sync_to_thread=True)
def pull_connection(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """The connection's form, without the password."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    with ask.open() as conn:
        one = pulls.store.get(conn, ask.viewer, pulling.number_of(ref))
    values = {n: str(v) for n, v in msgspec.to_builtins(one.place).items()} | {"name": one.name}
    return _place_page(ask, one, values, ())


@post("/pulls/{ref:str}/connection", sync_to_thread=True)
def pull_move(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Save another connection when it answers; an empty password leaves the one that is set."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    number = pulling.number_of(ref)
    with ask.open() as conn:
        one = pulls.store.for_run(conn, number)
    try:
        place, secret = _place(ask.form)
        with ask.open() as conn:
            name = pulls.setup.check_name(ask.form.get("name", ""))
            pulls.setup.move(conn, ask.viewer, number, place, secret)
            pulls.store.change(conn, ask.viewer, number, name=name)
            pulls.setup.tables(place, pulls.setup.kept(one, secret), _allowed(request))
    except errors.Invalid as error:
        return _place_page(ask, one, ask.form, data.wrong(error), error.status)
    return door.go(ask, f"/pulls/{ref}", {"text": "Connected"})


def _place(form: dict[str, str]) -> tuple[pulls.Place, str]:
    kind = form.get("kind", "")
    if kind not in pulls.KINDS:
        raise errors.Invalid(errors.Fault("kind", "is not known.", "Choose one."))
    if kind in pulls.FILES:
        return pulls.Place(kind, path=form.get("path", "").strip()), ""
    port, tls = form.get("port", "").strip(), form.get("tls", "prefer")
    if not (port.isdigit() and len(port) < 6) and port:
        raise errors.Invalid(errors.Fault("connection.port", "is no port.", "Use 1 to 65535."))
    place = pulls.Place(
        kind, host=form.get("host", "").strip(), port=int(port or 0),
        database=form.get("database", "").strip(), user=form.get("user", "").strip(),
        tls=tls if tls in pulls.TLS else "prefer",
        ca=form.get("ca", "").strip(),
    )  # fmt: skip
    return place, form.get("password", "")


def _place_page(
    ask: door.Ask, one: pulls.Pull | None, values: dict[str, str], faults: Any, status: int = 200
) -> door.Page:
    plain = [errors.Fault(f.field.removeprefix("connection."), f.problem, f.remedy) for f in faults]
    v = {"kind": "postgresql", "tls": "prefer", "category": "product"} | values
    return door.page(
        ask, "pull_place.html", http=status, one=one, faults=plain, kinds=LABELS, tls=TLS,
        title="Connection" if one else "New pull", categories=CATEGORIES,
        v={**dict.fromkeys(_PLACE, ""), **v, "password": ""}, known=_PLACE,
    )  # fmt: skip


# ── what is read ───────────────────────────────────────────────────────────────────────────────


@get("/pulls/{ref:str}/edit", sync_to_thread=True)
def pull_edit(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """The table or query, where its columns go, key, cursor and schedule."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    with ask.open() as conn:
        one = pulls.store.for_run(conn, pulling.number_of(ref))
    return _edit_page(ask, request, one, ())


@post("/pulls/{ref:str}/columns", sync_to_thread=True)
def pull_columns(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """The columns of another table or query, with a proposal: a part of the form."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    with ask.open() as conn:
        one = pulls.store.for_run(conn, pulling.number_of(ref))
    columns, faults = _columns(request, one, ask.form)
    return door.page(ask, "pull_columns.html", one=one, look=columns, faults=faults, preview=None)


@post("/pulls/{ref:str}/edit", sync_to_thread=True)
def pull_save(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Save what is read; then preview it, or go on to the pull."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    number = pulling.number_of(ref)
    with ask.open() as conn:
        one = pulls.store.for_run(conn, number)
    act = ask.form.get("act", "save")
    if act == "look":
        return _edit_page(ask, request, one, (), ask.form)
    try:
        choice = _choice(ask)
        found = pulls.setup.look(
            one, choice.relation, choice.query, choice.target, _allowed(request)
        )
        chosen = pulls.setup.check(one, found, choice)
        with ask.open() as conn:
            pulls.setup.choose(conn, ask.viewer, number, chosen)
            often = ask.form.get("schedule", "")
            pulls.setup.set_schedule(conn, ask.viewer, number, often, one.enabled, ask.now_ms)
        if act == "preview":
            return _preview(ask, request, number)
        if act == "run":
            with ask.open() as conn:
                pulling.start(conn, ask.viewer, number)
    except (errors.Invalid, errors.Conflict) as error:
        return _edit_page(ask, request, one, data.wrong(error), ask.form, error.status)
    word = "Run started" if act == "run" else "Saved"
    return door.go(ask, f"/pulls/{ref}", {"text": word})


def _preview(ask: door.Ask, request: door.AnyRequest, number: int) -> door.Page:
    with ask.open() as conn:
        one = pulls.store.for_run(conn, number)
    with ask.open() as conn:
        seen = pulling.preview(conn, ask.viewer, one, _allowed(request), limits.pull_preview_rows)
    return _edit_page(ask, request, one, (), ask.form, preview=seen)


def _choice(ask: door.Ask) -> pulls.setup.Choice:
    form = ask.form
    by_query = form.get("by") == "query"
    overlap = form.get("overlap", "").strip()
    if overlap and not (overlap.isdigit() and len(overlap) < 12):
        raise errors.Invalid(errors.Fault("overlap", "is no number.", "Leave it empty."))
    columns = {}
    for n in range(limits.import_columns_max):
        name = form.get(f"name.{n}")
        if name is None:
            break
        kind = form.get(f"kind.{n}", "text")
        if kind not in KINDS:
            raise errors.Invalid(errors.Fault(f"kind.{n}", "is not known.", "Use `text`."))
        to = form.get(f"to.{n}", "").strip()
        columns[name] = imports.Column(to, kind)  # type: ignore[arg-type] # looked up
    constants = {}
    if form.get("event") and not any(c.to == "event" for c in columns.values()):
        constants["event"] = form["event"].strip()
    return pulls.setup.Choice(
        relation="" if by_query else form.get("table", ""),
        query=form.get("query", "") if by_query else "", target=form.get("target", ""),
        mapping=imports.Mapping(columns, constants) if columns else None,
        keys=[k for k in ask.many.get("keys", []) if k], cursor_column=form.get("cursor", ""),
        overlap=int(overlap) if overlap else None, time_zone=form.get("time_zone") or "UTC",
    )  # fmt: skip


def _edit_page(
    ask: door.Ask, request: door.AnyRequest, one: pulls.Pull, faults: Any,
    form: dict[str, str] | None = None, status: int = 200, preview: Any = None,
) -> door.Page:  # fmt: skip
    tables: list[pulls.Table] = []
    try:
        _, tables = pulls.setup.tables(one.place, one.secret, _allowed(request))
    except errors.Invalid as error:
        faults = faults or data.wrong(error)
    values = {
        "table": one.relation, "query": one.query, "by": "query" if one.query else "table",
        "target": one.target if one.chosen else "", "schedule": one.schedule,
    } | (form or {})  # fmt: skip
    look = None
    if values.get("table") or values.get("query"):
        look, wrong = _columns(request, one, values, saved=form is None or preview is not None)
        faults = faults or wrong
    with ask.open() as conn:
        counts = data.counts(conn, ask)
    return door.page(
        ask, "pull_edit.html", http=status, title=f"What {one.name} reads", one=one, v=values,
        tables=tables, look=look, faults=faults, preview=preview, counts=counts,
        schedules=("every 15m", "every 1h", "every 1d", "0 3 * * *"),
    )  # fmt: skip


def _columns(
    request: door.AnyRequest, one: pulls.Pull, form: dict[str, str], *, saved: bool = False
) -> tuple[dict[str, Any] | None, Any]:
    """What there is to map, as the form shows it: as saved, or as proposed."""
    by_query = form.get("by") == "query"
    table = "" if by_query else form.get("table", "")
    query = form.get("query", "") if by_query else ""
    if not (table or query):
        return None, ()
    try:
        found = pulls.setup.look(one, table, query, form.get("target", ""), _allowed(request))
    except errors.Invalid as error:
        return None, data.wrong(error)
    same = saved and (one.relation, one.query) == (table, pulls.sql.trimmed(query))
    mapping = one.mapping if same else found.mapping
    columns = []
    for n, name in enumerate(found.columns):
        to = mapping.columns.get(name, imports.Column())
        shown = [imports.values.text(r[name]) for r in found.rows if r.get(name) not in (None, "")]
        columns.append({"n": n, "name": name, "to": to.to, "kind": to.kind, "values": shown[:3]})
    return {
        "columns": columns, "target": found.target, "targets": TARGETS[1:], "kinds": KINDS,
        "keys": one.keys if same else found.keys,
        "cursor": one.cursor_column if same else found.cursor_column,
        "names": [f.name for f in found.fields], "event": mapping.constants.get("event", ""),
        "types": {f.name: f.type for f in found.fields},
        "overlap": "" if one.overlap is None else str(one.overlap), "time_zone": one.time_zone,
        "fields": [
            *FIELDS[found.target], *([f"{OPEN[found.target]}."] if found.target in OPEN else []),
        ],
    }, ()  # fmt: skip


# ── the pull and its runs ──────────────────────────────────────────────────────────────────────


@get("/pulls/{ref:str}", sync_to_thread=True)
def pull_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """A pull: what it reads, when next, and what its runs came to."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        one = pulls.store.get(conn, ask.viewer, pulling.number_of(ref))
        runs = pulls.store.runs(conn, ask.viewer, one.id)
        source = None if one.source_id is None else sources.get(conn, ask.viewer, one.source_id)
        reverted = {
            r.import_id: imports.store.get(conn, ask.viewer, r.import_id).status
            for r in runs
            if r.import_id is not None
        }
        counts = data.counts(conn, ask)
    return door.page(
        ask, "pull.html", title=one.name, one=one, runs=runs, source=source, counts=counts,
        kind=dict(LABELS)[one.place.kind], open=bool(runs and runs[0].open), reverted=reverted,
    )  # fmt: skip


@post("/pulls/{ref:str}", sync_to_thread=True)
def pull_act(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Run it, stop, pause, go on, start over, take a run back, delete it."""
    ask = door.ask_of(request)
    number, act = pulling.number_of(ref), ask.form.get("act", "")
    words = {
        "run": "Run started", "cancel": "Run stopped", "pause": "Paused", "resume": "On again",
        "restart": "It starts over", "delete": "Pull deleted",
    }  # fmt: skip
    with ask.open() as conn:
        if act == "run":
            pulling.start(conn, ask.viewer, number)
        elif act == "cancel":
            pulling.cancel(conn, ask.viewer, number)
        elif act in ("pause", "resume"):
            one = pulls.store.get(conn, ask.viewer, number)
            pulls.setup.set_schedule(
                conn, ask.viewer, number, one.schedule, act == "resume", ask.now_ms
            )
        elif act == "restart":
            pulls.setup.restart(conn, ask.viewer, number)
        elif act == "delete":
            pulling.delete(conn, ask.viewer, number)
        else:
            raise errors.Invalid(errors.Fault("act", "is not known.", "Use the page's buttons."))
    to = "/pulls" if act == "delete" else f"/pulls/{ref}"
    return door.go(ask, to, {"text": words[act]})


def _allowed(request: door.AnyRequest) -> str:
    settings = request.app.state.settings
    return str(settings.pull_files) if settings else ""


HANDLERS = [
    pulls_list, pull_new, pull_create, pull_page, pull_act, pull_connection, pull_move, pull_edit,
    pull_columns, pull_save,
]  # fmt: skip
