"""A test source: checked at once, listed at /micro, and never in the log."""

from typing import Any

import pytest

from onefold import log, sources, storage
from onefold.kernel import clock, limits
from onefold.kernel.viewer import SYSTEM
from tests.collect.harness import Running


@pytest.fixture
def ci(shared_conn: storage.Connection) -> sources.Source:
    made = sources.create(shared_conn, SYSTEM, clock.token("CI ", 4), test=True)
    shared_conn.commit()
    return made


def track(event: str, **more: Any) -> dict[str, Any]:
    return {"type": "track", "userId": "u1", "event": event, **more}


def test_what_was_sent_is_there_when_the_answer_is(
    shared_server: Running, shared_conn: storage.Connection, ci: sources.Source
) -> None:
    key, before = ci.write_key, log.head(shared_conn)
    sent = track("Signed Up", messageId="a", properties={"plan": "pro", "seats": 5})
    batch = [sent, sent, {"type": "tack"}, {"type": "track", "event": "X"}]
    assert shared_server.send("/v1/batch", {"batch": batch}, key=key).status == 200
    assert shared_server.send("/micro/all", method="GET", key=key).json() == {
        "total": 4, "good": 1, "bad": 2, "duplicate": 1, "filtered": 0,
    }  # fmt: skip
    (good,) = shared_server.send("/micro/good", method="GET", key=key).json()
    assert (good["event"], good["identifiers"]) == ("Signed Up", ["user_id:u1"])
    assert good["item"]["properties"] == {"plan": "pro", "seats": 5}
    bad = shared_server.send("/micro/bad", method="GET", key=key).json()
    assert [b["errors"][0]["field"] for b in bad] == ["userId", "type"]
    assert all(b["errors"][0]["remedy"] for b in bad)
    assert log.head(shared_conn) == before
    assert sources.ledger(shared_conn, SYSTEM, ci.id) == []
    shared_conn.commit()


def test_lists_are_filtered_by_what_an_assertion_needs(
    shared_server: Running, ci: sources.Source
) -> None:
    def count(path: str, body: Any = b"", query: str = "") -> int:
        answer = shared_server.send(f"/micro/{path}?writeKey={ci.write_key}{query}", body)
        assert answer.status == 200, answer.body
        return len(answer.json())

    for n in range(3):
        item = track("Paid", properties={"plan": {"id": n, "name": "pro"}})
        shared_server.send("/v1/track", item, key=ci.write_key)
    shared_server.send("/v1/page", {"anonymousId": "d1", "name": "Home"}, key=ci.write_key)
    shared_server.send("/v1/track", {"event": "Lost"}, key=ci.write_key)
    assert count("good") == 4
    assert count("good", query="&event=Paid") == 3
    assert count("good", query="&event=Paid&limit=2") == 2
    assert count("good", query="&type=page") == 1
    assert count("good", {"properties": {"plan": {"id": 1}}}) == 1
    assert count("good", {"properties": {"plan": {"id": 9}}}) == 0
    assert count("bad", {"code": "no_identifier", "event": "Lost"}) == 1
    assert count("bad", {"field": "type"}) == 0


def test_a_reset_empties_the_list_of_this_source_alone(
    shared_server: Running, shared_conn: storage.Connection, ci: sources.Source
) -> None:
    other = sources.create(shared_conn, SYSTEM, clock.token("CI ", 4), test=True)
    shared_conn.commit()
    for source in (ci, other):
        shared_server.send("/v1/track", track("Seen"), key=source.write_key)
    answer = shared_server.send("/micro/reset", key=ci.write_key)
    assert answer.json()["total"] == 0
    assert shared_server.send("/micro/all", key=other.write_key).json()["total"] == 1


def test_the_list_is_bounded(
    shared_server: Running, ci: sources.Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "micro_items_max", 5)
    for n in range(4):
        batch = [track(f"E{n}") for _ in range(2)]
        shared_server.send("/v1/batch", {"batch": batch}, key=ci.write_key)
    assert shared_server.send("/micro/all", key=ci.write_key).json()["total"] == 5
    newest = shared_server.send("/micro/good", key=ci.write_key).json()
    assert [i["event"] for i in newest] == ["E3", "E3", "E2", "E2", "E1"]


def test_wrong_questions_are_told(
    shared_server: Running, shared_conn: storage.Connection, ci: sources.Source
) -> None:
    real = sources.create(shared_conn, SYSTEM, clock.token("App ", 4))
    shared_conn.commit()

    def status(path: str, **more: Any) -> int:
        return shared_server.send(path, **more).status

    assert status("/micro/all") == 401
    assert status("/micro/all", key="wk_none") == 401
    assert status("/micro/reset", key=real.write_key) == 404
    assert status("/micro/good?colour=red", key=ci.write_key) == 400
    assert status("/micro/good?limit=0", key=ci.write_key) == 400
    assert status("/micro/good", body=b"[1]", key=ci.write_key) == 400
    assert status("/micro/all", method="PUT", key=ci.write_key) == 405
    assert status("/micro/all", method="OPTIONS") == 204


def test_requests_that_are_turned_away_are_counted_for_their_source(
    shared_server: Running, shared_conn: storage.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "turned_away_flush_s", 0)
    app = sources.create(shared_conn, SYSTEM, clock.token("App ", 4))
    shared_conn.commit()
    key = app.write_key
    assert shared_server.send("/v1/batch", b"{", key=key).status == 400
    assert shared_server.send("/v1/batch", {"batch": 7}, key=key).status == 400
    assert shared_server.send("/v1/track", b"x" * 4_100_000, key=key).status == 413
    assert shared_server.send("/v1/track", b"{", key="wk_none").status == 401
    found: dict[str, int] = {}
    for _ in range(3_000):
        shared_conn.rollback()
        hours = sources.ledger(shared_conn, SYSTEM, app.id)
        found = sources.totals(hours).turned_away
        if sum(found.values()) == 3:
            break
    assert found == {"invalid_request": 2, "too_large": 1}
    assert all(h.reconciles and h.accepted == 0 for h in hours)
