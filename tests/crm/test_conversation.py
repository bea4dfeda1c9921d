"""The conversation of a ticket: what is said, what moves with it, what is taken back."""

from typing import Any

import pytest

from onefold import crm, storage
from onefold.crm.conversation import Message
from onefold.kernel import errors
from onefold.kernel.viewer import Viewer

NOW = 1_796_000_000_000
MINUTE = 60_000


@pytest.fixture
def ticket(conn: storage.Connection, rep: Viewer) -> crm.Ticket:
    """A ticket of ann@acme.co."""
    return crm.tickets.create(conn, rep, {"subject": "Export fails", "email": "ann@acme.co"}, NOW)


def test_a_reply_and_the_pause_it_brings_are_one_change(
    conn: storage.Connection, rep: Viewer, ticket: crm.Ticket, facts: Any
) -> None:
    said = crm.conversation.add(
        conn, rep, ticket.id, Message("reply", "Which browser?", "paused"), NOW + MINUTE
    )
    assert (said.ticket.status, said.ticket.version) == ("paused", 2)
    assert (said.message.kind, said.message.direction) == ("email", "outbound")
    assert said.message.contact_id == ticket.contact_id
    assert said.message.owner_name == "Rita Rep"
    moved, told = facts()[-2:]
    assert (moved["event"], told["event"]) == ("Ticket Updated", "Email Logged")
    assert told["properties"]["ticket_id"] == ticket.id
    assert conn.execute("SELECT items FROM log ORDER BY seq DESC LIMIT 1").fetchone() == (2,)


def test_a_note_moves_nothing_and_names_whom_it_mentions(
    conn: storage.Connection, rep: Viewer, ticket: crm.Ticket
) -> None:
    said = crm.conversation.add(conn, rep, ticket.id, Message("note", "@rep look"), NOW + MINUTE)
    assert (said.ticket.status, said.ticket.version) == ("open", 1)
    assert (said.message.kind, said.message.mentions) == ("note", [f"usr_{rep.id}"])


@pytest.mark.parametrize("status", ["paused", "resolved"])
def test_what_the_customer_writes_opens_the_ticket_again(
    conn: storage.Connection, rep: Viewer, ticket: crm.Ticket, status: str
) -> None:
    crm.tickets.update(conn, rep, ticket.id, {"status": status}, NOW + MINUTE)
    said = crm.conversation.add(
        conn, rep, ticket.id, Message("received", "Still broken"), NOW + 2 * MINUTE
    )
    assert (said.ticket.status, said.ticket.resolved_at) == ("open", None)
    assert (said.message.direction, said.message.owner_id) == ("inbound", None)


def test_the_conversation_is_read_oldest_first(
    conn: storage.Connection, rep: Viewer, ticket: crm.Ticket
) -> None:
    for n in range(3):
        crm.conversation.add(conn, rep, ticket.id, Message("note", f"{n}"), NOW + n * MINUTE)
    assert [m.body for m in crm.conversation.of(conn, rep, ticket.id)] == ["0", "1", "2"]


def test_taken_back_the_message_is_gone_and_the_status_as_before(
    conn: storage.Connection, rep: Viewer, ticket: crm.Ticket
) -> None:
    said = crm.conversation.add(conn, rep, ticket.id, Message("reply", "Done", "resolved"), NOW)
    after = crm.conversation.take_back(conn, rep, ticket.id, said.message.id, "open", NOW + MINUTE)
    assert after.status == "open"
    assert crm.conversation.of(conn, rep, ticket.id) == []
    other = crm.tickets.create(conn, rep, {"subject": "Other", "email": "bo@acme.co"}, NOW)
    with pytest.raises(errors.NotFound):
        crm.conversation.take_back(conn, rep, other.id, said.message.id, "", NOW)


def test_an_empty_text_and_an_edit_of_an_older_version_are_refused_whole(
    conn: storage.Connection, rep: Viewer, ticket: crm.Ticket
) -> None:
    with pytest.raises(errors.Invalid):
        crm.conversation.add(conn, rep, ticket.id, Message("note", "  "), NOW)
    crm.tickets.update(conn, rep, ticket.id, {"priority": "high"}, NOW)
    late = Message("reply", "Hi", "resolved", expected_version=1)
    with pytest.raises(errors.Conflict):
        crm.conversation.add(conn, rep, ticket.id, late, NOW)
    assert crm.conversation.of(conn, rep, ticket.id) == []


def test_a_reader_may_not_say_anything(
    conn: storage.Connection, rep: Viewer, ticket: crm.Ticket
) -> None:
    reader = Viewer(kind="user", id=rep.id, name="R", role="reader")
    with pytest.raises(errors.Forbidden):
        crm.conversation.add(conn, reader, ticket.id, Message("note", "Hi"), NOW)
