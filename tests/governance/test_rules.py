"""Rules in force: what the worker admits is what any reader admits later, whatever changed."""

from typing import Any

import pytest

from onefold import governance, log, profiles, sources, storage
from onefold.governance import plan_store, transform_store, violations
from onefold.kernel import clock, errors, facts
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.sources import trail
from tests.worker.harness import Bench, track

PLAN: dict[str, Any] = {
    "plan": "Product",
    "unplanned_events": "drop",
    "events": {
        "Report Exported": {
            "violations": "quarantine",
            "properties": {"format": {"enum": ["pdf", "csv"]}},
            "required": ["format"],
        },
        "Seen": {
            "violations": "drop_properties",
            "properties": {"n": {"type": "integer"}},
            "additional_properties": False,
        },
    },
}


@pytest.fixture
def bench(conn: storage.Connection) -> Bench:
    return Bench(conn)


def transform(bench: Bench, *steps: dict[str, Any]) -> None:
    transform_store.save(bench.conn, SYSTEM, bench.source, {"steps": list(steps)})
    bench.conn.commit()
    bench.wait(200)


def ledger(bench: Bench) -> sources.LedgerHour:
    found = sources.totals(sources.ledger(bench.conn, SYSTEM, bench.source))
    assert found.reconciles
    return found


def everything(bench: Bench) -> list[facts.Admitted]:
    """All that the log holds, admitted now."""
    rules = governance.load(bench.conn)
    return [one for row in log.read(bench.conn, 0) for one in governance.admit(row, rules)]


def test_a_transformation_holds_from_the_next_batch_on_and_never_before(bench: Bench) -> None:
    bench.send(track("u1", "old", properties={"a": 1}))
    bench.settle()
    transform(bench, {"do": "rename", "event": "old", "to": "New"})
    bench.send(track("u1", "old"))
    bench.settle()
    transform(bench, {"do": "drop", "events": ["old"]})
    bench.send(track("u1", "old"))
    bench.settle()
    assert bench.counts("user_id", "u1") == {"old": 1, "New": 1}
    names = [
        o.name if isinstance(o, facts.Fact) else o.__class__.__name__ for o in everything(bench)
    ]
    assert names == ["old", "New", "Filtered"]
    person = bench.person("user_id", "u1")
    fragments = [
        i for (i,) in bench.conn.execute("SELECT id FROM fragment WHERE person_id = %s", (person,))
    ]
    page, _ = profiles.timeline(bench.conn, SYSTEM, fragments)
    assert [f.name for f in page] == ["New", "old"]
    assert ledger(bench).filtered_by == {"transformation: step 1": 1}


def test_what_is_saved_while_rows_wait_holds_for_them(bench: Bench) -> None:
    bench.send(track("u1", "old"))
    transform_store.save(
        bench.conn, SYSTEM, bench.source, {"steps": [{"do": "drop", "events": ["old"]}]}
    )
    bench.conn.commit()
    assert governance.current(bench.conn, SYSTEM, bench.source).waiting
    bench.wait(200)
    assert not governance.current(bench.conn, SYSTEM, bench.source).waiting
    assert isinstance(everything(bench)[0], facts.Filtered)
    assert ledger(bench).filtered == 1


def test_a_restart_admits_again_what_was_admitted(bench: Bench) -> None:
    for n in range(6):
        transform(bench, {"do": "set", "field": "properties.version", "value": n})
        bench.send(track("u1", "Seen"), track(f"v{n}", "Other", properties={"version": "sent"}))
        bench.settle()
    first = everything(bench)
    bench.engine.recover(bench.conn, bench.now_ms)
    assert everything(bench) == first
    assert [f.properties["version"] for f in first if isinstance(f, facts.Fact)] == [
        n for n in range(6) for _ in "ab"
    ]


def test_a_plan_flags_quarantines_drops_and_counts(bench: Bench) -> None:
    plan = plan_store.create(bench.conn, SYSTEM, PLAN)
    plan_store.connect(bench.conn, SYSTEM, plan.key, [bench.source])
    plan_store.publish(bench.conn, SYSTEM, plan.key)
    bench.conn.commit()
    bench.wait(200)
    bench.send(
        track("u1", "Report Exported", properties={"format": "pdf"}),
        track("u1", "Report Exported", properties={"format": "xls"}),
        track("u1", "Report Exported"),
        track("u1", "Seen", properties={"n": "7", "extra": {"a": 1}}),
        track("u1", "Unheard Of"),
    )
    bench.settle()
    kinds = [one.__class__.__name__ for one in everything(bench)]
    assert kinds == ["Fact", "Refusal", "Refusal", "Fact", "Filtered"]
    seen = everything(bench)[3]
    assert isinstance(seen, facts.Fact)
    assert seen.properties == {}
    sums = ledger(bench)
    assert sums.refused_for == {"tracking_plan": 2}
    assert sums.filtered_by == {"plan product: unplanned event": 1}
    found = violations.listed(bench.conn, SYSTEM, plan.id, clock.day_of(bench.now_ms))
    told = {(v.event, v.path, v.kind): (v.n, v.action, len(v.samples)) for v in found}
    assert told == {
        ("Report Exported", "properties.format", "enum"): (1, "quarantine", 1),
        ("Report Exported", "properties.format", "required"): (1, "quarantine", 1),
        ("Seen", "properties.n", "type"): (1, "drop", 1),
        ("Seen", "properties.extra", "additionalProperties"): (1, "drop", 1),
        ("Unheard Of", "", "unplanned"): (1, "drop", 1),
    }
    assert not any("xls" in v.problem for v in found)
    refusal = everything(bench)[1]
    assert isinstance(refusal, facts.Refusal)
    assert refusal.field == "properties.format"
    assert "change the plan `product`" in refusal.remedy


def test_a_repeat_is_no_violation_again(bench: Bench) -> None:
    plan = plan_store.create(bench.conn, SYSTEM, {**PLAN, "unplanned_events": "flag"})
    plan_store.publish(bench.conn, SYSTEM, plan.key)
    plan_store.connect(bench.conn, SYSTEM, plan.key, [bench.source])
    bench.conn.commit()
    bench.wait(200)
    for _ in range(3):
        bench.send(track("u1", "Unheard Of", messageId="same"))
        bench.settle()
    assert bench.counts("user_id", "u1") == {"Unheard Of": 1}
    found = violations.listed(bench.conn, SYSTEM, plan.id, clock.day_of(bench.now_ms))
    assert [(v.kind, v.n) for v in found] == [("unplanned", 1)]


def test_the_transformation_comes_before_the_plan(bench: Bench) -> None:
    plan = plan_store.create(bench.conn, SYSTEM, PLAN)
    plan_store.publish(bench.conn, SYSTEM, plan.key)
    plan_store.connect(bench.conn, SYSTEM, plan.key, [bench.source])
    transform(
        bench,
        {"do": "rename", "event": "report_exported", "to": "Report Exported"},
        {"do": "set", "field": "properties.format", "expression": "lower(properties.format)"},
    )
    bench.send(track("u1", "report_exported", properties={"format": "PDF"}))
    bench.settle()
    assert bench.counts("user_id", "u1") == {"Report Exported": 1}


def test_roll_back_is_a_new_version(bench: Bench) -> None:
    transform(bench, {"do": "drop", "events": ["a"]})
    transform(bench, {"do": "drop", "events": ["b"]})
    made = transform_store.roll_back(bench.conn, SYSTEM, bench.source, 1)
    bench.conn.commit()
    bench.wait(200)
    assert made.version == 3
    assert made.transformation.steps[0].events == ("a",)
    bench.send(track("u1", "a"), track("u1", "b"))
    bench.settle()
    assert bench.counts("user_id", "u1") == {"b": 1}
    with pytest.raises(errors.Conflict):
        transform_store.save(bench.conn, SYSTEM, bench.source, {"steps": []}, based_on=2)


def test_only_admins_change_rules(bench: Bench) -> None:
    member = Viewer("user", 1, "Mia", "member")
    for call in (
        lambda: transform_store.save(bench.conn, member, bench.source, {"steps": []}),
        lambda: transform_store.roll_back(bench.conn, member, bench.source, 0),
        lambda: plan_store.create(bench.conn, member, PLAN),
        lambda: plan_store.publish(bench.conn, member, "x"),
        lambda: plan_store.delete(bench.conn, member, "x"),
    ):
        with pytest.raises(errors.Forbidden):
            call()


def test_a_deleted_plan_lets_go_of_its_sources_and_leaves_the_past(bench: Bench) -> None:
    plan = plan_store.create(bench.conn, SYSTEM, PLAN)
    plan_store.publish(bench.conn, SYSTEM, plan.key)
    plan_store.connect(bench.conn, SYSTEM, plan.key, [bench.source])
    bench.conn.commit()
    bench.wait(200)
    bench.send(track("u1", "Unheard Of"))
    bench.settle()
    plan_store.delete(bench.conn, SYSTEM, plan.key)
    bench.conn.commit()
    bench.wait(200)
    bench.send(track("u1", "Unheard Of"))
    bench.settle()
    assert [o.__class__.__name__ for o in everything(bench)] == ["Filtered", "Fact"]


def test_people_may_accept_what_the_plan_refuses(bench: Bench) -> None:
    plan = plan_store.create(bench.conn, SYSTEM, PLAN)
    plan_store.publish(bench.conn, SYSTEM, plan.key)
    plan_store.connect(bench.conn, SYSTEM, plan.key, [bench.source])
    bench.conn.commit()
    bench.wait(200)
    bench.send(track("u1", "Report Exported", properties={"format": "xls"}))
    bench.settle()
    selection = trail.Selection()
    tried = trail.preview(bench.conn, SYSTEM, bench.source, selection, [])
    assert (tried.passes, tried.left[0][0]) == (0, "tracking_plan")
    done = trail.replay(
        bench.conn, SYSTEM, bench.source, selection, [trail.Fix(do="accept")], bench.now_ms
    )
    bench.conn.commit()
    bench.settle()
    assert len(done.rows) == 1
    assert bench.counts("user_id", "u1") == {"Report Exported": 1}


def test_an_inferred_plan_judges_what_it_was_inferred_from(bench: Bench) -> None:
    """Not what admission made of it: traits of the context, names of pages."""
    sent: list[dict[str, Any]] = []
    for n in range(30):
        shared = {"context": {"traits": {"plan": "pro", "email": f"u{n}@x.co"}}}
        sent += [
            {"type": "identify", "userId": f"u{n}", "traits": {"seats": n}, **shared},
            {"type": "page", "userId": f"u{n}", "name": "Home", "category": "App"},
        ]
    bench.send(*sent)
    bench.settle()
    plan = governance.trials.infer(bench.conn, SYSTEM, bench.source, "All")
    tried = governance.trials.check(plan, "all", sent, bench.now_ms)
    assert [one.violations for one in tried] == [[]] * len(tried)
    (identify,) = [rule for rule in plan.rules if rule.type == "identify"]
    assert set(identify.schema["properties"]["traits"]["properties"]) == {"seats"}
