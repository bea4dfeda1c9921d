"""Changing identifier rules: first what it would do, then it is done, and can be undone."""

from collections.abc import Callable
from typing import Any

import pytest

from onefold import storage
from onefold.identity import decisions
from onefold.identity.namespaces import preview, store
from onefold.kernel import errors, ids, limits
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import namespaces
from tests.worker.harness import Bench, identify, track

DAY = 86_400_000
ADMIN = Viewer("user", 3, "Ann Admin", "admin")


@pytest.fixture
def bench(conn: storage.Connection) -> Bench:
    """Two mails of u1; u2 and u3 share an address; u4 has a third value on a device."""
    bench = Bench(conn)
    bench.send(identify("u1", email="a1@x.co", name="Ann"))
    bench.send(identify("u2", email="shared@x.co"))
    bench.now_ms += DAY
    bench.send(identify("u1", email="a2@x.co"))
    bench.send(identify("u3", email="shared@x.co"))
    bench.send({**track("u4", "Seen"), "anonymousId": "d4"})
    bench.wait(200)
    return bench


Looked = Callable[..., namespaces.Previewed]


@pytest.fixture
def look(bench: Bench) -> Looked:
    def one(*given: dict[str, Any]) -> namespaces.Previewed:
        asked = namespaces.propose(bench.conn, ADMIN, list(given), None, bench.now_ms)
        return done(bench, asked["id"])

    return one


def done(bench: Bench, ref: str) -> namespaces.Previewed:
    """Do the job's work here."""
    number = ids.parse_id("nsp", ref)
    conn = bench.conn
    found = store.preview(conn, SYSTEM, number)
    upto = store.last_identifier(conn)
    store.set_preview(conn, number, status="running", upto=upto)
    conn.commit()
    book = decisions.Book(decisions.in_force(conn))
    rules = preview.compiled(found.rules)
    while preview.step(conn, number, rules, book):
        pass
    return namespaces.preview(conn, SYSTEM, ref)


def test_a_preview_says_who_would_come_apart_and_why(bench: Bench, look: Looked) -> None:
    found = look({"name": "email", "limit": 1})
    assert (found["status"], found["percent"], found["people"]) == ("done", 100, 4)
    assert (found["merged"], found["split"], found["moved"]) == (0, 1, 0)
    assert found["identifiers"] == 1
    (example,) = found["examples"]
    assert example["what"] == "split"
    (side,) = example["before"]
    assert side["name"] == "Ann"
    assert side["url"] == f"/people/{side['person']}?tab=identity"
    assert side["identifiers"] == ["email:a1@x.co", "email:a2@x.co", "user_id:u1"]
    assert sorted(len(after["identifiers"]) for after in example["after"]) == [1, 2]
    assert example["why"].startswith("The link of user id u1 and e-mail a1@x.co would not count")
    assert "one person may have 1 of email" in example["why"]
    assert found["changes"] == [{"namespace": "email", "field": "limit", "before": 5, "after": 1}]
    assert bench.person("email", "a1@x.co") == bench.person("user_id", "u1"), "nothing is changed"


def test_a_preview_says_who_would_merge(bench: Bench, look: Looked) -> None:
    found = look({"name": "user_id", "limit": 2})
    assert (found["merged"], found["split"], found["moved"]) == (1, 0, 0)
    (example,) = found["examples"]
    assert len(example["before"]) == 2
    assert len(example["after"]) == 1
    assert "would count: so far one person would have too many values of user_id" in example["why"]


def test_a_preview_in_small_chunks_counts_everybody_once(
    bench: Bench, look: Looked, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = look({"name": "email", "blocked": ["shared@x.co", "a1@x.co"]})
    monkeypatch.setattr(limits, "namespace_preview_ids_max", 1)
    found = look({"name": "email", "blocked": ["shared@x.co", "a1@x.co"]})
    same = ("people", "merged", "split", "moved", "identifiers")
    assert [found[k] for k in same] == [whole[k] for k in same]  # type: ignore[literal-required]
    assert found["split"] == 2


def test_applying_needs_a_finished_preview_of_the_rules_that_hold(
    bench: Bench, look: Looked
) -> None:
    asked = namespaces.propose(bench.conn, ADMIN, [{"name": "email", "limit": 2}], 1, bench.now_ms)
    with pytest.raises(errors.Conflict, match="waiting"):
        namespaces.apply(bench.conn, ADMIN, asked["id"], "", bench.now_ms)
    bench.conn.rollback()
    found = look({"name": "email", "limit": 1})
    made = namespaces.apply(bench.conn, ADMIN, found["id"], "one address each", bench.now_ms)
    bench.conn.commit()
    assert made["progress"]["state"] == "waiting"
    assert next(r for r in made["items"] if r["name"] == "email")["limit"] == 1
    with pytest.raises(errors.Conflict, match="changed meanwhile"):
        namespaces.apply(bench.conn, ADMIN, found["id"], "", bench.now_ms)
    bench.conn.rollback()
    bench.wait(200)
    assert bench.person("email", "a1@x.co") != bench.person("user_id", "u1")
    now = namespaces.shown(bench.conn, SYSTEM)
    assert now["progress"] == {"state": "in_force", "percent": 100, "people_changed": 2}

    back = namespaces.propose_back(bench.conn, ADMIN, 1, bench.now_ms)
    back = done(bench, back["id"])
    assert (back["merged"], back["back_to"]) == (1, 1)
    namespaces.apply(bench.conn, ADMIN, back["id"], "", bench.now_ms)
    bench.conn.commit()
    bench.wait(200)
    assert bench.person("email", "a1@x.co") == bench.person("user_id", "u1")
    newest, former, first = namespaces.history(bench.conn, SYSTEM)["items"]
    assert (newest["version"], newest["back_to"]) == (3, 1)
    assert (former["reason"], former["by"]) == ("one address each", "Ann Admin")
    assert former["progress"]["state"] == "former"
    assert first["changes"] == []


def test_only_admins_propose_and_apply(bench: Bench) -> None:
    member = Viewer("user", 4, "Bob", "member")
    with pytest.raises(errors.Forbidden):
        namespaces.propose(bench.conn, member, [{"name": "email", "limit": 1}], None, 0)
    with pytest.raises(errors.Forbidden):
        namespaces.apply(bench.conn, member, "nsp_1", "", 0)
