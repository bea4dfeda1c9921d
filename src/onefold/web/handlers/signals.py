"""Signals: what changed for which account, the evidence, the task it made."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from onefold import crm, record, signals
from onefold.web import data, door, edits


@get("/signals", sync_to_thread=True)
def signals_list(request: door.AnyRequest) -> door.Page:
    """The list; open ones unless another view is asked for."""
    ask = door.ask_of(request)
    shown = ask.query.get("view", "")
    with ask.open() as conn:
        filters: dict[str, Any] = {"status": "resolved" if shown == "resolved" else "open"}
        if shown == "mine":
            filters["owner"] = ask.user_id or "none"
        page = signals.find(conn, ask.viewer, filters, cursor=ask.query.get("cursor") or None)
        total = signals.count(conn, ask.viewer, filters)
        rows = [data.signal_row(s) for s in page.rows]
        return door.page(
            ask, "signals.html", title="Signals", rows=rows, next=page.next, view=shown,
            total_text=data.total_text(total), counts=data.counts(conn, ask),
        )  # fmt: skip


@get("/signals/{ref:str}", sync_to_thread=True)
def signal_page(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """A signal: sentences, the chart they are about, the people, the task."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        found = data.signal_row(signals.get(conn, ask.viewer, ref))
        account = record.account(conn, ask.viewer, found["account_id"], ask.now_ms)
        tasks = crm.tasks.find(conn, ask.viewer, {"signal_id": found["id"]}).rows
        usage = account["usage"][-90:]
        return door.page(
            ask, "signal.html", s=found, sentences=found["sentences"],
            people=data.named(conn, ask, found["people"]),
            task=tasks[0] if tasks else None, chart=data.usage_chart(usage, found["span"]),
            chart_words=data.usage_words(usage), counts=data.counts(conn, ask),
        )  # fmt: skip


@post("/signals/{ref:str}/close", sync_to_thread=True)
def signal_close(request: door.AnyRequest, ref: FromPath[str]) -> door.Page:
    """Close a signal by hand, saying whether it helped; risk and task follow."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        record.close_signal(
            conn, ask.viewer, ref, ask.form.get("outcome", ""), ask.now_ms,
            expected_version=edits.version(ask.form),
        )  # fmt: skip
    return door.go(ask, f"/signals/{ref}", {"text": "Signal closed"})


HANDLERS: list[Any] = [signals_list, signal_page, signal_close]
