"""Leads become contacts, accounts and deals, and are leads again; links, files, activities."""

from tests.api.conftest import Door


def test_a_lead_is_converted_and_taken_back(door: Door) -> None:
    lead = door.ok("POST", "/api/leads", {
        "email": "Ann@globex.co", "first_name": "Ann", "title": "CTO", "company": "Globex",
        "source": "fair",
    })  # fmt: skip
    path = f"/api/leads/{lead['id']}"
    assert door("POST", "/api/leads", {"email": "ann@globex.co"}).status_code == 409
    assert door.faults("PATCH", path, {"status": "converted"}) == ["status"]
    assert door.ok("GET", f"{path}/matches") == {"contact": None, "account": None}
    done = door.ok("POST", f"{path}/convert", {"deal": {"amount": 4800}, "expected_version": 1})
    assert done["lead"]["status"] == "converted"
    assert done["contact"]["account_id"] == done["account"]["id"]
    assert (done["account"]["name"], done["deal"]["name"]) == ("Globex", "Globex")
    assert (done["deal"]["contact_id"], done["deal"]["source"]) == (done["contact"]["id"], "fair")
    assert sorted(done["made"]) == sorted(
        [done["contact"]["id"], done["account"]["id"], done["deal"]["id"]]
    )
    assert door("POST", f"{path}/convert", {}).status_code == 409
    assert door.faults("PATCH", path, {"title": "CEO"}) == ["id"]
    back = door.ok("POST", f"{path}/unconvert")
    assert (back["lead"]["status"], back["lead"]["contact_id"]) == ("new", None)
    assert door.ok("GET", "/api/deals")["items"] == door.ok("GET", "/api/contacts")["items"] == []
    assert door("POST", f"{path}/unconvert").status_code == 409


def test_what_is_there_is_used_filled_and_given_back(door: Door) -> None:
    account = door.ok("POST", "/api/accounts", {"key": "globex", "name": "Globex"})
    there = door.ok("POST", "/api/contacts", {"email": "bo@x.co", "account_id": account["id"]})
    lead = door.ok("POST", "/api/leads", {"email": "bo@x.co", "title": "CFO", "company": "Other"})
    path = f"/api/leads/{lead['id']}"
    known = door.ok("GET", f"{path}/matches")
    assert (known["contact"]["id"], known["contact"]["why"]) == (there["id"], "email")
    assert (known["account"]["id"], known["account"]["why"]) == (account["id"], "contact")
    done = door.ok("POST", f"{path}/convert", {})
    assert (done["contact"]["id"], done["contact"]["title"]) == (there["id"], "CFO")
    assert (done["made"], done["deal"]) == ([], None)
    door.ok("PATCH", f"/api/accounts/{account['id']}", {"plan": "pro"})
    back = door.ok("POST", f"{path}/unconvert")
    assert back["kept"] == []
    assert door.ok("GET", f"/api/contacts/{there['id']}")["title"] == ""
    again = door.ok("POST", f"{path}/convert", {"new_account": True})
    assert again["account"]["id"] != account["id"]
    door.ok("PATCH", f"/api/contacts/{there['id']}", {"phone": "+49 1"})
    assert door.ok("POST", f"{path}/unconvert")["kept"] == [
        f"{there['id']}: it was changed since"
    ]  # fmt: skip


def test_people_are_on_a_deal_in_a_role(door: Door) -> None:
    one, two = (door.ok("POST", "/api/contacts", {"email": f"{n}@x.co"})["id"] for n in ("a", "b"))
    deal = door.ok("POST", "/api/deals", {"name": "D", "contact_id": one})["id"]
    made = door.ok("POST", "/api/associations", {"from": deal, "to": two, "label": "champion"})
    assert (made["label_name"], made["primary"], made["name"]) == ("Champion", False, "b@x.co")
    wrong = {"from": deal, "to": two, "label": "hero"}
    assert door.faults("POST", "/api/associations", wrong) == ["label"]
    found = door.ok("GET", f"/api/associations?of={deal}")["items"]
    assert [(n["record"], n["primary"]) for n in found] == [(one, True), (two, False)]
    back = door.ok("GET", f"/api/associations?of={two}")["items"]
    assert [(n["record"], n["label_name"], n["forward"]) for n in back] == [
        (deal, "Champion of", False)
    ]  # fmt: skip
    door.ok("POST", "/api/associations", {"from": deal, "to": two, "primary": True})
    assert door.ok("GET", f"/api/deals/{deal}")["contact_id"] == two
    door.ok("DELETE", f"/api/associations/{made['id']}")
    assert door("DELETE", f"/api/associations/{made['id']}").status_code == 404


def test_a_file_is_only_ever_downloaded(door: Door) -> None:
    deal = door.ok("POST", "/api/deals", {"name": "D"})["id"]
    name = "../../évil <b>.html"
    sent = door("POST", f"/api/attachments?of={deal}", params={"of": deal, "name": name},
                content=b"<script>1</script>", headers={"Content-Type": "text/html"})  # fmt: skip
    assert sent.status_code == 201, sent.text
    assert sent.json()["name"] == "évil <b>.html"
    path = f"/api/attachments/{sent.json()['id']}"
    got = door("GET", f"{path}/content", role="reader")
    assert got.content == b"<script>1</script>"
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%C3%A9vil")
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    big = b"x" * 10_000_001
    more = door("POST", "/api/attachments", params={"of": deal, "name": "x"}, content=big)
    assert more.status_code == 413
    assert door("DELETE", path, role="reader").status_code == 403
    door.ok("DELETE", path)
    assert door("GET", f"{path}/content").status_code == 404


def test_an_activity_takes_over_and_mentions(door: Door) -> None:
    user = door.ok("POST", "/api/users", {
        "email": "maya@onefold.test", "name": "Maya Lee", "role": "member",
        "password": "long enough words",
    })  # fmt: skip
    account = door.ok("POST", "/api/accounts", {"key": "acme"})["id"]
    deal = door.ok("POST", "/api/deals", {"name": "D", "account_id": account})["id"]
    note = door.ok("POST", "/api/activities", {
        "deal_id": deal, "body": "See @MayaLee, @nobody and mail@maya.test @maya.",
    })  # fmt: skip
    assert (note["kind"], note["account_id"], note["mentions"]) == ("note", account, [user["id"]])
    call = {"kind": "call", "subject": "Ring", "minutes": 12, "email": "new@acme.co"}
    made = door.ok("POST", "/api/activities", {**call, "at": "2026-01-02T10:00:00Z"})
    assert made["contact_name"] == "new@acme.co"
    assert [a["id"] for a in door.ok("GET", "/api/activities")["items"]] == [note["id"], made["id"]]
    found = door.ok("GET", f"/api/activities?mentions={user['id']}&deal={deal}")["items"]
    assert [a["id"] for a in found] == [note["id"]]
