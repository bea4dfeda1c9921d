"""The routes of all objects of the CRM: filters, fields, upsert, batch, repeats, versions."""

from typing import Any

import pytest

from tests.api.conftest import Door


@pytest.fixture
def stages(door: Door) -> dict[str, str]:
    (pipeline,) = door.ok("GET", "/api/pipelines")["items"]
    return {s["name"]: s["id"] for s in pipeline["stages"]}


def _deal(door: Door, **values: Any) -> Any:
    return door.ok("POST", "/api/deals", {"name": "Big one", "amount": 1200.5, **values})


def test_a_deal_goes_its_way_and_remembers_it(door: Door, stages: dict[str, str]) -> None:
    account = door.ok("POST", "/api/accounts", {"key": "acme"})["id"]
    contact = door.ok("POST", "/api/contacts", {"email": "ann@acme.co", "account_id": account})
    deal = _deal(door, account_id=account, contact_id=contact["id"], next_step="Call")
    path = f"/api/deals/{deal['id']}"
    assert (deal["stage_name"], deal["probability"], deal["forecast"], deal["status"]) == (
        "Appointment scheduled", 20, "pipeline", "open",
    )  # fmt: skip
    assert (deal["amount"], deal["currency"], deal["amount_base"]) == (1200.5, "USD", 1200.5)
    moved = door.ok("PATCH", path, {"stage_id": stages["Contract sent"]}, headers={"If-Match": "1"})
    assert (moved["probability"], moved["forecast"]) == (90, "commit")
    stale = door("PATCH", path, {"name": "Mine"}, headers={"If-Match": "1"})
    assert stale.status_code == 409
    assert stale.json()["error"]["current"]["stage_name"] == "Contract sent"
    won = door.ok("PATCH", path, {"status": "won", "reason": "Price"})
    assert (won["stage_name"], won["probability"], won["reason"]) == ("Closed won", 100, "Price")
    assert won["closed_at"]
    assert won["close_date"] == won["closed_at"][:10]
    moves = door.ok("GET", f"{path}/moves")["items"]
    assert [m["to_stage_name"] for m in moves] == [
        "Closed won", "Contract sent", "Appointment scheduled"
    ]  # fmt: skip
    assert moves[0]["from_stage_name"] == "Contract sent"
    assert moves[0]["days"] is not None
    assert door.ok("GET", f"/api/contacts/{contact['id']}")["lifecycle"] == "customer"
    again = door.ok("PATCH", path, {"status": "open"})
    assert (again["reason"], again["closed_at"], again["status"]) == ("", None, "open")
    pipeline = door.ok("POST", "/api/pipelines", {"name": "Renewals", "stages": [
        {"name": "Due"}, {"name": "Renewed", "category": "won"},
        {"name": "Gone", "category": "lost"},
    ]})  # fmt: skip
    assert door.faults("PATCH", path, {
        "pipeline_id": pipeline["id"], "stage_id": stages["Contract sent"], "status": "lost",
    }) == ["stage_id", "status"]  # fmt: skip
    there = door.ok("PATCH", path, {"pipeline_id": pipeline["id"]})
    assert (there["pipeline_name"], there["stage_name"]) == ("Renewals", "Due")


def test_lines_make_the_amount(door: Door) -> None:
    product = door.ok("POST", "/api/products", {"name": "Seat", "code": "S", "price": "99.99"})
    deal = _deal(door)
    path = f"/api/deals/{deal['id']}/lines"
    assert door.faults("PUT", path, {"lines": [
        {"product_id": product["id"], "quantity": 0}, {"name": "x", "discount": 120},
    ]}) == ["lines[0].quantity", "lines[1].discount", "lines[1].price"]  # fmt: skip
    lines = [
        {"product_id": product["id"], "quantity": 3, "discount": 10},
        {"name": "Set-up", "price": 500},
    ]
    put = door.ok("PUT", path, {"lines": lines, "expected_version": 1})
    assert [line["total"] for line in put["lines"]] == [269.97, 500]
    assert (put["deal"]["amount"], put["deal"]["version"]) == (769.97, 2)
    assert door("PUT", path, {"lines": [], "expected_version": 1}).status_code == 409


def test_lists_filter_by_every_field_sort_and_choose_fields(door: Door) -> None:
    for n, amount in enumerate((10, 250, 30)):
        _deal(door, name=f"Deal {n}", amount=amount, external_id=f"x{n}", close_date="2026-12-01")
    found = door.ok("GET", "/api/deals?amount_min=30&sort=-amount&fields=name,amount&limit=1")
    assert found["items"] == [{"id": "deal_2", "version": 1, "name": "Deal 1", "amount": 250}]
    assert found["total"] == 2
    more = door.ok("GET", "/api/deals?amount_min=30&sort=-amount&limit=1&cursor=" + found["next"])
    assert [d["name"] for d in more["items"]] == ["Deal 2"]
    assert more["next"] is None
    asked = "close_date_after=2026-12-01&close_date_before=2026-12-02&owner=none&external_id=X1"
    assert door.ok("GET", f"/api/deals?{asked}")["total"] == 1
    for wrong in ("amount_mn=3", "sort=size", "fields=nme", "close_date_before=soon", "limit=0"):
        assert door.faults("GET", f"/api/deals?{wrong}") == [wrong.partition("=")[0]]
    assert door.faults("GET", f"/api/deals?sort=name&cursor={found['next']}") == ["cursor"]


def test_an_upsert_goes_by_a_unique_field(door: Door) -> None:
    first = door("PUT", "/api/deals", {"external_id": "sf-1", "name": "One"})
    assert first.status_code == 201
    second = door("PUT", "/api/deals", {"external_id": "sf-1", "name": "One", "amount": 5})
    assert (second.status_code, second.json()["version"]) == (200, 2)
    assert second.json()["id"] == first.json()["id"]
    assert door.faults("PUT", "/api/deals", {"name": "One"}) == ["by"]
    contact = door.ok("PUT", "/api/contacts", {"email": "Ann@acme.co"})
    assert (
        door.ok("PUT", "/api/contacts", {"email": "ann@ACME.co", "title": "CTO"})["id"]
        == (contact["id"])
    )


def test_a_batch_tells_of_each_and_an_atomic_one_fails_whole(door: Door) -> None:
    items = [
        {"values": {"name": "A"}}, {"values": {"nme": "B"}},
        {"action": "upsert", "values": {"name": "C", "external_id": "c"}},
        {"action": "change", "id": "deal_1", "values": {"amount": 3}, "expected_version": 7},
        {"action": "archive", "id": "deal_1"},
    ]  # fmt: skip
    answer = door.ok("POST", "/api/deals/changes", {"items": items})
    assert [i["status"] for i in answer["items"]] == [
        "created", "failed", "created", "failed", "archived"
    ]  # fmt: skip
    assert answer["items"][3]["error"]["current"]["version"] == 1
    assert [d["name"] for d in door.ok("GET", "/api/deals")["items"]] == ["C"]
    assert door("POST", "/api/deals/changes", {"items": items, "atomic": True}).status_code == 400
    assert door.ok("GET", "/api/deals")["total"] == 1
    back = door.ok("POST", "/api/deals/deal_1/restore")
    assert back["archived_at"] is None


def test_a_repeat_gets_the_first_answer(door: Door) -> None:
    key = {"Idempotency-Key": "order-7"}
    first = door("POST", "/api/deals", {"name": "Once"}, headers=key)
    again = door("POST", "/api/deals", {"name": "Once"}, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replay"] == "true"
    assert door("POST", "/api/deals", {"name": "Other"}, headers=key).status_code == 409
    assert door("POST", "/api/deals", {"name": "Once"}, headers=key, role="member").json()[
        "id"
    ] == ("deal_2")
    assert door.faults("POST", "/api/deals", {"name": "x"}, headers={"Idempotency-Key": ""}) == [
        "Idempotency-Key"
    ]


def test_own_fields_are_checked_filtered_and_sorted(door: Door) -> None:
    for field in (
        {"key": "tier", "label": "Tier", "kind": "select", "options": ["gold", "silver"]},
        {"key": "seats", "label": "Seats", "kind": "number"},
        {"key": "goals", "label": "Goals", "kind": "multi_select", "options": ["a", "b"]},
        {"key": "parent", "label": "Parent", "kind": "reference", "refers": "account"},
    ):
        door.ok("POST", "/api/fields", {"object": "deal", **field})
    assert door.faults("POST", "/api/fields", {
        "object": "deal", "key": "Bad Key", "label": "x", "kind": "select"
    }) == ["key", "options"]  # fmt: skip
    assert door.faults("POST", "/api/deals", {"name": "x", "custom": {
        "tier": "bronze", "seats": "many", "goals": ["c"], "parent": "acc_9", "tire": 1,
    }}) == [f"custom.{key}" for key in ("tier", "seats", "goals", "parent", "tire")]  # fmt: skip
    _deal(door, name="G", custom={"tier": "Gold", "seats": 40, "goals": ["b", "a"]})
    _deal(door, name="S", custom={"tier": "silver", "seats": 5})
    _deal(door, name="N")
    for query, names in (
        ("custom.tier=gold", ["G"]), ("custom.tier=gold&custom.tier=silver", ["G", "S"]),
        ("custom.seats_min=5&custom.seats_max=39", ["S"]), ("custom.goals=a", ["G"]),
        ("sort=-custom.seats", ["G", "S", "N"]),
        ("sort=custom.tier&custom.seats_min=0", ["G", "S"]),
    ):  # fmt: skip
        found = [d["name"] for d in door.ok("GET", f"/api/deals?{query}")["items"]]
        assert (found if "sort" in query else sorted(found)) == names, query
    first = door.ok("GET", "/api/deals?sort=-custom.seats&limit=1")
    after = door.ok("GET", f"/api/deals?sort=-custom.seats&limit=1&cursor={first['next']}")
    assert [d["name"] for d in after["items"]] == ["S"]
    changed = door.ok("PATCH", "/api/deals/deal_1", {"custom": {"tier": None, "seats": 41}})
    assert changed["custom"] == {"seats": 41, "goals": ["b", "a"]}


def test_sums_keep_the_rate_of_their_day(door: Door) -> None:
    assert door.faults("POST", "/api/deals", {"name": "E", "amount": 10, "currency": "EUR"}) == [
        "currency"
    ]
    door.ok("PUT", "/api/currencies", {"base": "USD", "rates": {"EUR": 1.25, "JPY": 0.008}})
    deal = _deal(door, amount=10, currency="eur")
    assert (deal["currency"], deal["amount_base"]) == ("EUR", 12.5)
    door.ok("PUT", "/api/currencies", {"base": "USD", "rates": {"EUR": 2, "JPY": 0.008}})
    assert door.ok("GET", "/api/deals/deal_1")["amount_base"] == 12.5
    yen = door.ok("PATCH", "/api/deals/deal_1", {"currency": "JPY"})
    assert (yen["amount"], yen["amount_base"]) == (10, 0.08)
    assert door("PUT", "/api/currencies", {"base": "EUR"}).status_code == 409
