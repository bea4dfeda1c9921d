"""From the log to current audiences, under a clock of our own."""

import pytest

from onefold import activation, audiences, crm, log, profiles, storage
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from onefold.worker import Engine
from onefold.worker.folder import Folder
from tests.worker.harness import Bench, group, identify, track

EXPORTS = {"count": {"event": "Report Exported", "within": "7d"}, "at_least": 2}


@pytest.fixture
def bench(conn: storage.Connection) -> Bench:
    return Bench(conn)


def test_a_page_view_before_the_log_in_belongs_to_the_person(bench: Bench) -> None:
    bench.send({"type": "page", "anonymousId": "d1"})
    bench.settle()
    stranger = bench.person("anonymous_id", "d1")
    bench.send({**identify("u1", email="ann@acme.co"), "anonymousId": "d1"})
    bench.settle()
    assert bench.person("email", "ann@acme.co") == stranger
    assert bench.counts("user_id", "u1") == {"Page Viewed": 1, "Identify": 1}


def test_a_second_user_on_a_device_is_a_second_person(bench: Bench) -> None:
    bench.send(track("u1", "Signed In", anonymousId="d1"))
    bench.wait(1000)
    bench.send({"type": "page", "anonymousId": "d1"})
    bench.wait(1000)
    bench.send(track("u2", "Signed In", anonymousId="d1"))
    bench.wait(1000)
    bench.send({"type": "page", "anonymousId": "d1"}, {"type": "page", "anonymousId": "d1"})
    bench.settle()
    assert bench.counts("user_id", "u1") == {"Signed In": 1, "Page Viewed": 1}
    assert bench.counts("user_id", "u2") == {"Signed In": 1, "Page Viewed": 2}


def test_a_log_in_that_arrives_late_moves_the_facts_after_it(bench: Bench) -> None:
    at = [clock.iso(bench.now_ms - n * 60_000) for n in (50, 40, 30, 20)]
    bench.send(
        track("u1", "Signed In", anonymousId="d1", timestamp=at[0]),
        {"type": "page", "anonymousId": "d1", "timestamp": at[2]},
        track("u1", "Signed In", anonymousId="d1", timestamp=at[3]),
    )
    bench.settle()
    assert bench.counts("user_id", "u1") == {"Signed In": 2, "Page Viewed": 1}
    bench.send(track("u2", "Signed In", anonymousId="d1", timestamp=at[1]))
    bench.settle()
    assert bench.counts("user_id", "u1") == {"Signed In": 2}
    assert bench.counts("user_id", "u2") == {"Signed In": 1, "Page Viewed": 1}


def test_a_window_expires_without_an_event(bench: Bench) -> None:
    bench.audience("exporters", EXPORTS)
    bench.send(track("u1", "Report Exported"), track("u1", "Report Exported"))
    bench.settle()
    assert bench.audiences_of("user_id", "u1") == ["exporters"]
    bench.wait(7 * clock.DAY_MS - 600_000)
    assert bench.audiences_of("user_id", "u1") == ["exporters"]
    bench.wait(600_000)
    assert bench.audiences_of("user_id", "u1") == []


def test_joining_an_account_does_not_keep_a_window_from_expiring(bench: Bench) -> None:
    bench.audience("exporters", EXPORTS)
    bench.send(track("u1", "Report Exported"), track("u1", "Report Exported"))
    bench.settle()
    bench.send(group("u1", "acme"))
    bench.settle()
    assert bench.audiences_of("user_id", "u1") == ["exporters"]
    bench.wait(8 * clock.DAY_MS)
    assert bench.audiences_of("user_id", "u1") == []


def test_a_new_audience_counts_what_was_there_before_it(bench: Bench) -> None:
    for n in range(30):
        bench.send(track(f"u{n % 3}", "Report Exported"), track("u9", "Signed In"))
    bench.settle()
    bench.send(track("u4", "Report Exported"))
    bench.audience("exporters", {**EXPORTS, "at_least": 10})
    bench.send(track("u4", "Report Exported"))
    bench.settle()
    assert bench.members("exporters") == {bench.person("user_id", f"u{n}") for n in range(3)}


def test_duplicates_seen_before_an_audience_are_not_counted_by_it(bench: Bench) -> None:
    twice = track("u1", "Report Exported", messageId="same")
    bench.send(twice, twice)
    bench.send(twice)
    bench.settle()
    bench.audience("exporters", EXPORTS)
    assert bench.members("exporters") == set()
    assert bench.counts("user_id", "u1") == {"Report Exported": 1}


def test_a_building_audience_admits_nobody_on_half_a_count(bench: Bench) -> None:
    for _ in range(5):
        bench.send(track("u1", "Report Exported"))
    bench.settle()
    few = {"count": {"event": "Report Exported", "within": "7d"}, "less_than": 3}
    bench.audience("few", few)
    history = audiences.history(bench.conn, SYSTEM, "person", bench.person("user_id", "u1"))
    assert history == []


def test_an_accounts_trait_reaches_its_people(bench: Bench) -> None:
    bench.audience("trials", {"account": {"trait": "plan", "is": "trial"}})
    bench.send(group("u1", "acme", plan="trial"), group("u2", "acme"))
    bench.settle()
    assert bench.audiences_of("user_id", "u1") == ["trials"]
    assert bench.audiences_of("user_id", "u2") == ["trials"]
    bench.wait(1000)
    bench.send(group("u2", "acme", plan="pro"))
    bench.settle()
    assert bench.members("trials") == set()


def test_an_account_audience_counts_all_its_people(bench: Bench) -> None:
    bench.audience("busy", {**EXPORTS, "at_least": 3}, of="account")
    bench.send(group("u1", "acme"), group("u2", "acme"), group("u3", "other"))
    bench.send(*(track(u, "Report Exported") for u in ("u1", "u1", "u2", "u3")))
    bench.settle()
    ids = crm.accounts_by_key(bench.conn, ["acme", "other"])
    assert bench.members("busy") == {ids["acme"]}
    bench.wait(8 * clock.DAY_MS)
    assert bench.members("busy") == set()


def test_an_open_ticket_with_the_feature_mutes_the_campaign(bench: Bench) -> None:
    bench.audience("campaign", {"trait": "email", "set": True}, feature="exports")
    made, _ = activation.create(
        bench.conn,
        SYSTEM,
        {"name": "Mailer", "url": "http://127.0.0.1:9/", "audiences": ["campaign"]},
        bench.now_ms,
    )
    bench.conn.commit()
    bench.send(identify("u1", email="ann@acme.co"))
    bench.settle()
    assert bench.audiences_of("user_id", "u1") == ["campaign"]
    values = {"subject": "Exports fail", "tags": ["exports"], "email": "ann@acme.co"}
    ticket = crm.tickets.create(bench.conn, SYSTEM, values, bench.now_ms)
    bench.conn.commit()
    bench.wait(10)
    assert bench.audiences_of("user_id", "u1") == []
    crm.tickets.update(bench.conn, SYSTEM, ticket.id, {"status": "resolved"}, bench.now_ms)
    bench.conn.commit()
    bench.wait(10)
    assert bench.audiences_of("user_id", "u1") == ["campaign"]
    sent = bench.conn.execute("SELECT payload->>'type' FROM outbox ORDER BY id").fetchall()
    assert [kind for (kind,) in sent] == [
        "audience.entered", "audience.exited", "audience.entered",
    ]  # fmt: skip
    assert made.enabled


def test_people_that_merge_leave_one_row_and_one_membership(bench: Bench) -> None:
    bench.audience("exporters", EXPORTS)
    bench.send(track("u1", "Report Exported"), {"type": "page", "anonymousId": "d1"})
    bench.send({"type": "track", "event": "Report Exported", "anonymousId": "d1"})
    bench.settle()
    assert bench.members("exporters") == set()
    bench.send(track("u1", "Signed In", anonymousId="d1"))
    bench.settle()
    one = bench.person("user_id", "u1")
    assert bench.members("exporters") == {one}
    assert bench.conn.execute("SELECT id FROM person").fetchall() == [(one,)]


def test_a_fact_that_breaks_the_fold_is_refused_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Folder.take

    def take(self: Folder, fact: object, *args: object) -> None:
        if fact.name == "Poison":  # type: ignore[attr-defined]
            raise ValueError("cannot be folded")
        real(self, fact, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Folder, "take", take)
    bench.send(track("u1", "Good"), track("u1", "Poison"), track("u1", "Good"))
    bench.send(track("u1", "Good"))
    bench.settle()
    assert bench.counts("user_id", "u1") == {"Good": 3}
    (refused,) = bench.conn.execute("SELECT code, problem FROM refused").fetchall()
    assert refused[0] == "internal_error"
    assert "cannot be folded" in refused[1]
    sums = bench.conn.execute("SELECT sum(received), sum(processed), sum(refused) FROM ledger")
    assert sums.fetchone() == (4, 3, 1)


def test_a_restart_goes_on_where_it_was(bench: Bench) -> None:
    bench.audience("exporters", EXPORTS)
    bench.send(track("u1", "Report Exported", messageId="a"))
    bench.settle()
    bench.engine = Engine(bench.conn, bench.now_ms)
    bench.send(track("u1", "Report Exported", messageId="a"))
    bench.send(track("u1", "Report Exported", messageId="b"))
    bench.settle()
    assert bench.counts("user_id", "u1") == {"Report Exported": 2}
    assert bench.audiences_of("user_id", "u1") == ["exporters"]


def test_a_long_history_is_paged_without_gaps(bench: Bench) -> None:
    for n in range(30):
        late = clock.iso(bench.now_ms - (n * 37 % 30) * 60_000)
        bench.send(*(track("u1", f"E{n}", timestamp=late) for _ in range(10)))
        bench.settle()
    rows = bench.conn.execute("SELECT count(*) FROM fact_chunk").fetchone()
    assert rows is not None
    assert rows[0] > 1
    person = bench.person("user_id", "u1")
    fragments = bench.conn.execute(
        "SELECT id FROM fragment WHERE person_id = %s", (person,)
    ).fetchall()
    shown, before = [], None
    while True:
        page, before = profiles.timeline(
            bench.conn, SYSTEM, [f for (f,) in fragments], before, limit=17
        )
        shown += [(f.at_ms, f.pos) for f in page]
        if before is None:
            break
    assert len(shown) == len(set(shown)) == 300
    assert shown == sorted(shown, reverse=True)


def test_what_the_ledger_received_is_what_became_of_it(bench: Bench) -> None:
    bench.send(track("u1", "Good", messageId="a"), track("u1", "Good", messageId="a"))
    bench.send({"type": "nonsense"}, track("u2", "Good"))
    bench.settle()
    sums = bench.conn.execute(
        "SELECT sum(received), sum(processed), sum(duplicate), sum(refused) FROM ledger"
    )
    assert sums.fetchone() == (4, 2, 1, 1)
    assert log.checkpoint(bench.conn, "worker") == log.head(bench.conn)
