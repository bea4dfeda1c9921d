"""People: the list, a person's page and timeline, a new contact."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from onefold import audiences, crm, record
from onefold.kernel import errors
from onefold.record import matching
from onefold.web import data, door
from onefold.web.handlers import identity

_VIEWS = {"known": True, "anonymous": False}


@get("/people", sync_to_thread=True)
def people_list(request: door.AnyRequest) -> door.Page:
    """The list: search, filters, order and page are all in the address."""
    ask = door.ask_of(request)
    query = ask.query
    with ask.open() as conn:
        page = record.list_people(
            conn, ask.viewer, q=query.get("q", ""), audience=query.get("audience") or None,
            account=query.get("account") or None, known=_VIEWS.get(query.get("view", "")),
            sort=query.get("sort") or None, cursor=query.get("cursor") or None,
        )  # fmt: skip
        rows = page["items"]
        found = [a for a in audiences.list_all(conn, ask.viewer) if a.of == "person"]
        names = {a.key: a.name for a in found}
        account = (
            record.account(conn, ask.viewer, query["account"], ask.now_ms)["name"]
            if query.get("account")
            else ""
        )
        return door.page(
            ask, "people.html", title="People", rows=rows, next=page["next"], total=page["total"],
            total_text=data.total_text(page["total"]), view=query.get("view", ""),
            filtered=bool(set(query) & {"q", "audience", "account", "view"}),
            audience_options=list(names.items()), account_name=account,
            audience_name=names.get(query.get("audience", ""), query.get("audience", "")),
            audiences_of=data.audiences_of(conn, ask, [r["id"] for r in rows]),
            counts=data.counts(conn, ask),
        )  # fmt: skip


@get("/people/find", sync_to_thread=True)
def person_find(request: door.AnyRequest) -> door.Page:
    """To the page of the person that any identifier means: `?ref=user_id:u1`."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        found = record.resolve_person(conn, ask.viewer, ask.query.get("ref", ""))
    return door.go(ask, f"/people/per_{found}")


@get("/people/{ref:str}", sync_to_thread=True)
def person_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """A person: who they are at the left, what happened in the centre."""
    ask = door.ask_of(request)
    tab = ask.query.get("tab", "")
    tab = tab if tab in ("activity", "identity", "accounts") else "overview"
    with ask.open() as conn:
        if ref.startswith("con_"):
            return _of_contact(ask, conn, ref, tab)
        person = record.person(conn, ask.viewer, ref)
        return _person(ask, conn, person, tab)


def _of_contact(ask: door.Ask, conn: Any, ref: str, tab: str) -> door.Page:
    """A contact's person, or the contact alone while the worker has not met it yet."""
    try:
        return _person(ask, conn, record.person(conn, ask.viewer, ref), tab)
    except errors.NotFound:
        contact = crm.contacts.get(conn, ask.viewer, ref)
        return door.page(
            ask, "contact.html", title=contact.name or ref, c=contact, counts=data.counts(conn, ask)
        )


def _person(ask: door.Ask, conn: Any, person: Any, tab: str) -> door.Page:
    by_name = sorted(person["events"]["by_name"].items(), key=lambda kv: (-kv[1], kv[0]))
    return door.page(
        ask, "person.html", p=person, tab=tab, tops=by_name[:8],
        open_tickets=data.open_of(person["tickets"]), open_tasks=data.open_of(person["tasks"]),
        counts=data.counts(conn, ask),
        **data.activity(conn, ask, person["id"], None if tab == "activity" else 12),
        **(identity.shown(ask, conn, person) if tab == "identity" else {}),
        ladder=record.membership.of_person(conn, ask.viewer, person["id"])
        if tab == "accounts" else None,
    )  # fmt: skip


@get("/people/{ref:str}/timeline", sync_to_thread=True)
def person_timeline(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """An older page of the timeline, as a fragment."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        return door.page(ask, "timeline.html", **data.activity(conn, ask, ref))


@get("/contacts/new", sync_to_thread=True)
def contact_new(request: door.AnyRequest) -> door.Page:
    """The form of a new contact."""
    ask = door.ask_of(request)
    ask.viewer.must_write()
    with ask.open() as conn:
        return _contact_form(ask, conn, {"owner_id": ask.user_id}, ())


@post("/contacts", sync_to_thread=True)
def contact_create(request: door.AnyRequest) -> door.Page:
    """Make a contact; its person appears as soon as the worker has read the fact."""
    ask = door.ask_of(request)
    form = dict(ask.form)
    form.pop(door.CSRF_FIELD, None)
    values = {k: v for k, v in form.items() if v and k != "account_key"}
    try:
        with ask.open() as conn:
            if key := form.get("account_key", "").strip():
                number = record.resolve_account(conn, ask.viewer, f"account_id:{key}")
                values["account_id"] = f"acc_{number}"
            contact = crm.contacts.create(conn, ask.viewer, values, ask.now_ms)
    except errors.NotFound:
        fault = errors.Fault("account_id", "no account has this key.", "Leave it out, or check it.")
        return _again(ask, form, (fault,), 400)
    except (errors.Invalid, errors.Conflict) as error:
        return _again(ask, form, data.wrong(error), error.status)
    return door.go(ask, f"/people/{contact.id}", {"text": "Contact created"})


@post("/contacts/likely", sync_to_thread=True)
def contact_likely(request: door.AnyRequest) -> door.Page:
    """Who is known already, while the form of a new contact is filled in."""
    ask = door.ask_of(request)
    values = {k: ask.form.get(k, "") for k in ("first_name", "last_name", "email", "phone")}
    with ask.open() as conn:
        found = matching.entry.likely(conn, ask.viewer, values)
        return door.page(ask, "contact_likely.html", found=found)


def _again(ask: door.Ask, form: dict[str, str], faults: Any, status: int) -> door.Page:
    with ask.open() as conn:
        return _contact_form(ask, conn, form, faults, status)


def _contact_form(
    ask: door.Ask, conn: Any, values: dict[str, str], faults: Any, status: int = 200
) -> door.Page:
    known = ("first_name", "last_name", "email", "title", "phone", "account_id", "owner_id")
    blank = dict.fromkeys((*known, "account_key"), "")
    return door.page(
        ask, "contact_new.html", http=status, title="New contact", verb="Create contact",
        action="/contacts", back="/people", v={**blank, **values}, faults=faults, known=known,
        user_options=data.users(conn, ask), counts=data.counts(conn, ask),
    )  # fmt: skip


HANDLERS = [
    people_list, person_find, person_page, person_timeline, contact_new, contact_create,
    contact_likely,
]  # fmt: skip
