"""Traits over HTTP: edits by hand and their undoing, history, the past, and whose word counts."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from onefold import storage
from onefold.kernel import clock
from onefold.record.traits import catalog
from tests.api.conftest import Door
from tests.worker.harness import Bench, group, identify, track

ANN = "/api/people/user_id:u1"
RULES = "/api/trait-rules"


@pytest.fixture
def bench(database: str) -> Iterator[Bench]:
    """A worker that runs beside the requests, on the clock of the wall."""
    with storage.connect(database) as conn:
        made = Bench(conn)
        made.now_ms = clock.now_ms() - 60_000
        stop = threading.Event()
        lock = threading.Lock()

        def work() -> None:
            while not stop.wait(0.005):
                with lock:
                    made.engine.step(clock.now_ms())

        made.paused = lock  # type: ignore[attr-defined]
        thread = threading.Thread(target=work)
        thread.start()
        yield made
        stop.set()
        thread.join()


def sent(bench: Bench, source: int | None, *items: dict[str, Any], minute: int = 0) -> None:
    """Let a source say something, and the worker read it."""
    with bench.paused:  # type: ignore[attr-defined]
        bench.now_ms = clock.now_ms() - 3_600_000 + minute * 60_000
        bench.send_from(source or bench.source, *items)
        bench.engine.step(clock.now_ms())
        while bench.engine.step(clock.now_ms()):
            pass


def followed(door: Door, bench: Bench) -> None:
    """Wait until the worker has decided everything by the newest rules."""
    for _ in range(2_000):
        held = door.ok("GET", RULES)
        if not held["waiting"] and held["done"] == held["of"]:
            break
    with bench.paused:  # type: ignore[attr-defined]
        while bench.engine.step(clock.now_ms()):
            pass


def value(door: Door, name: str = "plan", of: str = ANN) -> tuple[Any, str] | None:
    line = door.ok("GET", of)["traits"].get(name)
    return line and (line["value"], line["source"])


def test_an_edit_counts_before_what_tools_say_later_until_it_is_undone(
    door: Door, bench: Bench
) -> None:
    sent(bench, None, identify("u1", plan="free", seats=3))
    made = door.ok("PATCH", f"{ANN}/traits", {"traits": {"plan": "pro"}, "reason": "They called"},
                   role="member")  # fmt: skip
    assert (made["traits"], made["was"]) == ({"plan": "pro"}, {"plan": None})
    assert value(door) == ("pro", "hand")
    sent(bench, None, identify("u1", plan="team"), minute=1)
    assert value(door) == ("pro", "hand")
    again = door.ok("PATCH", f"{ANN}/traits", {"traits": {"plan": "max"}})
    assert again["was"] == {"plan": "pro"}
    late = door("POST", f"{ANN}/traits/undo", {"edit": made["id"]})
    assert late.status_code == 409
    assert late.json()["error"]["current"] == {"trait": "plan", "value": "max"}
    door.ok("POST", f"{ANN}/traits/undo", {"edit": again["id"]})
    assert value(door) == ("pro", "hand")
    back = door.ok("PATCH", f"{ANN}/traits", {"traits": {"plan": None}})
    assert value(door) == ("team", "app")
    door.ok("POST", f"{ANN}/traits/undo", {"edit": back["id"]})
    assert value(door) == ("pro", "hand")


def test_a_history_tells_who_said_what_and_why_the_value_counts(door: Door, bench: Bench) -> None:
    other = bench.source_of("clear", "enrichment")
    sent(bench, None, identify("u1", plan="free"), minute=1)
    sent(bench, other, identify("u1", plan="big"), minute=2)
    sent(bench, None, track("u1", "Login", context={"traits": {"plan": "team"}}), minute=3)
    door.ok("PATCH", f"{ANN}/traits", {"traits": {"plan": "pro"}, "reason": "They called"})
    door.ok("PATCH", f"{ANN}/traits", {"traits": {"plan": None}})
    found = door.ok("GET", f"{ANN}/traits/plan/history", role="reader")
    told = [(e["source"], e["event"], e["said"], e["old"], e["new"]) for e in found["items"]]
    assert told == [
        ("hand", "Traits Edited", None, "pro", "team"),
        ("hand", "Traits Edited", "pro", "team", "pro"),
        ("app", "Login", "team", "free", "team"),
        ("clear", "Identify", "big", "free", "free"),
        ("app", "Identify", "free", None, "free"),
    ]
    assert [(e["by"], e["reason"]) for e in found["items"][:2]] == [
        ("admin", ""),
        ("admin", "They called"),
    ]
    assert (found["value"], found["source"], found["complete"]) == ("team", "app", True)
    assert [(w["source"], w["value"], w["counts"], w["taken_back"]) for w in found["words"]] == [
        ("hand", None, False, True),
        ("app", "team", True, False),
        ("clear", "big", False, False),
    ]
    assert found["rule"]["order"][0] == ["hand"]
    assert len(door.ok("GET", f"{ANN}/traits/plan/history?limit=2")["items"]) == 2
    assert door.ok("GET", f"{ANN}/traits/nothing/history")["items"] == []


def test_a_person_is_as_they_were_at_a_past_moment(door: Door, bench: Bench) -> None:
    sent(bench, None, identify("u1", plan="free"), minute=1)
    then = clock.iso(bench.now_ms + 1)
    sent(bench, None, identify("u1", plan="pro"), track("u1", "Login"), minute=2)
    past = door.ok("GET", f"{ANN}?as_of={then}")
    assert past["as_of"] == then
    assert past["traits"]["plan"]["value"] == "free"
    assert past["events"] == {"total": 1, "by_name": {"Identify": 1}}
    assert door.ok("GET", f"{ANN}?as_of=2001-01-01")["traits"] == {}
    now = door.ok("GET", f"{ANN}?as_of={clock.iso(clock.now_ms())}&fields=traits.plan,events")
    assert now["traits"] == door.ok("GET", f"{ANN}?fields=traits.plan")["traits"]
    assert now.keys() == {"id", "as_of", "traits", "events"}
    assert door.faults("GET", f"{ANN}?as_of=soon") == ["as_of"]


def test_accounts_have_edits_and_a_history_too(door: Door, bench: Bench) -> None:
    acme = "/api/accounts/account_id:acme"
    sent(bench, None, group("u1", "acme", tier="gold", name="Acme"), minute=1)
    made = door.ok("PATCH", f"{acme}/traits", {"traits": {"tier": "silver"}})
    assert value(door, "tier", acme) == ("silver", "hand")
    told = door.ok("GET", f"{acme}/traits/tier/history")
    assert [(e["event"], e["said"]) for e in told["items"]] == [
        ("Traits Edited", "silver"),
        ("Group", "gold"),
    ]
    door.ok("POST", f"{acme}/traits/undo", {"edit": made["id"]})
    assert value(door, "tier", acme) == ("gold", "app")
    door.ok("PATCH", acme, {"plan": "big"})
    with bench.paused:  # type: ignore[attr-defined]
        while bench.engine.step(clock.now_ms()):
            pass
    assert door.ok("GET", f"{acme}/traits/plan/history")["items"][0]["source"] == "crm"


@pytest.mark.parametrize(
    "item",
    [
        {"type": "identify", "traits": {"email": "ann@acme.co", "plan": "free"}},
        {"type": "page", "anonymousId": "d1"},
        {"type": "track", "event": "Paid",
         "context": {"externalIds": [{"type": "stripe_customer", "id": "cus_1"}]}},
    ],
)  # fmt: skip
def test_an_edit_is_kept_by_whatever_identifier_there_is(
    door: Door, bench: Bench, item: dict[str, Any]
) -> None:
    sent(bench, None, item)
    person = door.ok("GET", "/api/people")["items"][0]["id"]
    before = door.ok("GET", f"/api/people/{person}?fields=identifiers")["identifiers"]
    made = door.ok("PATCH", f"/api/people/{person}/traits", {"traits": {"plan": "pro"}})
    assert value(door, of=f"/api/people/{person}") == ("pro", "hand")
    after = door.ok("GET", f"/api/people/{person}?fields=identifiers")["identifiers"]
    assert [i["value"] for i in after] == [i["value"] for i in before]
    door.ok("POST", f"/api/people/{person}/traits/undo", {"edit": made["id"]})


def test_what_can_not_be_edited_is_named(door: Door, bench: Bench) -> None:
    sent(bench, None, identify("u1", plan="free", email="a@b.co"), identify("u2"))
    path = f"{ANN}/traits"
    body = {"traits": {"email": "x@y.zz", "plan": None, " ": 1, "big": "x" * 20_000}}
    faults = door.faults("PATCH", path, body)
    assert sorted(faults) == ["traits. ", "traits.big", "traits.email", "traits.plan"]
    assert door.faults("PATCH", path, {"traits": {}}) == ["traits"]
    made = door.ok("PATCH", path, {"traits": {"plan": "pro"}})
    for ref, edit in (("user_id:u2", made["id"]), ("user_id:u1", "7"), ("user_id:u1", "x")):
        answer = door("POST", f"/api/people/{ref}/traits/undo", {"edit": edit})
        assert answer.status_code == 404
    assert door("PATCH", "/api/people/account_id:a/traits", {"traits": {"a": 1}}).status_code == 404
    assert door("PATCH", "/api/accounts/user_id:u1/traits", {"traits": {"a": 1}}).status_code == 404


def test_a_changed_rule_decides_what_is_stored_and_what_comes(door: Door, bench: Bench) -> None:
    bench.audience("pros", {"trait": "plan", "is": "pro"})
    clear = bench.source_of("clear", "enrichment")
    sent(bench, None, *(identify(f"u{n}", plan="free") for n in range(20)), minute=1)
    sent(bench, clear, *(identify(f"u{n}", plan="pro") for n in range(20)), minute=2)
    assert value(door) == ("free", "app")
    rule = {"by": "rank", "order": [["source:clear"], ["hand", "crm"], "product"]}
    changed = door.ok("PATCH", RULES, {"traits": {"person.plan": rule}, "expected_version": 1})
    assert (changed["version"], changed["waiting"]) == (2, True)
    followed(door, bench)
    held = door.ok("GET", RULES, role="reader")
    assert (held["waiting"], held["done"], held["changed"]) == (False, held["of"], 20)
    assert value(door) == ("pro", "clear")
    assert len(door.ok("GET", "/api/audiences/pros/members")["items"]) == 20
    sent(bench, None, identify("u1", plan="team"), minute=3)
    assert value(door) == ("pro", "clear")
    door.ok("PATCH", RULES, {"default": {"by": "last"}, "traits": {"person.plan": None}})
    followed(door, bench)
    assert value(door) == ("team", "app")
    assert value(door, of="/api/people/user_id:u2") == ("pro", "clear")
    assert (
        door("PATCH", RULES, {"default": {"by": "last"}, "expected_version": 1}).status_code == 409
    )


def test_a_rule_that_can_not_be_is_refused_with_every_fault(door: Door) -> None:
    body = {
        "default": {"by": "first", "order": [["hand"], ["hand", "produkt"]], "x": 1},
        "traits": {"plan": {"by": "last"}, "person.a": {"by": "last", "order": []},
                   "account.b": {"order": 7}},
    }  # fmt: skip
    answer = door("PATCH", RULES, body)
    faults = answer.json()["error"]["faults"]
    assert [f["field"] for f in faults] == [
        "default.x", "default.by", "default.order", "default.order", "traits.plan",
        "traits.person.a.order", "traits.account.b.order",
    ]  # fmt: skip
    assert "Did you mean `product`?" in faults[2]["remedy"]


def test_the_catalogue_says_who_has_what_and_what_conflicts(
    door: Door, bench: Bench, database: str
) -> None:
    assert door.ok("GET", "/api/traits") == {
        "items": [], "people": 0, "accounts": 0, "counted_at": None
    }  # fmt: skip
    other = bench.source_of("import", "import")
    sent(bench, None, *(identify(f"u{n}", plan="free", seats=n) for n in range(4)))
    sent(bench, other, identify("u5", plan=7, since="2026-01-02"), group("u5", "acme", tier="a"))
    sent(bench, None, identify("u5", former="x"), minute=1)
    with storage.connect(database) as conn:
        catalog.count(conn, 1_000)
    held = door.ok("GET", "/api/traits?of=person", role="reader")
    assert (held["people"], held["accounts"]) == (5, 1)
    assert held["counted_at"] == "1970-01-01T00:00:01.000Z"
    plan = next(t for t in held["items"] if t["name"] == "plan")
    assert (plan["held"], plan["coverage"], plan["conflicts"]) == (5, 1.0, 1)
    assert plan["values"] == {"string": 4, "number": 1}
    assert plan["sources"] == {"app": 4, "import": 1}
    assert plan["examples"] == ["free"]  # nobody's own value is told outside their record
    assert [(t["name"], t["coverage"]) for t in held["items"]] == [
        ("former", 0.2), ("plan", 1.0), ("seats", 0.8), ("since", 0.2),
    ]  # fmt: skip
    tier = door.ok("GET", "/api/traits?of=account")["items"]
    assert [(t["name"], t["held"], t["examples"]) for t in tier] == [("tier", 1, [])]
    assert door.faults("GET", "/api/traits?of=deal") == ["of"]
    text = door("GET", "/api/traits.csv", role="reader").text.splitlines()
    assert text[0].startswith("\ufeffof,name,type")
    assert len(text) == 6


def test_a_trait_is_described_by_whoever_saw_its_version(door: Door, bench: Bench) -> None:
    path = "/api/traits/person/plan"
    body = {"type": "number", "description": "What they pay for"}
    assert door("PATCH", path, body, role="reader").status_code == 403
    made = door.ok("PATCH", path, body, role="member")
    assert (made["type"], made["version"], made["held"]) == ("number", 1, 0)
    again = door.ok("PATCH", path, {"type": "string", "expected_version": 1})
    assert (again["type"], again["description"]) == ("string", "What they pay for")
    late = door("PATCH", path, {"type": "list", "expected_version": 1})
    assert (late.status_code, late.json()["error"]["current"]["version"]) == (409, 2)
    fresh = door("PATCH", "/api/traits/person/new", {"type": "list", "expected_version": 4})
    assert fresh.status_code == 409
    assert door.faults("PATCH", path, {"type": "text", "description": "x" * 3_000}) == [
        "type", "description",
    ]  # fmt: skip
    assert door.faults("PATCH", "/api/traits/deal/plan", {"type": "any"}) == ["of"]
