"""A source's webhook: who sends, how it is proven and read, and what came of the newest deliveries.

Secrets go in and never come out: an answer says only whether one is set.
"""

import base64
from typing import Any

import msgspec
from litestar import Request, delete, get, post, put
from litestar.params import FromPath, JSONBody

from onefold import sources
from onefold.api import door
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import found_by_id
from onefold.kernel import clock, errors, ids
from onefold.sources import webhooks

AnyRequest = Request[Any, Any, Any]


class Webhook(msgspec.Struct, frozen=True):
    """How a webhook is set up, and its traffic. `address` is what to paste at the vendor's."""

    source_id: str
    address: str
    kind: str
    options: dict[str, str]
    mapping: dict[str, Any] | None
    has_secret: bool
    has_former_secret: bool
    version: int
    updated_by: str
    updated_at: str
    accepted: int
    unmapped: int
    pings: int
    bad_signatures: int
    last_at: str | None
    last_bad_at: str | None
    last_bad_why: str


class WebhookChange(msgspec.Struct, forbid_unknown_fields=True):
    """How to set it up. Without `secret` the one that is set stays."""

    kind: str
    secret: str | None = None
    keep_former_secret: bool = False
    options: dict[str, str] = {}
    mapping: dict[str, Any] | None = None
    expected_version: int | None = None


class Trial(msgspec.Struct, forbid_unknown_fields=True):
    """A payload to read, by the setup as it is or by another. `payload` as JSON, or as text."""

    payload: Any
    headers: dict[str, str] = {}
    kind: str | None = None
    options: dict[str, str] = {}
    mapping: dict[str, Any] | None = None


class Preview(msgspec.Struct, frozen=True):
    """What the payload would become, and a mapping to begin with."""

    items: list[webhooks.Outcome]
    suggestion: dict[str, Any]


class Delivered(msgspec.Struct, frozen=True):
    """One of the newest deliveries. `body_base64` when it is no text."""

    id: str
    received_at: str
    event: str
    items: int
    refused: int
    headers: dict[str, str]
    body: str | None
    body_base64: str | None


@get("/sources/{source_id:str}/webhook", opt=door.READER, sync_to_thread=True)
def get_webhook(call: Call, source_id: FromPath[str], request: AnyRequest) -> Webhook:
    """Get how a source's webhook is set up, and its traffic."""
    number = _number(source_id)
    with call.open() as conn:
        return _shown(_set_up(webhooks.store.get(conn, call.viewer, number), number), request)


@put("/sources/{source_id:str}/webhook", opt=door.ADMIN, sync_to_thread=True)
def set_webhook(
    call: Call, source_id: FromPath[str], data: JSONBody[WebhookChange], request: AnyRequest
) -> Webhook:
    """Set up a source's webhook: who sends, the secret, options and mapping."""
    number = _number(source_id)
    with call.open() as conn:
        saved = webhooks.store.save(
            conn, call.viewer, number,
            webhooks.config_of(data.kind, data.options, data.mapping),
            now_ms=call.now_ms, secret=data.secret, keep_former=data.keep_former_secret,
            expected_version=data.expected_version,
        )  # fmt: skip
    return _shown(saved, request)


@delete("/sources/{source_id:str}/webhook", opt=door.ADMIN, sync_to_thread=True)
def remove_webhook(call: Call, source_id: FromPath[str]) -> None:
    """Take no more deliveries for a source; what it sent stays."""
    number = _number(source_id)
    with call.open() as conn:
        webhooks.store.remove(conn, call.viewer, number)


@get("/sources/{source_id:str}/webhook/deliveries", opt=door.READER, sync_to_thread=True)
def list_webhook_deliveries(call: Call, source_id: FromPath[str]) -> Listed[Delivered]:
    """List the newest deliveries of a webhook with their bodies as they came."""
    number = _number(source_id)
    with call.open() as conn:
        _set_up(webhooks.store.get(conn, call.viewer, number), number)
        items = [_delivered(one) for one in webhooks.store.recent(conn, call.viewer, number)]
    return Listed(items, len(items))


@post(
    "/sources/{source_id:str}/webhook/preview", opt=door.ADMIN, sync_to_thread=True, status_code=200
)
def preview_webhook(call: Call, source_id: FromPath[str], data: JSONBody[Trial]) -> Preview:
    """Say what a payload would become, by the setup as it is or by another; nothing is kept."""
    number = _number(source_id)
    body = data.payload.encode() if isinstance(data.payload, str) else None
    body = msgspec.json.encode(data.payload) if body is None else body
    headers = {name.lower(): value for name, value in data.headers.items()}
    with call.open() as conn:
        found = webhooks.store.get(conn, call.viewer, number)
        source = sources.get(conn, call.viewer, number)
        config = found.config if found else None
        if data.kind is not None or data.mapping is not None or data.options:
            kind = data.kind or (config.kind if config else "json")
            config = webhooks.config_of(kind, data.options, data.mapping)
        if config is None:
            raise _nothing(number)
        delivery = webhooks.Delivery("POST", (), {}, headers, body, call.now_ms)
        reading = webhooks.read(config, delivery)
        known = webhooks.store.known(conn, number, sorted(webhooks.asked(reading)))
        outcomes = webhooks.preview(conn, source, config, delivery, known)
    suggestion = webhooks.mapped.suggest(_tree(body))
    return Preview(outcomes, msgspec.to_builtins(suggestion))


@post(
    "/sources/{source_id:str}/webhook/reread", opt=door.ADMIN, sync_to_thread=True, status_code=200
)
def reread_webhook(call: Call, source_id: FromPath[str]) -> webhooks.Reread:
    """Read a webhook's refused events again by the setup as it is; those that fit become facts."""
    number = _number(source_id)
    with call.open() as conn:
        _set_up(webhooks.store.get(conn, call.viewer, number), number)
        return webhooks.reread(conn, call.viewer, number, call.now_ms)


def address(request: AnyRequest, source_key: str) -> str:
    """Where the vendor is to send: by the operator's public address, else by the caller's."""
    settings = request.app.state.settings
    host = (settings.public_url if settings else "") or str(request.base_url)
    host = host if "//" in host else f"https://{host}"
    return f"{host.rstrip('/')}/v1/webhook/{source_key}"


def _number(source_id: str) -> int:
    with found_by_id():
        return ids.parse_id("src", source_id)


def _set_up(found: webhooks.store.Setup | None, number: int) -> webhooks.store.Setup:
    if found is None:
        raise _nothing(number)
    return found


def _nothing(number: int) -> errors.NotFound:
    return errors.NotFound(f"There is no webhook set up for `src_{number}`. Set one up with PUT.")


def _tree(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _shown(found: webhooks.store.Setup, request: AnyRequest) -> Webhook:
    mapping = found.config.mapping
    return Webhook(
        source_id=found.source.api_id,
        address=address(request, found.source.key),
        kind=found.config.kind,
        options=found.config.options,
        mapping=None if mapping is None else msgspec.to_builtins(mapping),
        has_secret=found.has_secret,
        has_former_secret=found.has_former_secret,
        version=found.version,
        updated_by=found.updated_by,
        updated_at=clock.iso(found.updated_ms) or "",
        accepted=found.accepted,
        unmapped=found.unmapped,
        pings=found.pings,
        bad_signatures=found.bad,
        last_at=clock.iso(found.last_ms),
        last_bad_at=clock.iso(found.last_bad_ms),
        last_bad_why=found.last_bad_why,
    )


def _delivered(one: webhooks.store.Recent) -> Delivered:
    try:
        text, encoded = one.body.decode(), None
    except UnicodeDecodeError:
        text, encoded = None, base64.b64encode(one.body).decode()
    return Delivered(
        id=str(one.seq), received_at=clock.iso(one.received_ms) or "", event=one.event,
        items=one.items, refused=one.refused, headers=one.headers, body=text, body_base64=encoded,
    )  # fmt: skip


HANDLERS = [
    get_webhook, set_webhook, remove_webhook, list_webhook_deliveries, preview_webhook,
    reread_webhook,
]  # fmt: skip
