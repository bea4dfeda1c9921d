"""Commands over several rooms happen wholly, and leave their facts."""

import pytest

from onefold import crm, log, record, signals
from onefold.kernel import clock, errors
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.storage import Connection
from tests.record.company import NOW, Company, group, identify


@pytest.fixture
def signal(conn: Connection) -> str:
    """An open usage drop at Acme, with its task and the account's risk."""
    acme = crm.accounts.create(conn, SYSTEM, {"name": "Acme"}, NOW)
    row = conn.execute(
        "INSERT INTO signal (kind, reason, account_id, severity, evidence, baseline, opened_at,"
        " last_fired_at)"
        " VALUES ('usage_drop', 'core_events', %s, 'warning', '{}', 10, now(), now()) RETURNING id",
        (int(acme.id.removeprefix("acc_")),),
    ).fetchone()
    assert row
    crm.set_risk(conn, SYSTEM, acme.id, "warning", "usage fell", NOW)
    due = clock.to_datetime(NOW)
    account_id = int(acme.id.removeprefix("acc_"))
    crm.create_signal_task(conn, SYSTEM, row[0], account_id, "Usage fell", [], [], "high", due, NOW)
    return f"sig_{row[0]}"


def test_closing_a_signal_clears_the_risk_and_finishes_the_task(
    conn: Connection, signal: str
) -> None:
    head = log.head(conn)
    closed = record.close_signal(conn, SYSTEM, signal, "useful", NOW)
    assert (closed.status, closed.outcome) == ("resolved", "useful")
    assert crm.accounts.get(conn, SYSTEM, closed.account_id).risk == ""
    (task,) = crm.tasks.find(conn, SYSTEM, {"account": closed.account_id}).rows
    assert (task.status, task.outcome) == ("done", "useful")
    assert log.head(conn) == head + 1
    record.close_signal(conn, SYSTEM, signal, "useful", NOW)
    assert log.head(conn) == head + 1


def test_a_reader_cannot_close_and_a_wrong_word_changes_nothing(
    conn: Connection, signal: str
) -> None:
    reader = Viewer(kind="user", id=1, name="r", role="reader")
    with pytest.raises(errors.Forbidden):
        record.close_signal(conn, reader, signal, "useful", NOW)
    with pytest.raises(errors.Invalid):
        record.close_signal(conn, SYSTEM, signal, "so-so", NOW)
    assert signals.get(conn, SYSTEM, signal).status == "open"


def test_a_ticket_by_email_gets_the_account_and_the_name_of_the_person(company: Company) -> None:
    conn = company.conn
    company.send(identify("u1", email="ann@acme.co", name="Ann Lee"), group("u1", "acme"))
    company.work()
    acme = record.account(conn, SYSTEM, "account_id:acme", NOW)["id"]
    values = {"subject": "Help", "email": "Ann@Acme.co"}
    made = record.open_ticket(conn, SYSTEM, values, NOW)
    assert made.account_id == acme
    assert crm.contacts.get(conn, SYSTEM, made.contact_id or "").account_id == acme
    (shown,) = record.named(conn, SYSTEM, [made])
    assert (made.contact_name, shown.contact_name) == ("ann@acme.co", "Ann Lee")
    unknown = record.open_ticket(conn, SYSTEM, {"subject": "Hi", "email": "new@b.co"}, NOW)
    assert unknown.account_id is None
    assert record.named(conn, SYSTEM, [unknown]) == [unknown]


def test_a_contacts_own_account_and_name_come_before_the_persons(company: Company) -> None:
    conn = company.conn
    company.send(identify("u1", email="ann@acme.co", name="Ann Lee"), group("u1", "acme"))
    company.work()
    other = crm.accounts.create(conn, SYSTEM, {"name": "Other"}, NOW)
    values = {"email": "ann@acme.co", "first_name": "Anna", "account_id": other.id}
    crm.contacts.create(conn, SYSTEM, values, NOW)
    made = record.open_ticket(conn, SYSTEM, {"subject": "Help", "email": "ann@acme.co"}, NOW)
    assert made.account_id == other.id
    assert record.named(conn, SYSTEM, [made])[0].contact_name == "Anna"
    chosen = {"subject": "Help", "email": "ann@acme.co", "account_id": None}
    assert record.open_ticket(conn, SYSTEM, chosen, NOW).account_id is None
