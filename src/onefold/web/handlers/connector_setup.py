"""A connector's config by its own schema, the choice of its streams, and what each becomes."""

from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath

from onefold.kernel import errors
from onefold.record import connecting
from onefold.sources import connectors, imports
from onefold.sources.connectors import setup, store, suggest
from onefold.sources.imports import Column
from onefold.storage import Connection
from onefold.web import data, door, schema
from onefold.web.handlers.connectors import number_of, show

TARGETS = [
    (t, f"{t.capitalize()} ({'facts' if t in imports.FACT_TARGETS else 'CRM'})")
    for t in imports.TARGETS
]
KINDS = ("text", "number", "boolean", "time", "dmy", "mdy", "json")
_MODES = {"incremental": "Only what is new", "full_refresh": "All of it each time"}


# ── config ─────────────────────────────────────────────────────────────────────────────────────


@get("/connectors/{ref:str}/config", sync_to_thread=True)
def config_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """The form of its config."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    return _config(ask, number_of(ref), ())


@post("/connectors/{ref:str}/config", sync_to_thread=True)
def config_save(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Send it: its schema checks it here, the connector in the background. Or another way of a
    choice was taken: the form anew."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    number = number_of(ref)
    if ask.form.get("act") == "choose":
        return _config(ask, number, ())
    try:
        connectors.run.allowed(ask.request.app.state.settings)
        with ask.open() as conn:
            one = store.get(conn, ask.viewer, number)
            setup.configure(conn, ask.viewer, number, _sent(ask, one))
    except (errors.Invalid, errors.Conflict) as error:
        return _config(ask, number, data.wrong(error), error.status)
    return door.go(ask, f"/connectors/{ref}/config", {"text": "Check started"})


def _sent(ask: door.Ask, one: connectors.Connector) -> dict[str, Any]:
    """The config in the form, with masks for secrets that stay."""
    if "json" in ask.form:
        try:
            return msgspec.json.decode(ask.form["json"] or "{}", type=dict[str, Any])
        except msgspec.MsgspecError as error:
            fault = errors.Fault("json", f"is no JSON object: {error}.", "Correct it.")
            raise errors.Invalid(fault) from None
    faults: list[errors.Fault] = []
    config = schema.read(one.spec, ask.form, _shown(one), faults)
    if faults:
        raise errors.Invalid(*faults)
    return config


def _shown(one: connectors.Connector) -> dict[str, Any]:
    return one.config if one.pending is None else one.pending


def _config(ask: door.Ask, number: int, faults: Any, status: int = 200) -> door.Page:
    with ask.open() as conn:
        one = store.get(conn, ask.viewer, number)
    form = ask.form
    as_json = not one.spec or ask.query.get("as") == "json" or "json" in form
    fields = () if as_json else schema.fields(one.spec, _shown(one), form)
    places = [f.path for f in _flat(fields)]
    by_path: dict[str, list[str]] = {}
    for fault in faults or ():
        path = schema.path_of(fault)
        if path in places:
            by_path.setdefault(path, []).append(f"{fault.problem} {fault.remedy}".strip())
    rest = [f for f in faults or () if schema.path_of(f) not in by_path]
    text = form.get("json") or data.pretty(_shown(one))
    return show(
        ask, number, "connector_config.html", "/config", http=status, faults=rest, fields=fields,
        as_json=as_json, text=text, by_path=by_path,
    )  # fmt: skip


def _flat(fields: Any) -> list[schema.Field]:
    return [one for field in fields for one in (field, *_flat(field.inner))]


# ── streams ────────────────────────────────────────────────────────────────────────────────────


@get("/connectors/{ref:str}/streams", sync_to_thread=True)
def streams_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Which streams are read."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    return _streams(ask, number_of(ref), ())


@post("/connectors/{ref:str}/streams", sync_to_thread=True)
def streams_save(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Read these streams; a new one as it is proposed."""
    ask = door.ask_of(request)
    number = number_of(ref)
    chosen = ask.many.get("stream", [])
    try:
        with ask.open() as conn:
            one = store.get(conn, ask.viewer, number)
            setup.choose(conn, ask.viewer, number, {n: one.streams.get(n) for n in chosen})
    except errors.Invalid as error:
        return _streams(ask, number, data.wrong(error), error.status)
    return door.go(ask, f"/connectors/{ref}/streams", {"text": "Choice saved"})


def _streams(ask: door.Ask, number: int, faults: Any, status: int = 200) -> door.Page:
    ask.viewer.must_admin()
    with ask.open() as conn:
        one = store.get(conn, ask.viewer, number)
        rows = [_stream_row(conn, one, stream) for stream in one.catalog]
    sent = ask.many.get("stream")
    for row in rows:
        if sent is not None:
            row["chosen"] = row["name"] in sent
    words = [_of_streams(f) for f in faults or ()]
    return show(
        ask, number, "connector_streams.html", "/streams", http=status, faults=words, rows=rows
    )  # fmt: skip


def _stream_row(
    conn: Connection, one: connectors.Connector, stream: connectors.Stream
) -> dict[str, Any]:
    plan = one.streams.get(stream.name)
    shown = plan or setup.proposal(conn, one, stream)
    goes = [f"{path} → {column.to}" for path, column in shown.columns.items() if column.to]
    return {
        "name": stream.name, "chosen": plan is not None, "target": dict(TARGETS)[shown.target],
        "mode": _MODES[shown.mode], "goes": ", ".join(goes[:4]),
        "event": shown.constants.get("event", ""), "wrong": _wrong(one, stream, shown),
    }  # fmt: skip


def _wrong(one: connectors.Connector, stream: connectors.Stream, plan: connectors.Plan) -> str:
    """What a proposal lacks: who a row is about can't always be guessed."""
    try:
        suggest.check(one.catalog, {stream.name: plan})
    except errors.Invalid as error:
        return error.faults[0].problem
    return ""


def _of_streams(fault: errors.Fault) -> errors.Fault:
    return errors.Fault(fault.field.removeprefix("streams."), fault.problem, fault.remedy)


# ── one stream ─────────────────────────────────────────────────────────────────────────────────


@get("/connectors/{ref:str}/map", sync_to_thread=True)
def map_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """What a stream becomes."""
    ask = door.ask_of(request)
    return _map(ask, number_of(ref), ask.query.get("stream", ""), None, ())


@post("/connectors/{ref:str}/map", sync_to_thread=True)
def map_save(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Preview it, save it, propose it anew for another target, or ask for first rows."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    number = number_of(ref)
    name, act = ask.form.get("stream", ""), ask.form.get("act", "preview")
    plan: connectors.Plan | None = None
    try:
        with ask.open() as conn:
            one = store.get(conn, ask.viewer, number)
            stream = one.stream(name)
            if stream is None:
                raise errors.NotFound(f"There is no stream `{name[:100]}`.")
            plan = _plan_sent(conn, ask, one, stream)
            if act == "sample":
                connectors.run.allowed(ask.request.app.state.settings)
                setup.sample(conn, ask.viewer, number, [name])
            elif act == "save":
                setup.choose(conn, ask.viewer, number, {**one.streams, name: plan})
    except (errors.Invalid, errors.Conflict) as error:
        return _map(ask, number, name, plan, data.wrong(error), error.status)
    if act == "save":
        return door.go(ask, f"/connectors/{ref}/streams", {"text": "Stream saved"})
    return _map(ask, number, name, plan, ())


def _plan_sent(
    conn: Connection, ask: door.Ask, one: connectors.Connector, stream: connectors.Stream
) -> connectors.Plan:
    form = ask.form
    target: Any = form.get("target", "")
    if target not in dict(TARGETS):
        raise errors.Invalid(errors.Fault("target", "is not known.", "Use events."))
    if target != form.get("was"):
        return setup.proposal(conn, one, stream, target)
    columns = {}
    for n, path in enumerate(ask.many.get("field", [])):
        kind: Any = form.get(f"kind.{n}", "text")
        to = form.get(f"to.{n}", "").strip()
        if to or form.get(f"out.{n}"):
            columns[path] = Column(to, kind if kind in KINDS else "text")
    event = form.get("event", "").strip()
    constants = {"event": event} if event and target == "events" else {}
    if any(c.to == "event" for c in columns.values()):
        constants = {}
    mode: Any = form.get("mode", "full_refresh")
    keys = [k.strip() for k in form.get("keys", "").split(",") if k.strip()]
    return connectors.Plan(
        target, mode if mode in _MODES else "full_refresh", form.get("cursor", "").strip(), keys,
        columns, constants, "rest" in form,
    )  # fmt: skip


def _map(
    ask: door.Ask, number: int, name: str, plan: connectors.Plan | None, faults: Any,
    status: int = 200,
) -> door.Page:  # fmt: skip
    ask.viewer.must_admin()
    preview = None
    with ask.open() as conn:
        one = store.get(conn, ask.viewer, number)
        stream = one.stream(name)
        if stream is None:
            raise errors.NotFound(f"There is no stream `{name[:100]}`.")
        plan = plan or one.streams.get(name) or setup.proposal(conn, one, stream)
        rows = store.sampled(conn, ask.viewer, number, name)
        if rows:
            try:
                preview = connecting.preview(conn, ask.viewer, number, name, plan, ask.now_ms)
            except errors.Invalid as error:
                faults = faults or data.wrong(error)
    prefix = f"streams.{name}."
    words = [
        errors.Fault(f.field.removeprefix(prefix), f.problem, f.remedy) for f in faults or ()
    ]  # fmt: skip
    return show(
        ask, number, "connector_map.html", "/streams", http=status, faults=words, stream=stream,
        plan=plan, columns=_columns(stream, plan, rows), preview=preview, targets=TARGETS,
        modes=[(m, _MODES.get(m, m)) for m in stream.modes], kinds=KINDS,
        places=suggest.fields(plan.target), open=plan.target in imports.model.OPEN,
    )  # fmt: skip


def _columns(
    stream: connectors.Stream, plan: connectors.Plan, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    names = list(dict.fromkeys([*suggest.columns(stream, rows), *plan.columns]))
    out = []
    for n, name in enumerate(names):
        column = plan.columns.get(name, Column())
        found = [connectors.rows.dig(row, name) for row in rows]
        values = [str(v)[:60] for v in found if v not in (None, "")][:3]
        out.append({
            "n": n, "name": name, "to": column.to, "kind": column.kind, "values": values,
            "out": name in plan.columns and not column.to,
        })  # fmt: skip
    return out


HANDLERS = [
    config_page, config_save, streams_page, streams_save, map_page, map_save,
]  # fmt: skip
