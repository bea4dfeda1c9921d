"""Decisions on who is who, made over the API while a worker runs."""

import threading
from collections.abc import Iterator

import pytest

from onefold import storage
from onefold.worker import Engine
from tests.api.conftest import Door
from tests.worker.harness import Bench, identify, track


@pytest.fixture
def bench(database: str) -> Iterator[Bench]:
    """Two people, and a worker that goes on working."""
    with storage.connect(database) as conn:
        bench = Bench(conn)
        bench.send(identify("u1", email="ann@acme.co"), identify("u2", email="bob@acme.co"))
        bench.wait(1000)
        yield bench


@pytest.fixture
def working(database: str, bench: Bench) -> Iterator[None]:
    stop = threading.Event()

    def work() -> None:
        with storage.connect(database) as conn:
            engine = Engine(conn, bench.now_ms)
            while not stop.wait(0.01):
                engine.step(bench.now_ms)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


def test_join_and_undo(door: Door, bench: Bench, working: None) -> None:
    one, two = (door.ok("GET", f"/api/people/user_id:{u}")["id"] for u in ("u1", "u2"))
    body = {"decision": "same", "a": one, "b": "user_id:u2", "reason": "one desk"}
    said = door.ok("POST", "/api/identity/decisions", body, role="member")
    assert (said["state"], said["by"], said["reason"]) == ("in_force", "member", "one desk")
    assert [c["action"] for c in said["changed"]] == ["join", "merge"]
    person = door.ok("GET", f"/api/people/{two}")
    assert (person["id"], person["merged_into"], person["merged_ids"]) == (one, one, [two])
    assert door.ok("GET", f"/api/people/{one}")["merged_into"] is None
    undone = door.ok("POST", f"/api/identity/decisions/{said['id']}/undo", {"reason": "no"})
    assert undone["state"] == "undone"
    assert undone["undone"]["by"] == "admin"
    assert [door.ok("GET", f"/api/people/user_id:{u}")["id"] for u in ("u1", "u2")] == [one, two]
    again = door("POST", f"/api/identity/decisions/{said['id']}/undo", {})
    assert again.status_code == 409
    assert door.ok("GET", f"/api/identity/decisions?person={one}")["items"] == [undone]
    assert door.ok("GET", "/api/identity/decisions")["items"] == [undone]


def test_a_cut_by_identifiers_and_the_sentence_when_a_join_can_not_be(
    door: Door, bench: Bench, working: None
) -> None:
    cut = {"decision": "not_same", "a": "user_id:u1", "b": "email:ANN@acme.co "}
    said = door.ok("POST", "/api/identity/decisions", cut)
    assert said["b"] == {"ref": "email:ann@acme.co", "at": None}
    ids = [door.ok("GET", f"/api/people/{r}")["id"] for r in ("email:ann%40acme.co", "user_id:u1")]
    assert len(set(ids)) == 2
    pin = {"decision": "pin", "a": "user_id:u1", "b": "user_id:u2"}
    kept = door.ok("POST", "/api/identity/decisions", pin)
    join = {"decision": "same", "a": "email:ann@acme.co", "b": "user_id:u2"}
    door.ok("POST", "/api/identity/decisions", join)
    assert (
        "Undo that one first" in door.ok("GET", f"/api/identity/decisions/{kept['id']}")["cannot"]
    )


def test_without_a_worker_a_decision_waits(door: Door, bench: Bench) -> None:
    body = {"decision": "same", "a": "user_id:u1", "b": "user_id:u2"}
    said = door.ok("POST", "/api/identity/decisions", body)
    assert said["state"] == "pending"
    bench.send(track("u1", "Signed In"))
    bench.settle()
    assert door.ok("GET", f"/api/identity/decisions/{said['id']}")["state"] == "in_force"
    assert bench.person("user_id", "u1") == bench.person("user_id", "u2")


def test_what_is_wrong_is_said_at_once(door: Door) -> None:
    for body in ({"decision": "maybe"}, {"decision": "same", "a": "user_id:u1"}, {"c": 1}):
        assert door("POST", "/api/identity/decisions", body).status_code == 400
    body = {"decision": "same", "a": "user:u1", "b_at": "noon", "b": "anonymous_id:d"}
    assert door.faults("POST", "/api/identity/decisions", body) == ["a", "b_at"]
    same = {"decision": "same", "a": "user_id:u1", "b": "user_id:u1"}
    assert door.faults("POST", "/api/identity/decisions", same) == ["b"]
    assert door("GET", "/api/identity/decisions/dec_0").status_code == 404
