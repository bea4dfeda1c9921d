"""The Profile API: chosen parts, a thousand in one call, and an ETag that is right."""

from collections.abc import Iterator

import pytest

from onefold import storage
from tests.api.conftest import Door
from tests.record.company import NOW, Company, group, identify, page, track

HEAD = {
    "id", "merged_into", "merged_ids", "name", "email", "title", "known", "first_seen",
    "last_seen", "contacts",
}  # fmt: skip
ANN = "/api/people/user_id:u1"


@pytest.fixture
def company(database: str) -> Iterator[Company]:
    with storage.connect(database) as conn:
        made = Company(conn)
        made.send(
            identify("u1", "d1", email="Ann@acme.co", name="Ann", plan="pro", seats=3),
            group("u1", "acme", name="Acme", tier="gold"),
            track("u1", "Report Exported", "acme", format="pdf"),
            identify("u2", email="bo@acme.co", name="Bo", plan="free"),
        )
        made.work()
        yield made


def test_fields_choose_exactly_and_include_adds_to_the_head(door: Door, company: Company) -> None:
    del company
    whole = door.ok("GET", ANN, role="reader")
    assert "recent_events" not in whole
    some = door.ok("GET", f"{ANN}?fields=name,traits.plan,audiences")
    assert some.keys() == {"id", "name", "traits", "audiences"}
    assert some["traits"] == {"plan": whole["traits"]["plan"]}
    more = door.ok("GET", f"{ANN}?include=traits,recent_events")
    assert more.keys() == HEAD | {"traits", "recent_events"}
    assert [e["kind"] for e in more["recent_events"]] == ["track", "group", "identify"]
    both = door.ok("GET", f"{ANN}?fields=name&include=accounts")
    assert both.keys() == {"id", "name", "accounts"}
    account = door.ok("GET", "/api/accounts/account_id:acme?fields=traits.tier,people,roll_up")
    assert account.keys() == {"id", "traits", "people", "roll_up"}
    assert [p["name"] for p in account["people"]] == ["Ann"]


def test_what_is_not_known_is_named_all_at_once(door: Door, company: Company) -> None:
    del company
    answer = door("GET", f"{ANN}?fields=nam,traits.plan,x&include=audience")
    faults = answer.json()["error"]["faults"]
    assert [f["field"] for f in faults] == ["fields", "fields", "include"]
    assert "Did you mean `name`?" in faults[0]["remedy"]
    assert "Did you mean `audiences`?" in faults[2]["remedy"]
    body = {"ids": ["user_id:u1"], "include": ["tickets"]}
    assert door.faults("POST", "/api/people/batch", body) == ["include"]
    assert door.faults("POST", "/api/people/batch", {"ids": []}) == ["ids"]
    assert door.faults("POST", "/api/people/batch", {"ids": ["per_1"] * 1001}) == ["ids"]
    many = {"ids": ["per_1"] * 101, "include": ["recent_events"]}
    assert door.faults("POST", "/api/people/batch", many) == ["ids"]


def test_a_batch_answers_in_order_and_names_who_is_missing(door: Door, company: Company) -> None:
    one = door.ok("GET", ANN)
    refs = ["user_id:u2", "email:ANN@acme.co", "user_id:u9", "shop:7", "per_0", "anonymous_id:d1",
            one["id"], "account_id:acme", "user_id:null"]  # fmt: skip
    found = door.ok("POST", "/api/people/batch", {"ids": refs}, role="reader")
    assert [i["ref"] for i in found["items"]] == refs
    names = [i["record"] and i["record"]["name"] for i in found["items"]]
    assert names == ["Bo", "Ann", None, None, None, "Ann", "Ann", None, None]
    assert found["found"] == 4
    gone = {"tickets", "tasks"}
    assert found["items"][1]["record"] == {k: v for k, v in one.items() if k not in gone}
    errors = [i["error"] for i in found["items"]]
    assert "`user_id:u9`" in errors[2]
    assert "`shop` is not a namespace" in errors[3]
    assert "/api/accounts/account_id:acme" in errors[7]
    company.send(identify("u1", "d2"), identify("u2", "d3"))
    assert len(door.ok("POST", "/api/people/batch", {"ids": refs * 100})["items"]) == 900


def test_a_batch_follows_merges_as_a_single_read_does(door: Door, company: Company) -> None:
    company.send(page("d7"), at_ms=NOW - 1)
    company.work()
    former = door.ok("GET", "/api/people/anonymous_id:d7")["id"]
    company.send(identify("u1", "d7"))
    company.work(NOW + 1)
    kept = door.ok("GET", ANN)["id"]
    gone = next(i for i in door.ok("GET", ANN)["merged_ids"])
    assert former in (kept, gone)
    fields = {"ids": [gone, "user_id:u1"], "fields": ["merged_into", "merged_ids"]}
    by_id, by_name = (i["record"] for i in door.ok("POST", "/api/people/batch", fields)["items"])
    assert by_id == {"id": kept, "merged_into": kept, "merged_ids": [gone]}
    assert by_id == door.ok("GET", f"/api/people/{gone}?fields=merged_into,merged_ids")
    assert by_name == {**by_id, "merged_into": None}


def test_accounts_come_in_batches_too(door: Door, company: Company) -> None:
    del company
    one = door.ok("GET", "/api/accounts/account_id:acme")
    refs = ["account_id:acme", one["id"], "account_id:nobody", "email:a@b.co"]
    found = door.ok("POST", "/api/accounts/batch", {"ids": refs, "include": ["usage", "people"]})
    records = [i["record"] for i in found["items"]]
    assert records[0] == records[1]
    assert records[2:] == [None, None]
    assert records[0] == {k: one[k] for k in records[0]}
    plain = door.ok("POST", "/api/accounts/batch", {"ids": refs[:1]})["items"][0]["record"]
    assert plain["traits"] == one["traits"]
    assert "people" not in plain


def test_an_etag_changes_exactly_when_the_answer_does(door: Door, company: Company) -> None:
    path = f"{ANN}?fields=traits.plan"
    first = door("GET", path)
    tag = first.headers["ETag"]
    headers = {"If-None-Match": f'"other", W/{tag}'}
    same = door("GET", path, headers=headers)
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    whole = door("GET", ANN).headers["ETag"]
    company.send(track("u1", "Login"))
    company.work(NOW + 60_000)
    assert door("GET", path, headers=headers).status_code == 304
    assert door("GET", ANN).headers["ETag"] != whole
    company.send(identify("u1", plan="team"), at_ms=NOW + 120_000)
    company.work(NOW + 120_000)
    changed = door("GET", path, headers=headers)
    assert changed.status_code == 200
    assert changed.json()["traits"]["plan"]["value"] == "team"
    account = door("GET", "/api/accounts/account_id:acme?fields=name")
    again = {"If-None-Match": account.headers["ETag"]}
    assert door("GET", "/api/accounts/acc_1?fields=name", headers=again).status_code == 304
