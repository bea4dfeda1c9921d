"""Signals as cases: read them, list them, close them by hand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.signals import store
from onefold.signals.model import SEVERITIES, Page, Signal
from onefold.storage import Connection

STATUSES = ("open", "resolved")
OUTCOMES = ("useful", "false_alarm", "already_known")  # of a signal closed by hand
NOBODY = "none"
FILTERS = ("status", "severity", "account", "owner")
NO_FILTERS: Mapping[str, Any] = {}


def get(conn: Connection, viewer: Viewer, signal_id: str | int) -> Signal:
    """One signal. Raises `NotFound`."""
    viewer.must_read()
    row_id = ids.parse_id("sig", signal_id)
    row = store.signal(conn, row_id)
    if row is None:
        raise errors.NotFound(f"There is no signal `sig_{row_id}`. Check the id.")
    return _present(row)


def find(
    conn: Connection,
    viewer: Viewer,
    filters: Mapping[str, Any] = NO_FILTERS,
    *,
    cursor: str | None = None,
    limit: int = limits.page_rows_default,
) -> Page:
    """A page of signals, newest firing first.

    Filters: status, severity, account, owner (of the account; `none` for accounts without); each a
    value or a list. Raises `Invalid` for what is not known.
    """
    viewer.must_read()
    if not 1 <= limit <= limits.page_rows_max:
        raise _invalid("limit", f"is {limit}.", f"Use 1 to {limits.page_rows_max}.")
    after_at, after_id = _after(cursor)
    asked = {**_asked(filters), "after_at": after_at, "after_id": after_id, "limit": limit + 1}
    rows = store.signals(conn, asked)
    more = _cursor(rows[limit - 1]) if len(rows) > limit else None
    return Page(rows=[_present(row) for row in rows[:limit]], next=more)


def count(conn: Connection, viewer: Viewer, filters: Mapping[str, Any] = NO_FILTERS) -> int:
    """How many signals the list has, counted up to `limits.list_count_max`."""
    viewer.must_read()
    return store.count(conn, {**_asked(filters), "limit": limits.list_count_max})


def count_open(conn: Connection, viewer: Viewer) -> int:
    """How many signals are open."""
    return count(conn, viewer, {"status": "open"})


def close(
    conn: Connection,
    viewer: Viewer,
    signal_id: str | int,
    outcome: str,
    now_ms: int,
    *,
    expected_version: int | None = None,
) -> Signal:
    """Close a signal by hand, saying whether it helped. Closed already: nothing happens.

    It opens again after 14 days at the earliest, or sooner if it gets worse. The account's risk and
    the task are the caller's to change.
    """
    viewer.must_write()
    if outcome not in OUTCOMES:
        raise _invalid(
            "outcome",
            f"`{str(outcome)[:60]}` is not a choice.",
            f"Use one of {', '.join(OUTCOMES)}.",
        )
    row_id = ids.parse_id("sig", signal_id)
    found = store.signal(conn, row_id) if store.lock(conn, row_id) else None
    if found is None:
        raise errors.NotFound(f"There is no signal `sig_{row_id}`. Check the id.")
    if expected_version is not None and expected_version != found["version"]:
        raise errors.Conflict(
            f"This signal is at version {found['version']} by now. Look at `current`.",
            msgspec.to_builtins(_present(found)),
        )
    if found["status"] == "open":
        store.resolve(conn, row_id, outcome, now_ms)
    return get(conn, viewer, row_id)


def _present(row: store.Row) -> Signal:
    evidence = row["evidence"]
    people = [
        {"ref": ids.api_id("per", p["person_id"]), **{k: p[k] for k in ("text", "before", "after")}}
        for p in evidence.get("people", ())
    ]
    reasons = evidence.get("reasons", [])
    return Signal(
        id=ids.api_id("sig", row["id"]),
        kind=row["kind"],
        reason=row["reason"],
        account_id=ids.api_id("acc", row["account_id"]),
        account_name=row["account_name"],
        owner_id=ids.api_id_or_none("usr", row["owner_id"]),
        owner_name=row["owner_name"],
        status=row["status"],
        severity=row["severity"],
        headline=reasons[0]["text"] if reasons else "",
        reasons=reasons,
        people=people,
        evidence={k: v for k, v in evidence.items() if k not in ("reasons", "people")},
        baseline=row["baseline"],
        fired=row["fired"],
        opened_at=_iso(row["opened_at"]) or "",
        last_fired_at=_iso(row["last_fired_at"]) or "",
        resolved_at=_iso(row["resolved_at"]),
        outcome=row["outcome"],
        version=row["version"],
    )


def _asked(filters: Mapping[str, Any]) -> dict[str, Any]:
    unknown = [name for name in filters if name.removesuffix("_id") not in FILTERS]
    if unknown:
        raise _invalid(str(unknown[0])[:60], "is not a filter.", f"Known are {', '.join(FILTERS)}.")
    given = {name.removesuffix("_id"): _several(value) for name, value in filters.items()}
    for name, options in (("status", STATUSES), ("severity", SEVERITIES)):
        for value in given.get(name, ()):
            if value not in options:
                problem = f"`{str(value)[:60]}` is not a choice."
                raise _invalid(name, problem, f"Use one of {', '.join(options)}.")
    asked: dict[str, Any] = {name: given.get(name) for name in FILTERS}
    if "account" in given:
        asked["account"] = [ids.parse_id("acc", v, "account") for v in given["account"]]
    if "owner" in given:
        asked["owner"] = [
            0 if v is None or v == NOBODY else ids.parse_id("usr", v, "owner")
            for v in given["owner"]
        ]
    return asked


def _several(value: Any) -> Sequence[Any]:
    found = list(value) if isinstance(value, list | tuple) else [value]
    return found[: limits.filter_values_max]


def _cursor(row: store.Row) -> str:
    return f"{row['last_fired_at'].isoformat()}~{row['id']}".replace("+00:00", "Z")


def _after(cursor: str | None) -> tuple[datetime | None, int]:
    if not cursor:
        return None, 0
    at, _, row_id = cursor.partition("~")
    try:
        return datetime.fromisoformat(at), ids.parse_id("sig", row_id)
    except (ValueError, errors.Invalid):
        raise _invalid(
            "cursor", "is not one of this list.", "Send the `next` of the page before."
        ) from None


def _iso(value: datetime | None) -> str | None:
    return None if value is None else clock.iso(clock.from_datetime(value))


def _invalid(field: str, problem: str, remedy: str) -> errors.Invalid:
    return errors.Invalid(errors.Fault(field, problem, remedy))
