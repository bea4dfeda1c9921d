"""Definitions asked of history: drafts as they are written, sizes day by day, past days."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, TypedDict

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from onefold import audiences
from onefold.api import door
from onefold.api.call import Call, OneCall, path_text
from onefold.kernel import errors, limits
from onefold.record.drafts import Backtest, Preview

_DAYS = 30


class Draft(msgspec.Struct, forbid_unknown_fields=True):
    """A definition that is not kept: an object, or the same as YAML text."""

    definition: str | dict[str, Any]
    feature: str = ""


class PastDraft(msgspec.Struct, forbid_unknown_fields=True):
    """A definition, and which days: the last so many, or `since` one `until` another.

    `known`: by what is known `now`, or what had been accepted `then`.
    """

    definition: str | dict[str, Any]
    feature: str = ""
    days: int | None = None
    since: str | None = None
    until: str | None = None
    known: str = "now"


class Size(TypedDict):
    """One day in UTC: how many at its end (of today: now), how many came and went on it."""

    day: str
    size: int
    entered: int
    exited: int


class Sizes(TypedDict):
    """An audience's sizes by day, the earliest first."""

    items: list[Size]


@post("/audiences/preview", opt=door.ADMIN, status_code=200, sync_to_thread=True)
def preview_audience(call: Call, data: JSONBody[Draft]) -> Preview:
    """Say whom a definition would have now: how many, some of them, and what others share."""
    return call.drafts.preview(call.viewer, data.definition, call.now_ms, data.feature)


@post("/audiences/backtest", opt=door.ADMIN, status_code=200, sync_to_thread=True)
def backtest_draft(call: Call, data: JSONBody[PastDraft]) -> Backtest:
    """Say whom a definition would have had at the end of past days."""
    days = _days(call, data.days, data.since, data.until)
    return call.drafts.backtest(
        call.viewer, data.definition, days, call.now_ms,
        feature=data.feature, known_then=_then(data.known),
    )  # fmt: skip


@get("/audiences/{key:str}/backtest", opt=door.READER, sync_to_thread=True)
def backtest_audience(
    call: Call,
    key: FromPath[str],
    days: FromQuery[int | None] = None,
    since: FromQuery[str | None] = None,
    until: FromQuery[str | None] = None,
    known: FromQuery[str] = "now",
) -> Backtest:
    """Say whom an audience's definition, as it is now, would have had at the end of past days."""
    with call.open() as conn:
        found = audiences.get(conn, call.viewer, path_text(key))
    return call.drafts.backtest(
        call.viewer, found.source, _days(call, days, since, until), call.now_ms,
        feature=found.feature, known_then=_then(known),
    )  # fmt: skip


@get("/audiences/{key:str}/sizes", opt=door.READER, sync_to_thread=True)
def list_sizes(
    call: Call,
    key: FromPath[str],
    days: FromQuery[int | None] = None,
    since: FromQuery[str | None] = None,
    until: FromQuery[str | None] = None,
) -> Sizes:
    """List how many an audience had at the end of each day, and how many came and went."""
    first, last = _days(call, days, since, until)
    epoch = date(1970, 1, 1)
    with call.open() as conn:
        found = audiences.sizes(
            conn, call.viewer, path_text(key), (first - epoch).days, (last - epoch).days
        )
    return {
        "items": [
            {"day": (epoch + timedelta(days=day)).isoformat(), "size": size, "entered": entered,
             "exited": exited}
            for day, size, entered, exited in found
        ]
    }  # fmt: skip


def _days(
    call: OneCall, days: int | None, since: str | None, until: str | None
) -> tuple[date, date]:
    today = datetime.fromtimestamp(call.now_ms / 1000, UTC).date()
    last = _day(until, "until") if until else today
    if since and days is not None:
        fault = errors.Fault("days", "stands beside `since`.", "Send one of the two.")
        raise errors.Invalid(fault)
    first = _day(since, "since") if since else last - timedelta(days=_count(days) - 1)
    if not 0 <= (last - first).days < limits.backtest_days_max:
        remedy = f"Ask for 1 to {limits.backtest_days_max} days."
        raise errors.Invalid(errors.Fault("since", "is not that many days before `until`.", remedy))
    return first, last


def _count(days: int | None) -> int:
    n = _DAYS if days is None else days
    if not 1 <= n <= limits.backtest_days_max:
        remedy = f"Ask for 1 to {limits.backtest_days_max} days."
        raise errors.Invalid(errors.Fault("days", f"is {n}.", remedy))
    return n


def _day(text: str, field: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or not 1970 <= found.year <= 9000:
        raise errors.Invalid(errors.Fault(field, "is no day.", "Send one like `2026-03-31`."))
    return found


def _then(known: str) -> bool:
    if known not in ("now", "then"):
        raise errors.Invalid(errors.Fault("known", f"is `{known[:50]}`.", "Send `now` or `then`."))
    return known == "then"


HANDLERS = [preview_audience, backtest_draft, backtest_audience, list_sizes]
