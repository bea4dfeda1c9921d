"""Contacts: unique e-mails, names in any script, facts that carry identifiers and traits."""

import threading
from typing import Any

import pytest

from onefold import crm, storage
from onefold.kernel import errors
from onefold.kernel.viewer import SYSTEM, Viewer

NOW = 1_796_000_000_000


def test_the_fact_carries_contact_account_and_traits(
    conn: storage.Connection, rep: Viewer, facts: Any
) -> None:
    account = crm.accounts.create(conn, rep, {"key": "acme", "name": "Acme"}, NOW)
    made = crm.contacts.create(
        conn,
        rep,
        {
            "email": " Ann@ACME.co ",
            "first_name": "Ann",
            "last_name": "Lee",
            "account_id": account.id,
        },
        NOW,
    )
    number = made.id.removeprefix("con_")
    assert facts()[-1] == {
        "type": "track",
        "event": "Contact Created",
        "messageId": f"crm-contact-{number}-v1",
        "timestamp": "2026-11-30T00:53:20.000Z",
        "context": {
            "actor": f"user:{rep.id}",
            "externalIds": [{"type": "contact", "id": number}],
            "groupId": "acme",
            "traits": {
                "email": "ann@acme.co", "firstName": "Ann", "lastName": "Lee", "name": "Ann Lee",
            },
        },
        "properties": {
            "contact_id": made.id, "email": "ann@acme.co", "first_name": "Ann",
            "last_name": "Lee", "account_id": account.id,
        },
    }  # fmt: skip
    assert (made.name, made.account_name) == ("Ann Lee", "Acme")


def test_the_second_contact_with_an_address_is_told_of_the_first(
    conn: storage.Connection, rep: Viewer, facts: Any
) -> None:
    first = crm.contacts.create(conn, rep, {"email": "ann@acme.co", "first_name": "Ann"}, NOW)
    with pytest.raises(errors.Conflict, match=rf"`{first.id}` \(Ann\)") as caught:
        crm.contacts.create(conn, rep, {"email": "ANN@acme.co"}, NOW)
    assert caught.value.current["id"] == first.id
    other = crm.contacts.create(conn, rep, {"email": "bob@acme.co"}, NOW)
    with pytest.raises(errors.Conflict, match=first.id):
        crm.contacts.update(conn, rep, other.id, {"email": "ann@acme.co"}, NOW)
    assert crm.contacts.get(conn, rep, other.id) == other
    assert len(facts()) == 2


def test_without_an_address_contacts_do_not_collide(conn: storage.Connection, rep: Viewer) -> None:
    for name in ("Ann", "Ann"):
        assert crm.contacts.create(conn, rep, {"first_name": name}, NOW).email == ""
    with pytest.raises(errors.Invalid, match="an e-mail or a name"):
        crm.contacts.create(conn, rep, {"phone": "123"}, NOW)


def test_the_last_name_or_address_can_not_be_taken_away(
    conn: storage.Connection, rep: Viewer
) -> None:
    made = crm.contacts.create(conn, rep, {"email": "ann@acme.co"}, NOW)
    with pytest.raises(errors.Invalid, match="email"):
        crm.contacts.update(conn, rep, made.id, {"email": None}, NOW)


def test_archiving_hides_a_contact_and_frees_its_address(
    conn: storage.Connection, rep: Viewer, facts: Any
) -> None:
    first = crm.contacts.create(conn, rep, {"email": "ann@acme.co"}, NOW)
    away = crm.contacts.archive(conn, rep, first.id, NOW + 1, expected_version=1)
    assert away.archived_at == "2026-11-30T00:53:20.001Z"
    assert facts()[-1]["event"] == "Contact Archived"
    assert "traits" not in facts()[-1]["context"]
    assert crm.contacts.archive(conn, rep, first.id, NOW + 2) == away
    assert len(facts()) == 2
    second = crm.contacts.create(conn, rep, {"email": "ann@acme.co"}, NOW)
    assert crm.contacts.find(conn, rep).rows == [second]
    assert crm.contacts.find(conn, rep, {"archived": True}).rows == [away]
    with pytest.raises(errors.Invalid, match="archived"):
        crm.contacts.update(conn, rep, first.id, {"title": "CFO"}, NOW)
    with pytest.raises(errors.Invalid, match="there is no contact"):
        crm.tasks.create(conn, rep, {"subject": "Call", "contact_id": first.id}, NOW)


def test_a_move_is_told_to_both_accounts(conn: storage.Connection, rep: Viewer, facts: Any) -> None:
    a = crm.accounts.create(conn, rep, {"key": "a"}, NOW)
    b = crm.accounts.create(conn, rep, {"key": "b"}, NOW)
    made = crm.contacts.create(conn, rep, {"email": "ann@acme.co", "account_id": a.id}, NOW)
    crm.contacts.update(conn, rep, made.id, {"account_id": b.id}, NOW)
    arrived, left = facts()[-2:]
    assert arrived["context"]["groupId"] == "b"
    assert left["context"] == {"actor": rep.actor, "groupId": "a"}
    assert left["messageId"] == arrived["messageId"] + "-left"
    assert left["properties"] == arrived["properties"]
    assert arrived["properties"]["changes"] == {"account_id": [a.id, b.id]}


def test_lists_sort_by_name_in_any_script(conn: storage.Connection, rep: Viewer) -> None:
    for name in ("Åsa", "Zoë", "arne", "Émile", "李"):
        crm.contacts.create(conn, rep, {"first_name": name}, NOW)
    found = [c.name for c in crm.contacts.find(conn, rep).rows]
    assert found == ["arne", "Åsa", "Émile", "Zoë", "李"]
    assert [c.name for c in crm.contacts.find(conn, rep, q="EMILE").rows] == ["Émile"]


def test_search_finds_parts_of_an_address(conn: storage.Connection, rep: Viewer) -> None:
    made = crm.contacts.create(conn, rep, {"email": "ann@acme.co", "last_name": "Lee"}, NOW)
    crm.contacts.create(conn, rep, {"email": "bob@other.co"}, NOW)
    for q in ("acme", "lee ann@", "ANN@ACME"):
        assert crm.contacts.find(conn, rep, q=q).rows == [made]


def test_by_email_finds_or_makes(conn: storage.Connection, rep: Viewer, facts: Any) -> None:
    items: list[crm.Item] = []
    made = crm.contacts.by_email(conn, rep, "Ann@acme.co", NOW, into=items)
    assert crm.contacts.by_email(conn, rep, "ann@ACME.co", NOW, into=items) == made
    assert [i["event"] for i in items] == ["Contact Created"]
    assert facts() == []
    crm.append(conn, items, NOW)
    assert facts() == items
    with pytest.raises(errors.Invalid):
        crm.contacts.by_email(conn, rep, "", NOW)


def test_two_doors_making_one_contact_make_one(database: str) -> None:
    outcome: list[Any] = []

    def make(n: int) -> None:
        with storage.connect(database) as conn:
            try:
                outcome.append(crm.contacts.create(conn, SYSTEM, {"email": "ann@acme.co"}, NOW).id)
            except errors.Conflict as conflict:
                outcome.append(conflict.current["id"])

    threads = [threading.Thread(target=make, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with storage.connect(database) as conn:
        (only,) = crm.contacts.find(conn, SYSTEM).rows
    assert outcome == [only.id] * 4


def test_two_edits_to_one_address_give_one_of_them_a_conflict(database: str) -> None:
    with storage.connect(database) as conn:
        made = [crm.contacts.create(conn, SYSTEM, {"first_name": f"N{n}"}, NOW) for n in range(3)]
    outcome: list[str] = []

    def take(record_id: str) -> None:
        with storage.connect(database) as conn:
            try:
                crm.contacts.update(conn, SYSTEM, record_id, {"email": "x@acme.co"}, NOW)
                outcome.append("taken")
            except errors.Conflict:
                outcome.append("conflict")

    threads = [threading.Thread(target=take, args=(c.id,)) for c in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcome) == ["conflict", "conflict", "taken"]
