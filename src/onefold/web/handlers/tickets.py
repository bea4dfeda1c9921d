"""Tickets: list, page, create, edit in place, solve with Undo."""

from contextlib import suppress
from typing import Any

from litestar import HttpMethod, get, post, route
from litestar.params import FromPath

from onefold import audiences, crm, record
from onefold.kernel import errors
from onefold.storage import Connection
from onefold.web import data, door, edits

_VIEWS = [("", "Open"), ("mine", "Mine"), ("resolved", "Solved"), ("all", "All")]
_CHOICES = ("status", "priority", "category")
_OTHERS_MAX = 5
_VERBS = [HttpMethod.PATCH, HttpMethod.POST]
_SAID = {"reply": "Reply kept", "note": "Note kept", "received": "Message kept"}


def _filters(ask: door.Ask) -> dict[str, Any]:
    view = ask.query.get("view", "")
    out: dict[str, Any] = {}
    if view in ("", "mine"):
        out["status"] = ["open", "paused"]
    if view == "resolved":
        out["status"] = "resolved"
    if view == "mine":
        out["owner_id"] = ask.user_id or "none"
    for name in ("owner", "priority", "tag"):
        if ask.query.get(name):
            out["owner_id" if name == "owner" else name] = ask.query[name]
    return out


@get("/tickets", sync_to_thread=True)
def tickets_list(request: door.AnyRequest) -> door.Page:
    """The list; open ones unless another view is asked for."""
    ask = door.ask_of(request)
    query, filters = ask.query, _filters(ask)
    with ask.open() as conn:
        page = crm.tickets.find(
            conn, ask.viewer, filters, q=query.get("q", ""), sort=query.get("sort", ""),
            cursor=query.get("cursor") or None,
        )  # fmt: skip
        total = crm.tickets.count(conn, ask.viewer, filters, q=query.get("q", ""))
        people = data.users(conn, ask)
        labels: dict[str, tuple[str, list[data.Option]]] = {
            "owner": ("Owner", people), "priority": ("Priority", data.TICKET_PRIORITIES),
            "tag": ("Tag", []),
        }  # fmt: skip
        chips = [
            (label, dict(choices).get(query[key], query[key]), key)
            for key, (label, choices) in labels.items()
            if query.get(key)
        ]
        return door.page(
            ask, "tickets.html", title="Tickets", rows=record.named(conn, ask.viewer, page.rows),
            next=page.next, total=total,
            total_text=data.total_text(total), views=_VIEWS, view=query.get("view", ""),
            chips=chips,
            filtered=bool(chips or query.get("q")), user_options=people,
            priorities=data.TICKET_PRIORITIES, statuses=data.TICKET_STATUSES,
            counts=data.counts(conn, ask),
        )  # fmt: skip


@get("/tickets/{ref:str}", sync_to_thread=True)
def ticket_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """A ticket, with what led up to it and the campaigns it mutes."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        return _ticket(ask, conn, crm.tickets.get(conn, ask.viewer, ref))


def _ticket(ask: door.Ask, conn: Connection, ticket: Any, **more: Any) -> door.Page:
    (ticket,) = record.named(conn, ask.viewer, [ticket])
    muted = []
    if ticket.contact_id:
        muted = [
            a for a in audiences.list_all(conn, ask.viewer)
            if a.feature and a.feature in ticket.tags and a.status != "deleted"
        ]  # fmt: skip
    values: dict[str, Any] = {"days": [], "next": None}
    if ticket.contact_id:
        with suppress(errors.NotFound):  # the worker has not met this contact yet
            values = data.activity(conn, ask, ticket.contact_id, 30)
    others = []
    if ticket.account_id:
        filters = {"account_id": ticket.account_id}
        page = crm.tickets.find(conn, ask.viewer, filters, limit=_OTHERS_MAX + 1)
        others = [t for t in page.rows if t.id != ticket.id][:_OTHERS_MAX]
    tasks = crm.tasks.find(conn, ask.viewer, {"ticket_id": ticket.id}).rows
    thread = crm.conversation.of(conn, ask.viewer, ticket.id)
    return door.page(
        ask, "ticket.html", t=ticket, muted=muted, others=others, tasks=tasks,
        thread=thread, files=crm.attachments.of(conn, ask.viewer, ticket.id),
        statuses=data.TICKET_STATUSES, priorities=data.TICKET_PRIORITIES,
        categories=data.CATEGORIES, user_options=data.users(conn, ask),
        counts=data.counts(conn, ask), **{"conflict": False, **values, **more},
    )  # fmt: skip


@route("/tickets/{ref:str}", http_method=_VERBS, sync_to_thread=True)
def ticket_edit(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Set what differs; the toast offers the inverse change."""
    ask = door.ask_of(request)
    form = ask.form
    values: dict[str, Any] = {k: form[k] for k in _CHOICES if k in form}
    if "owner_id" in form:
        values["owner_id"] = form["owner_id"] or None
    if "tags" in form:
        values["tags"] = edits.tags(form["tags"])
    try:
        with ask.open() as conn:
            before = crm.tickets.get(conn, ask.viewer, ref)
            changed, was = edits.differing(before, values)
            after = crm.tickets.update(
                conn, ask.viewer, ref, changed, ask.now_ms, expected_version=edits.version(form)
            )
    except errors.Conflict:
        with ask.open() as conn:
            now = crm.tickets.get(conn, ask.viewer, ref)
            return _ticket(ask, conn, now, conflict=True, http=409)
    text = edits.word("ticket", changed, after.owner_name)
    back = door.undo(
        f"/tickets/{after.id}",
        f"#record-{after.id}",
        version=after.version,
        **edits.form_values(was),
    )
    toast = {"text": text, **({"undo": back} if changed else {})}
    if not ask.htmx:
        return door.go(ask, f"/tickets/{after.id}", toast)
    with ask.open() as conn:
        return _ticket(ask, conn, after, toast=toast)


@post("/tickets/{ref:str}/messages", sync_to_thread=True)
def ticket_say(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Add a reply, a note or what the customer said; the toast takes it back."""
    ask = door.ask_of(request)
    message = crm.conversation.typed(ask.form)
    with ask.open() as conn:
        was = crm.tickets.get(conn, ask.viewer, ref).status
        said = crm.conversation.add(conn, ask.viewer, ref, message, ask.now_ms)
    moved = was if said.ticket.status != was else ""
    back = door.undo(
        f"/tickets/{said.ticket.id}/messages/undo", "#nowhere", message=said.message.id,
        status=moved,
    )  # fmt: skip
    return door.go(ask, f"/tickets/{said.ticket.id}", {"text": _SAID[message.kind], "undo": back})


@route("/tickets/{ref:str}/messages/undo", http_method=_VERBS, sync_to_thread=True)
def ticket_unsay(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Take a message back, and the status it brought."""
    ask = door.ask_of(request)
    message, status = ask.form.get("message", ""), ask.form.get("status", "")
    with ask.open() as conn:
        ticket = crm.conversation.take_back(conn, ask.viewer, ref, message, status, ask.now_ms)
    return door.go(ask, f"/tickets/{ticket.id}", {"text": "Message taken back"})


@post("/tickets/bulk", sync_to_thread=True)
def tickets_bulk(request: door.AnyRequest) -> door.Page:
    """Change status or owner of the selected tickets, in one transaction."""
    ask = door.ask_of(request)
    count = bulk(ask, crm.tickets)
    return door.go(ask, "/tickets", {"text": f"{count} changed"})


def bulk(ask: door.Ask, records: Any) -> int:
    """The same change on every selected record; returns how many."""
    values: dict[str, Any] = {}
    if ask.form.get("status"):
        values["status"] = ask.form["status"]
    if owner := ask.form.get("owner_id"):
        values["owner_id"] = None if owner == "none" else owner
    picked = ask.many.get("ids", []) if values else []
    with ask.open() as conn:
        items: list[crm.Item] = []
        for record_id in picked:
            records.update(conn, ask.viewer, record_id, values, ask.now_ms, into=items)
        crm.append(conn, items, ask.now_ms)
    return len(picked)


@get("/tickets/new", sync_to_thread=True)
def ticket_new(request: door.AnyRequest) -> door.Page:
    """The form of a new ticket; `?person=` fills the e-mail in."""
    ask = door.ask_of(request)
    ask.viewer.must_write()
    values = {"owner_id": ask.user_id}
    with ask.open() as conn:
        if ref := ask.query.get("person"):
            values["email"] = record.person(conn, ask.viewer, ref)["email"]
        return _form(ask, conn, values, ())


@post("/tickets", sync_to_thread=True)
def ticket_create(request: door.AnyRequest) -> door.Page:
    """Open a ticket; the contact is found by e-mail, or made."""
    ask = door.ask_of(request)
    form = {k: v for k, v in ask.form.items() if k != door.CSRF_FIELD}
    values: dict[str, Any] = {k: v for k, v in form.items() if v and k != "tags"}
    values["tags"] = edits.tags(form.get("tags", ""))
    try:
        with ask.open() as conn:
            ticket = record.open_ticket(conn, ask.viewer, values, ask.now_ms)
    except (errors.Invalid, errors.Conflict) as error:
        with ask.open() as conn:
            return _form(ask, conn, form, data.wrong(error), error.status)
    return door.go(ask, f"/tickets/{ticket.id}", {"text": "Ticket opened"})


def _form(
    ask: door.Ask, conn: Connection, values: dict[str, str], faults: Any, status: int = 200
) -> door.Page:
    known = (
        "subject", "content", "email", "contact_id", "tags", "priority", "category", "channel",
        "owner_id",
    )  # fmt: skip
    return door.page(
        ask, "ticket_new.html", http=status, title="New ticket", verb="Open ticket",
        action="/tickets", v={**dict.fromkeys(known, ""), **values}, faults=faults, known=known,
        priorities=data.TICKET_PRIORITIES, categories=data.CATEGORIES, channels=data.CHANNELS,
        user_options=data.users(conn, ask), counts=data.counts(conn, ask),
    )  # fmt: skip


HANDLERS = [tickets_list, ticket_new, ticket_create, tickets_bulk, ticket_page, ticket_edit,
            ticket_say, ticket_unsay]  # fmt: skip
