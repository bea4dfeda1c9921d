"""Tasks: list, page, create, edit in place, done with Undo; rows tick off where they stand."""

from datetime import datetime, time
from typing import Any

from litestar import HttpMethod, get, post, route
from litestar.params import FromPath

from onefold import crm, record
from onefold.kernel import clock, errors
from onefold.storage import Connection
from onefold.web import data, door, edits, view
from onefold.web.handlers.tickets import bulk

_VIEWS = [("", "Mine"), ("open", "All open"), ("done", "Done"), ("all", "All")]
_CHOICES = ("status", "priority", "kind")
_FRAGMENTS = {"row": "task_row.html", "line": "task_line.html"}


def _filters(ask: door.Ask) -> dict[str, Any]:
    view_name = ask.query.get("view", "")
    out: dict[str, Any] = {}
    if view_name in ("", "open"):
        out["status"] = "open"
    if view_name == "done":
        out["status"] = "done"
    if not view_name:
        out["owner_id"] = ask.user_id or "none"
    for name in ("owner", "priority"):
        if ask.query.get(name):
            out["owner_id" if name == "owner" else name] = ask.query[name]
    return out


@get("/tasks", sync_to_thread=True)
def tasks_list(request: door.AnyRequest) -> door.Page:
    """The list; my open ones, by due date, unless another view is asked for."""
    ask = door.ask_of(request)
    query, filters = ask.query, _filters(ask)
    with ask.open() as conn:
        page = crm.tasks.find(
            conn, ask.viewer, filters, q=query.get("q", ""), sort=query.get("sort", "due"),
            cursor=query.get("cursor") or None,
        )  # fmt: skip
        total = crm.tasks.count(conn, ask.viewer, filters, q=query.get("q", ""))
        people = data.users(conn, ask)
        labels = {"owner": ("Owner", people), "priority": ("Priority", data.TASK_PRIORITIES)}
        chips = [
            (labels[k][0], dict(labels[k][1]).get(query[k], query[k]), k)
            for k in labels
            if query.get(k)
        ]
        return door.page(
            ask, "tasks.html", title="Tasks", rows=page.rows, next=page.next, total=total,
            total_text=data.total_text(total), views=_VIEWS, view=query.get("view", ""),
            chips=chips,
            filtered=bool(chips or query.get("q")), user_options=people,
            priorities=data.TASK_PRIORITIES, statuses=data.TASK_STATUSES,
            counts=data.counts(conn, ask),
        )  # fmt: skip


@get("/tasks/{ref:str}", sync_to_thread=True)
def task_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """A task: what, why, and who is concerned."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        return _task(ask, conn, crm.tasks.get(conn, ask.viewer, ref))


def _task(ask: door.Ask, conn: Connection, task: Any, **more: Any) -> door.Page:
    (task,) = record.named(conn, ask.viewer, [task])
    return door.page(
        ask, "task.html", t=task, statuses=data.TASK_STATUSES, priorities=data.TASK_PRIORITIES,
        kinds=data.TASK_KINDS, user_options=data.users(conn, ask), counts=data.counts(conn, ask),
        **{"conflict": False, **more},
    )  # fmt: skip


@route("/tasks/{ref:str}", http_method=[HttpMethod.PATCH, HttpMethod.POST], sync_to_thread=True)
def task_edit(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Set what differs; answers the part of the page that asked: row, line or record."""
    ask = door.ask_of(request)
    form = ask.form
    part = form.get("as", "record")
    try:
        with ask.open() as conn:
            before = crm.tasks.get(conn, ask.viewer, ref)
            changed, was = edits.differing(before, _values(ask, before))
            after = crm.tasks.update(
                conn, ask.viewer, ref, changed, ask.now_ms, expected_version=edits.version(form)
            )
    except errors.Conflict:
        with ask.open() as conn:
            now = crm.tasks.get(conn, ask.viewer, ref)
            if part in _FRAGMENTS:
                word = {"text": "Changed by someone else", "bad": True}
                return door.page(ask, _FRAGMENTS[part], t=now, toast=word)
            return _task(ask, conn, now, conflict=True, http=409)
    values = edits.form_values(was)
    if "due_at" in values:
        values["due"] = ask.day(values.pop("due_at"))
    target = f"#{part if part in _FRAGMENTS else 'record'}-{after.id}"
    back = {"version": after.version, "as": part, **values}
    toast: dict[str, Any] = {"text": edits.word("task", changed, after.owner_name)}
    if changed:
        toast["undo"] = door.undo(f"/tasks/{after.id}", target, **back)
    if not ask.htmx:
        return door.go(ask, f"/tasks/{after.id}", toast)
    if part in _FRAGMENTS:
        return door.page(ask, _FRAGMENTS[part], t=after, toast=toast)
    with ask.open() as conn:
        return _task(ask, conn, after, toast=toast)


def _values(ask: door.Ask, before: Any) -> dict[str, Any]:
    form = ask.form
    values: dict[str, Any] = {k: form[k] for k in _CHOICES if k in form}
    if "owner_id" in form:
        values["owner_id"] = form["owner_id"] or None
    if "due" in form and form["due"] != ask.day(before.due_at):
        values["due_at"] = due_at(ask, form["due"])
    return values


def due_at(ask: door.Ask, day: str) -> str | None:
    """The end of the working day, 17:00 in the viewer's zone, of a date field; None when empty."""
    if not day:
        return None
    try:
        date = datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007 - the zone follows
    except ValueError:
        raise errors.Invalid(
            errors.Fault("due_at", "is not a date.", "Choose a day, such as 2026-11-30.")
        ) from None
    return clock.iso(view.ms(datetime.combine(date, time(17), tzinfo=ask.tz)))


@post("/tasks/bulk", sync_to_thread=True)
def tasks_bulk(request: door.AnyRequest) -> door.Page:
    """Change status or owner of the selected tasks, in one transaction."""
    ask = door.ask_of(request)
    return door.go(ask, "/tasks", {"text": f"{bulk(ask, crm.tasks)} changed"})


@get("/tasks/new", sync_to_thread=True)
def task_new(request: door.AnyRequest) -> door.Page:
    """The form of a new task; `?account=`, `?person=` or `?ticket=` say what it is about."""
    ask = door.ask_of(request)
    ask.viewer.must_write()
    values = {"owner_id": ask.user_id}
    about = ""
    with ask.open() as conn:
        if ref := ask.query.get("account"):
            account = crm.accounts.get(conn, ask.viewer, ref)
            values["account_id"], about = account.id, account.name
        elif ref := ask.query.get("ticket"):
            ticket = crm.tickets.get(conn, ask.viewer, ref)
            values["ticket_id"], about = ticket.id, ticket.subject
            values["account_id"] = ticket.account_id or ""
            values["contact_id"] = ticket.contact_id or ""
        elif ref := ask.query.get("person"):
            person = record.person(conn, ask.viewer, ref)
            about = person["name"] or person["email"]
            values["contact_id"] = person["contacts"][0] if person["contacts"] else ""
            values["account_id"] = person["accounts"][0]["id"] if person["accounts"] else ""
        return _form(ask, conn, values, (), about=about)


@post("/tasks", sync_to_thread=True)
def task_create(request: door.AnyRequest) -> door.Page:
    """Make a task."""
    ask = door.ask_of(request)
    form = {k: v for k, v in ask.form.items() if k != door.CSRF_FIELD}
    try:
        values: dict[str, Any] = {k: v for k, v in form.items() if v and k != "due"}
        values["due_at"] = due_at(ask, form.get("due", ""))
        with ask.open() as conn:
            task = crm.tasks.create(conn, ask.viewer, values, ask.now_ms)
    except (errors.Invalid, errors.Conflict) as error:
        with ask.open() as conn:
            return _form(ask, conn, form, data.wrong(error), error.status)
    return door.go(ask, f"/tasks/{task.id}", {"text": "Task created"})


def _form(
    ask: door.Ask, conn: Connection, values: dict[str, str], faults: Any, status: int = 200,
    about: str = "",
) -> door.Page:  # fmt: skip
    known = ("subject", "body", "due_at", "owner_id", "priority", "kind")
    blank = dict.fromkeys((*known, "due", "account_id", "contact_id", "ticket_id"), "")
    return door.page(
        ask, "task_new.html", http=status, title="New task", verb="Create task", action="/tasks",
        v={**blank, **values}, faults=faults, known=known, about=about,
        priorities=data.TASK_PRIORITIES, kinds=data.TASK_KINDS, user_options=data.users(conn, ask),
        counts=data.counts(conn, ask),
    )  # fmt: skip


HANDLERS = [tasks_list, task_new, task_create, tasks_bulk, task_page, task_edit]
