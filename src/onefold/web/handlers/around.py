"""What people do around a record: lose a deal, convert a lead, links, files, lines, saved views."""

import asyncio
from typing import Any

from litestar import HttpMethod, Response, get, post, route
from litestar.params import FromPath

from onefold import crm
from onefold.kernel import errors, limits
from onefold.record import leads
from onefold.web import cells, data, door, extras

_REASONS = ("Price", "Competitor", "No budget", "No decision", "Timing", "Missing feature")
_VERBS = [HttpMethod.PATCH, HttpMethod.POST]


@get("/deals/{ref:str}/close", sync_to_thread=True)
def deal_close(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """The dialog that asks why a deal was won or lost; `?stage=` says where it goes."""
    ask = door.ask_of(request)
    ask.viewer.must_write()
    with ask.open() as conn:
        deal = crm.deals.get(conn, ask.viewer, ref)
        stages = crm.pipeline.get(conn, ask.viewer, deal.pipeline_id).stages
        wanted = ask.query.get("stage", "")
        stage = next((s for s in stages if wanted in (s.id, s.category)), None)
        if stage is None:
            raise errors.NotFound("There is no such stage in this pipeline.")
        hidden = {n: v for n, v in ask.query.items() if n.startswith("filter.")}
        hidden |= {n: ask.query[n] for n in ("pipeline", "q") if ask.query.get(n)}
        part = "board" if ask.query.get("as") == "board" else "record"
        word = "Lose" if stage.category == "lost" else "Win"
        return door.page(
            ask, "deal_close.html", title=f"{word} {deal.name}", verb=f"{word} deal",
            action=f"/deals/{deal.id}", r=deal, stage=stage, reasons=_REASONS, part=part,
            hidden=hidden, counts=data.counts(conn, ask), faults=(), known=("reason",),
        )  # fmt: skip


@get("/leads/{ref:str}/convert", sync_to_thread=True)
def lead_convert_form(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """The dialog of a conversion: what is used, what is made."""
    ask = door.ask_of(request)
    ask.viewer.must_write()
    with ask.open() as conn:
        lead = crm.leads.get(conn, ask.viewer, ref)
        known = leads.matches(conn, ask.viewer, ref)
        return door.page(
            ask, "lead_convert.html", title=f"Convert {lead.name}", verb="Convert",
            action=f"/leads/{lead.id}/convert", back=f"/leads/{lead.id}", r=lead, m=known,
            faults=(), known=(), counts=data.counts(conn, ask),
        )  # fmt: skip


@post("/leads/{ref:str}/convert", sync_to_thread=True)
def lead_convert(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Convert a lead."""
    ask = door.ask_of(request)
    form = ask.form
    deal: dict[str, Any] | None = None
    if form.get("deal") == "yes":
        deal = {n: form[n] for n in ("name", "amount", "close_date") if form.get(n)}
    asked = leads.Conversion(
        new_contact=form.get("contact") == "new", new_account=form.get("account") == "new",
        deal=deal,
    )  # fmt: skip
    with ask.open() as conn:
        done = leads.convert(conn, ask.viewer, ref, asked, ask.now_ms)
    undo = door.undo(f"/leads/{done.lead.id}/unconvert", "#nowhere", undo="yes")
    where = f"/deals/{done.deal.id}" if done.deal else f"/leads/{done.lead.id}"
    return door.go(ask, where, {"text": "Lead converted", "undo": undo})


@route("/leads/{ref:str}/unconvert", http_method=_VERBS, sync_to_thread=True)
def lead_unconvert(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Take a conversion back."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        lead, kept = leads.take_back(conn, ask.viewer, ref, ask.now_ms)
    word = f"Open again; {len(kept)} kept" if kept else "Lead is open again"
    return door.go(ask, f"/leads/{lead.id}", {"text": word})


@route("/bulk/{ref:str}", http_method=_VERBS, sync_to_thread=True)
def bulk_undo(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Give the records of a change in bulk their values back."""
    ask = door.ask_of(request)
    with ask.open() as conn, conn.transaction():
        edit = crm.bulk_edits.undo(conn, ask.viewer, ref, ask.now_ms)
    return door.go(ask, f"/{crm.objects.ALL[edit.object].kind.plural}", {"text": "Undone"})


@post("/views", sync_to_thread=True)
def view_save(request: door.AnyRequest) -> door.Page:
    """Save the list as it is under a name."""
    ask = door.ask_of(request)
    form = {n: ask.form.get(n, "") for n in ("object", "name", "query")}
    with ask.open() as conn:
        values = {**form, "shared": ask.form.get("shared") == "yes"}
        made = crm.views.create(conn, ask.viewer, values, ask.now_ms)
    plural = crm.objects.ALL[made.object].kind.plural
    return door.go(ask, f"/{plural}?{made.query}&saved={made.id}", {"text": "View saved"})


@post("/views/{ref:str}/delete", sync_to_thread=True)
def view_delete(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Delete a saved view."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        gone = crm.views.delete(conn, ask.viewer, ref)
    return door.go(ask, f"/{crm.objects.ALL[gone.object].kind.plural}", {"text": "View deleted"})


def _home(record_id: str) -> str:
    noun, _ = crm.links.parse("of", record_id)
    return f"/{crm.objects.ALL[noun].kind.plural}/{record_id}"


@post("/links", sync_to_thread=True)
def link_add(request: door.AnyRequest) -> door.Page:
    """Link a record to another: an account by name, a contact by address, others by id."""
    ask = door.ask_of(request)
    form, to = ask.form, ask.form.get("to", "").strip()
    with ask.open() as conn:
        if "@" in to:
            spec = cells.Spec("to", "Contact", "ref", prefix="con")
            to = extras.resolved(conn, ask, [spec], {"to": to})["to"]
        elif "_" not in to:
            spec = cells.Spec("to", "Account", "ref", prefix="acc")
            to = extras.resolved(conn, ask, [spec], {"to": to})["to"]
        values = {"from": form.get("from"), "to": to, "label": form.get("label", "")}
        crm.links.add(conn, ask.viewer, values, ask.now_ms)
    return door.go(ask, _home(form.get("from", "")), {"text": "Linked"})


@post("/links/{ref:str}/delete", sync_to_thread=True)
def link_drop(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Take a link away."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        crm.links.drop(conn, ask.viewer, ref)
    return door.go(ask, _home(ask.form.get("from", "")), {"text": "Link removed"})


@post("/deals/{ref:str}/lines", sync_to_thread=True)
def deal_line(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Add a line to a deal, or take the line `drop` out."""
    ask = door.ask_of(request)
    form = ask.form
    with ask.open() as conn:
        kept = [
            {"product_id": n.product_id, "name": n.name, "quantity": n.quantity, "price": n.price,
             "discount": n.discount, "billing": n.billing}
            for i, n in enumerate(crm.deal_lines.of(conn, ask.viewer, ref))
            if form.get("drop") != str(i)
        ]  # fmt: skip
        if "drop" not in form:
            names = ("product_id", "name", "quantity", "price", "discount")
            kept.append({n: form[n] for n in names if form.get(n)})
        crm.deal_lines.put(conn, ask.viewer, ref, kept, ask.now_ms)
    return door.go(ask, f"/deals/{ref}", {"text": "Lines saved"})


@post("/files", request_max_body_size=limits.attachment_bytes_max + 10_000)
async def file_add(request: door.AnyRequest) -> door.Page:
    """Keep a file at a record."""
    ask = door.ask_of(request)
    sent: Any = (await request.form()).get("file")
    if not hasattr(sent, "filename"):
        raise errors.Invalid(errors.Fault("file", "is missing.", "Choose a file."))
    content = await sent.read()

    def keep() -> None:
        with ask.open() as conn:
            crm.attachments.add(
                conn, ask.viewer, ask.form.get("of", ""), sent.filename, sent.content_type or "",
                content, ask.now_ms,
            )  # fmt: skip

    await asyncio.to_thread(keep)
    return door.go(ask, _home(ask.form.get("of", "")), {"text": "File kept"})


@get("/files/{ref:str}", sync_to_thread=True)
def file_get(request: door.AnyRequest, ref: FromPath[str]) -> Response[bytes]:
    """Download a file."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        found, content = crm.attachments.content(conn, ask.viewer, ref)
    return Response(
        content, media_type="application/octet-stream",
        headers=crm.attachments.download(found.name),
    )  # fmt: skip


@post("/files/{ref:str}/delete", sync_to_thread=True)
def file_drop(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Delete a file."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        gone = crm.attachments.drop(conn, ask.viewer, ref)
    return door.go(ask, _home(gone.record), {"text": "File deleted"})


HANDLERS = [
    deal_close, lead_convert_form, lead_convert, lead_unconvert, bulk_undo, view_save,
    view_delete, link_add, link_drop, deal_line, file_add, file_get, file_drop,
]  # fmt: skip
