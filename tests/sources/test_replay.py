"""Refused items: grouped, corrected on trial, replayed once, dropped and taken back."""

from typing import Any

import msgspec
import pytest

from onefold import log, sources, storage
from onefold.kernel import clock, errors, limits
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.sources import trail
from tests.worker.harness import Bench, track

MOVED = [trail.Fix("rename", "userid", "userId"), trail.Fix("convert", "userId", "text")]


@pytest.fixture
def bench(conn: storage.Connection) -> Bench:
    return Bench(conn)


def send_bad(bench: Bench, n: int = 6) -> None:
    bench.send(*({"type": "track", "event": "Used", "userid": f"u{i}"} for i in range(n)))
    bench.settle()


def replay(bench: Bench, *fixes: trail.Fix, **selection: Any) -> trail.Replayed:
    chosen = trail.Selection(**selection)
    done = trail.replay(bench.conn, SYSTEM, bench.source, chosen, fixes, bench.now_ms)
    bench.conn.commit()
    trail.note_positions(bench.conn, done.rows)
    bench.conn.commit()
    bench.settle()
    return done


def test_alike_ones_stand_together(bench: Bench) -> None:
    send_bad(bench)
    bench.send({"type": "tack", "userId": "u1"})
    bench.settle()
    first, second = trail.groups(bench.conn, SYSTEM, bench.source)
    assert (first.code, first.field, first.items) == ("no_identifier", "userId", 6)
    assert [b"u5" in first.samples[0].raw, len(first.samples)] == [True, 3]
    assert (second.code, second.field, second.items) == ("invalid_item", "type", 1)


def test_a_preview_tries_the_corrections_on_the_items_themselves(bench: Bench) -> None:
    send_bad(bench)
    bench.send({"type": "track", "userid": "u9"})
    bench.settle()
    everything = trail.Selection()
    nothing = trail.preview(bench.conn, SYSTEM, bench.source, everything, [])
    assert (nothing.matched, nothing.passes) == (7, 0)
    found = trail.preview(bench.conn, SYSTEM, bench.source, everything, MOVED)
    assert (found.matched, found.tried, found.passes) == (7, 7, 6)
    assert found.left == [("invalid_item", "event", "is missing.", 1)]
    assert found.samples[0].result.field == "event"
    assert found.samples[1].after["userId"] == "u0"
    assert trail.groups(bench.conn, SYSTEM, bench.source)[0].items == 6  # nothing was done


def test_a_replay_makes_facts_of_them_at_their_own_time(bench: Bench) -> None:
    then = bench.now_ms
    send_bad(bench, 3)
    bench.now_ms += 2 * clock.DAY_MS
    done = replay(bench, *MOVED, code="no_identifier", field="userId")
    assert (done.replayed, done.still_refused, done.remaining) == (3, 0, 0)
    assert bench.counts("user_id", "u2") == {"Used": 1}
    known = trail.settled(bench.conn, [old for old, _ in done.rows])
    for old, new in done.rows:
        _, end = known[old]
        assert end is not None
        assert (end.resolution, end.new_pos, end.done_by) == ("replayed", new, "system:0")
        event = trail.event(bench.conn, SYSTEM, bench.source, new)
        assert event.outcome == "processed"
        assert event.fact is not None
        assert event.fact.at_ms == then
        assert event.corrections == ()
        context = msgspec.json.decode(event.raw)["context"]["onefold"]["replayed"]
        assert context["id"] == str(old)
        assert context["received_at"] == clock.iso(then)
    assert trail.groups(bench.conn, SYSTEM, bench.source) == []
    hours = sources.ledger(bench.conn, SYSTEM, bench.source)
    assert all(h.reconciles for h in hours)
    assert sources.totals(hours).refused == 3  # that they were refused stays true


def test_a_sender_whose_clock_is_wrong_is_corrected_by_when_it_sent(bench: Bench) -> None:
    slow = bench.now_ms - 3 * clock.HOUR_MS
    item = {"type": "track", "event": "Used", "userid": "u1", "timestamp": clock.iso(slow - 1000)}
    body = log.pack(msgspec.json.encode({"batch": [item], "sentAt": clock.iso(slow)}))
    log.append(bench.conn, [log.Row(bench.source, "product", bench.now_ms, 1, body)])
    bench.settle()
    true_ms = bench.now_ms - 1000
    bench.now_ms += clock.DAY_MS
    ((_, new),) = replay(bench, *MOVED).rows
    event = trail.event(bench.conn, SYSTEM, bench.source, new)
    assert event.fact is not None
    assert event.fact.at_ms == true_ms


def test_replaying_twice_changes_nothing(bench: Bench) -> None:
    send_bad(bench)
    replay(bench, *MOVED)
    assert replay(bench, *MOVED).replayed == 0
    bench.conn.execute("UPDATE refused SET resolution = '', new_pos = NULL")  # as if it never was
    assert replay(bench, *MOVED).replayed == 6
    assert bench.counts("user_id", "u1") == {"Used": 1}
    hours = sources.ledger(bench.conn, SYSTEM, bench.source)
    assert sources.totals(hours).duplicate == 6


def test_an_item_without_a_message_id_is_replayed_once_all_the_same(bench: Bench) -> None:
    bench.send({"type": "track", "event": "Used", "userid": "u1", "messageId": ""})
    bench.settle()
    replay(bench, *MOVED)
    bench.conn.execute("UPDATE refused SET resolution = ''")
    replay(bench, *MOVED)
    assert bench.counts("user_id", "u1") == {"Used": 1}


def test_the_batch_and_the_route_still_count(bench: Bench) -> None:
    envelope = {"type": "track", "batch": [{"event": "Used", "userid": 7, "properties": []}],
                "context": {"groupId": "acme"}}  # fmt: skip
    body = log.pack(msgspec.json.encode(envelope))
    log.append(bench.conn, [log.Row(bench.source, "product", bench.now_ms, 1, body)])
    bench.settle()
    ((_, new),) = replay(bench, *MOVED, trail.Fix("convert", "properties", "object")).rows
    event = trail.event(bench.conn, SYSTEM, bench.source, new)
    assert event.fact is not None
    assert (event.fact.kind, event.fact.account) == ("track", "acme")
    assert event.fact.identifiers[0].value == "7"


def test_accept_cuts_what_is_over_a_limit_and_keeps_people_apart(bench: Bench) -> None:
    long = ["x" * 600 + end for end in ("a", "b")]
    bench.send(*(track(user, "Used") for user in long), track("u1", "E" * 400))
    bench.send({**track("u2", "Big"), "properties": {str(n): n for n in range(2_500)}})
    bench.settle()
    assert {g.code for g in trail.groups(bench.conn, SYSTEM, bench.source)} == {
        "too_long", "too_many",
    }  # fmt: skip
    done = replay(bench, trail.Fix("accept"))
    assert (done.replayed, done.still_refused) == (4, 0)
    homes = [
        trail.event(bench.conn, SYSTEM, bench.source, new).fact.home for _, new in done.rows[:2]
    ]
    assert homes[0] != homes[1]
    assert all(len(h.value) <= limits.string_identifier_chars_max for h in homes)
    assert bench.counts("user_id", "u1") == {"E" * 256: 1}


def test_what_is_no_json_cannot_be_corrected_and_stays(bench: Bench) -> None:
    bench.send({"type": "tack", "userId": "u1"})
    body = log.pack(b'{"batch":["text"]}')
    log.append(bench.conn, [log.Row(bench.source, "product", bench.now_ms, 1, body)])
    bench.settle()
    done = replay(bench, trail.Fix("set", "type", value="identify"))
    assert (done.replayed, done.still_refused) == (1, 1)


def test_a_replay_is_bounded_and_says_what_remains(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_bad(bench)
    monkeypatch.setattr(limits, "replay_items_max", 4)
    assert [replay(bench, *MOVED).remaining, replay(bench, *MOVED).remaining] == [2, 0]
    assert bench.counts("user_id", "u5") == {"Used": 1}


def test_dropped_ones_are_counted_and_come_back(bench: Bench) -> None:
    send_bad(bench)
    chosen = trail.Selection(code="no_identifier")
    action, n = trail.drop(bench.conn, SYSTEM, bench.source, chosen, 5)
    assert (n, trail.groups(bench.conn, SYSTEM, bench.source)) == (6, [])
    assert sources.totals(sources.ledger(bench.conn, SYSTEM, bench.source)).refused == 6
    assert replay(bench, *MOVED).replayed == 0
    assert trail.restore(bench.conn, SYSTEM, bench.source, action, 6) == 6
    assert trail.groups(bench.conn, SYSTEM, bench.source)[0].items == 6
    with pytest.raises(errors.Conflict):
        trail.restore(bench.conn, SYSTEM, bench.source, action, 7)
    replay(bench, *MOVED)
    newest, oldest = trail.actions(bench.conn, SYSTEM, bench.source)
    assert (newest.kind, newest.items, newest.done_by) == ("replayed", 6, "system:0")
    assert newest.fixes[0] == {"do": "rename", "field": "userid", "to": "userId"}
    assert (oldest.kind, oldest.undone_by, oldest.undone_ms) == ("dropped", "system:0", 6)
    with pytest.raises(errors.Conflict, match="not undone"):
        trail.restore(bench.conn, SYSTEM, bench.source, newest.id, 8)


def test_only_admins_correct(bench: Bench) -> None:
    member = Viewer("user", 1, "Mo", "member")
    every = trail.Selection()
    for call in (
        lambda: trail.preview(bench.conn, member, bench.source, every, []),
        lambda: trail.replay(bench.conn, member, bench.source, every, [], 0),
        lambda: trail.drop(bench.conn, member, bench.source, every, 0),
        lambda: trail.restore(bench.conn, member, bench.source, 1, 0),
    ):
        with pytest.raises(errors.Forbidden):
            call()


def test_every_wrong_correction_is_named() -> None:
    with pytest.raises(errors.Invalid) as caught:
        trail.check([trail.Fix("fix"), trail.Fix("rename", "a"), trail.Fix("convert", "a", "date")])
    assert [f.field for f in caught.value.faults] == ["fixes[0].do", "fixes[1]", "fixes[2].to"]
