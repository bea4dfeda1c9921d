"""Tasks: what somebody has to do, among them those that signals make.

`reasons` and `people` of a signal's task belong to the signal: refreshing them makes neither a
version nor a fact, so that a person's edit never conflicts with newer numbers.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from onefold.crm import fields, lists, store
from onefold.crm.model import Item, Row, Task
from onefold.crm.records import Change, Kind, Records, Work
from onefold.kernel import clock, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, fold_name

STATUSES = ("open", "done", "cancelled")
PRIORITIES = ("low", "medium", "high")
KINDS = ("todo", "call", "email")
KIND = Kind(
    noun="task",
    prefix="tsk",
    fields=(
        fields.Field("subject", chars_max=limits.record_subject_chars_max, required=True),
        fields.Field("body", "text", limits.record_text_chars_max),
        fields.Field("status", "enum", options=STATUSES),
        fields.Field("priority", "enum", options=PRIORITIES),
        fields.Field("kind", "enum", options=KINDS),
        fields.Field("due_at", "time", label="Due"),
        fields.Field("remind_at", "time", label="Reminder"),
        fields.Field("outcome"),
        fields.Field("owner_id", "ref", prefix="usr"),
        fields.Field("account_id", "ref", prefix="acc"),
        fields.Field("contact_id", "ref", prefix="con"),
        fields.Field("ticket_id", "ref", prefix="tkt"),
        fields.Field("deal_id", "ref", prefix="deal"),
        fields.Field("lead_id", "ref", prefix="lead"),
        fields.Field(
            "external_id", chars_max=limits.string_identifier_chars_max, once=True,
            label="Id elsewhere",
        ),
    ),
    filters=(
        lists.Filter("due_before", "before", "due_at"),
        lists.Filter("due_after", "after", "due_at"),
        lists.Filter("signal", "ref", "signal_id", prefix="sig"),
    ),
    told=(
        "subject", "status", "priority", "kind", "due_at", "outcome", "contact_id", "account_id",
        "ticket_id", "signal_id", "deal_id", "lead_id", "owner_id",
    ),
    sort="due",
    plural="tasks",
    unique=("external_id",),
    columns=("status", "priority", "due_at", "account_id", "kind", "owner_id"),
)  # fmt: skip


class Tasks(Records[Task]):
    """Commands on tasks."""

    def create_for_signal(
        self,
        conn: Connection,
        viewer: Viewer,
        signal_id: int,
        account_id: int,
        subject: str,
        reasons: Sequence[Mapping[str, Any]],
        people: Sequence[Mapping[str, Any]],
        priority: str,
        due_at: datetime | None,
        now_ms: int,
        *,
        into: list[Item] | None = None,
    ) -> Task:
        """The signal's task for the account's owner; the one there is when it was made before."""
        viewer.must_write()
        fields.enum("priority", priority, PRIORITIES)
        there = store.task_by_signal(conn, signal_id)
        if there is not None:
            return self._present(self._row(conn, there))
        owner = store.owners(conn, [account_id]).get(account_id)
        now = clock.to_datetime(now_ms)
        row_id = store.insert(
            conn,
            "task",
            {
                "subject": subject[: limits.record_subject_chars_max],
                "subject_sort": fold_name(subject[: limits.record_subject_chars_max]),
                "priority": priority,
                "due_at": due_at,
                "owner_id": owner if owner and store.exists(conn, "usr", owner) else None,
                "account_id": account_id,
                "signal_id": signal_id,
                "reasons": [dict(r) for r in reasons],
                "people": [dict(p) for p in people],
                "created_at": now,
                "updated_at": now,
            },
        )
        if row_id is None:
            there = store.task_by_signal(conn, signal_id)
            return self._present(self._row(conn, there or 0))
        row = self._row(conn, row_id)
        items: list[Item] = []
        self._tell(items, viewer, None, row, {}, now_ms)
        self._finish(conn, items, into, now_ms)
        return self._present(row)

    def refresh_for_signal(
        self,
        conn: Connection,
        viewer: Viewer,
        signal_id: int,
        reasons: Sequence[Mapping[str, Any]],
        people: Sequence[Mapping[str, Any]],
        now_ms: int,
        *,
        priority: str | None = None,
        into: list[Item] | None = None,
    ) -> Task | None:
        """Newer reasons and people on the signal's task while it is open; None when it is not.

        A `priority` that differs is written as a change with its fact.
        """
        viewer.must_write()
        before = self._open_row(conn, signal_id)
        if before is None:
            return None
        evidence = {"reasons": [dict(r) for r in reasons], "people": [dict(p) for p in people]}
        if any(before[name] != value for name, value in evidence.items()):
            store.update(conn, "task", before["id"], evidence, step=0)
        columns = {} if priority is None else {"priority": priority}
        return self._write(conn, viewer, {**before, **evidence}, columns, now_ms, into)

    def close_for_signal(
        self,
        conn: Connection,
        viewer: Viewer,
        signal_id: int,
        outcome: str,
        now_ms: int,
        *,
        into: list[Item] | None = None,
    ) -> Task | None:
        """The signal is over: its task is done, with the outcome. None when it was not open."""
        viewer.must_write()
        before = self._open_row(conn, signal_id)
        if before is None:
            return None
        columns = {"status": "done", "outcome": outcome[: limits.name_chars_max]}
        return self._write(conn, viewer, before, columns, now_ms, into)

    def _open_row(self, conn: Connection, signal_id: int) -> Row | None:
        task_id = store.task_by_signal(conn, signal_id)
        row = self._row(conn, task_id) if task_id is not None else None
        return row if row is not None and row["status"] == "open" else None

    def _complete(self, work: Work, columns: dict[str, Any]) -> None:
        """A task takes contact and account from its ticket, the account from its contact."""
        both = ("contact_id", "account_id")
        for noun, taken in (
            ("ticket", both), ("deal", both), ("lead", both), ("contact", ("account_id",)),
        ):  # fmt: skip
            about = columns.get(f"{noun}_id")
            row = store.read(work.conn, noun, about) if about else None
            if row is not None:
                for name in taken:
                    columns.setdefault(name, row[name])

    def _derived(self, change: Change) -> dict[str, Any]:
        columns: dict[str, Any] = {"subject_sort": fold_name(change.after["subject"])}
        if "remind_at" in change.changed:
            columns["reminded_at"] = None
        if "status" in change.changed:
            columns["done_at"] = None if change.changed["status"] == "open" else change.now
        return columns

    def _event(self, before: Row | None, row: Row) -> str:
        if before is None:
            return "Task Created"
        if row["status"] == before["status"] or row["status"] == "open":
            return "Task Updated"
        return "Task Done" if row["status"] == "done" else "Task Cancelled"


tasks = Tasks(KIND, Task)
