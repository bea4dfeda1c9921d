"""An account's record by id or key, and the list of accounts."""

import pytest

from onefold import crm, record
from onefold.kernel import errors, ids, limits
from onefold.kernel.viewer import SYSTEM
from tests.record.company import NOW, Company, group, identify, track

DAY = 86_400_000
PROMISED = {
    "id", "identifiers", "traits", "people", "audiences", "events", "first_seen", "last_seen",
    "health", "owner",
}  # fmt: skip


def acme(company: Company) -> None:
    """Ann and Bob work at Acme; Ann exports on two days."""
    company.send(
        identify("u1", name="Ann", email="ann@acme.co"),
        group("u1", "acme", name="Acme", plan="pro", seats=20),
        track("u1", "Report Exported", "acme"),
        at_ms=NOW - DAY,
    )
    company.send(identify("u2", name="Bob"), group("u2", "acme"))
    company.send(track("u1", "Report Exported", "acme"), track("u2", "Report Exported", "acme"))
    company.work()


def test_an_account_answers_what_is_promised_by_id_and_key(company: Company) -> None:
    acme(company)
    whole = record.account(company.conn, SYSTEM, "account_id:acme", NOW)
    assert whole.keys() >= PROMISED
    number = whole["id"].removeprefix("acc_")
    for ref in (whole["id"], number, "account_id: acme "):
        assert record.account(company.conn, SYSTEM, ref, NOW) == whole
    assert (whole["name"], whole["plan"], whole["key"]) == ("Acme", "pro", "acme")
    assert whole["traits"]["seats"]["value"] == 20
    assert whole["traits"]["seats"]["source"] == "product"
    assert whole["identifiers"][0]["value"] == "acme"
    assert whole["owner"] is None


def test_its_people_are_listed_newest_seen_first(company: Company) -> None:
    acme(company)
    company.send(track("u2", "Page", "acme"), at_ms=NOW + 5 * 60_000)
    company.work(NOW + 5 * 60_000)
    whole = record.account(company.conn, SYSTEM, "account_id:acme", NOW)
    assert [(p["name"], p["email"]) for p in whole["people"]] == [
        ("Bob", ""),
        ("Ann", "ann@acme.co"),
    ]
    assert whole["people_total"] == 2


def test_usage_has_every_day_of_the_window_and_people_are_distinct(company: Company) -> None:
    acme(company)
    usage = record.account(company.conn, SYSTEM, "account_id:acme", NOW)["usage"]
    assert len(usage) == limits.account_usage_days_max
    assert usage[-1] == {"day": "2025-10-09", "events": 2, "people": 2}
    assert usage[-2] == {"day": "2025-10-08", "events": 1, "people": 1}
    assert usage[0]["events"] == 0


def test_owner_tickets_and_tasks_are_on_it(company: Company) -> None:
    acme(company)
    conn = company.conn
    eve = crm.users.create(conn, SYSTEM, "eve@us.co", "Eve", "member", "long enough", NOW)
    found = record.account(conn, SYSTEM, "account_id:acme", NOW)["id"]
    crm.accounts.update(conn, SYSTEM, found, {"owner_id": eve.id}, NOW)
    crm.tickets.create(conn, SYSTEM, {"subject": "Slow", "account_id": found}, NOW)
    crm.tasks.create(conn, SYSTEM, {"subject": "Call", "account_id": found}, NOW)
    conn.commit()
    whole = record.account(conn, SYSTEM, found, NOW)
    assert whole["owner"] == {"id": eve.id, "name": "Eve", "email": "eve@us.co"}
    assert [t["subject"] for t in whole["tickets"]] == ["Slow"]
    assert [t["subject"] for t in whole["tasks"]] == ["Call"]
    assert list(whole["edited"]) == ["owner_id"] or whole["edited"] == {}


def test_an_account_made_by_hand_has_no_facts_yet(company: Company) -> None:
    made = crm.accounts.create(company.conn, SYSTEM, {"name": "Globex"}, NOW)
    whole = record.account(company.conn, SYSTEM, made.id, NOW)
    assert whole["name"] == "Globex"
    assert whole["people"] == []
    assert record.resolve_account(company.conn, SYSTEM, made.id) == ids.parse_id("acc", made.id)


NOWHERE = [
    ("acc_999", "no account"),
    ("account_id:nobody", "no account"),
    ("account:acme", "Did you mean `account_id`"),
    ("user_id:u1", "/api/people/user_id:u1"),
    ("account_id:", "needs the account's key"),
    ("account_id:a\0", "needs the account's key"),
    ("acme", "no account"),
]


def test_which_is_not_there_is_not_found(company: Company) -> None:
    for ref, says in NOWHERE:
        with pytest.raises(errors.NotFound, match=says):
            record.account(company.conn, SYSTEM, ref, NOW)


def test_the_list_filters_by_owner_and_risk_and_searches(company: Company) -> None:
    conn = company.conn
    eve = crm.users.create(conn, SYSTEM, "eve@us.co", "Eve", "member", "long enough", NOW)
    made = {
        name: crm.accounts.create(conn, SYSTEM, {"name": name, "domain": f"{name.lower()}.co"}, NOW)
        for name in ("Zeta", "Acme", "Öko")
    }
    crm.accounts.update(conn, SYSTEM, made["Acme"].id, {"owner_id": eve.id}, NOW)
    crm.set_risk(conn, SYSTEM, made["Zeta"].id, "critical", "usage fell", NOW)

    def names(**asked: str) -> list[str]:
        found = record.list_accounts(conn, SYSTEM, **asked)  # type: ignore[arg-type]
        assert found["total"] == len(found["items"])
        return [a["name"] for a in found["items"]]

    assert names() == ["Acme", "Öko", "Zeta"]
    assert names(sort="-name") == ["Zeta", "Öko", "Acme"]
    assert names(owner=eve.id) == ["Acme"]
    assert names(owner="none") == ["Öko", "Zeta"]
    assert names(risk="any") == names(risk="critical") == ["Zeta"]
    assert names(risk="warning") == []
    assert names(q="oko") == ["Öko"]
    assert names(q="zeta.co") == ["Zeta"]
    assert names(q="akme") == ["Acme"]
    with pytest.raises(errors.Invalid):
        names(risk="huge")
    with pytest.raises(errors.Invalid):
        names(owner="nobody")
    row = record.list_accounts(conn, SYSTEM, owner=eve.id)["items"][0]
    assert row["owner"] == {"id": eve.id, "name": "Eve", "email": "eve@us.co"}
    assert row["people"] == 0
