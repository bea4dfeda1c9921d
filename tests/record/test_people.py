"""A person's record, by any identifier, and the list of people."""

from typing import Any

import pytest

from onefold import crm, record
from onefold.kernel import errors
from onefold.kernel.viewer import SYSTEM, Viewer
from tests.record.company import NOW, Company, group, identify, page, track

DAY = 86_400_000
PROMISED = {
    "id", "identifiers", "traits", "accounts", "audiences", "events", "first_seen", "last_seen",
    "merged_ids",
}  # fmt: skip


def ann(company: Company) -> None:
    """Ann visits, signs up, exports; her account is Acme."""
    company.send(page("d1"), at_ms=NOW - DAY)
    company.send(
        identify("org/42", "d1", email="Ann@Acme.co", name="Ann Ångström"),
        group("org/42", "acme", name="Acme"),
        track("org/42", "Report Exported", "acme", format="pdf"),
        track("org/42", "Report Exported", "acme", format="csv"),
    )
    company.work()


def test_a_person_is_one_whatever_the_reference(company: Company) -> None:
    ann(company)
    whole = record.person(company.conn, SYSTEM, "email:ann@acme.co")
    assert whole.keys() >= PROMISED
    number = whole["id"].removeprefix("per_")
    for ref in ("user_id:org/42", "anonymous_id:d1", "email:ANN@acme.co ", whole["id"], number):
        assert record.person(company.conn, SYSTEM, ref) == whole


def test_identifiers_say_when_facts_carried_them(company: Company) -> None:
    ann(company)
    found = record.person(company.conn, SYSTEM, "anonymous_id:d1")["identifiers"]
    spans = {(i["namespace"], i["value"]): (i["first_seen"], i["last_seen"]) for i in found}
    today, yesterday = "2025-10-09T09:00:00.000Z", "2025-10-08T09:00:00.000Z"
    assert spans == {
        ("user_id", "org/42"): (today, today),
        ("email", "ann@acme.co"): (today, today),
        ("anonymous_id", "d1"): (yesterday, today),
    }


def test_traits_carry_value_source_and_time(company: Company) -> None:
    ann(company)
    traits = record.person(company.conn, SYSTEM, "email:ann@acme.co")["traits"]
    at = "2025-10-09T09:00:00.000Z"
    assert traits["name"] == {"value": "Ann Ångström", "source": "product", "at": at}
    assert traits["email"]["value"] == "Ann@Acme.co"


def test_events_are_counted_and_accounts_named(company: Company) -> None:
    ann(company)
    person = record.person(company.conn, SYSTEM, "email:ann@acme.co")
    assert person["events"]["total"] == 5
    assert next(iter(person["events"]["by_name"].items())) == ("Report Exported", 2)
    (account,) = person["accounts"]
    assert (account["name"], account["primary"], account["key"]) == ("Acme", True, "acme")
    assert person["first_seen"] == "2025-10-08T09:00:00.000Z"
    assert person["known"] is True
    assert person["name"] == "Ann Ångström"


def test_a_merged_id_answers_the_person_it_became(company: Company) -> None:
    company.send(page("d1"))
    company.send(identify("u1", email="ann@acme.co"))
    company.work()
    visitor = record.person(company.conn, SYSTEM, "anonymous_id:d1")["id"]
    user = record.person(company.conn, SYSTEM, "user_id:u1")["id"]
    assert visitor != user
    company.send(identify("u1", "d1"))
    company.work()
    person = record.person(company.conn, SYSTEM, "anonymous_id:d1")
    (gone,) = {visitor, user} - {person["id"]}
    assert person["merged_ids"] == [gone]
    former = record.person(company.conn, SYSTEM, gone)
    assert former == {**person, "merged_into": person["id"]}
    assert record.person_timeline(company.conn, SYSTEM, gone)["items"]


def test_tickets_and_tasks_of_a_contact_are_on_the_person(company: Company) -> None:
    ann(company)
    values = {"subject": "Export fails", "email": "ann@acme.co"}
    ticket = crm.tickets.create(company.conn, SYSTEM, values, NOW)
    task = {"subject": "Call Ann", "contact_id": ticket.contact_id}
    crm.tasks.create(company.conn, SYSTEM, task, NOW)
    company.conn.commit()
    company.work()
    person = record.person(company.conn, SYSTEM, "email:ann@acme.co")
    assert [t["subject"] for t in person["tickets"]] == ["Export fails"]
    assert [t["subject"] for t in person["tasks"]] == ["Call Ann"]
    assert person["contacts"] == [ticket.contact_id]
    by_contact = record.person(company.conn, SYSTEM, str(ticket.contact_id))
    assert by_contact["id"] == person["id"]


NOBODY = [
    ("per_999", "no person"),
    ("999999999999999999999", "no person"),
    ("user_id:nobody", "no person"),
    ("usr_id:u1", "Did you mean `user_id`"),
    ("mail:a@b.co", "Did you mean `email`"),
    ("account_id:acme", "/api/accounts/account_id:acme"),
    ("email:", "identifies nobody"),
    ("user_id:null", "identifies nobody"),
    ("con_x", "no person"),
    ("contact:abc", "no person"),
    ("", "no person"),
    ("a\0b", "no person"),
    ("email:a\0b", "no person|nobody"),
]


def test_who_is_not_there_is_not_found_and_the_message_helps(company: Company) -> None:
    for ref, says in NOBODY:
        with pytest.raises(errors.NotFound, match=says):
            record.person(company.conn, SYSTEM, ref)


def test_a_list_pages_through_everybody_once_in_every_order(company: Company) -> None:
    names = ["Ann", "bob", "Çelik", "Dora", "ann", "Zoë"]
    for i, name in enumerate(names):
        company.send(identify(f"u{i}", name=name), at_ms=NOW - i * DAY)
    company.send(page("d9"), at_ms=NOW - 99 * DAY)
    company.work()
    for sort, first in (("name", "Ann"), ("-name", "Zoë"), ("-last_seen", "Ann"), (None, "Ann")):
        seen, cursor = [], None
        for _ in range(10):
            found = record.list_people(company.conn, SYSTEM, sort=sort, cursor=cursor, limit=2)
            assert found["total"] == 7
            assert len(found["items"]) <= 2
            seen += found["items"]
            cursor = found["next"]
            if cursor is None:
                break
        assert len({p["id"] for p in seen}) == len(seen) == 7
        assert seen[0]["name"] == first


def test_people_never_seen_come_last_and_are_not_lost(company: Company) -> None:
    for i in range(5):
        company.conn.execute("INSERT INTO person (id, last_seen_ms) VALUES (%s, NULL)", (100 + i,))
    company.conn.execute(
        "INSERT INTO person (id, last_seen_ms) VALUES (200, 5), (201, 5), (202, 9)"
    )
    seen, cursor = [], None
    for _ in range(9):
        found = record.list_people(company.conn, SYSTEM, cursor=cursor, limit=1)
        seen += [p["id"] for p in found["items"]]
        cursor = found["next"]
        if cursor is None:
            break
    assert seen == [f"per_{i}" for i in (202, 200, 201, 100, 101, 102, 103, 104)]


def test_search_finds_as_typed_and_forgives_a_slip(company: Company) -> None:
    for i, name in enumerate(["Ann Ångström", "Bob Johnson", "Carla Smith", "Dan 100%"]):
        company.send(identify(f"u{i}", name=name, email=f"{name.split()[0].lower()}@acme.co"))
    company.work()

    def names(q: str) -> list[str]:
        return [p["name"] for p in record.list_people(company.conn, SYSTEM, q=q)["items"]]

    assert names("angstrom") == ["Ann Ångström"]
    assert names("ångstr ann") == ["Ann Ångström"]
    assert names("carla@acme.co") == ["Carla Smith"]
    assert names("jonson")[0] == "Bob Johnson"
    assert names("smtih")[0] == "Carla Smith"
    assert names("100%") == ["Dan 100%"]
    assert names("_") == names("\\") == []
    assert len(names("@acme")) == 4
    assert names("xyzzy") == []


def test_search_pages_by_likeness(company: Company) -> None:
    for i in range(7):
        company.send(identify(f"u{i}", name=f"Johnson {'x' * i}"))
    company.work()
    seen, cursor = [], None
    for _ in range(9):
        found = record.list_people(company.conn, SYSTEM, q="jonson", cursor=cursor, limit=2)
        seen += [p["id"] for p in found["items"]]
        cursor = found["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 7


def test_filters_narrow_the_list(company: Company) -> None:
    ann(company)
    company.send(identify("u2", name="Bob"), page("d7"))
    company.work()

    def names(**filters: Any) -> list[str]:
        found = record.list_people(company.conn, SYSTEM, sort="name", **filters)
        return [p["name"] for p in found["items"]]

    assert names(known=False) == [""]
    assert names(known=True) == ["Ann Ångström", "Bob"]
    assert names(account="account_id:acme") == ["Ann Ångström"]
    assert names(account="account_id:nobody") == []
    assert names(audience="nobody") == []


BAD_QUESTIONS = [
    ({"limit": 0}, "limit"),
    ({"limit": 201}, "limit"),
    ({"sort": "shoe_size"}, "sort"),
    ({"cursor": "!!"}, "cursor"),
    ({"cursor": ""}, "cursor"),
    ({"account": "user_id:u1"}, "account"),
    ({"audience": "a\0"}, "audience"),
    ({"q": "x" * 101}, "q"),
    ({"q": "a\0"}, "q"),
]


def test_a_list_refuses_what_it_does_not_know(company: Company) -> None:
    for asked, field in BAD_QUESTIONS:
        with pytest.raises(errors.Invalid) as caught:
            record.list_people(company.conn, SYSTEM, **asked)  # type: ignore[arg-type]
        assert [f.field for f in caught.value.faults] == [field]


def test_a_cursor_of_another_order_is_refused(company: Company) -> None:
    for i in range(3):
        company.send(identify(f"u{i}", name=f"N{i}"))
    company.work()
    by_name = record.list_people(company.conn, SYSTEM, sort="name", limit=1)["next"]
    with pytest.raises(errors.Invalid):
        record.list_people(company.conn, SYSTEM, sort="-name", limit=1, cursor=by_name)


def test_every_role_reads(company: Company) -> None:
    ann(company)
    reader = Viewer(kind="key", id=1, name="r", role="reader")
    assert record.person(company.conn, reader, "email:ann@acme.co")["known"]
