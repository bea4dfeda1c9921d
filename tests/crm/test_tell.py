"""The facts that changes leave, as the rule that admits them sees them."""

from typing import Any

import pytest

from onefold import crm, governance, log, storage
from onefold.crm import tell
from onefold.kernel import facts as kernel_facts
from onefold.kernel.viewer import SYSTEM, Viewer

NOW = 1_796_000_000_000


def admitted(conn: storage.Connection) -> list[kernel_facts.Fact]:
    found = [f for row in log.read(conn, 0) for f in governance.admit(row)]
    assert all(isinstance(f, kernel_facts.Fact) for f in found)
    return found  # type: ignore[return-value]


def test_every_change_is_admitted_and_at_home_where_it_belongs(
    conn: storage.Connection, rep: Viewer
) -> None:
    account = crm.accounts.create(conn, rep, {"key": "acme", "name": "Acme"}, NOW)
    ann = crm.contacts.create(conn, rep, {"email": "ann@acme.co", "account_id": account.id}, NOW)
    ticket = crm.tickets.create(
        conn, rep, {"subject": "Hi", "email": "new@acme.co", "tags": ["exports"]}, NOW
    )
    crm.tickets.update(conn, rep, ticket.id, {"status": "resolved", "content": "\x01" * 9}, NOW)
    crm.tasks.create(conn, rep, {"subject": "Call", "account_id": account.id}, NOW)
    crm.tasks.create(conn, rep, {"subject": "Call", "contact_id": ann.id}, NOW)
    crm.set_risk(conn, SYSTEM, int(account.id[4:]), "warning", "fell", NOW)
    crm.contacts.archive(conn, rep, ann.id, NOW)
    contact, new = (
        ann.id.replace("con_", "contact:"),
        str(ticket.contact_id).replace("con_", "contact:"),
    )
    assert [(f.name, str(f.home), f.account) for f in admitted(conn)] == [
        ("Account Created", "account_id:acme", "acme"),
        ("Contact Created", contact, "acme"),
        ("Contact Created", new, None),
        ("Ticket Opened", new, None),
        ("Ticket Solved", new, None),
        ("Task Created", "account_id:acme", "acme"),
        ("Task Created", contact, "acme"),
        ("Account Updated", "account_id:acme", "acme"),
        ("Contact Archived", contact, "acme"),
    ]
    assert {f.at_ms for f in admitted(conn)} == {NOW}
    messages = [f.message_id for f in admitted(conn)]
    assert len(set(messages)) == len(messages)
    created = next(f for f in admitted(conn) if f.name == "Contact Created")
    assert [str(i) for i in created.identifiers] == [contact, "email:ann@acme.co"]


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("owner_id", 3, "usr_3"),
        ("owner_id", None, None),
        ("content", "x" * 501, "x" * 500 + "…"),
        ("tags", ["a"], ["a"]),
    ],
)
def test_values_are_told_as_the_api_shows_them(name: str, value: Any, wanted: Any) -> None:
    assert tell.shown(name, value) == wanted


def test_without_contact_and_account_there_is_nothing_to_tell() -> None:
    item = tell.item(
        "task", "tsk", "Task Done", {"id": 1, "version": 1}, viewer=SYSTEM, now_ms=NOW,
        contact_id=None, account_key=None, properties={}, changes={},
    )  # fmt: skip
    assert item is None
