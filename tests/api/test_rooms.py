"""Each room through its routes: create, get, list, change."""

from typing import Any

from onefold import activation, api, audiences, sources, storage
from onefold.kernel.viewer import SYSTEM
from tests.api.conftest import Door

NOW = 1_760_000_400_000


def test_contacts_tickets_and_tasks_live_from_list_to_change(door: Door) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "contacts": {"email": "ann@acme.co", "first_name": "Ann"},
        "tickets": {"subject": "Export fails", "email": "ann@acme.co", "tags": ["Exports"]},
        "tasks": {"subject": "Call Ann"},
    }
    changes = {
        "contacts": {"title": "CTO"},
        "tickets": {"status": "paused"},
        "tasks": {"status": "done"},
    }
    for room, body in bodies.items():
        made = door("POST", f"/api/{room}", body, role="member")
        assert made.status_code == 201, made.text
        one = made.json()
        assert door.ok("GET", f"/api/{room}/{one['id']}", role="reader") == one
        number = one["id"].split("_")[1]
        assert door.ok("GET", f"/api/{room}/{number}") == one
        listed = door.ok("GET", f"/api/{room}", role="reader")
        assert listed == {"items": [one], "total": 1, "next": None}
        changed = door.ok("PATCH", f"/api/{room}/{one['id']}", changes[room], role="member")
        assert changed["version"] == one["version"] + 1
        assert changes[room].items() <= changed.items()


def test_lists_of_the_crm_filter_by_one_value_or_several(door: Door) -> None:
    for priority in ("low", "high", "urgent"):
        body = {"subject": priority, "email": "a@b.co", "priority": priority}
        door.ok("POST", "/api/tickets", body)

    def found(query: str) -> set[str]:
        listed = door.ok("GET", f"/api/tickets?{query}")
        assert listed["total"] == len(listed["items"])
        return {t["subject"] for t in listed["items"]}

    assert found("priority=low") == {"low"}
    assert found("priority=low&priority=high") == {"low", "high"}
    assert found("q=urgent&status=open") == {"urgent"}
    assert found("owner=none") == {"low", "high", "urgent"}
    assert door.faults("GET", "/api/tickets?priority=huge") == ["priority"]
    assert len(door.ok("GET", "/api/contacts?archived=false")["items"]) == 1


def test_audiences_are_made_changed_listed_and_deleted(door: Door, database: str) -> None:
    where = {"count": {"event": "Report Exported", "within": "7d"}, "at_least": 1}
    body = {"key": "exporters", "name": "Exporters", "definition": {"of": "person", "where": where}}
    made = door.ok("POST", "/api/audiences", body)
    assert (made["key"], made["of"], made["status"]) == ("exporters", "person", "building")
    assert door.ok("GET", "/api/audiences/exporters", role="reader")["definition"]["where"] == where
    with storage.connect(database) as conn:
        found = audiences.get(conn, SYSTEM, "exporters")
        conn.execute("INSERT INTO person (id, name) VALUES (7, 'Ann'), (8, 'Bob')")
        audiences.apply(conn, [audiences.Change(found.id, i, True, NOW, []) for i in (7, 8)])
    page = door.ok("GET", "/api/audiences/exporters/members?limit=1")
    assert page["items"] == [
        {"id": "per_7", "name": "Ann", "email": "", "since": "2025-10-09T09:00:00.000Z"}
    ]
    assert page["total"] == 2
    rest = door.ok("GET", f"/api/audiences/exporters/members?limit=2&cursor={page['next']}")
    assert [m["name"] for m in rest["items"]] == ["Bob"]
    changed = door.ok("PATCH", "/api/audiences/exporters", {"name": "All exporters"})
    assert changed["name"] == "All exporters"
    stale = {"name": "x", "expected_version": made["version"]}
    assert door("PATCH", "/api/audiences/exporters", stale).status_code == 409
    assert [a["key"] for a in door.ok("GET", "/api/audiences")["items"]] == ["exporters"]
    assert door("DELETE", "/api/audiences/exporters").status_code == 204
    assert door("GET", "/api/audiences/exporters").status_code == 404
    assert door.faults("POST", "/api/audiences", {"definition": {"of": "dog"}})


def test_sources_show_their_write_key_to_admins_only(door: Door) -> None:
    made = door.ok("POST", "/api/sources", {"name": "Web site", "category": "website"})
    assert made["id"] == "src_1"
    assert made["write_key"]
    (listed,) = door.ok("GET", "/api/sources", role="member")["items"]
    assert listed["write_key"] == ""
    path = f"/api/sources/{made['id']}"
    assert door.ok("PATCH", path, {"enabled": False})["enabled"] is False
    assert door.ok("POST", f"{path}/backfill", {"on": True})["backfill"] is True
    ledger = door.ok("GET", f"{path}/ledger")
    assert (ledger["items"], ledger["total"], ledger["next"]) == ([], 0, None)
    assert ledger["reconciles"] is True
    assert ledger["totals"]["accepted"] == 0
    assert door("GET", "/api/sources/src_9/ledger").status_code == 404
    assert door("GET", "/api/sources/con_1/ledger").status_code == 404
    assert door.faults("GET", f"{path}/ledger?hours=0") == ["hours"]


def test_refused_items_come_with_their_reason_and_bytes_page_by_page(
    door: Door, database: str
) -> None:
    made = door.ok("POST", "/api/sources", {"name": "App"})
    with storage.connect(database) as conn:
        for pos, raw in ((65536, b'{"type":"trak"}'), (65537, b"\xff")):
            conn.execute(
                "INSERT INTO refused"
                " VALUES (%s, %s, %s, 'invalid_item', 'type', 'is odd.', 'Fix.', %s)",
                (pos, sources.list_all(conn, SYSTEM)[0].id, NOW, raw),
            )
    path = f"/api/sources/{made['id']}/refused?limit=1"
    first = door.ok("GET", path)
    (item,) = first["items"]
    assert (item["raw"], item["raw_base64"]) == (None, "/w==")
    rest = door.ok("GET", f"{path}&before={first['next']}")
    assert rest["items"][0]["raw"] == '{"type":"trak"}'
    assert rest["items"][0]["problem"] == "is odd."
    assert door.faults("GET", f"{path}&before=-1") == ["before"]


def test_a_destinations_secret_is_shown_once(door: Door, database: str) -> None:
    body = {"name": "Mailer", "url": "http://127.0.0.1:9/hook", "audiences": []}
    made = door.ok("POST", "/api/destinations", body)
    assert made["secret"]
    (listed,) = door.ok("GET", "/api/destinations", role="reader")["items"]
    assert "secret" not in listed
    path = f"/api/destinations/{made['id']}"
    assert door.ok("PATCH", path, {"enabled": False})["enabled"] is False
    assert door("PATCH", path, {"enabled": True, "expected_version": 1}).status_code == 409
    assert door.faults("PATCH", path, {"kind": "sms"}) == ["kind"]
    assert door.ok("GET", "/api/deliveries") == {"items": [], "total": None, "next": None}
    assert door.faults("GET", "/api/deliveries?status=lost") == ["status"]
    assert door("POST", "/api/deliveries/dlv_9/retry").status_code == 404
    with storage.connect(database) as conn:
        assert activation.list_all(conn, SYSTEM)[0].name == "Mailer"


def test_users_are_made_by_admins_and_never_show_a_password(door: Door) -> None:
    body = {"email": "Eve@us.co", "name": "Eve", "password": "long enough", "role": "member"}
    made = door.ok("POST", "/api/users", body)
    assert made["email"] == "eve@us.co"
    assert "long enough" not in door("GET", "/api/users", role="reader").text
    assert door("POST", "/api/users", body).status_code == 409
    assert door.faults("POST", "/api/users", {**body, "password": "x"}) == ["password"]


def test_a_new_key_works_until_it_is_revoked(door: Door) -> None:
    made = door.ok("POST", "/api/keys", {"name": "sync", "role": "member"})
    headers = {"Authorization": f"Bearer {made['secret']}"}
    me = door("GET", "/api/me", role=None, headers=headers).json()
    assert me == {"kind": "key", "id": made["id"], "name": "sync", "role": "member"}
    assert all("secret" not in k for k in door.ok("GET", "/api/keys")["items"])
    door.ok("DELETE", f"/api/keys/{made['id']}")
    assert door("GET", "/api/me", role=None, headers=headers).status_code == 401
    assert door("DELETE", "/api/keys/key_999").status_code == 404


def test_signals_are_listed_read_and_closed(door: Door, database: str) -> None:
    account = door.ok("POST", "/api/accounts", {"name": "Acme"})
    with storage.connect(database) as conn:
        conn.execute(
            "INSERT INTO signal (kind, reason, account_id, severity, evidence, baseline, opened_at,"
            " last_fired_at) VALUES ('usage_drop', 'quiet', %s, 'critical', '{}', 9, now(), now())",
            (int(account["id"].removeprefix("acc_")),),
        )
    (one,) = door.ok("GET", "/api/signals?status=open&severity=critical&severity=warning")["items"]
    assert door.ok("GET", f"/api/signals/{one['id']}", role="reader") == one
    assert door.faults("GET", "/api/signals?status=odd") == ["status"]
    path = f"/api/signals/{one['id']}/close"
    assert door.faults("POST", path, {"outcome": "meh"}) == ["outcome"]
    closed = door.ok("POST", path, {"outcome": "useful"}, role="member")
    assert closed["status"] == "resolved"
    assert door.ok("GET", "/api/signals?status=open")["total"] == 0


def test_the_description_covers_every_route_and_the_crms_fields(door: Door) -> None:
    answer = door("GET", "/api/openapi.json", role=None)
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }
    routes = {(m, p) for m, p, role in api.routes() if role is not None}
    assert described == routes
    assert api.openapi_paths() == sorted(document["paths"])
    post = document["paths"]["/api/tickets"]["post"]
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["subject"]
    assert schema["properties"]["priority"]["enum"] == ["low", "medium", "high", "urgent"]
    names = {p["name"] for p in document["paths"]["/api/tickets"]["get"]["parameters"]}
    assert {"q", "sort", "cursor", "limit", "status", "owner"} <= names
    assert post["x-role"] == "member"
    assert post["responses"]["409"] == {"$ref": "#/components/responses/E409"}
