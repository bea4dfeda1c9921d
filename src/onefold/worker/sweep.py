"""From usage to work: evaluate signals, write the account's risk and health, keep its task."""

from __future__ import annotations

from typing import Any

from onefold import crm, profiles, signals, sources
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from onefold.storage import Connection

TASK_DUE_DAYS = 2


def signals_step(conn: Connection, now_ms: int) -> list[signals.Change] | None:
    """One evaluation of all accounts; None while a source loads history. The caller commits."""
    if sources.backfilling(conn):
        return None
    changes = signals.evaluate(conn, now_ms)
    told: list[crm.Item] = []
    for change in changes:
        _act(conn, change, now_ms, told)
    crm.append(conn, told, now_ms)
    return changes


def health_step(conn: Connection, now_ms: int) -> None:
    """Write every account's health. The caller commits."""
    crm.set_health(conn, signals.health_of(conn, now_ms, None))


def _act(conn: Connection, change: signals.Change, now_ms: int, told: list[crm.Item]) -> None:
    """Risk on the account, and the one task for its owner; `told` collects the facts."""
    signal_id, account_id = change.signal_id, change.account_id
    if change.action == "resolved":
        crm.set_risk(conn, SYSTEM, account_id, "", "", now_ms, into=told)
        crm.close_signal_task(conn, SYSTEM, signal_id, "recovered", now_ms, into=told)
        return
    reason = change.reasons[0]["text"] if change.reasons else ""
    crm.set_risk(conn, SYSTEM, account_id, change.severity, reason, now_ms, into=told)
    people = _people(conn, change)
    priority = "high" if change.severity == "critical" else "medium"
    refreshed = crm.refresh_signal_task(
        conn, SYSTEM, signal_id, change.reasons, people, now_ms, priority=priority, into=told
    )
    if refreshed is None and change.action == "opened":
        crm.create_signal_task(
            conn,
            SYSTEM,
            signal_id,
            account_id,
            change.subject,
            change.reasons,
            people,
            priority,
            clock.to_datetime(now_ms + TASK_DUE_DAYS * clock.DAY_MS),
            now_ms,
            into=told,
        )


def _people(conn: Connection, change: signals.Change) -> list[dict[str, Any]]:
    """The people concerned, by a reference that pages and API can follow."""
    named = profiles.names_of(conn, SYSTEM, [p["person_id"] for p in change.people])
    return [
        {
            "ref": f"per_{p['person_id']}",
            "name": named.get(p["person_id"], "Anonymous"),
            "text": p["text"],
        }
        for p in change.people
    ]
