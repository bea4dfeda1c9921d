"""A source's webhook through the API: set up, shown without its secret, tried, read again."""

import json
from typing import Any

from onefold import governance, log, sources, storage
from onefold.governance import transform_store
from onefold.kernel import facts
from onefold.kernel.viewer import SYSTEM
from onefold.sources import webhooks
from tests.api.conftest import Door

SECRET = "a-secret-long-enough-to-be-one"
MAPPING = {"event": "kind", "email": "mail", "message_id": "id"}


def source(database: str) -> sources.Source:
    with storage.connect(database) as conn:
        return sources.create(conn, SYSTEM, "Shop", "product")


def test_a_webhook_is_set_up_shown_changed_and_removed_and_its_secret_never_comes_out(
    door: Door, database: str
) -> None:
    made = source(database)
    path = f"/api/sources/{made.api_id}/webhook"
    assert door("GET", path).status_code == 404
    saved = door.ok("PUT", path, {"kind": "json", "secret": SECRET, "mapping": MAPPING})
    assert saved["address"].endswith("/v1/webhook/shop")
    assert (saved["has_secret"], saved["version"]) == (True, 1)
    assert saved["mapping"] == MAPPING
    shown = door("GET", path, role="reader")
    assert shown.json() == saved
    changed = door.ok("PUT", path, {"kind": "json", "mapping": {**MAPPING, "time": "at"}})
    assert (changed["has_secret"], changed["version"]) == (True, 2)
    for answer in (shown.text, json.dumps(saved), json.dumps(changed)):
        assert SECRET not in answer
    stale = door("PUT", path, {"kind": "json", "expected_version": 1})
    assert stale.status_code == 409
    rotated = door.ok(
        "PUT", path, {"kind": "json", "secret": SECRET[::-1], "keep_former_secret": True}
    )
    assert rotated["has_former_secret"]
    assert door("DELETE", path).status_code == 204
    assert door("GET", path).status_code == 404


def test_what_cannot_work_names_its_fields(door: Door, database: str) -> None:
    path = f"/api/sources/{source(database).api_id}/webhook"
    assert door.faults("PUT", path, {"kind": "fax", "secret": SECRET}) == ["kind"]
    assert door.faults("PUT", path, {"kind": "stripe"}) == ["secret"]
    assert door.faults("PUT", path, {"kind": "json", "secret": "short"}) == ["secret"]
    bad = {"kind": "json", "secret": SECRET, "mapping": {"event": "(", "user_id": "]"}}
    assert door.faults("PUT", path, bad) == ["mapping.event", "mapping.user_id"]
    assert door.faults("PUT", path, {"kind": "stripe", "secret": "s", "options": {"x": "y"}}) == [
        "options.x"
    ]
    assert door("PUT", "/api/sources/src_99/webhook", {"kind": "stripe"}).status_code == 404


def test_a_payload_is_tried_before_anything_is_set_up(door: Door, database: str) -> None:
    path = f"/api/sources/{source(database).api_id}/webhook/preview"
    payload = {"kind": "Order Paid", "mail": "ann@acme.co", "id": 7}
    tried = door.ok("POST", path, {"kind": "json", "mapping": MAPPING, "payload": payload})
    (item,) = tried["items"]
    assert (item["outcome"], item["name"], item["message_id"]) == ("fact", "Order Paid", "7")
    assert item["identifiers"] == ["email:ann@acme.co"]
    assert tried["suggestion"]["message_id"] == "id"
    as_text = {"kind": "json", "mapping": MAPPING, "payload": json.dumps({"mail": "a@b.co"})}
    (item,) = door.ok("POST", path, as_text)["items"]
    assert (item["outcome"], item["field"]) == ("refused", "event")
    assert item["remedy"]
    assert door("POST", path, {"payload": payload}).status_code == 404
    assert door.ok("POST", path, {"kind": "stripe", "payload": "<"})["items"][0]["problem"]


def test_a_trial_goes_by_the_rules_of_the_source(door: Door, database: str) -> None:
    made = source(database)
    with storage.connect(database) as conn:
        steps = [{"do": "rename", "event": "Order Paid", "to": "Paid"}]
        transform_store.save(conn, SYSTEM, made.id, {"steps": steps})
        governance.take_up(conn, 0)
        conn.commit()
    payload = {"kind": "Order Paid", "mail": "ann@acme.co", "id": 7}
    asked = {"kind": "json", "mapping": MAPPING, "payload": payload}
    (item,) = door.ok("POST", f"/api/sources/{made.api_id}/webhook/preview", asked)["items"]
    assert (item["outcome"], item["name"]) == ("fact", "Paid")


def _deliver(conn: storage.Connection, made: sources.Source, tree: Any) -> None:
    found = webhooks.store.endpoint(conn, made.key)
    assert found
    body = json.dumps(tree).encode()
    delivery = webhooks.Delivery("POST", (), {}, {"x-kind": "a"}, body, 1_760_000_000_000)
    one = webhooks.make(found.config, webhooks.read(found.config, delivery), {}, delivery)
    row = log.Row(made.id, made.category, delivery.now_ms, one.items, log.pack(one.envelope))
    (seq,) = log.append(conn, [row])
    recent = ((seq, delivery.now_ms, one.event, one.items, one.refused),)
    webhooks.store.note(conn, [webhooks.store.Note(made.id, accepted=1, recent=recent)])
    conn.commit()


def _refusals(conn: storage.Connection) -> None:
    """What the worker would write down of refused items."""
    for row in log.read(conn, 0):
        for one in governance.admit(row):
            if isinstance(one, facts.Refusal):
                conn.execute(
                    "INSERT INTO refused (pos, source_id, received_ms, code, field, problem, "
                    "remedy, raw) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                    (one.pos, one.source_id, one.received_ms, one.code, one.field, one.problem,
                     one.remedy, one.raw),
                )  # fmt: skip
    conn.commit()


def test_refused_events_become_facts_once_the_mapping_fits(door: Door, database: str) -> None:
    made = source(database)
    path = f"/api/sources/{made.api_id}/webhook"
    door.ok("PUT", path, {"kind": "json", "secret": SECRET, "mapping": MAPPING})
    with storage.connect(database) as conn:
        for n in range(3):
            _deliver(conn, made, {"what": "Order Paid", "mail": "ann@acme.co", "id": n})
        _refusals(conn)
    listed = door.ok("GET", f"{path}/deliveries", role="reader")["items"]
    assert [json.loads(one["body"])["id"] for one in listed] == [2, 1, 0]
    assert listed[0]["refused"] == 1
    assert listed[0]["headers"] == {"x-kind": "a"}
    assert door.ok("POST", f"{path}/reread") == {
        "read": 3, "replayed": 0, "left": 3, "more": False,
    }  # fmt: skip
    door.ok("PUT", path, {"kind": "json", "mapping": {**MAPPING, "event": "what"}})
    assert door.ok("POST", f"{path}/reread") == {
        "read": 3, "replayed": 3, "left": 0, "more": False,
    }  # fmt: skip
    assert door.ok("POST", f"{path}/reread")["read"] == 0
    with storage.connect(database) as conn:
        rows = log.read(conn, 0)
        found = [one for row in rows for one in governance.admit(row)]
        entered = [one for one in found if isinstance(one, facts.Fact)]
        assert [(f.name, f.message_id) for f in entered] == [
            ("Order Paid", "0"), ("Order Paid", "1"), ("Order Paid", "2"),
        ]  # fmt: skip
        assert {f.received_ms for f in entered} == {1_760_000_000_000}
        places = conn.execute("SELECT new_pos FROM refused ORDER BY pos").fetchall()
        assert [p[0] for p in places] == [f.pos for f in entered]
