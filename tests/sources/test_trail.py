"""The event debugger: what became of single items, found again in the log."""

import msgspec
import pytest

from onefold import log, sources, storage
from onefold.kernel import clock, errors, facts, limits
from onefold.kernel.viewer import SYSTEM
from onefold.sources import trail
from tests.worker.harness import NOW, Bench, track


@pytest.fixture
def bench(conn: storage.Connection) -> Bench:
    return Bench(conn)


def search(bench: Bench, before: int | None = None, rows: int = 50, **wanted) -> trail.Found:
    return trail.search(
        bench.conn, SYSTEM, bench.source, trail.Search(**wanted), before, rows_max=rows
    )


def names(found: trail.Found) -> list[str]:
    return [e.name for e in found.events]


def test_each_item_says_what_became_of_it(bench: Bench) -> None:
    bench.send(track("u1", "Good", messageId="a"), {"type": "tack", "userId": "u1"})
    bench.settle()
    bench.send(track("u1", "Good", messageId="a"))
    bench.settle()
    bench.send(track("u1", "Late"))
    late, again, bad, good = search(bench).events
    assert [e.outcome for e in (late, again, bad, good)] == [
        "waiting", "duplicate", "refused", "processed",
    ]  # fmt: skip
    assert good.fact is not None
    assert str(good.fact.home) == "user_id:u1"
    assert good.person_id == bench.person("user_id", "u1")
    assert bad.refusal is not None
    assert (bad.refusal.field, bool(bad.refusal.remedy)) == ("type", True)
    assert msgspec.json.decode(good.raw)["messageId"] == "a"
    shown = trail.event(bench.conn, SYSTEM, bench.source, again.pos)
    assert shown.first_pos == good.pos


def test_a_duplicate_in_the_same_request_finds_its_first(bench: Bench) -> None:
    bench.send(*(track("u1", "Good", messageId="a") for _ in range(2)))
    bench.settle()
    again, first = search(bench).events
    assert trail.event(bench.conn, SYSTEM, bench.source, again.pos).first_pos == first.pos


@pytest.mark.parametrize(
    ("who", "found"),
    [
        ("u1", ["One"]), ("user_id:u1", ["One"]), ("d2", ["Two"]), ("ANN@acme.co", ["Three"]),
        ("m-4", ["Four"]), ("acme", ["Five"]), ("nobody", []),
    ],
)  # fmt: skip
def test_items_are_found_by_any_id_on_them(bench: Bench, who: str, found: list[str]) -> None:
    bench.send(
        track("u1", "One"),
        {"type": "track", "anonymousId": "d2", "event": "Two"},
        {**track("u3", "Three"), "context": {"traits": {"email": "Ann@acme.co"}}},
        track("u4", "Four", messageId="m-4"),
        {**track("u5", "Five"), "context": {"groupId": "acme"}},
    )
    bench.settle()
    assert names(search(bench, who=who)) == found


def test_pages_go_on_by_position_and_miss_nothing(bench: Bench) -> None:
    for n in range(13):
        bench.send(*(track("u1", f"E{n}-{i}") for i in range(7)))
    bench.settle()
    seen: list[int] = []
    before = None
    while True:
        page = search(bench, before, rows=10)
        seen += [e.pos for e in page.events]
        before = page.next
        if before is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) == 91


def test_a_search_does_a_bounded_amount_of_work_and_says_where_to_go_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.send(track("u1", "Needle"))
    for _ in range(9):
        bench.send(track("u1", "Hay"))
    monkeypatch.setattr(limits, "events_rows_max", 4)
    monkeypatch.setattr("onefold.sources.trail.events._WINDOW_ROWS", 2)
    pages, before, found = 0, None, []
    while pages == 0 or before is not None:
        page = search(bench, before, event="needle")
        assert page.looked_at <= 4
        found += names(page)
        before, pages = page.next, pages + 1
    assert (found, pages) == (["Needle"], 3)


def test_a_stretch_of_time_is_found_without_walking_to_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in range(200):
        bench.now_ms = NOW + hour * clock.HOUR_MS
        bench.send(track("u1", f"H{hour}"))
    monkeypatch.setattr(limits, "events_rows_max", 10)
    monkeypatch.setattr("onefold.sources.trail.events._WINDOW_ROWS", 5)
    since = NOW + 20 * clock.HOUR_MS
    found = search(bench, since_ms=since, until_ms=since + 2 * clock.HOUR_MS)
    assert names(found) == ["H21", "H20"]
    assert found.next is None


def test_a_quiet_source_in_a_busy_log_is_found_by_its_hours(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.send(track("u1", "Rare"))
    other = sources.create(bench.conn, SYSTEM, "busy").id
    body = log.pack(msgspec.json.encode({"batch": [track("u2", "Noise")]}))
    for hour in range(1, 120):
        at = NOW + hour * clock.HOUR_MS
        log.append(bench.conn, [log.Row(other, "product", at, 1, body)])
    monkeypatch.setattr(limits, "events_rows_max", 20)
    monkeypatch.setattr("onefold.sources.trail.events._WINDOW_ROWS", 5)
    assert names(search(bench)) == ["Rare"]


def test_refused_ones_are_listed_by_themselves(bench: Bench) -> None:
    for n in range(30):
        bench.send(track("u1", f"Good {n}"), {"type": "tack", "userId": "u1", "event": f"Bad {n}"})
    bench.settle()
    page = search(bench, outcome="refused", rows=20)
    assert names(page) == [f"Bad {n}" for n in range(29, 9, -1)]
    rest = search(bench, page.next, outcome="refused", rows=20)
    assert names(rest) == [f"Bad {n}" for n in range(9, -1, -1)]
    assert names(search(bench, outcome="refused", event="bad 7")) == ["Bad 7"]


def corrections(bench: Bench, item: dict, **shared: object) -> dict[str, str]:
    body = log.pack(msgspec.json.encode({"batch": [item], **shared}))
    log.append(bench.conn, [log.Row(bench.source, "product", bench.now_ms, 1, body)])
    bench.settle()
    return {c.field: c.what for c in search(bench, rows=1).events[0].corrections}


def test_corrections_are_told_in_words(bench: Bench) -> None:
    at, hour = bench.now_ms, clock.HOUR_MS
    plain = {**track("u1", "X"), "timestamp": clock.iso(at)}
    assert corrections(bench, plain, sentAt=clock.iso(at)) == {}
    behind = {**track("u1", "X"), "timestamp": clock.iso(at - 3 * hour)}
    found = corrections(bench, behind, sentAt=clock.iso(at - 3 * hour + 5))
    assert "clock is 3 h behind" in found["timestamp"]
    beyond = {**track("u1", "X"), "timestamp": clock.iso(at + 90 * hour)}
    found = corrections(bench, beyond, sentAt=clock.iso(at + 3 * hour))
    assert found["timestamp"] == "lies in the future; the time of receipt is used."
    ahead = {**track("u1", "X"), "timestamp": clock.iso(at + hour)}
    assert "future" in corrections(bench, ahead)["timestamp"]
    assert "no time" in corrections(bench, {**track("u1", "X"), "timestamp": "soon"})["timestamp"]
    odd = {"type": "track", "event": "X", "userId": "null", "anonymousId": 7}
    found = corrections(bench, {**odd, "context": {"traits": {"email": "A@b.co "}}})
    assert "nobody" in found["userId"]
    assert "number" in found["anonymousId"]


def test_what_is_not_there_is_not_found(bench: Bench) -> None:
    bench.send(track("u1", "X"))
    seq = log.head(bench.conn)
    for pos in (facts.position(seq, 1), facts.position(seq + 1, 0), 0):
        with pytest.raises(errors.NotFound):
            trail.event(bench.conn, SYSTEM, bench.source, pos)
    with pytest.raises(errors.NotFound):
        trail.event(bench.conn, SYSTEM, bench.source + 1, facts.position(seq, 0))
    assert search(bench, who="x" * 9).events == []
