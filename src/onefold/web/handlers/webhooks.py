"""A source's webhook: who sends, the address to paste, the secret, the mapping with its preview."""

from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath

from onefold import sources
from onefold.kernel import clock, errors, ids
from onefold.sources import webhooks
from onefold.storage import Connection
from onefold.web import data, door, edits, paths

_BODY_CHARS_MAX = 20_000
_SECRET_BYTES = 24
_SAMPLE = '{\n  "type": "order.paid",\n  "customer": {"email": "ann@acme.co"}\n}'


@get("/sources/{ref:str}/webhook", sync_to_thread=True)
def webhook_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """How it is set up, its traffic, the newest deliveries."""
    return _page(door.ask_of(request), ref)


@post("/sources/{ref:str}/webhook", sync_to_thread=True)
def webhook_save(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Save it. A secret that is made here is shown on the page that answers, once."""
    ask = door.ask_of(request)
    number = ids.parse_id("src", ref)
    secret: str | None = ask.form.get("secret", "").strip() or None
    made = ""
    try:
        with ask.open() as conn:
            config = _config(ask)
            before = webhooks.store.get(conn, ask.viewer, number)
            if secret is None and before is None and webhooks.KINDS[config.kind].in_address:
                secret = made = clock.token("wh_", _SECRET_BYTES)
            webhooks.store.save(
                conn, ask.viewer, number, config, now_ms=ask.now_ms, secret=secret,
                keep_former=ask.form.get("keep_former") == "yes",
                expected_version=edits.version(ask.form),
            )  # fmt: skip
    except (errors.Invalid, errors.Conflict) as error:
        return _page(ask, ref, faults=data.wrong(error), http=error.status)
    if made:
        return _page(ask, ref, secret=made, saved=True)
    return door.go(ask, f"/sources/{ref}/webhook", {"text": "Webhook saved"})


@post("/sources/{ref:str}/webhook/remove", sync_to_thread=True)
def webhook_remove(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Take no more deliveries; what was sent stays."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        webhooks.store.remove(conn, ask.viewer, ids.parse_id("src", ref))
    return door.go(ask, f"/sources/{ref}/webhook", {"text": "Webhook removed"})


@post("/sources/{ref:str}/webhook/reread", sync_to_thread=True)
def webhook_reread(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Read what was refused again."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        done = webhooks.reread(conn, ask.viewer, ids.parse_id("src", ref), ask.now_ms)
    word = {"text": f"{done.replayed} now facts, {done.left} left"}
    return door.go(ask, f"/sources/{ref}/webhook", word)


@post("/sources/{ref:str}/webhook/preview", sync_to_thread=True)
def webhook_preview(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """What the sample would become by the form as it stands. Nothing is kept."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    number = ids.parse_id("src", ref)
    outcomes: list[webhooks.Outcome] = []
    faults: tuple[errors.Fault, ...] = ()
    if ask.form.get("suggest"):
        return _page(ask, ref, suggest=True)
    with ask.open() as conn:
        source = sources.get(conn, ask.viewer, number)
        try:
            outcomes = _tried(conn, ask, source)
        except (errors.Invalid, errors.NotSignedIn) as error:
            faults = data.wrong(error)
    if not ask.htmx:
        return _page(ask, ref, outcomes=outcomes, faults=faults)
    return door.page(ask, "webhook_preview.html", outcomes=outcomes, faults=faults)


def _tried(conn: Connection, ask: door.Ask, source: sources.Source) -> list[webhooks.Outcome]:
    config = _config(ask)
    body = ask.form.get("sample", "").encode()
    headers = _headers(ask.form.get("sample_headers", ""))
    delivery = webhooks.Delivery("POST", (), {}, headers, body, ask.now_ms)
    reading = webhooks.read(config, delivery)
    known = webhooks.store.known(conn, source.id, sorted(webhooks.asked(reading)))
    return webhooks.preview(conn, source, config, delivery, known)


def _headers(text: str) -> dict[str, str]:
    pairs = [line.partition(":") for line in text.splitlines() if ":" in line]
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _config(ask: door.Ask) -> webhooks.Config:
    """The setup in the form. Raises `Invalid`."""
    kind = ask.form.get("kind", "")
    found = webhooks.KINDS.get(kind)
    options = {
        option.name: ask.form[f"opt_{option.name}"].strip()
        for option in (found.options if found else ())
        if f"opt_{option.name}" in ask.form
    }
    return webhooks.config_of(kind, options, paths.read(ask.form))


def _page(
    ask: door.Ask, ref: str, *, faults: Any = (), http: int = 200, secret: str = "",
    saved: bool = False, suggest: bool = False, outcomes: list[webhooks.Outcome] | None = None,
) -> door.Page:  # fmt: skip
    number = ids.parse_id("src", ref)
    with ask.open() as conn:
        source = sources.get(conn, ask.viewer, number)
        setup = webhooks.store.get(conn, ask.viewer, number)
        recent = webhooks.store.recent(conn, ask.viewer, number)
        counts = data.counts(conn, ask)
    values = _values(ask, setup, recent, keep_form=not saved)
    if suggest:
        values |= paths.fields(webhooks.mapped.suggest(_tree(values["sample"])))
    kind = webhooks.KINDS.get(values["kind"])
    return door.page(
        ask, "webhook.html", http=http, s=source, tab="/webhook", w=setup, v=values, kind=kind,
        kinds=_choices(),
        address=_address(ask, source, kind, secret), secret=secret, faults=faults,
        deliveries=[_row(one) for one in recent], outcomes=outcomes, names=webhooks.names.EVERY,
        texts=paths.TEXTS, pairs=paths.PAIRS, types=paths.KINDS, counts=counts,
        map_faults=[f for f in faults or () if f.field.startswith("mapping")],
    )  # fmt: skip


def _choices() -> list[data.Option]:
    kinds = [(k.name, k.label) for k in webhooks.KINDS.values()]
    return [
        ("", "Choose who sends"),
        *kinds,
        *((p.name, p.label) for p in webhooks.PRESETS.values()),
    ]


def _values(
    ask: door.Ask, setup: webhooks.store.Setup | None, recent: list[webhooks.store.Recent],
    keep_form: bool,
) -> dict[str, str]:  # fmt: skip
    """The form's fields: what was just sent, else what is set, else what the kind begins with."""
    chosen = ask.query.get("kind") or ask.form.get("kind") or (setup.config.kind if setup else "")
    picked = chosen
    config = setup.config if setup and setup.config.kind == chosen else None
    if chosen in webhooks.PRESETS:
        config = webhooks.config_of(chosen)
        chosen = config.kind
    kind = webhooks.KINDS.get(chosen)
    values = paths.fields(config.mapping if config else kind.mapping if kind else None)
    for option in kind.options if kind else ():
        usual = option.default or (option.choices[0] if option.choices else "")
        given = config.options.get(option.name, usual) if config else usual
        values[f"opt_{option.name}"] = given
    wanted = ask.query.get("delivery", "")
    one = next((r for r in recent if str(r.seq) == wanted), recent[0] if recent else None)
    values["sample"] = _pretty(one.body) if one else _SAMPLE
    lines = [f"{k}: {v}" for k, v in one.headers.items()] if one else []
    values["sample_headers"] = "\n".join(lines)
    values |= {
        "kind": chosen,
        "picked": picked,
        "keep_former": "",
        "version": str(setup.version if setup else 0),
    }
    if keep_form and ask.form:
        values |= {k: v for k, v in ask.form.items() if k not in ("secret", door.CSRF_FIELD)}
    return values


def _address(ask: door.Ask, source: sources.Source, kind: webhooks.Kind | None, secret: str) -> str:
    settings = ask.request.app.state.settings
    host = (settings.public_url if settings else "") or str(ask.request.base_url)
    host = host if "//" in host else f"https://{host}"
    tail = f"?token={secret or 'YOUR_SECRET'}" if kind and kind.in_address else ""
    return f"{host.rstrip('/')}/v1/webhook/{source.key}{tail}"


def _row(one: webhooks.store.Recent) -> dict[str, Any]:
    return {
        "seq": one.seq, "received_ms": one.received_ms, "event": one.event, "items": one.items,
        "refused": one.refused, "text": _pretty(one.body), "headers": one.headers,
    }  # fmt: skip


def _pretty(body: bytes) -> str:
    try:
        text = msgspec.json.format(body, indent=2).decode()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        text = body.decode("utf-8", "replace")
    return text if len(text) <= _BODY_CHARS_MAX else text[:_BODY_CHARS_MAX] + "…"


def _tree(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return None


HANDLERS = [webhook_page, webhook_save, webhook_remove, webhook_reread, webhook_preview]
