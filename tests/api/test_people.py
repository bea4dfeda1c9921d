"""People, accounts and timelines over HTTP; references with anything in them."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from onefold import storage
from tests.api.conftest import Door
from tests.record.company import Company, group, identify, track

REFS = [
    "org/42",
    "a:b",
    "a/timeline",
    "100%",
    "50%25",
    "ä ö",
    "x?y#z",
    "+1 2",
    "per_1",
    "..",
    "%2F",
]


@pytest.fixture
def company(database: str) -> Iterator[Company]:
    with storage.connect(database) as conn:
        yield Company(conn)


def test_any_value_can_be_asked_for_percent_encoded(door: Door, company: Company) -> None:
    for value in REFS:
        company.send(identify(value, name=f"Is {value}"))
    company.work()
    for value in REFS:
        ref = quote(f"user_id:{value}", safe="")
        person = door.ok("GET", f"/api/people/{ref}")
        assert [i["value"] for i in person["identifiers"]] == [value]
        items = door.ok("GET", f"/api/people/{ref}/timeline")["items"]
        assert [i["traits"]["name"] for i in items] == [f"Is {value}"]


def test_colons_and_at_signs_need_no_encoding(door: Door, company: Company) -> None:
    company.send(identify("a:b", email="ann@acme.co"))
    company.work()
    one = door.ok("GET", "/api/people/user_id:a:b")
    assert door.ok("GET", "/api/people/email:ann@acme.co") == one
    assert door.ok("GET", f"/api/people/{one['id']}") == one


def test_accounts_by_id_and_key_with_timeline_and_edits(door: Door, company: Company) -> None:
    company.send(group("u1", "acme/eu", name="Acme"), track("u1", "Login", "acme/eu"))
    company.work()
    path = "/api/accounts/account_id:acme%2Feu"
    account = door.ok("GET", path, role="reader")
    assert (account["name"], account["key"]) == ("Acme", "acme/eu")
    assert door.ok("GET", f"/api/accounts/{account['id']}") == account
    assert len(door.ok("GET", f"{path}/timeline?limit=1")["items"]) == 1
    changed = door.ok("PATCH", path, {"industry": "Ships", "expected_version": account["version"]})
    assert changed["industry"] == "Ships"
    assert door("PATCH", path, {"plan": "x", "expected_version": 1}).status_code == 409
    listed = door.ok("GET", "/api/accounts?q=acme")
    assert [a["id"] for a in listed["items"]] == [account["id"]]


def test_lists_have_items_total_and_next(door: Door, company: Company) -> None:
    for i in range(3):
        company.send(identify(f"u{i}", name=f"N{i}"))
    company.work()
    first = door.ok("GET", "/api/people?sort=name&limit=2&known=true")
    assert [p["name"] for p in first["items"]] == ["N0", "N1"]
    assert first["total"] == 3
    path = f"/api/people?sort=name&limit=2&known=true&cursor={first['next']}"
    rest = door.ok("GET", path)
    assert [p["name"] for p in rest["items"]] == ["N2"]
    assert rest["next"] is None


def test_a_timeline_pages_by_its_cursor(door: Door, company: Company) -> None:
    company.send(*[track("u1", f"E{i}") for i in range(5)])
    company.work()
    path = "/api/people/user_id:u1/timeline?limit=2"
    names, before = [], ""
    for _ in range(5):
        found = door.ok("GET", path + before)
        names += [i["name"] for i in found["items"]]
        if found["next"] is None:
            break
        before = f"&before={quote(found['next'])}"
    assert names == ["E4", "E3", "E2", "E1", "E0"]
    assert door.faults("GET", f"{path}&before=f.1") == ["before"]


def test_who_is_not_there_is_404_and_the_message_helps(door: Door) -> None:
    answer = door("GET", "/api/people/mail:ann@acme.co")
    assert answer.status_code == 404
    assert "Did you mean `email`" in answer.json()["error"]["message"]
    for path in ("user_id%3Ax/timelin", "user_id:a%00b", "%", "%ff", "a/b/c"):
        assert door("GET", f"/api/people/{path}").status_code == 404, path
