"""Tickets: opened by address, solved, reopened, moved, and what definitions read of them."""

import threading
from typing import Any

import pytest

from onefold import crm, storage
from onefold.kernel import errors
from onefold.kernel.viewer import SYSTEM, Viewer

NOW = 1_796_000_000_000


def test_a_ticket_for_an_unknown_address_makes_the_contact_in_one_append(
    conn: storage.Connection, rep: Viewer, facts: Any
) -> None:
    account = crm.accounts.create(conn, rep, {"key": "acme"}, NOW)
    made = crm.tickets.create(
        conn,
        rep,
        {"subject": "Export fails", "email": "ann@acme.co", "account_id": account.id,
         "tags": ["Exports", " exports ", ""]},
        NOW,
    )  # fmt: skip
    assert made.contact_id is not None
    contact = crm.contacts.get(conn, rep, made.contact_id)
    assert (contact.email, contact.account_id) == ("ann@acme.co", account.id)
    assert made.tags == ["exports"]
    rows = conn.execute("SELECT items FROM log ORDER BY seq").fetchall()
    assert rows == [(1,), (2,)]
    created, opened = facts()[-2:]
    assert created["event"] == "Contact Created"
    assert opened["event"] == "Ticket Opened"
    assert opened["context"] == {
        "actor": rep.actor,
        "externalIds": [{"type": "contact", "id": contact.id.removeprefix("con_")}],
        "groupId": "acme",
    }
    assert opened["properties"] == {
        "ticket_id": made.id, "subject": "Export fails", "status": "open", "priority": "medium",
        "category": "general_inquiry", "tags": ["exports"], "channel": "form",
        "contact_id": contact.id, "account_id": account.id,
    }  # fmt: skip


def test_a_known_address_finds_its_contact_and_its_account(
    conn: storage.Connection, rep: Viewer, facts: Any
) -> None:
    account = crm.accounts.create(conn, rep, {"key": "acme"}, NOW)
    ann = crm.contacts.create(conn, rep, {"email": "ann@acme.co", "account_id": account.id}, NOW)
    made = crm.tickets.create(conn, rep, {"subject": "Hi", "email": "Ann@Acme.co"}, NOW)
    assert (made.contact_id, made.account_id) == (ann.id, account.id)
    alone = crm.tickets.create(
        conn, rep, {"subject": "Hi", "contact_id": ann.id, "account_id": None}, NOW
    )
    assert alone.account_id is None
    assert [f["event"] for f in facts()][2:] == ["Ticket Opened", "Ticket Opened"]


@pytest.mark.parametrize(
    "values",
    [
        {"subject": "Hi"},
        {"subject": "Hi", "email": "", "contact_id": None},
        {"subject": "   ", "email": "a@b.co"},
        {"email": "a@b.co"},
    ],
)
def test_a_ticket_needs_a_subject_and_somebody(
    conn: storage.Connection, rep: Viewer, values: dict[str, Any]
) -> None:
    with pytest.raises(errors.Invalid):
        crm.tickets.create(conn, rep, values, NOW)


def test_contact_and_address_are_not_taken_together(conn: storage.Connection, rep: Viewer) -> None:
    ann = crm.contacts.create(conn, rep, {"email": "ann@acme.co"}, NOW)
    with pytest.raises(errors.Invalid, match="Send one of them"):
        crm.tickets.create(
            conn, rep, {"subject": "Hi", "email": "bob@acme.co", "contact_id": ann.id}, NOW
        )


def test_solving_and_reopening_are_facts_of_their_own(
    conn: storage.Connection, rep: Viewer, facts: Any
) -> None:
    made = crm.tickets.create(conn, rep, {"subject": "Hi", "email": "a@b.co"}, NOW)
    paused = crm.tickets.update(conn, rep, made.id, {"status": "paused"}, NOW + 1)
    solved = crm.tickets.update(conn, rep, made.id, {"status": "resolved"}, NOW + 2)
    noted = crm.tickets.update(conn, rep, made.id, {"priority": "low"}, NOW + 3)
    opened = crm.tickets.update(conn, rep, made.id, {"status": "open"}, NOW + 4)
    assert [f["event"] for f in facts()[2:]] == [
        "Ticket Updated", "Ticket Solved", "Ticket Updated", "Ticket Reopened",
    ]  # fmt: skip
    assert facts()[3]["properties"]["changes"] == {"status": ["paused", "resolved"]}
    assert (paused.resolved_at, opened.resolved_at) == (None, None)
    assert solved.resolved_at == noted.resolved_at == "2026-11-30T00:53:20.002Z"


def test_a_ticket_that_moves_is_told_to_whom_it_leaves(
    conn: storage.Connection, rep: Viewer, facts: Any
) -> None:
    ann = crm.contacts.create(conn, rep, {"email": "ann@acme.co"}, NOW)
    bob = crm.contacts.create(conn, rep, {"email": "bob@acme.co"}, NOW)
    made = crm.tickets.create(conn, rep, {"subject": "Hi", "contact_id": ann.id}, NOW)
    crm.tickets.update(conn, rep, made.id, {"contact_id": bob.id}, NOW)
    arrived, left = facts()[-2:]
    assert arrived["context"]["externalIds"] == [{"type": "contact", "id": bob.id[4:]}]
    assert left["context"]["externalIds"] == [{"type": "contact", "id": ann.id[4:]}]
    assert arrived["messageId"] != left["messageId"]


def test_a_long_text_is_cut_in_its_fact(conn: storage.Connection, rep: Viewer, facts: Any) -> None:
    made = crm.tickets.create(conn, rep, {"subject": "Hi", "email": "a@b.co"}, NOW)
    after = crm.tickets.update(conn, rep, made.id, {"content": "\x01" * 50_000}, NOW)
    assert len(after.content) == 50_000
    old, new = facts()[-1]["properties"]["changes"]["content"]
    assert (old, len(new)) == ("", 501)
    with pytest.raises(errors.Invalid, match="50,001"):
        crm.tickets.update(conn, rep, made.id, {"content": "x" * 50_001}, NOW)


def test_states_are_the_unresolved_tickets_by_contact_and_by_account(
    conn: storage.Connection, rep: Viewer
) -> None:
    account = crm.accounts.create(conn, rep, {"key": "acme"}, NOW)
    ann = crm.contacts.create(conn, rep, {"email": "ann@acme.co", "account_id": account.id}, NOW)
    values = {"subject": "Hi", "contact_id": ann.id}
    crm.tickets.create(conn, rep, {**values, "tags": ["exports"], "priority": "urgent"}, NOW)
    crm.tickets.create(conn, rep, {**values, "status": "paused"}, NOW)
    crm.tickets.create(conn, rep, {**values, "status": "resolved"}, NOW)
    contact_id, account_id = int(ann.id[4:]), int(account.id[4:])
    by_contact, by_account = crm.ticket_states(conn, [contact_id, 999], [account_id])
    assert by_contact == {
        contact_id: [
            crm.TicketState("open", ("exports",), "urgent", "general_inquiry"),
            crm.TicketState("paused", (), "medium", "general_inquiry"),
        ]
    }
    assert by_account == {account_id: by_contact[contact_id]}
    assert crm.ticket_states(conn, [], []) == ({}, {})


def test_two_doors_opening_tickets_for_one_new_address_share_the_contact(database: str) -> None:
    made: list[crm.Ticket] = []

    def open_one() -> None:
        with storage.connect(database) as conn:
            made.append(
                crm.tickets.create(conn, SYSTEM, {"subject": "Hi", "email": "new@acme.co"}, NOW)
            )

    threads = [threading.Thread(target=open_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 4
    assert len({t.contact_id for t in made}) == 1


def test_filters_by_tag_and_contact(conn: storage.Connection, rep: Viewer) -> None:
    a = crm.tickets.create(
        conn, rep, {"subject": "A", "email": "a@b.co", "tags": ["exports", "api"]}, NOW
    )
    b = crm.tickets.create(conn, rep, {"subject": "B", "email": "b@b.co", "tags": ["sso"]}, NOW)

    def found(**filters: Any) -> set[str]:
        return {t.id for t in crm.tickets.find(conn, rep, filters).rows}

    assert found(tag="Exports") == {a.id}
    assert found(tag=["api", "sso"]) == {a.id, b.id}
    assert found(contact=b.contact_id) == {b.id}
    assert found(account="none") == {a.id, b.id}
