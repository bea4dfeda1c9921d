"""What the pages of the CRM's objects have beside their fields: boards, people, files, history."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from onefold import crm
from onefold.crm.board import Board
from onefold.kernel import errors, limits
from onefold.record import leads
from onefold.storage import Connection
from onefold.web import cells, data, door

_ABOUT = {"deal": "deal_id", "lead": "lead_id", "account": "account_id", "contact": "contact_id"}


def around(ask: door.Ask, conn: Connection, noun: str, found: Any) -> dict[str, Any]:
    """What stands around a record: activities, tasks, links, files, and a deal's own parts."""
    out: dict[str, Any] = {
        "activities": [], "tasks": [], "links": [], "files": [], "moves": [], "lines": [],
        "labels": [], "stage_bar": [], "products": [], "matches": None, "days": [], "next": None,
    }  # fmt: skip
    viewer = ask.viewer
    out["files"] = crm.attachments.of(conn, viewer, found.id)
    out["links"] = crm.links.of(conn, viewer, found.id)
    out["labels"] = [b for b in crm.links.labels(conn, viewer) if b.from_object == noun]
    if noun in _ABOUT:
        asked = {_ABOUT[noun]: found.id}
        shown = limits.record_items_max
        out["activities"] = crm.activities.find(conn, viewer, asked, limit=shown).rows
        out["tasks"] = crm.tasks.find(conn, viewer, asked, limit=shown).rows
    if noun == "deal":
        out["moves"] = crm.deals.moves(conn, viewer, found.id)
        out["lines"] = crm.deal_lines.of(conn, viewer, found.id)
        out["stage_bar"] = crm.pipeline.get(conn, viewer, found.pipeline_id).stages
        live = {"active": "true"}
        out["products"] = [
            (p.id, p.name) for p in crm.products.find(conn, viewer, live, limit=200).rows
        ]
    if noun == "lead" and found.converted_at is None:
        out["matches"] = leads.matches(conn, viewer, found.id)
    about = getattr(found, "contact_id", None) or getattr(found, "account_id", None)
    if about and noun in ("deal", "subscription"):
        with suppress(errors.NotFound):  # the worker has not met them yet
            out |= data.activity(conn, ask, about, 20)
    return out


def resolved(
    conn: Connection, ask: door.Ask, specs: Iterable[cells.Spec], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Values with accounts named by name, key or domain, and contacts by address, as ids."""
    out = dict(values)
    faults = []
    for spec in specs:
        text = out.get(spec.name)
        if spec.kind != "ref" or not isinstance(text, str) or spec.prefix not in ("acc", "con"):
            continue
        if text.startswith(f"{spec.prefix}_"):
            continue
        if spec.prefix == "acc":
            number = crm.undo.accounts_like(conn, ask.viewer, [text]).get(text)
        else:
            number = crm.undo.contacts_by_email(conn, ask.viewer, [text]).get(text.lower())
        if number is None:
            what = "account" if spec.prefix == "acc" else "contact"
            remedy = "Name or domain." if what == "account" else "Their e-mail."
            faults.append(errors.Fault(spec.name, f"There is no {what} “{text[:60]}”.", remedy))
        else:
            out[spec.name] = f"{spec.prefix}_{number}"
    if faults:
        raise errors.Invalid(*faults)
    return out


# ── the board ──────────────────────────────────────────────────────────────────────────────────


def board_page(ask: door.Ask, conn: Connection, shared: Mapping[str, Any]) -> door.Page:
    """A pipeline's deals by stage."""
    found = _board(ask, conn, ask.query, shared["filters"])
    return door.page(ask, "board.html", b=found, money=cells.money, **shared)


def board_fragment(
    ask: door.Ask, conn: Connection, query: Mapping[str, str], toast: dict[str, Any]
) -> door.Page:
    """The board alone, after a move."""
    filters = {n.removeprefix("filter."): v for n, v in query.items() if n.startswith("filter.")}
    found = _board(ask, conn, query, filters)
    return door.page(
        ask, "board_parts.html", b=found, money=cells.money, filters=filters, toast=toast
    )


def _board(
    ask: door.Ask, conn: Connection, query: Mapping[str, str], filters: Mapping[str, Any]
) -> Board:
    return crm.board(conn, ask.viewer, query.get("pipeline") or None, filters, query.get("q", ""))


def moved_back(before: Any, values: Mapping[str, Any]) -> dict[str, str]:
    """What undoing a move sets beside the stage: what entering the new one had changed."""
    if not {"stage_id", "status"} & values.keys():
        return {}
    return {
        "stage_id": before.stage_id, "probability": str(before.probability),
        "forecast": before.forecast, "close_date": before.close_date or "",
        "reason": before.reason,
    }  # fmt: skip
