"""Destinations: webhooks, which audiences they hear of, and what became of each delivery."""

from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath

from onefold import activation, audiences
from onefold.kernel import errors
from onefold.web import data, door, edits


@get("/destinations", sync_to_thread=True)
def destinations_list(request: door.AnyRequest) -> door.Page:
    """Every destination."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        rows = activation.list_all(conn, ask.viewer)
        return door.page(
            ask, "destinations.html", title="Destinations", rows=rows, counts=data.counts(conn, ask)
        )


@get("/destinations/{ref:str}", sync_to_thread=True)
def destination_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """A destination and its deliveries."""
    ask = door.ask_of(request)
    return _page(ask, ref)


def _page(ask: door.Ask, ref: str, secret: str = "") -> door.Page:
    status = ask.query.get("status", "")
    with ask.open() as conn:
        found = activation.get(conn, ask.viewer, ref)
        page = activation.deliveries(
            conn, ask.viewer, destination_id=found.id, status=status or None,
            cursor=ask.query.get("cursor") or None,
        )  # fmt: skip
        names = {a.key: a.name for a in audiences.list_all(conn, ask.viewer)}
        return door.page(
            ask, "destination.html", d=found, url=found.url, secret=secret, status=status,
            names=names,
            deliveries=[_row(o, names) for o in page.rows], next=page.next,
            counts=data.counts(conn, ask),
        )  # fmt: skip


def _row(delivery: activation.Delivery, names: dict[str, str]) -> dict[str, Any]:
    verb = "Left" if "left" in delivery.type or "exit" in delivery.type else "Entered"
    pretty = msgspec.json.format(msgspec.json.encode(delivery.payload), indent=2).decode()
    audience = names.get(delivery.audience, delivery.audience)
    return {
        "id": delivery.id, "status": delivery.status, "attempts": delivery.attempts,
        "answer": delivery.answer, "title": f"{verb} {audience}",
        "who": _who(delivery), "at": delivery.done_at or delivery.created_at,
        "payload_text": pretty,
    }  # fmt: skip


def _who(delivery: activation.Delivery) -> dict[str, str]:
    """Link and name of whom a delivery is about, as it was when it was made."""
    kind = "people" if delivery.entity.startswith("per_") else "accounts"
    told = delivery.payload.get("person") or delivery.payload.get("account") or {}
    traits = told.get("traits") or {}
    name = told.get("name") or traits.get("name") or traits.get("email") or delivery.entity
    return {"href": f"/{kind}/{delivery.entity}", "name": str(name)}


@post("/destinations/{ref:str}", sync_to_thread=True)
def destination_switch(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Turn a destination on or off."""
    ask = door.ask_of(request)
    enabled = ask.form.get("enabled") == "yes"
    with ask.open() as conn:
        activation.update(
            conn, ask.viewer, ref, {"enabled": enabled}, expected_version=edits.version(ask.form)
        )
    word = {"text": "Destination is on" if enabled else "Destination is off"}
    return door.go(ask, f"/destinations/{ref}", word)


@post("/destinations/{ref:str}/retry", sync_to_thread=True)
def delivery_retry(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Send a failed delivery again."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        activation.retry(conn, ask.viewer, ask.form.get("id", ""), ask.now_ms)
    return door.go(ask, f"/destinations/{ref}", {"text": "Will be sent again"})


@get("/destinations/new", sync_to_thread=True)
def destination_new(request: door.AnyRequest) -> door.Page:
    """The form of a new webhook."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    return _form(ask, {"name": "", "url": "", "audiences": []}, ())


@post("/destinations", sync_to_thread=True)
def destination_create(request: door.AnyRequest) -> door.Page:
    """Make a webhook; its secret is shown on the page that answers, once."""
    ask = door.ask_of(request)
    values: dict[str, Any] = {
        "name": ask.form.get("name", ""), "url": ask.form.get("url", "").strip(),
        "audiences": ask.many.get("audiences", []),
    }  # fmt: skip
    settings = ask.request.app.state.settings
    try:
        with ask.open() as conn:
            made, secret = activation.create(
                conn, ask.viewer, values, ask.now_ms,
                private_allowed=settings.destinations_private if settings else True,
            )  # fmt: skip
    except (errors.Invalid, errors.Conflict) as error:
        return _form(ask, values, data.wrong(error), error.status)
    if not ask.htmx:
        return _page(ask, made.id, secret)
    with ask.open() as conn:
        return door.page(
            ask, "secret.html", title="Webhook created", made=made, secret=secret,
            counts=data.counts(conn, ask),
        )  # fmt: skip


def _form(ask: door.Ask, values: dict[str, Any], faults: Any, status: int = 200) -> door.Page:
    with ask.open() as conn:
        found = [(a.key, a.name) for a in audiences.list_all(conn, ask.viewer)]
        return door.page(
            ask, "destination_new.html", http=status, title="New webhook", verb="Create webhook",
            action="/destinations", v=values, faults=faults, audience_options=found,
            known=("name", "url", "config", "audiences"), counts=data.counts(conn, ask),
        )  # fmt: skip


HANDLERS = [
    destinations_list, destination_new, destination_create, destination_page, destination_switch,
    delivery_retry,
]  # fmt: skip
