"""Imports of files: the list, the mapping of a draft, progress, faults, revert."""

import asyncio
from pathlib import Path
from typing import Any

from litestar import get, post
from litestar.params import FromPath

from onefold import sources
from onefold.kernel import errors, ids, limits, settings
from onefold.record import import_files, importing
from onefold.sources import imports
from onefold.sources.imports.model import FIELDS, OPEN
from onefold.web import data, door

TARGETS = [("", "Guess from the columns"), *((t, t.capitalize()) for t in imports.TARGETS)]
KINDS = ("text", "number", "boolean", "time", "dmy", "mdy", "json")
_MOVING = ("waiting", "running", "reverting")


@get("/imports", sync_to_thread=True)
def imports_list(request: door.AnyRequest) -> door.Page:
    """Every import, newest first."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        rows = imports.store.list_all(conn, ask.viewer, rows_max=limits.page_rows_max)
        counts = data.counts(conn, ask)
    return door.page(ask, "imports.html", title="Imports", rows=rows, counts=counts)


@get("/imports/new", sync_to_thread=True)
def import_new(request: door.AnyRequest) -> door.Page:
    """The form for a file."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    return _form(ask, ())


def _form(ask: door.Ask, faults: Any, status: int = 200) -> door.Page:
    return door.page(
        ask, "import_new.html", http=status, title="Import a file", targets=TARGETS, v=ask.form,
        faults=faults,
    )  # fmt: skip


@post("/imports", request_max_body_size=limits.import_file_bytes_max)
async def import_upload(request: door.AnyRequest) -> door.Page:
    """Take a file in: a draft with a proposal for its columns."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    file: Any = (await request.form()).get("file")
    if file is None or not getattr(file, "filename", ""):
        fault = errors.Fault("file", "is missing.", "Choose one.")
        return _form(ask, data.wrong(errors.Invalid(fault)), 400)
    chosen = request.app.state.settings or settings.load()
    return await asyncio.to_thread(_take, ask, chosen.data, str(file.filename), file.file)


def _take(ask: door.Ask, folder: Path, name: str, source: Any) -> door.Page:
    source.seek(0)
    path = import_files.keep_file(folder, name, source)
    try:
        with ask.open() as conn:
            one = importing.draft(
                conn, ask.viewer, path=path, name=name, target=ask.form.get("target", ""),
                now_ms=ask.now_ms,
            )  # fmt: skip
    except errors.Invalid as error:
        path.unlink(missing_ok=True)
        return _form(ask, data.wrong(error), error.status)
    return door.go(ask, f"/imports/{one.api_id}", {"text": "File read"})


@get("/imports/{ref:str}", sync_to_thread=True)
def import_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """A draft's mapping and preview, or what became of the import."""
    ask = door.ask_of(request)
    return _page(ask, importing.number_of(ref), ())


def _page(ask: door.Ask, number: int, faults: Any, status: int = 200) -> door.Page:
    preview = sample = None
    with ask.open() as conn:
        one = imports.store.get(conn, ask.viewer, number)
        report = importing.report(conn, ask.viewer, one)
        if one.status == "draft":
            try:
                sample = importing.sample(one)
                preview = importing.preview(conn, ask.viewer, one)
            except errors.Invalid as error:
                faults = faults or data.wrong(error)
        logged = [s for s in sources.list_all(conn, ask.viewer) if not s.test]
        counts = data.counts(conn, ask)
    columns = []
    names = sample.columns if sample else ()
    rows = sample.rows if sample else ()
    for n, name in enumerate(names):
        column = one.mapping.columns.get(name, imports.Column())
        values = [str(row[name]) for row in rows if row.get(name) not in (None, "")][:3]
        columns.append(
            {"n": n, "name": name, "to": column.to, "kind": column.kind, "values": values}
        )
    return door.page(
        ask, "import.html", http=status, title=one.name, one=one, columns=columns,
        preview=preview, report=report, faults=faults, counts=counts, moving=one.status in _MOVING,
        fields=[*FIELDS[one.target], *([f"{OPEN[one.target]}."] if one.target in OPEN else [])],
        kinds=KINDS, targets=TARGETS[1:], sources=_choices(one, logged),
        chosen=ids.api_id("src", one.source_id) if one.source_id else "",
    )  # fmt: skip


def _choices(one: imports.Import, logged: list[sources.Source]) -> list[tuple[str, str]]:
    """Sources that facts of a draft can belong to; none for rows of the CRM."""
    if one.status != "draft" or one.target not in imports.FACT_TARGETS:
        return []
    others = [(s.api_id, s.name) for s in logged if s.name != importing.SOURCE_NAME]
    return [("", importing.SOURCE_NAME), *others]


@post("/imports/{ref:str}", sync_to_thread=True)
def import_change(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Save a draft's mapping, start it, stop it, or take it back."""
    ask = door.ask_of(request)
    number = importing.number_of(ref)
    act = ask.form.get("act", "save")
    try:
        with ask.open() as conn:
            if act in ("save", "start") and "target" in ask.form:
                _save(conn, ask, number)
            if act == "start":
                importing.start(conn, ask.viewer, number)
            elif act == "cancel":
                importing.cancel(conn, ask.viewer, number)
            elif act == "revert":
                importing.revert(conn, ask.viewer, number)
            elif act == "discard":
                chosen = request.app.state.settings or settings.load()
                importing.discard(conn, ask.viewer, number, chosen.data)
                return door.go(ask, "/imports", {"text": "Import discarded"})
    except errors.Invalid as error:
        return _page(ask, number, data.wrong(error), error.status)
    words = {"start": "Import started", "cancel": "Import stopped", "revert": "Revert started"}
    return door.go(ask, f"/imports/imp_{number}", {"text": words.get(act, "Saved")})


def _save(conn: Any, ask: door.Ask, number: int) -> None:
    one = imports.store.get(conn, ask.viewer, number)
    target = ask.form["target"]
    if target != one.target:
        importing.set_up(conn, ask.viewer, number, target=target)
        return
    names = importing.sample(one).columns
    columns = {}
    for n, name in enumerate(names):
        kind = ask.form.get(f"kind.{n}", "text")
        if kind not in KINDS:
            raise errors.Invalid(errors.Fault(f"kind.{n}", "is not known.", "Use `text`."))
        to = ask.form.get(f"to.{n}", "").strip()
        columns[name] = imports.Column(to, kind)  # type: ignore[arg-type] # looked up above
    constants = dict(one.mapping.constants)
    if target == "events":
        constants = {"event": ask.form["event"]} if ask.form.get("event") else {}
        if any(c.to == "event" for c in columns.values()):
            constants = {}
    source = ask.form.get("source")
    if source == "":
        imports.store.change(conn, number, source_id=None)
    importing.set_up(
        conn, ask.viewer, number, mapping=imports.Mapping(columns, constants),
        source_id=ids.parse_id("src", source) if source else None,
    )  # fmt: skip


HANDLERS = [imports_list, import_new, import_upload, import_page, import_change]
