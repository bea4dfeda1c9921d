"""A source's items and its refused ones, as a program asks for them."""

import json
from typing import Any

import pytest

from onefold import storage
from onefold.worker import Engine
from tests.api.conftest import Door
from tests.worker.harness import NOW, Bench, track

FIXES = [{"do": "rename", "field": "userid", "to": "userId"}]


@pytest.fixture
def path(door: Door, database: str) -> str:
    with storage.connect(database) as conn:
        bench = Bench(conn)
        bench.send(track("u1", "Good", messageId="a"), track("u1", "Good", messageId="a"))
        bench.send(*({"type": "track", "event": "Bad", "userid": f"u{n}"} for n in range(3)))
        bench.settle()
        return f"/api/sources/src_{bench.source}"


def settle(database: str) -> None:
    with storage.connect(database) as conn:
        engine = Engine(conn, NOW)
        while engine.step(NOW):
            pass


def test_events_say_what_became_of_them(door: Door, path: str) -> None:
    page = door.ok("GET", f"{path}/events?limit=2", role="reader")
    assert [e["outcome"] for e in page["items"]] == ["refused", "refused"]
    assert page["items"][0]["refusal"]["field"] == "userId"
    rest = door.ok("GET", f"{path}/events?before={page['next']}")["items"]
    assert [e["outcome"] for e in rest] == ["refused", "duplicate", "processed"]
    good = rest[-1]["became"]
    assert (good["identifier"], good["person"][:4]) == ("user_id:u1", "per_")
    again = door.ok("GET", f"{path}/events/{rest[1]['id']}")
    assert again["first_id"] == rest[2]["id"]
    assert [e["name"] for e in door.ok("GET", f"{path}/events?who=u1")["items"]] == ["Good"] * 2
    assert door.ok("GET", f"{path}/events?outcome=filtered")["items"] == []
    assert door.ok("GET", f"{path}/events?until=2001-01-01")["items"] == []


def test_wrong_questions_are_named(door: Door, path: str) -> None:
    assert door.faults("GET", f"{path}/events?outcome=lost") == ["outcome"]
    assert door.faults("GET", f"{path}/events?since=soon") == ["since"]
    assert door.faults("GET", f"{path}/events?before=x") == ["before"]
    assert door("GET", f"{path}/events/1").status_code == 404
    assert door("GET", f"{path}/events/x").status_code == 404
    fix = {"fixes": [{"do": "guess"}]}
    assert door.faults("POST", f"{path}/refused/preview", fix) == ["fixes[0].do"]


def test_the_export_has_a_line_for_each(door: Door, path: str) -> None:
    answer = door("GET", f"{path}/events.jsonl?event=bad")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["name"] for line in lines] == ["Bad"] * 3
    assert "attachment" in answer.headers["Content-Disposition"]


def test_refused_ones_are_tried_replayed_dropped_and_restored(
    door: Door, path: str, database: str
) -> None:
    (group,) = door.ok("GET", f"{path}/refused/groups", role="reader")["items"]
    assert (group["code"], group["items"], len(group["samples"])) == ("no_identifier", 3, 3)
    choice: dict[str, Any] = {"code": group["code"], "field": group["field"]}
    dropped = door.ok("POST", f"{path}/refused/drop", choice)
    assert dropped["items"] == 3
    undone = door.ok("POST", f"{path}/refused/restore", {"action": dropped["action"]})
    assert undone["items"] == 3
    tried = door.ok("POST", f"{path}/refused/preview", {**choice, "fixes": FIXES})
    assert (tried["matched"], tried["passes"]) == (3, 3)
    assert tried["samples"][0]["after"]["userId"] == "u0"
    one = {"ids": [group["samples"][0]["id"]], "fixes": FIXES}
    assert door.ok("POST", f"{path}/refused/replay", one)["items"] == 1
    assert door.ok("POST", f"{path}/refused/replay", {**choice, "fixes": FIXES})["items"] == 2
    settle(database)
    assert door.ok("GET", f"{path}/refused/groups")["items"] == []
    actions = door.ok("GET", f"{path}/refused/groups")["actions"]
    assert [a["kind"] for a in actions] == ["replayed", "replayed", "dropped"]
    assert actions[0]["by"].startswith("key:")
    found = door.ok("GET", f"{path}/events?outcome=processed&event=bad")["items"]
    assert len(found) == 3
    old = door.ok("GET", f"{path}/events?outcome=refused")["items"][0]
    assert old["resolution"]["state"] == "replayed"
    assert old["resolution"]["new_id"] in {e["id"] for e in found}
    ledger = door.ok("GET", f"{path}/ledger?hours=200")
    assert ledger["reconciles"] is True
