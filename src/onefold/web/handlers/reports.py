"""Reports on deals: a chart and a table, each number a link to its deals, and the table as CSV."""

from typing import Any
from urllib.parse import urlencode

from litestar import get
from litestar.params import FromPath
from litestar.response import Stream

from onefold import crm
from onefold.crm.reports import Column, Report
from onefold.storage import Connection
from onefold.web import cells, data, door, exports

_SHOWN = ("since", "before", "owner", "pipeline")
_RESULTS = {"won": "Won", "lost": "Lost"}


def _found(conn: Connection, ask: door.Ask, name: str) -> Report:
    filters = {n: v for n, v in ask.query.items() if v and n != "q"}
    return crm.reports.report(conn, ask.viewer, name, filters, ask.query.get("q", ""))


@get("/reports", sync_to_thread=True)
def reports_home(request: door.AnyRequest) -> door.Page:
    """The first report."""
    return door.go(door.ask_of(request), "/reports/pipeline")


@get("/reports/{name:str}", sync_to_thread=True)
def report_page(request: door.AnyRequest, name: FromPath[str]) -> door.Page:
    """A report, for the period, owner and pipeline asked for."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        found = _found(conn, ask, name)
        rows = [_row(found, line.values, line.deals) for line in found.rows]
        numbers = [float(line.values[found.charted] or 0) for line in found.rows]
        frame = cells.frame(conn, ask, "deal")
        asked = urlencode({n: v for n, v in ask.query.items() if v})
        return door.page(
            ask, "report.html", title=found.title, r=found, rows=rows,
            kinds=[(n, k.title) for n, k in crm.reports.KINDS.items()], numbers=numbers,
            most=max([*numbers, 0.0]), shown=_SHOWN, asked=asked, users=frame.users,
            pipelines=[(p.id, p.name) for p in frame.stages],
            labels=[c.label for c in found.columns if c.key == found.charted],
            counts=data.counts(conn, ask),
        )  # fmt: skip


def _row(
    found: Report, values: dict[str, Any], links: dict[str, str]
) -> list[tuple[Column, str, str]]:
    """(column, text, link) of each cell."""
    return [
        (c, _text(c, values[c.key], found.currency), links.get(c.key, "")) for c in found.columns
    ]


def _text(column: Column, value: Any, currency: str) -> str:
    if value is None:
        return "–"
    if column.kind == "money":
        return cells.money(value, currency)
    if column.kind == "count":
        return f"{value:,}"
    if column.kind == "days":
        return f"{value:,.1f} d"
    if column.kind == "share":
        return f"{value:.0%}"
    if column.key == "status":
        return _RESULTS.get(str(value), str(value))
    return str(value) or "None given"


@get("/reports/{name:str}/export.csv", sync_to_thread=True)
def report_export(request: door.AnyRequest, name: FromPath[str]) -> Stream:
    """The table as CSV, with plain numbers and the headers that the API uses."""
    ask = door.ask_of(request)
    with ask.open() as conn:
        found = _found(conn, ask, name)
    keys = [c.key for c in found.columns]
    return exports.stream(found.name, keys, ([row.values[k] for k in keys] for row in found.rows))


HANDLERS: list[Any] = [reports_home, report_page, report_export]
