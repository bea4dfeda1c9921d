"""From usage to work: evaluate signals, write the account's risk and health, keep its task."""

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
    for change in changes:
        _act(conn, change, now_ms)
    return changes


def health_step(conn: Connection, now_ms: int) -> None:
    """Write every account's health. The caller commits."""
    crm.set_health(conn, signals.health_of(conn, now_ms, None))


def _act(conn: Connection, change: signals.Change, now_ms: int) -> None:
    reason = change.reasons[0]["text"] if change.reasons else ""
    if change.action == "resolved":
        crm.set_risk(conn, SYSTEM, change.account_id, "", "", now_ms)
        crm.close_signal_task(conn, SYSTEM, change.signal_id, "recovered", now_ms)
        return
    crm.set_risk(conn, SYSTEM, change.account_id, change.severity, reason, now_ms)
    people = [
        {"ref": f"per_{p['person_id']}", "name": profiles.name_of(conn, p["person_id"]), **p}
        for p in change.people
    ]
    if change.action == "opened":
        crm.create_signal_task(
            conn,
            SYSTEM,
            signal_id=change.signal_id,
            account_id=change.account_id,
            subject=change.subject,
            reasons=change.reasons,
            people=people,
            priority="high" if change.severity == "critical" else "medium",
            due_at=clock.to_datetime(now_ms + TASK_DUE_DAYS * clock.DAY_MS),
            now_ms=now_ms,
        )
    else:
        crm.refresh_signal_task(conn, SYSTEM, change.signal_id, change.reasons, people, now_ms)
