"""Why a record is as it is: what puts it at risk, what it belongs to and why, what it was told.

Everything here is read, not concluded again: signals keep their evidence, memberships their why.
"""

from typing import Any

from onefold import audiences
from onefold.kernel import clock, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record import accounts, people, refs, timelines
from onefold.storage import Connection

_PAGES_MAX = 10  # pages of the timeline read to find messages


def explain(
    conn: Connection, viewer: Viewer, ref: str, now_ms: int, audience: str | None = None
) -> dict[str, Any]:
    """Risk, health, signals, memberships and messages of a person or account, with reasons.

    `audience` narrows the memberships to one key. Raises `NotFound`.
    """
    found: dict[str, Any]
    if timelines.is_account(ref):
        account = accounts.account(conn, viewer, ref, now_ms)
        kind, entity_id = "account", ids.parse_id("acc", account["id"])
        found = {
            name: account[name]
            for name in ("id", "name", "plan", "risk", "risk_reason", "health", "owner", "signals")
        }
        found["open_tickets"] = account["tickets"]
        found["open_tasks"] = account["tasks"]
    else:
        person = people.person(conn, viewer, ref)
        kind, entity_id = "person", ids.parse_id("per", person["id"])
        found = {name: person[name] for name in ("id", "name", "email", "accounts", "merged_ids")}
        found["open_tickets"] = person["tickets"]
        found["open_tasks"] = person["tasks"]
    found["audiences"] = _memberships(conn, viewer, kind, entity_id, audience)
    found["told"] = told(conn, viewer, ref)
    return found


def _memberships(
    conn: Connection, viewer: Viewer, kind: Any, entity_id: int, key: str | None
) -> list[dict[str, Any]]:
    """The newest change of each audience: in or out, since when, and why."""
    if key is not None and audiences.get(conn, viewer, key).of != kind:
        raise refs.unknown(kind, f"{kind} audience {key}")
    out: dict[str, dict[str, Any]] = {}
    rows = audiences.history(conn, viewer, kind, entity_id, limits.timeline_rows_max)
    for entry in rows:
        if entry.key in out or (key is not None and entry.key != key):
            continue
        out[entry.key] = {
            "key": entry.key,
            "name": entry.name,
            "member": entry.entered,
            "since": clock.iso(entry.at_ms),
            "why": entry.why,
        }
    return list(out.values())


def told(conn: Connection, viewer: Viewer, ref: str) -> list[dict[str, Any]]:
    """Messages among the newest facts (sources of the category `email`), newest first."""
    before: str | None = None
    out: list[dict[str, Any]] = []
    for _ in range(_PAGES_MAX):
        page = timelines.timeline(conn, viewer, ref, before, limits.timeline_rows_max)
        out += [
            {name: item[name] for name in ("at", "name", "properties", "person")}
            for item in page["items"]
            if item["category"] == "email"
        ]
        before = page["next"]
        if before is None or len(out) >= limits.page_rows_default:
            break
    return out[: limits.page_rows_default]
