"""Lists, records, forms and edits in place of the CRM's objects, from one description each.

Accounts, people, tickets and tasks have pages of their own; what is here serves the rest.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from litestar import HttpMethod, get, post, route
from litestar.params import FromPath
from litestar.response import Stream

from onefold import crm
from onefold.kernel import errors
from onefold.storage import Connection
from onefold.web import cells, data, door, edits, exports, extras

NOUNS = ("deal", "lead", "product", "subscription", "activity")
_OWN = ("q", "sort", "cursor", "view", "pipeline", "saved")  # of the address, not of the list


def handlers(noun: str) -> list[Any]:
    """The pages of one object."""
    path = f"/{crm.objects.ALL[noun].kind.plural}"

    def listed(request: door.AnyRequest) -> door.Page:
        return _list(door.ask_of(request), noun)

    def new(request: door.AnyRequest) -> door.Page:
        ask = door.ask_of(request)
        ask.viewer.must_write()
        with ask.open() as conn:
            return _form(ask, conn, noun, dict(ask.query), ())

    def create(request: door.AnyRequest) -> door.Page:
        return _create(door.ask_of(request), noun)

    def page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
        ask = door.ask_of(request)
        with ask.open() as conn:
            return record_page(ask, conn, noun, crm.objects.ALL[noun].get(conn, ask.viewer, ref))

    def edit(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
        return _edit(door.ask_of(request), noun, ref)

    def editor(request: door.AnyRequest, ref: FromPath[str], field: FromPath[str]) -> door.Page:
        return _editor(door.ask_of(request), noun, ref, field)

    def bulk(request: door.AnyRequest) -> door.Page:
        return _bulk(door.ask_of(request), noun)

    def export(request: door.AnyRequest) -> Stream:
        ask = door.ask_of(request)
        return exports.of_list(ask, noun, filters_of(ask))

    def archive(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
        return _archive(door.ask_of(request), noun, ref)

    verbs = [HttpMethod.PATCH, HttpMethod.POST]
    return [
        get(path, sync_to_thread=True)(listed),
        get(f"{path}/export.csv", sync_to_thread=True)(export),
        get(f"{path}/new", sync_to_thread=True)(new),
        post(path, sync_to_thread=True)(create),
        post(f"{path}/bulk", sync_to_thread=True)(bulk),
        get(f"{path}/{{ref:str}}", sync_to_thread=True)(page),
        route(f"{path}/{{ref:str}}", http_method=verbs, sync_to_thread=True)(edit),
        get(f"{path}/{{ref:str}}/cell/{{field:str}}", sync_to_thread=True)(editor),
        route(f"{path}/{{ref:str}}/archive", http_method=verbs, sync_to_thread=True)(archive),
    ]


def filters_of(ask: door.Ask) -> dict[str, Any]:
    """The list's filters in an address; a filter that is empty is none."""
    return {n: v for n, v in ask.query.items() if n not in _OWN and v}


def _list(ask: door.Ask, noun: str) -> door.Page:
    room = crm.objects.ALL[noun]
    with ask.open() as conn:
        frame = cells.frame(conn, ask, noun)
        shared: dict[str, Any] = {
            "f": frame, "noun": noun, "views": crm.views.list_all(conn, ask.viewer, noun),
            "view": ask.query.get("view", ""), "filters": filters_of(ask),
            "chips": _chips(frame, filters_of(ask)), "counts": data.counts(conn, ask),
            "bulk_specs": [s for s in frame.fields if s.kind == "enum" or s.prefix == "usr"],
            "title": frame.plural.capitalize(), "query": _saved_query(ask),
        }  # fmt: skip
        if noun == "deal" and ask.query.get("view") == "board":
            return extras.board_page(ask, conn, shared)
        q, sort = ask.query.get("q", ""), ask.query.get("sort", "")
        page = room.find(
            conn, ask.viewer, filters_of(ask), q=q, sort=sort,
            cursor=ask.query.get("cursor") or None,
        )  # fmt: skip
        total = room.count(conn, ask.viewer, filters_of(ask), q)
        rows = [(r, cells.cells(ask, frame, frame.columns, r)) for r in page.rows]
        return door.page(
            ask, "objects.html", rows=rows, next=page.next, total=total,
            total_text=data.total_text(total), filtered=bool(filters_of(ask) or q), **shared,
        )  # fmt: skip


def _saved_query(ask: door.Ask) -> str:
    return urlencode({k: v for k, v in ask.query.items() if k != "cursor" and v})


def _chips(frame: cells.Frame, filters: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """(field, operator, value, parameter) of each filter."""
    out = []
    words = {"_min": "at least", "_max": "at most", "_before": "before", "_after": "from"}
    known = {s.name.removesuffix("_id"): s for s in frame.fields}
    for name, value in filters.items():
        end = next((e for e in words if name.endswith(e)), "")
        spec = known.get(name.removesuffix(end))
        label = spec.label if spec else name.removesuffix(end).replace("_", " ").capitalize()
        shown = dict(spec.options).get(value, value) if spec else value
        out.append((label, words.get(end, "is"), shown, name))
    return out


# ── one record ─────────────────────────────────────────────────────────────────────────────────


def record_page(ask: door.Ask, conn: Connection, noun: str, found: Any, **more: Any) -> door.Page:
    """A record with its fields, and what is around it."""
    frame = cells.frame(conn, ask, noun)
    hidden = ("name", "body") if noun != "lead" else ()
    specs = [s for s in frame.fields if s.name not in hidden and hasattr_(found, s.name)]
    values: dict[str, Any] = {
        "f": frame, "r": found, "noun": noun, "cells": cells.cells(ask, frame, specs, found),
        "counts": data.counts(conn, ask), "name": name_of(found), "conflict": False,
        **extras.around(ask, conn, noun, found),
    }  # fmt: skip
    return door.page(ask, "object.html", **{**values, **more})


def hasattr_(found: Any, name: str) -> bool:
    """Whether a record has a field; the workspace's own it always has."""
    return name.startswith("custom.") or hasattr(found, name)


def name_of(found: Any) -> str:
    """What a record is called."""
    name = getattr(found, "name", "") or getattr(found, "subject", "")
    return name or str(getattr(found, "body", ""))[:80] or found.id


def _editor(ask: door.Ask, noun: str, ref: str, field: str) -> door.Page:
    """The field that stands in a cell's place while it is changed."""
    ask.viewer.must_write()
    with ask.open() as conn:
        found = crm.objects.ALL[noun].get(conn, ask.viewer, ref)
        frame = cells.frame(conn, ask, noun)
        cell = cells.cell(ask, frame, frame.spec(field), found)
    part = "record" if ask.query.get("as") == "record" else "row"
    return door.page(ask, "object_cell.html", f=frame, r=found, c=cell, part=part)


def _edit(ask: door.Ask, noun: str, ref: str) -> door.Page:
    """Set what differs; answers the row, the record or the board, whichever asked."""
    room, form = crm.objects.ALL[noun], ask.form
    part = form.get("as", "record")
    try:
        with ask.open() as conn:
            frame = cells.frame(conn, ask, noun)
            before = room.get(conn, ask.viewer, ref)
            unchanged = {n for n in form if form.get(f"was.{n}") == form[n]}
            asked = {n: v for n, v in form.items() if n not in unchanged}
            values = extras.resolved(conn, ask, frame.fields, cells.sent(ask, frame.fields, asked))
            after = room.update(
                conn, ask.viewer, ref, values, ask.now_ms, expected_version=edits.version(form)
            )
            back = {
                n: cells.cell(ask, frame, frame.spec(n), before).raw
                for n in (s.name for s in frame.fields) if n in asked
            }  # fmt: skip
    except errors.Conflict as conflict:
        return _answer(ask, noun, ref, part, {"text": str(conflict)[:80], "bad": True}, True)
    except errors.Invalid as invalid:
        if part == "record" and not ask.htmx:
            raise
        fault = invalid.faults[0]
        word = {"text": f"{fault.problem} {fault.remedy}"[:120], "bad": True}
        return _answer(ask, noun, ref, part, word, False)
    toast: dict[str, Any] = {"text": edits.word(noun, values, getattr(after, "owner_name", ""))}
    if after.version != before.version:
        target = f"#row-{after.id}" if part == "row" else f"#record-{after.id}"
        target = "#board" if part == "board" else target
        toast["undo"] = door.undo(
            f"/{frame.plural}/{after.id}", target, version=after.version,
            **{"as": part, **extras.moved_back(before, values), **back},
        )  # fmt: skip
    return _answer(ask, noun, ref, part, toast, False)


def _answer(
    ask: door.Ask, noun: str, ref: str, part: str, toast: dict[str, Any], conflict: bool
) -> door.Page:
    room = crm.objects.ALL[noun]
    with ask.open() as conn:
        now = room.get(conn, ask.viewer, ref)
        if not ask.htmx:
            return door.go(ask, f"/{room.kind.plural}/{now.id}", toast)
        if part == "row":
            frame = cells.frame(conn, ask, noun)
            row = (now, cells.cells(ask, frame, frame.columns, now))
            return door.page(ask, "object_row.html", f=frame, row=row, toast=toast)
        if part == "board":
            return extras.board_fragment(ask, conn, ask.form, toast)
        status = 409 if conflict else 200
        return record_page(ask, conn, noun, now, conflict=conflict, toast=toast, http=status)


def _archive(ask: door.Ask, noun: str, ref: str) -> door.Page:
    room = crm.objects.ALL[noun]
    back = ask.form.get("restore") == "yes"
    with ask.open() as conn:
        room.archive(conn, ask.viewer, ref, ask.now_ms, restore=back)
    plural = room.kind.plural
    if back:
        return door.go(ask, f"/{plural}/{ref}", {"text": f"{noun.capitalize()} is back"})
    undo = door.undo(f"/{plural}/{ref}/archive", "#nowhere", restore="yes")
    return door.go(ask, f"/{plural}", {"text": f"{noun.capitalize()} archived", "undo": undo})


# ── making and changing several ────────────────────────────────────────────────────────────────


def _create(ask: door.Ask, noun: str) -> door.Page:
    room = crm.objects.ALL[noun]
    form = {k: v for k, v in ask.form.items() if k != door.CSRF_FIELD}
    try:
        with ask.open() as conn:
            frame = cells.frame(conn, ask, noun)
            filled = {n: v for n, v in form.items() if v}
            sent = cells.sent(ask, frame.fields, filled)
            values = extras.resolved(conn, ask, frame.fields, sent)
            made = room.create(conn, ask.viewer, values, ask.now_ms)
    except (errors.Invalid, errors.Conflict) as error:
        with ask.open() as conn:
            return _form(ask, conn, noun, form, data.wrong(error), error.status)
    where = form.get("back", "")
    if not (where.startswith("/") and not where.startswith(("//", "/\\"))):
        where = f"/{room.kind.plural}/{made.id}"
    return door.go(ask, where, {"text": f"{noun.capitalize()} created"})


def _form(
    ask: door.Ask, conn: Connection, noun: str, values: Mapping[str, str], faults: Any,
    status: int = 200,
) -> door.Page:  # fmt: skip
    frame = cells.frame(conn, ask, noun)
    skipped = ("status", "pipeline_id", "created_at", "closed_at", "external_id", "reason",
               "reason_note", "probability", "forecast", "pinned", "end_date")  # fmt: skip
    specs = [s for s in frame.fields if s.name not in skipped]
    plural = frame.plural
    blank = {"owner_id": ask.user_id, "at": ask.minute(ask.now_ms)}
    return door.page(
        ask, "object_new.html", http=status, title=f"New {noun}", verb=f"Create {noun}",
        action=f"/{plural}", v={**blank, **values}, faults=faults, specs=specs, f=frame,
        known=tuple(s.name for s in specs), counts=data.counts(conn, ask),
    )  # fmt: skip


def _bulk(ask: door.Ask, noun: str) -> door.Page:
    """Set what the bar says on the selected records, or on all of the list."""
    plural = crm.objects.ALL[noun].kind.plural
    with ask.open() as conn, conn.transaction():
        frame = cells.frame(conn, ask, noun)
        filled = {n: v for n, v in ask.form.items() if v}
        values = cells.sent(ask, frame.fields, filled)
        values = {n: None if v == "none" else v for n, v in values.items()}
        every = ask.form.get("every") == "yes"
        edit = crm.bulk_edits.start(
            conn, ask.viewer, noun, values, ask.now_ms, of=ask.many.get("ids", []),
            filters=filters_of(ask) if every else None, q=ask.query.get("q", ""),
        )  # fmt: skip
    word = f"{edit.changed:,} changed" if edit.status == "done" else f"{edit.total:,} under way"
    undo = door.undo(f"/bulk/{edit.id}", "#nowhere", undo="yes")
    return door.go(ask, f"/{plural}?{_saved_query(ask)}", {"text": word, "undo": undo})


HANDLERS = [handler for noun in NOUNS for handler in handlers(noun)]
