"""Accounts: the list, an account's page and timeline, owner and fields edited in place."""

from typing import Any

from litestar import HttpMethod, get, post, route
from litestar.params import FromPath

from onefold import audiences, crm, record
from onefold.kernel import errors
from onefold.web import data, door, edits

_EDITED = ("name", "domain", "industry", "plan")
_OWN = (*_EDITED, "owner_id", "owner", "risk")


@get("/accounts", sync_to_thread=True)
def accounts_list(request: door.AnyRequest) -> door.Page:
    """The list: views, search, filters, order and page are all in the address."""
    ask = door.ask_of(request)
    query = ask.query
    shown = query.get("view", "")
    owner = ask.user_id if shown == "mine" else query.get("owner") or None
    risk = "any" if shown == "risk" else query.get("risk") or None
    with ask.open() as conn:
        page = record.list_accounts(
            conn, ask.viewer, q=query.get("q", ""), audience=query.get("audience") or None,
            owner=owner or None, risk=risk, sort=query.get("sort") or None,
            cursor=query.get("cursor") or None,
        )  # fmt: skip
        people = data.users(conn, ask)
        names = [(a.key, a.name) for a in audiences.list_all(conn, ask.viewer) if a.of == "account"]
        chips = [
            (label, dict(choices).get(query[key], query[key]), key)
            for key, label, choices in (
                ("owner", "Owner", people), ("risk", "Risk", []), ("audience", "Audience", names)
            )
            if query.get(key)
        ]  # fmt: skip
        return door.page(
            ask, "accounts.html", title="Accounts", rows=page["items"], next=page["next"],
            total=page["total"], total_text=data.total_text(page["total"]), view=shown,
            filtered=bool(set(query) & {"q", "owner", "risk", "audience", "view"}), chips=chips,
            user_options=people, audience_options=names, counts=data.counts(conn, ask),
        )  # fmt: skip


@get("/accounts/{ref:str}", sync_to_thread=True)
def account_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """An account: attributes at the left; usage, work and people in the centre."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        return _account(ask, conn, ref)


def _account(ask: door.Ask, conn: Any, ref: str, **more: Any) -> door.Page:
    tab = ask.query.get("tab", "overview")
    tab = tab if tab in ("overview", "people", "company", "activity") else "overview"
    account = record.account(conn, ask.viewer, ref, ask.now_ms)
    usage = account["usage"][-90:]
    spark, total, trend = data.trend_words(usage)
    values: dict[str, Any] = {"days": [], "next": None}
    if tab == "activity":
        values = data.activity(conn, ask, account["id"])
    decided: list[Any] = []
    if tab == "company":
        decided = record.membership.of_account(conn, ask.viewer, account)
    return door.page(
        ask, "account.html", a=account, decided=decided, tab=tab, spark=spark,
        events_14=total, trend=trend,
        active_14=max((d["people"] for d in usage[-14:]), default=0),
        traits=_traits(account["traits"]), chart=data.usage_chart(usage),
        chart_words=data.usage_words(usage),
        open_tickets=data.open_of(account["tickets"]), open_tasks=data.open_of(account["tasks"]),
        signals=[data.signal_row(s) for s in account["signals"]], measures=data.measures,
        user_options=data.users(conn, ask), counts=data.counts(conn, ask), **values, **more,
    )  # fmt: skip


def _traits(found: dict[str, Any]) -> dict[str, Any]:
    """Traits but for those that the CRM made of its own fields: the page shows these as fields."""
    return {
        name: trait for name, trait in found.items()
        if not (trait["source"] == "crm" and name in _OWN)
    }  # fmt: skip


@get("/accounts/{ref:str}/timeline", sync_to_thread=True)
def account_timeline(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """An older page of the timeline, as a fragment."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        return door.page(ask, "timeline.html", **data.activity(conn, ask, ref))


@route("/accounts/{ref:str}", http_method=[HttpMethod.PATCH, HttpMethod.POST], sync_to_thread=True)
def account_edit(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Set what differs; answers the page, of which htmx takes the record."""
    ask = door.ask_of(request)
    values: dict[str, Any] = {k: ask.form[k].strip() for k in _EDITED if k in ask.form}
    if "owner_id" in ask.form:
        values["owner_id"] = ask.form["owner_id"] or None
    with ask.open() as conn:
        before = crm.accounts.get(conn, ask.viewer, ref)
        changed, was = edits.differing(before, values)
        after = crm.accounts.update(
            conn, ask.viewer, ref, changed, ask.now_ms, expected_version=edits.version(ask.form)
        )
    text = edits.word("account", changed, after.owner_name)
    back = door.undo(
        f"/accounts/{after.id}",
        f"#record-{after.id}",
        version=after.version,
        **edits.form_values(was),
    )
    toast = {"text": text, **({"undo": back} if changed else {})}
    if not ask.htmx:
        return door.go(ask, f"/accounts/{after.id}", toast)
    with ask.open() as conn:
        return _account(ask, conn, after.id, toast=toast)


@post("/accounts/{ref:str}/parent", sync_to_thread=True)
def account_parent(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Say which account it belongs to, by key; empty: to none."""
    ask = door.ask_of(request)
    wanted = ask.form.get("parent", "").strip()
    back = f"/accounts/{ref}?tab=company"
    try:
        with ask.open() as conn:
            parent = None
            if wanted:
                named = wanted if wanted.startswith("acc_") else f"account_id:{wanted}"
                parent = record.resolve_account(conn, ask.viewer, named)
            values = {"parent_id": parent}
            crm.accounts.update(conn, ask.viewer, ref, values, ask.now_ms)
    except errors.NotFound:
        return door.go(ask, back, {"text": "No account has this key"})
    except errors.Invalid as error:
        return door.go(ask, back, {"text": f"Parent {error.faults[0].problem}"})
    return door.go(ask, back, {"text": "Parent saved"})


@post("/accounts/bulk", sync_to_thread=True)
def accounts_bulk(request: door.AnyRequest) -> door.Page:
    """Give the selected accounts to a user."""
    ask = door.ask_of(request)
    picked = ask.many.get("ids", [])
    with ask.open() as conn:
        items: list[crm.Item] = []
        owner = ask.form.get("owner_id") or None
        for account_id in picked:
            crm.accounts.assign(conn, ask.viewer, account_id, owner, ask.now_ms, into=items)
        crm.append(conn, items, ask.now_ms)
    return door.go(ask, "/accounts", {"text": f"{len(picked)} assigned"})


@get("/accounts/new", sync_to_thread=True)
def account_new(request: door.AnyRequest) -> door.Page:
    """The form of a new account."""
    ask = door.ask_of(request)
    ask.viewer.must_write()
    with ask.open() as conn:
        return _form(ask, conn, {"owner_id": ask.user_id}, ())


@post("/accounts", sync_to_thread=True)
def account_create(request: door.AnyRequest) -> door.Page:
    """Make an account."""
    ask = door.ask_of(request)
    form = {k: v.strip() for k, v in ask.form.items() if k != door.CSRF_FIELD}
    try:
        with ask.open() as conn:
            values = {k: v for k, v in form.items() if v}
            account = crm.accounts.create(conn, ask.viewer, values, ask.now_ms)
    except (errors.Invalid, errors.Conflict) as error:
        with ask.open() as conn:
            return _form(ask, conn, form, data.wrong(error), error.status)
    return door.go(ask, f"/accounts/{account.id}", {"text": "Account created"})


def _form(
    ask: door.Ask, conn: Any, values: dict[str, str], faults: Any, status: int = 200
) -> door.Page:
    known = ("name", "key", "domain", "industry", "plan", "owner_id")
    return door.page(
        ask, "account_new.html", http=status, title="New account", verb="Create account",
        action="/accounts", v={**dict.fromkeys(known, ""), **values}, faults=faults, known=known,
        user_options=data.users(conn, ask), counts=data.counts(conn, ask),
    )  # fmt: skip


HANDLERS = [
    accounts_list, account_new, account_create, accounts_bulk, account_page, account_timeline,
    account_edit, account_parent,
]  # fmt: skip
