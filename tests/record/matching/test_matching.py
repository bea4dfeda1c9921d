"""Known people matched by likeness: trained on themselves, asked about, answered for good."""

import pytest

from onefold import storage
from onefold.identity import decisions, likeness
from onefold.kernel import errors, limits
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import SYSTEM
from onefold.record import matching
from tests.record.matching.world import MAYA, World, name_of, phone_of
from tests.worker.harness import identify

# Anna Albrecht of Northwind Foods is the user u0; her contact has another address.
U0 = "user_id:u0"


@pytest.fixture
def world(conn: storage.Connection, database: str) -> World:
    return World(conn, database)


def _anna(world: World) -> str:
    return "contact:" + world.contact(
        first_name="Anna", last_name="Albrecht", email="a.albrecht@gmail.com",
        phone=phone_of(0),
    ).removeprefix("con_")  # fmt: skip


def test_a_model_is_trained_and_a_duplicate_is_asked_about(world: World) -> None:
    anna = _anna(world)
    (run,) = world.look()
    assert (run.kind, run.status, run.done) == ("full", "done", 101)
    assert run.pairs <= 101 * limits.match_candidates_max
    assert world.refs() == [{U0, anna}]
    (pair,) = world.queue()
    assert pair["chance"] > 0.9
    assert "phone same" in pair["pattern"]
    view = matching.answers.pair(world.conn, MAYA, pair["id"], world.bench.now_ms)
    assert view["steps"][0]["label"] == "Two people at random"
    assert view["steps"][-1]["to_bits"] == pytest.approx(pair["bits"], abs=0.1)
    assert "would become part of" in view["simulation"]["text"][0]
    assert view["result"] is not None
    assert {U0, anna} <= set(view["result"]["identifiers"])
    phone = next(f for f in view["fields"] if f["name"] == "phone")
    assert phone["outcome"] == "same"
    learnt = matching.house.learnt(world.conn, MAYA)
    assert learnt is not None
    assert {"given", "surname", "email", "phone"} <= {c["name"] for c in learnt["comparisons"]}


def test_only_what_changed_is_weighed_again(world: World) -> None:
    world.look()
    anna = _anna(world)
    (run,) = world.look()
    assert (run.kind, run.done) == ("changed", 1)
    assert run.pairs <= limits.match_candidates_max
    assert world.refs() == [{U0, anna}]
    assert world.look() == []


def test_an_answer_is_a_decision_and_the_pair_never_returns(world: World) -> None:
    anna = _anna(world)
    world.look()
    done = world.answer(world.pair_of(U0, anna), "different", "her sister")
    assert not world.same(U0, anna)
    said = decisions.get(world.conn, MAYA, int(done["decisions"][0].removeprefix("dec_")))
    assert (said.kind, said.actor_name, said.reason) == ("not_same", "Maya", "her sister")
    assert world.queue() == []
    world.bench.send(identify("u0", workphone=phone_of(0), title="Boss"))
    world.bench.wait(1000)
    world.look()
    world.full()
    assert world.queue() == []
    with pytest.raises(errors.Conflict):
        world.answer({"id": done["answered"][0]}, "same")


def test_same_joins_and_undo_parts_and_asks_again(world: World) -> None:
    anna = _anna(world)
    world.look()
    done = world.answer(world.pair_of(U0, anna), "same")
    assert world.same(U0, anna)
    matching.answers.undo(world.conn, MAYA, done["batch"], "a slip", world.bench.now_ms)
    world.conn.commit()
    world.bench.settle()
    assert not world.same(U0, anna)
    assert world.refs() == [{U0, anna}]


def test_the_queue_shrinks_when_facts_settle_a_pair(world: World) -> None:
    anna = _anna(world)
    world.look()
    assert world.refs() == [{U0, anna}]
    world.bench.send(identify("u0", email="a.albrecht@gmail.com"))
    world.bench.wait(1000)
    assert world.same(U0, anna)
    assert world.queue() == []  # at once, before any task ran
    world.look()
    assert world.counts() == {"settled": 1}


def test_a_decision_made_elsewhere_settles_a_pair(world: World) -> None:
    anna = _anna(world)
    world.look()
    end = decisions.End(Identifier("email", "a.albrecht@gmail.com"))
    u0 = decisions.End(Identifier("user_id", "u0"))
    decisions.say(world.conn, MAYA, "not_same", u0, end, "", world.bench.now_ms)
    world.conn.commit()
    world.bench.settle()
    world.look()
    assert world.counts() == {"settled": 1}
    assert anna


def test_what_f_would_not_join_is_never_asked(world: World) -> None:
    """Two users are two people as long as no human says otherwise."""
    world.bench.send(identify(
        "other", firstName="Anna", lastName="Albrecht", company="Northwind Foods",
        phone=phone_of(0), email="anna.albrecht@northwindfoods.test",
    ))  # fmt: skip
    world.bench.wait(1000)
    world.look()
    assert world.queue() == []
    assert world.counts() == {"barred": 1}
    trust = matching.trust.behind(world.conn, MAYA, "alike:limit:user_id")
    assert trust["number"]["count"] == 1
    assert {trust["lines"][0]["name"], trust["lines"][0]["other_name"]} == {"Anna Albrecht"}


def test_certain_pairs_are_joined_only_where_a_human_switched_that_on(world: World) -> None:
    anna = _anna(world)
    world.look()
    assert not world.same(U0, anna)
    admin = SYSTEM
    with pytest.raises(errors.Forbidden):
        matching.house.change(world.conn, MAYA, {"certain_from": 0.99}, 1)
    with pytest.raises(errors.Invalid, match="threshold"):
        matching.house.change(world.conn, admin, {"certain_from": 0.5}, 1)
    matching.house.change(world.conn, admin, {"certain_from": 0.99}, 1)
    run = world.full()
    assert run.joined == 1
    assert world.same(U0, anna)
    (line,) = matching.answers.answered_lately(world.conn, MAYA)["items"]
    assert (line["status"], line["answered_by"]) == ("joined", "Onefold")
    # undone by a human it stays undone, whatever is weighed later
    number = int(str(line["decision"]).removeprefix("dec_"))
    decisions.undo(world.conn, MAYA, number, "no", world.bench.now_ms)
    world.conn.commit()
    world.bench.settle()
    assert not world.same(U0, anna)
    world.look()
    assert world.full().joined == 0
    assert not world.same(U0, anna)


def test_a_match_yields_to_what_arrives(world: World) -> None:
    """A joined contact turns out to be another user's: likeness gives way to the fact."""
    anna = _anna(world)
    world.look()
    matching.house.change(world.conn, SYSTEM, {"certain_from": 0.99}, 1)
    world.full()
    assert world.same(U0, anna)
    world.bench.send(identify("u77", email="a.albrecht@gmail.com"))
    world.bench.wait(1000)
    assert world.same("user_id:u77", anna)
    assert not world.same(U0, anna)


def test_alike_pairs_are_answered_and_undone_together(world: World) -> None:
    for n in (3, 14, 25):
        given, surname = name_of(n)
        world.contact(first_name=given, last_name=surname, phone=phone_of(n))
    world.look()
    found = world.queue()
    assert len(found) == 3
    pattern = found[0]["pattern"]
    assert {p["pattern"] for p in found} == {pattern}
    assert len(world.queue(pattern=pattern)) == 3
    done, _ = matching.answers.answer_alike(
        world.conn, MAYA, pattern, "different", "", world.bench.now_ms
    )
    world.conn.commit()
    assert len(done["answered"]) == 3
    assert done["left"] == 0
    matching.answers.undo(world.conn, MAYA, done["batch"], "", world.bench.now_ms)
    assert len(world.queue()) == 3


def test_skipped_pairs_are_hidden_from_who_skipped_them(world: World) -> None:
    anna = _anna(world)
    world.look()
    pair = world.pair_of(U0, anna)
    matching.answers.skip(world.conn, MAYA, pair["id"], world.bench.now_ms)
    assert world.queue() == []
    assert matching.answers.queue(world.conn, SYSTEM, world.bench.now_ms)["items"]
    matching.answers.unskip(world.conn, MAYA, pair["id"])
    assert len(world.queue()) == 1


def test_impact_and_doubt_decide_who_is_first(world: World) -> None:
    world.contact(first_name="Anna", last_name="Albrecht", phone=phone_of(0))
    given, surname = name_of(1)
    busy = world.contact(first_name=given, last_name=surname, phone=phone_of(1))
    from onefold import crm

    crm.tickets.create(
        world.conn, SYSTEM, {"subject": "Broken", "contact_id": busy}, world.bench.now_ms
    )
    world.conn.commit()
    world.bench.wait(1000)
    world.look()
    first, second = world.queue()
    assert f"{given} {surname}" in (first["a_name"], first["b_name"])
    assert first["why"][0] == "1 open ticket"
    assert first["impact"] > second["impact"]


def test_a_run_that_was_stopped_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "match_chunk_records", 30)
    anna = _anna(world)
    world.conn.commit()
    from onefold.record.matching import weigh
    from onefold.storage import jobs

    chunks = 0
    whole = weigh.Weigher.chunk

    def counted(self, conn, chunk, **named):  # type: ignore[no-untyped-def]
        nonlocal chunks
        chunks += 1
        if chunks == 3:
            raise jobs.Interrupted
        return whole(self, conn, chunk, **named)

    monkeypatch.setattr(weigh.Weigher, "chunk", counted)
    matching.run.due(world.running)
    with pytest.raises(jobs.Interrupted):
        world.work()
    stopped = likeness.store.runs(world.conn, SYSTEM)[0]
    assert (stopped.status, stopped.phase, stopped.done) == ("running", "score", 60)
    (run,) = world.work()
    assert (run.status, run.done) == ("done", 101)
    assert world.refs() == [{U0, anna}]


def test_likely_duplicates_are_told_on_entry(world: World) -> None:
    world.look()
    likely = matching.entry.likely(
        world.conn, MAYA, {"name": "Ana Albrecht", "phone": phone_of(0), "company": "Northwind"}
    )
    assert likely
    assert likely[0]["name"] == "Anna Albrecht"
    assert likely[0]["chance"] > 0.5
    none = {"name": "Zbigniew Wisniewski", "email": "z@w.example"}
    assert matching.entry.likely(world.conn, MAYA, none) == []
    assert matching.entry.likely(world.conn, MAYA, {}) == []


def test_models_go_out_and_come_in(world: World) -> None:
    _anna(world)
    world.look()
    body = matching.house.model_file(world.conn, MAYA)
    assert b'"m_probability"' in body
    assert b"albrecht@" not in body  # addresses are nobody's but their owners'
    with pytest.raises(errors.Forbidden):
        matching.house.load_model(world.conn, MAYA, body, 1)
    made = matching.house.load_model(world.conn, SYSTEM, body, 1)
    assert (made["origin"], made["current"]) == ("loaded", True)
    (run,) = world.work()
    assert (run.kind, run.done) == ("weigh", 101)
    assert len(world.queue()) == 1
    foreign = b"""{"link_type": "dedupe_only", "probability_two_random_records_match": 0.1,
      "comparisons": [{"output_column_name": "shoe_size", "comparison_levels": [
        {"sql_condition": "ELSE", "m_probability": 0.1, "u_probability": 0.9}]}]}"""
    with pytest.raises(errors.Invalid, match="shoe_size"):
        matching.house.load_model(world.conn, SYSTEM, foreign, 1)


def test_trust_counts_what_can_be_relied_on(world: World) -> None:
    _anna(world)
    world.look()
    found = matching.trust.latest(world.conn, MAYA)
    assert found is not None
    numbers = {n["key"]: n for n in found["numbers"]}
    assert (numbers["duplicates"]["count"], numbers["people_suspected"]["count"]) == (1, 2)
    assert (numbers["email"]["count"], numbers["email"]["of"]) == (101, 101)
    assert (numbers["phone"]["count"], numbers["user_id"]["count"]) == (101, 100)
    assert numbers["contact"]["count"] == 1
    lacking = matching.trust.behind(world.conn, MAYA, "contact")
    assert len(lacking["lines"]) == 100
    world.bench.send(identify("u0", email="a.albrecht@gmail.com"))
    world.bench.send(identify("u1", email="a.albrecht@gmail.com"))
    world.bench.wait(1000)
    world.look()
    matching.trust.refresh(world.conn, world.bench.now_ms)
    lines = matching.trust.behind(world.conn, MAYA, "cut:limit:user_id")["lines"]
    assert lines
    with pytest.raises(errors.NotFound):
        matching.trust.behind(world.conn, MAYA, "nonsense")
