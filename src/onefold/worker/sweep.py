"""From usage to work: evaluate signals, write the account's risk and health, keep its task.

Signals compare complete days, so they are evaluated when a day ends and when usage of an earlier
day changed. That reads all accounts' usage, so it runs beside the ingest loop, on a connection of
its own, and pauses for many times as long as it took.
"""

import threading
from time import monotonic
from typing import Any

import psycopg
import structlog

from onefold import crm, profiles, signals, sources, storage
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from onefold.storage import Connection
from onefold.worker import metrics

TASK_DUE_DAYS = 2
_TICK_S = 1.0
_SIGNALS_S = 10.0
_HEALTH_S = 60.0
_REST = 20  # pause at least this many times as long as an evaluation took

logger = structlog.get_logger("onefold.worker.signals")


class Sweeper:
    """The thread that evaluates. `usage_changed` is set by ingest and cleared here."""

    def __init__(self, database_url: str, usage_changed: threading.Event) -> None:
        self.url = database_url
        self.usage_changed = usage_changed
        self._day = 0
        self._signals_at = self._health_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Evaluate when there is reason to, until `stop`; survives the database going away."""
        while not stop.is_set():
            try:
                with storage.connect(self.url, application="onefold-signals") as conn:
                    while not stop.wait(_TICK_S):
                        self.tick(conn, clock.now_ms())
            except psycopg.OperationalError as error:
                logger.warning("database away, trying again", error=str(error).strip())
                stop.wait(_TICK_S)
            except Exception:  # an evaluation that fails must not end the ones after it
                logger.exception("evaluation failed")
                stop.wait(_SIGNALS_S)

    def tick(self, conn: Connection, now_ms: int) -> None:
        """What is due now: signals, then health, each a transaction."""
        today = clock.day_of(now_ms)
        if (self.usage_changed.is_set() or today != self._day) and self._signals_at <= monotonic():
            self.usage_changed.clear()
            started = monotonic()
            with metrics.signals_seconds.time():
                changes = signals_step(conn, now_ms)
                conn.commit()
            self._signals_at = monotonic() + max(_SIGNALS_S, _REST * (monotonic() - started))
            if changes is None:  # history is being loaded: look again when it is done
                self.usage_changed.set()
                self._signals_at = monotonic() + _TICK_S
                return
            self._day = today
            self._health_at = 0.0
        if self._health_at <= monotonic():
            started = monotonic()
            health_step(conn, now_ms)
            conn.commit()
            self._health_at = monotonic() + max(_HEALTH_S, _REST * (monotonic() - started))


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
