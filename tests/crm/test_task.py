"""Tasks: what they are about, when they are over, and those that signals make."""

from typing import Any

import pytest

from onefold import crm, storage
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM, Viewer

NOW = 1_796_000_000_000
REASONS = [{"text": "Core events fell 62 % (412 → 156) in the last 14 days"}]
PEOPLE = [{"ref": "per_4", "name": "Ann", "text": "stopped"}]


@pytest.fixture
def signal(conn: storage.Connection, rep: Viewer) -> tuple[int, int]:
    """An open signal of an account that the rep owns: (signal id, account id)."""
    account = crm.accounts.create(conn, rep, {"key": "acme", "owner_id": rep.id}, NOW)
    row = conn.execute(
        "INSERT INTO signal (kind, reason, account_id, severity, evidence, baseline, opened_at, "
        "last_fired_at) VALUES ('usage_drop', 'quiet', %s, 'warning', '{}', 1, now(), now()) "
        "RETURNING id",
        (int(account.id[4:]),),
    ).fetchone()
    assert row is not None
    return row[0], int(account.id[4:])


def make(conn: storage.Connection, signal: tuple[int, int], **more: Any) -> crm.Task:
    return crm.create_signal_task(
        conn, SYSTEM, signal_id=signal[0], account_id=signal[1], subject="Find out why",
        reasons=REASONS, people=PEOPLE, priority="medium",
        due_at=clock.to_datetime(NOW + clock.DAY_MS), now_ms=NOW, **more,
    )  # fmt: skip


def test_a_signal_makes_one_task_for_the_accounts_owner(
    conn: storage.Connection, rep: Viewer, signal: tuple[int, int], facts: Any
) -> None:
    made = make(conn, signal)
    assert made.owner_id == f"usr_{rep.id}"
    assert (made.reasons, made.people) == (REASONS, PEOPLE)
    assert made.signal_id == f"sig_{signal[0]}"
    assert made.due_at == clock.iso(NOW + clock.DAY_MS)
    told = len(facts())
    assert facts()[-1]["event"] == "Task Created"
    assert facts()[-1]["context"] == {"actor": "system:0", "groupId": "acme"}
    assert make(conn, signal) == made
    assert len(facts()) == told


def test_without_an_enabled_owner_the_task_is_nobodys(
    conn: storage.Connection, rep: Viewer, signal: tuple[int, int]
) -> None:
    conn.execute("UPDATE app_user SET enabled = false WHERE id = %s", (rep.id,))
    assert make(conn, signal).owner_id is None


def test_newer_reasons_leave_version_and_log_alone(
    conn: storage.Connection, signal: tuple[int, int], facts: Any
) -> None:
    made = make(conn, signal)
    told = len(facts())
    newer = [{"text": "No activity for 9 days"}]
    after = crm.refresh_signal_task(conn, SYSTEM, signal[0], newer, [], NOW + 1)
    assert after is not None
    assert (after.reasons, after.people, after.version) == (newer, [], made.version)
    assert crm.tasks.get(conn, SYSTEM, made.id).reasons == newer
    assert len(facts()) == told


def test_a_worse_signal_raises_its_tasks_priority_with_a_fact(
    conn: storage.Connection, signal: tuple[int, int], facts: Any
) -> None:
    make(conn, signal)
    after = crm.refresh_signal_task(
        conn, SYSTEM, signal[0], REASONS, PEOPLE, NOW + 1, priority="high"
    )
    assert after is not None
    assert (after.priority, after.version) == ("high", 2)
    assert facts()[-1]["properties"]["changes"] == {"priority": ["medium", "high"]}


def test_a_recovered_account_closes_the_task(
    conn: storage.Connection, signal: tuple[int, int], facts: Any
) -> None:
    make(conn, signal)
    after = crm.close_signal_task(conn, SYSTEM, signal[0], "recovered", NOW + 1)
    assert after is not None
    assert (after.status, after.outcome) == ("done", "recovered")
    assert after.done_at == clock.iso(NOW + 1)
    assert facts()[-1]["event"] == "Task Done"
    assert crm.close_signal_task(conn, SYSTEM, signal[0], "recovered", NOW + 2) is None
    assert crm.refresh_signal_task(conn, SYSTEM, signal[0], [], [], NOW + 2) is None
    assert crm.close_signal_task(conn, SYSTEM, 999, "recovered", NOW) is None


def test_facts_of_several_changes_can_go_in_one_append(
    conn: storage.Connection, signal: tuple[int, int], facts: Any
) -> None:
    told = len(facts())
    items: list[crm.Item] = []
    crm.set_risk(conn, SYSTEM, signal[1], "critical", "fell", NOW, into=items)
    make(conn, signal, into=items)
    assert len(facts()) == told
    crm.append(conn, items, NOW)
    assert [f["event"] for f in facts()[told:]] == ["Account Updated", "Task Created"]


def test_a_task_takes_contact_and_account_from_its_ticket(
    conn: storage.Connection, rep: Viewer
) -> None:
    account = crm.accounts.create(conn, rep, {"key": "acme"}, NOW)
    ann = crm.contacts.create(conn, rep, {"email": "ann@acme.co", "account_id": account.id}, NOW)
    ticket = crm.tickets.create(conn, rep, {"subject": "Hi", "contact_id": ann.id}, NOW)
    task = crm.tasks.create(conn, rep, {"subject": "Reply", "ticket_id": ticket.id}, NOW)
    assert (task.contact_id, task.account_id) == (ann.id, account.id)
    assert task.contact_name == "ann@acme.co"
    call = crm.tasks.create(conn, rep, {"subject": "Call", "contact_id": ann.id}, NOW)
    assert call.account_id == account.id


def test_done_cancelled_and_open_again(conn: storage.Connection, rep: Viewer, facts: Any) -> None:
    account = crm.accounts.create(conn, rep, {"key": "acme"}, NOW)
    task = crm.tasks.create(conn, rep, {"subject": "Call", "account_id": account.id}, NOW)
    done = crm.tasks.update(conn, rep, task.id, {"status": "done"}, NOW + 1)
    back = crm.tasks.update(conn, rep, task.id, {"status": "open"}, NOW + 2)
    away = crm.tasks.update(conn, rep, task.id, {"status": "cancelled"}, NOW + 3)
    assert [t.done_at for t in (done, back, away)] == [clock.iso(NOW + 1), None, clock.iso(NOW + 3)]
    assert [f["event"] for f in facts()[1:]] == [
        "Task Created", "Task Done", "Task Updated", "Task Cancelled",
    ]  # fmt: skip


def test_a_task_about_nobody_has_no_timeline_and_so_no_fact(
    conn: storage.Connection, rep: Viewer, facts: Any
) -> None:
    task = crm.tasks.create(conn, rep, {"subject": "Clean my desk"}, NOW)
    crm.tasks.update(conn, rep, task.id, {"status": "done"}, NOW)
    assert facts() == []


def test_due_times_keep_their_instant(conn: storage.Connection, rep: Viewer) -> None:
    task = crm.tasks.create(
        conn, rep, {"subject": "Call", "due_at": "2026-11-23T17:00:00+02:00"}, NOW
    )
    assert task.due_at == "2026-11-23T15:00:00.000Z"
    assert crm.tasks.update(conn, rep, task.id, {"due_at": None}, NOW).due_at is None
