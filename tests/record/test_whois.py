"""Why, why not, history, as of, and trials: told in sentences that name event, rule and actor."""

import pytest

from onefold import record, storage
from onefold.identity import decisions, namespaces
from onefold.identity.namespaces import store
from onefold.kernel import clock, errors
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import whois
from tests.worker.harness import NOW, Bench, identify, track

ANN = Viewer(kind="user", id=7, name="Ann", role="member")


@pytest.fixture
def bench(conn: storage.Connection) -> Bench:
    """u1 and u2 share a tablet; both gave the address desk@acme.co; u2's is the newer."""
    bench = Bench(conn)
    bench.send({"type": "page", "anonymousId": "tablet"})
    bench.wait(1000)
    bench.send({**identify("u1", email="ann@acme.co"), "anonymousId": "tablet"})
    bench.wait(clock.HOUR_MS)
    bench.send({**track("u2", "Signed In"), "anonymousId": "tablet"})
    bench.wait(clock.DAY_MS)
    bench.send(identify("u1", email="desk@acme.co"))
    bench.wait(clock.DAY_MS)
    bench.send(identify("u2", email="desk@acme.co"))
    bench.wait(1000)
    return bench


def why(bench: Bench, a: str, b: str) -> whois.Why:
    return whois.why(bench.conn, ANN, a, b, bench.now_ms)


def decide(bench: Bench, kind: decisions.Kind, a: str, b: str) -> int:
    ends = [decisions.End(Identifier(*text.split(":"))) for text in (a, b)]
    said = decisions.say(bench.conn, ANN, kind, ends[0], ends[1], "one desk", bench.now_ms)
    bench.conn.commit()
    bench.settle()
    return said.id


def test_why_is_a_path_of_events(bench: Bench) -> None:
    found = why(bench, "user_id:u2", "email:desk@acme.co")
    assert found["same"]
    (step,) = found["path"]
    assert step["holds"]
    assert step["rule"] == "person with person"
    assert step["event"] is not None
    assert step["event"]["source"] == "app"
    assert "The event “Identify” from app on" in step["text"]
    assert "carried both" in step["text"]
    two = why(bench, "anonymous_id:tablet", "email:desk@acme.co")
    assert [s["rule"] for s in two["path"]] == ["log-in on a device", "person with person"]
    assert two["text"].endswith("they are linked in 2 steps.")


def test_why_not_names_the_limit_with_its_values(bench: Bench) -> None:
    found = why(bench, "user_id:u1", "email:desk@acme.co")
    assert not found["same"]
    assert [s["reason"] for s in found["path"]] == ["limit:user_id"]
    assert "One person can have one user id, and here they would have u1 and u2." in found["text"]


def test_why_not_across_a_shared_device(bench: Bench) -> None:
    at = {"a_at": clock.iso(NOW), "b_at": clock.iso(bench.now_ms)}
    found = whois.why(
        bench.conn, ANN, "anonymous_id:tablet", "anonymous_id:tablet", bench.now_ms, **at
    )
    assert not found["same"]
    assert "changed hands on" in found["text"]
    assert [s["kind"] for s in found["path"]] == ["chapter"]


def test_why_not_names_who_decided(bench: Bench) -> None:
    decide(bench, "not_same", "user_id:u2", "email:desk@acme.co")
    found = why(bench, "user_id:u2", "email:desk@acme.co")
    assert "Ann decided on" in found["text"]
    assert "are different people: “one desk”" in found["text"]


def test_strangers_have_nothing_in_common(bench: Bench) -> None:
    bench.send(track("u9", "Signed In"))
    bench.wait(1000)
    found = why(bench, "user_id:u1", "user_id:u9")
    assert found["path"] == []
    assert "Nothing that arrived links them" in found["text"]
    with pytest.raises(errors.NotFound):
        why(bench, "user_id:u1", "user_id:nobody")


def test_history_tells_merges_decisions_and_their_undoing(bench: Bench) -> None:
    one = decide(bench, "same", "user_id:u1", "user_id:u2")
    decisions.undo(bench.conn, ANN, one, "father and son", bench.now_ms)
    bench.conn.commit()
    bench.settle()
    told = whois.history(bench.conn, ANN, "user_id:u2")
    texts = [item["text"] for item in told["items"]]
    assert any("is a person of its own again" in t and "father and son" in t for t in texts)
    assert any("merged into" in t and "Ann decided on" in t for t in texts)
    assert all(item["at"] for item in told["items"])
    bench.send({"type": "page", "anonymousId": "phone"})
    bench.wait(1000)
    bench.send({**track("u1", "Opened"), "anonymousId": "phone"})
    bench.wait(1000)
    told = whois.history(bench.conn, ANN, "user_id:u1")
    assert "Cause: the event “Opened” from app" in " ".join(i["text"] for i in told["items"])


def test_as_of_a_past_time(bench: Bench) -> None:
    then = clock.iso(bench.now_ms - 12 * clock.HOUR_MS) or ""
    u1, u2 = (record.resolve_person(bench.conn, ANN, f"user_id:{u}") for u in ("u1", "u2"))
    was = whois.as_of(bench.conn, ANN, "email:desk@acme.co", then, bench.now_ms)
    assert (was["person"], was["now"]) == (f"per_{u1}", f"per_{u2}")
    assert "user_id:u1" in was["identifiers"]
    never = whois.as_of(bench.conn, ANN, "email:desk@acme.co", "2020-01-01", bench.now_ms)
    assert never["person"] is None


def test_a_trial_tells_what_a_decision_does_and_changes_nothing(bench: Bench) -> None:
    before = bench.conn.execute("SELECT * FROM fragment ORDER BY id").fetchall()
    trial = whois.simulate(
        bench.conn, ANN, bench.now_ms, decision="same", a="user_id:u1", b="user_id:u2"
    )
    assert trial["changes"]
    assert (len(trial["before"]), len(trial["after"])) == (2, 1)
    assert "would become part of" in trial["text"][0]
    after = bench.conn.execute("SELECT * FROM fragment ORDER BY id").fetchall()
    assert after == before
    one = decide(bench, "same", "user_id:u1", "user_id:u2")
    assert bench.person("user_id", "u1") == bench.person("user_id", "u2")
    back = whois.simulate(bench.conn, ANN, bench.now_ms, undo=f"dec_{one}")
    assert len(back["after"]) == 2
    same = whois.simulate(
        bench.conn, ANN, bench.now_ms, decision="pin", a="user_id:u1", b="user_id:u2"
    )
    assert not same["changes"]
    with pytest.raises(errors.Invalid):
        whois.simulate(bench.conn, ANN, bench.now_ms)


def test_the_graph_holds_what_belongs_and_what_was_cut(bench: Bench) -> None:
    found = whois.person_graph(bench.conn, ANN, "user_id:u1")
    assert {s["ref"] for s in found["spots"]} >= {"user_id:u1", "email:ann@acme.co"}
    cut = [e for e in found["edges"] if not e["holds"]]
    assert {e["reason"] for e in cut} == {"limit:user_id", "chapter"}
    assert all(e["cut"] and e["text"] for e in cut)
    assert all(e["cut"] is None and e["text"] for e in found["edges"] if e["holds"])


def test_identifiers_of_other_systems_are_spoken_of_like_any_other(bench: Bench) -> None:
    billing = {"externalIds": [{"type": "stripe_customer", "id": "cus_1", "collection": "users"}]}
    bench.send({**track("u1", "Paid"), "context": billing})
    bench.wait(1000)
    assert why(bench, "stripe_customer_id:cus_1", "user_id:u1")["same"]
    trial = whois.simulate(
        bench.conn, ANN, bench.now_ms, decision="not_same", a="stripe_customer_id:cus_1",
        b="user_id:u1",
    )  # fmt: skip
    assert trial["changes"]
    person = record.resolve_person(bench.conn, ANN, "stripe_customer_id:cus_1")
    assert person == bench.person("user_id", "u1")
    with pytest.raises(errors.NotFound, match="not a namespace"):
        why(bench, "stripe_customers_id:cus_1", "user_id:u1")


def test_a_namespace_of_the_workspaces_own_is_spoken_of_by_its_own_rules(bench: Bench) -> None:
    base = store.newest(bench.conn)
    wanted = [{"name": "badge_no", "limit": 1}, {"name": "terminal_id", "kind": "device"}]
    rows = namespaces.proposed(wanted, store.rows(bench.conn, base))
    store.add(bench.conn, SYSTEM, rows, base=base, reason="ours", now_ms=bench.now_ms)
    bench.conn.commit()
    bench.wait(200)

    def seen(user: str, **ids: str) -> None:
        known = [{"type": n, "id": v, "collection": "users"} for n, v in ids.items()]
        bench.send({**track(user, "Entered"), "context": {"externalIds": known}})
        bench.wait(clock.DAY_MS)

    seen("u1", badge_no="b1", terminal_id="t1")
    seen("u1", badge_no="b2")
    cut = why(bench, "badge_no:b1", "badge_no:b2")
    assert "One person can have one badge no, and here they would have b1 and b2." in cut["text"]
    (step,) = why(bench, "terminal_id:t1", "user_id:u1")["path"]
    assert (step["rule"], step["a"]["kind"], step["b"]["kind"]) in (
        ("log-in on a device", "device", "person"), ("log-in on a device", "person", "device"),
    )  # fmt: skip
