"""Reports on deals: each a table of numbers, and for a number the list of the deals behind it.

A report is asked of the same query as the list of deals, so it counts what the viewer may see and
takes every filter of that list. `since` (included) and `before` (not) bound the report's own time.
Sums are in the base currency, of amounts as they were converted when they were set.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, Literal, LiteralString
from urllib.parse import urlencode

import msgspec
from psycopg.rows import dict_row

from onefold.crm import currencies, fields, report_sql, store
from onefold.crm.deal import deals
from onefold.crm.lists import NOBODY, Asked
from onefold.kernel import errors, ids, money
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

Row = dict[str, Any]
ColumnKind = Literal["text", "count", "money", "days", "share"]


class Column(msgspec.Struct, frozen=True):
    """A column; `share` is a part of one, `days` days of 24 hours."""

    key: str
    label: str
    kind: ColumnKind = "text"


class Line(msgspec.Struct, frozen=True):
    """A row: values by column, and of some the query of the list of deals they are made of."""

    values: dict[str, Any]
    deals: dict[str, str]


class Report(msgspec.Struct, frozen=True):
    """A report as it is now. `charted`: the column to draw."""

    name: str
    title: str
    currency: str
    columns: list[Column]
    rows: list[Line]
    charted: str


class _Kind(msgspec.Struct, frozen=True):
    """How a report is made. `period`: what of a deal `since` and `before` bound; empty: moves."""

    title: str
    text: LiteralString
    period: str
    columns: tuple[Column, ...]
    charted: str
    links: Mapping[str, Mapping[str, str]]  # column → filters beside those of the row
    month: str = ""  # what of a deal the row's month is of


_OWNER = Column("owner", "Owner")
_MONTH = Column("month", "Month")
_COUNT = Column("count", "Deals", "count")
_AMOUNT = Column("amount", "Amount", "money")
KINDS: dict[str, _Kind] = {
    "pipeline": _Kind(
        "Pipeline", report_sql.PIPELINE, "close_date",
        (Column("pipeline", "Pipeline"), Column("stage", "Stage"), _COUNT, _AMOUNT,
         Column("weighted", "Weighted", "money")),
        "amount", {"count": {"status": "open"}, "amount": {"status": "open"}},
    ),
    "forecast": _Kind(
        "Forecast", report_sql.FORECAST, "close_date",
        (_MONTH, _OWNER, Column("won", "Won", "money"), Column("commit", "Commit", "money"),
         Column("best_case", "Best case", "money"), Column("pipeline", "Pipeline", "money"),
         Column("weighted", "Won and weighted", "money")),
        "weighted",
        {"won": {"status": "won"}} | {
            f: {"status": "open", "forecast": f} for f in ("commit", "best_case", "pipeline")
        },
        "close_date",
    ),
    "won": _Kind(
        "Won", report_sql.WON, "closed_at",
        (_MONTH, _OWNER, _COUNT, _AMOUNT, Column("average", "Average", "money")),
        "amount", {"count": {"status": "won"}, "amount": {"status": "won"}}, "closed_at",
    ),
    "cycle": _Kind(
        "Sales cycle", report_sql.CYCLE, "closed_at",
        (_OWNER, Column("count", "Won deals", "count"), Column("average_days", "Average", "days"),
         Column("median_days", "Median", "days")),
        "average_days", {"count": {"status": "won"}},
    ),
    "conversion": _Kind(
        "Conversion by stage", report_sql.CONVERSION, "",
        (Column("pipeline", "Pipeline"), Column("stage", "Stage"),
         Column("entered", "Entered", "count"), Column("moved_on", "Moved on", "count"),
         Column("rate", "Moved on", "share"), Column("won", "Won since", "count"),
         Column("won_rate", "Won since", "share"), Column("days", "Average stay", "days")),
        "rate", {},
    ),
    "reasons": _Kind(
        "Win and loss reasons", report_sql.REASONS, "closed_at",
        (Column("status", "Result"), Column("reason", "Reason"), _COUNT, _AMOUNT),
        "count", {"count": {}, "amount": {}},
    ),
}  # fmt: skip


def report(
    conn: Connection, viewer: Viewer, name: str, filters: Mapping[str, Any], q: str = ""
) -> Report:
    """A report on the deals that these filters leave. Raises `NotFound`, `Invalid`."""
    viewer.must_read()
    kind = KINDS.get(name)
    if kind is None:
        known = ", ".join(KINDS)
        raise errors.NotFound(f"There is no report `{name[:60]}`. Use one of {known}.")
    asked, since, before = _asked(kind, filters)
    base = currencies.base(conn)
    query = deals.query(conn, viewer, Asked(asked, q, "close", None, 1))
    given = [] if kind.period else [since, since, before, before]
    with conn.cursor(row_factory=dict_row) as cursor:
        found = store.reported(cursor, "deal", query, kind.text, given)
    lines = [_line(kind, row, asked, q, base) for row in found]
    return Report(name, kind.title, base, list(kind.columns), lines, kind.charted)


def _asked(
    kind: _Kind, filters: Mapping[str, Any]
) -> tuple[dict[str, Any], date | None, date | None]:
    """The filters of the list of deals, and the period where it bounds no field of a deal."""
    rest = dict(filters)
    wanted = {n: v for n in ("since", "before") if (v := rest.pop(n, None)) not in (None, "")}
    known = [fields.Field("since", "date"), fields.Field("before", "date")]
    days, faults = fields.clean(known, (), wanted, creating=False)
    if faults:
        raise errors.Invalid(*faults)
    since, before = days.get("since"), days.get("before")
    if kind.period:
        for day, way, pick in ((since, "after", max), (before, "before", min)):
            if day is not None:
                key, text = f"{kind.period}_{way}", _moment(kind.period, day)
                rest[key] = _nearer(pick, text, rest.get(key))
    return rest, since, before


def _nearer(pick: Callable[[str, str], str], text: str, given: Any) -> Any:
    """The narrower of two bounds; what is no text stays, for the list to complain of."""
    return text if given is None else pick(text, given) if isinstance(given, str) else given


def _moment(column: str, day: date) -> str:
    return day.isoformat() + ("T00:00:00Z" if column.endswith("_at") else "")


def _line(kind: _Kind, row: Row, asked: Mapping[str, Any], q: str, base: str) -> Line:
    values: dict[str, Any] = {}
    for column in kind.columns:
        value = row[column.key]
        if column.kind == "money":
            value = money.major(int(value or 0), base)
        elif column.kind == "days":
            value = None if value is None else round(float(value), 2)
        elif column.kind == "share":
            value = None if value is None else round(float(value), 4)
        elif column.key == "month":
            value = value.isoformat()[:7]
        values[column.key] = value
    if row.get("reason") == "" and "reason" in values:
        return Line(values, {})  # the list can't be asked for an empty text
    about = dict(asked) | ({"q": q} if q else {}) | _about(kind, row, asked)
    return Line(values, {
        name: urlencode(about | dict(more), doseq=True)
        for name, more in kind.links.items() if values[name]
    })  # fmt: skip


def _about(kind: _Kind, row: Row, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The filters that find a row's deals."""
    out: dict[str, Any] = {}
    if "owner_id" in row:
        out["owner"] = ids.api_id_or_none("usr", row["owner_id"]) or NOBODY
    if "stage_id" in row:
        out["stage"] = ids.api_id("stg", row["stage_id"])
    if "reason" in row:
        out |= {"status": row["status"], "reason": row["reason"]}
    if kind.month:
        first = row["month"]
        after, before = f"{kind.month}_after", f"{kind.month}_before"
        low = _moment(kind.month, first)
        high = _moment(kind.month, (first + timedelta(days=32)).replace(day=1))
        out[after] = _nearer(max, low, asked.get(after))
        out[before] = _nearer(min, high, asked.get(before))
    return out
