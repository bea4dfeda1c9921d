"""Every item is accounted for: what was appended, what waits, what became of the rest."""

import random

from onefold import governance, sources, storage
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from tests.worker.harness import Bench, group, identify, track


def whole(bench: Bench) -> sources.LedgerHour:
    hours = sources.ledger(bench.conn, SYSTEM, bench.source)
    assert all(h.reconciles for h in hours), hours
    return sources.totals(hours)


def test_what_waits_is_accepted_and_not_yet_received(conn: storage.Connection) -> None:
    bench = Bench(conn)
    bench.send(track("u1", "Good"), track("u1", "Good"))
    before = whole(bench)
    assert (before.accepted, before.waiting, before.received) == (2, 2, 0)
    bench.settle()
    after = whole(bench)
    assert (after.accepted, after.waiting, after.received, after.processed) == (2, 0, 2, 2)


def test_reasons_are_counted_by_code_and_by_rule(conn: storage.Connection) -> None:
    bench = Bench(conn)
    steps = {"steps": [{"do": "drop", "events": ["Noise"]}]}
    governance.transform_store.save(conn, SYSTEM, bench.source, steps)
    conn.commit()
    bench.send(track("u1", "Good"), track("u1", "Noise"), track("u1", "Noise"))
    bench.send({"type": "nonsense"}, {"type": "track", "event": "Nobody"}, track("u1", "Noise"))
    bench.wait(200)
    found = whole(bench)
    assert (found.processed, found.refused, found.filtered) == (1, 2, 3)
    assert found.refused_for == {"invalid_item": 1, "no_identifier": 1}
    assert found.filtered_by == {"transformation: step 1": 3}


def test_an_item_that_got_lost_between_log_and_worker_would_show(conn: storage.Connection) -> None:
    bench = Bench(conn)
    bench.send(track("u1", "Good"), track("u1", "Good"))
    bench.settle()
    conn.execute("UPDATE ledger SET received = received - 1, processed = processed - 1")
    (hour,) = sources.ledger(conn, SYSTEM, bench.source)
    assert not hour.reconciles


class Week:
    """A simulated week of one source's traffic, with the truth beside it."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.dice = random.Random(seed)
        self.sent: list[dict[str, object]] = []
        self.requests: list[tuple[int, list[dict[str, object]]]] = []
        self.truth = {"processed": 0, "duplicate": 0, "refused": 0}
        self.by_hour: dict[int, int] = {}
        self.used: dict[str, int] = {}
        self.start = bench.now_ms

    def request(self, hour: int) -> None:
        """One request: mostly good items, some sent again, some bad, some late by days."""
        now = self.start + hour * clock.HOUR_MS
        batch = []
        for _ in range(self.dice.randint(1, 12)):
            chance = self.dice.random()
            if chance < 0.05 and self.sent:
                batch.append(self.dice.choice(self.sent))
                self.truth["duplicate"] += 1
            elif chance < 0.08:
                batch.append(self.bad())
                self.truth["refused"] += 1
            else:
                days = self.dice.randint(1, 6) if chance < 0.10 else 0
                batch.append(self.good(now - days * clock.DAY_MS))
                self.sent.append(batch[-1])
                self.truth["processed"] += 1
        self.by_hour[now] = self.by_hour.get(now, 0) + len(batch)
        self.requests.append((now, batch))

    def good(self, at: int) -> dict[str, object]:
        number, one = len(self.sent), self.dice.randint(1, 40)
        user, device = f"u{one}", f"d{one % 13}"
        stamp = {"messageId": f"w{number}", "timestamp": clock.iso(at)}
        match self.dice.randint(1, 10):
            case 1:
                plan = self.dice.choice(("free", "pro"))
                return {**identify(user, plan=plan, email=f"{user}@x.test"), **stamp}
            case 2:
                return {**group(user, f"a{one % 7}", name="A"), **stamp}
            case 3:
                return {"type": "page", "anonymousId": device, **stamp}
            case 4:
                return {**track(user, "Used"), "anonymousId": device, **stamp}
        self.used[user] = self.used.get(user, 0) + 1
        return {**track(user, "Used Alone"), **stamp}

    def bad(self) -> dict[str, object]:
        number = self.dice.getrandbits(60)
        wrong = self.dice.choice(
            ({"userId": {}}, {"event": ""}, {"type": "tack"}, {"userId": None}, {"traits": []})
        )
        return {**track("u1", "Used"), "messageId": f"b{number}", **wrong}

    def play(self) -> None:
        for now, batch in self.requests:
            self.bench.now_ms = max(self.bench.now_ms, now)
            self.bench.send(*batch)
            if self.dice.random() < 0.2:
                self.bench.settle()
        self.bench.settle()


FOLDED = (
    "account", "fact_chunk", "fragment", "identifier", "link", "login", "membership", "person",
    "person_account", "person_alias", "person_journal", "usage",
)  # fmt: skip


def folded(bench: Bench) -> dict[str, list[str]]:
    """All that facts make, row by row, states as their bytes."""
    return {
        table: sorted(row for (row,) in bench.conn.execute(f"SELECT t::text FROM {table} t"))
        for table in FOLDED
    }


def test_a_weeks_sums_are_the_truth_and_playing_it_again_changes_nothing(
    conn: storage.Connection,
) -> None:
    bench = Bench(conn)
    bench.audience("pro", {"trait": "plan", "is": "pro"})
    bench.audience("busy", {"count": {"event": "Used Alone", "within": "7d"}, "at_least": 3})
    week = Week(bench, seed=7)
    for hour in range(7 * 24 - 1):
        for _ in range(week.dice.randint(0, 3)):
            week.request(hour)
    week.play()
    found = whole(bench)
    assert {name: getattr(found, name) for name in week.truth} == week.truth
    assert (found.filtered, found.waiting) == (0, 0)
    assert sum(found.refused_for.values()) == week.truth["refused"]
    hours = {h.hour_ms: h.accepted for h in sources.ledger(conn, SYSTEM, bench.source)}
    truth: dict[int, int] = {}
    for now, n in week.by_hour.items():
        key = now // clock.HOUR_MS * clock.HOUR_MS
        truth[key] = truth.get(key, 0) + n
    assert hours == truth
    for user, used in week.used.items():
        assert bench.counts("user_id", user).get("Used Alone") == used
    bench.wait(clock.DAY_MS)  # nothing is due any more
    before = folded(bench)
    assert all(before[table] for table in FOLDED if table not in ("fact_chunk", "person_alias"))
    week.play()
    again = whole(bench)
    assert again.processed == found.processed
    assert again.duplicate == 2 * found.duplicate + found.processed
    assert again.refused == 2 * found.refused
    bench.wait(1_000)
    assert folded(bench) == before
