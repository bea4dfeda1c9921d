"""Join and part by a human's word: exact, also for what happened in between."""

import secrets
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from onefold import activation, identity, profiles, storage
from onefold.identity import decisions
from onefold.kernel import clock
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.worker import Engine
from tests.conftest import swap_database
from tests.worker.harness import Bench, group, identify, track

ANN = Viewer(kind="user", id=7, name="Ann", role="member")
U1 = decisions.End(Identifier("user_id", "u1"))
U2 = decisions.End(Identifier("user_id", "u2"))
EXPORTS = {"count": {"event": "Report Exported", "within": "7d"}, "at_least": 3}


@pytest.fixture
def bench(conn: storage.Connection) -> Bench:
    return Bench(conn)


@pytest.fixture
def untouched(server_url: str, template: str) -> Iterator[Bench]:
    """A second database, in which nobody decides anything."""
    name = f"onefold_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    with storage.connect(swap_database(server_url, name)) as conn:
        yield Bench(conn)
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def decide(bench: Bench, kind: decisions.Kind, a: decisions.End, b: decisions.End) -> int:
    said = decisions.say(bench.conn, ANN, kind, a, b, "same desk", bench.now_ms)
    bench.conn.commit()
    bench.settle()
    return said.id


def undo(bench: Bench, decision_id: int) -> None:
    decisions.undo(bench.conn, ANN, decision_id, "two after all", bench.now_ms)
    bench.conn.commit()
    bench.settle()


def whole(bench: Bench) -> dict[str, Any]:
    """Everything that pages, API and conclusions say of everybody."""
    conn, out = bench.conn, {}
    for user in ("u1", "u2", "u3"):
        person = bench.person("user_id", user)
        view = profiles.person(conn, SYSTEM, person)
        fragments = identity.fragments_of(conn, [person])[person]
        facts, _ = profiles.timeline(conn, SYSTEM, fragments, None, 500)
        out[user] = [
            person, view, [f.pos for f in facts], bench.audiences_of("user_id", user),
            identity.values_of(conn, SYSTEM, [person])[person],
            identity.merged_ids(conn, SYSTEM, person),
        ]  # fmt: skip
    for name, query in {
        "list": "SELECT id, known, name, email, title, account_id, identifiers, first_seen_ms, "
        "last_seen_ms FROM person ORDER BY id",
        "accounts": "SELECT person_id, account_id, since_ms, last_ms, is_primary "
        "FROM person_account ORDER BY 1, 2",
        "members": "SELECT audience_id, entity_id FROM membership ORDER BY 1, 2",
        "due": "SELECT kind, entity_id, at_ms FROM due ORDER BY 1, 2",
        "usage": "SELECT fragment_id, account_id, day, name_id, n FROM usage ORDER BY 1, 2, 3, 4",
        "fragments": "SELECT id, person_id, events, first_seen_ms, last_seen_ms FROM fragment "
        "ORDER BY id",
        "links": "SELECT a, b, last_day, suppressed FROM link ORDER BY 1, 2",
        "aliases": "SELECT old_id, person_id FROM person_alias ORDER BY 1",
    }.items():
        out[name] = conn.execute(query.encode()).fetchall()
    conn.commit()
    return out


def begin(bench: Bench) -> None:
    bench.audience("exporters", EXPORTS)
    bench.audience("exporting", {**EXPORTS, "at_least": 4}, of="account")
    bench.audience("trials", {"trait": "plan", "is": "trial"})
    for n, user in enumerate(("u1", "u2", "u3")):
        bench.send(
            identify(user, email=f"{user}@acme.co", plan="trial" if n else "pro", name=f"N {user}"),
            group(user, "acme" if n == 0 else "beta"),
            {**track(user, "Signed In"), "anonymousId": f"phone-{user}"},
            *[track(user, "Report Exported") for _ in range(2)],
        )
        bench.wait(1000)


def middle(bench: Bench) -> None:
    bench.wait(clock.HOUR_MS)
    bench.send(
        track("u1", "Report Exported"), identify("u2", plan="pro", city="Bonn"),
        {"type": "page", "anonymousId": "phone-u2"}, group("u2", "gamma"),
        {**track("u2", "Signed In"), "anonymousId": "tablet"},
    )  # fmt: skip
    bench.wait(1000)


def end(bench: Bench) -> None:
    bench.wait(clock.HOUR_MS)
    bench.send(track("u1", "Report Viewed"), track("u2", "Report Exported"))
    bench.wait(1000)


def test_after_an_undo_all_is_as_if_nobody_had_said_a_word(bench: Bench, untouched: Bench) -> None:
    for one in (bench, untouched):
        begin(one)
    first = decide(bench, "same", U1, U2)
    assert bench.person("user_id", "u1") == bench.person("user_id", "u2")
    together = bench.counts("user_id", "u1")
    assert together["Report Exported"] == 4
    assert "exporters" in bench.audiences_of("user_id", "u2")
    for one in (bench, untouched):
        middle(one)
    assert bench.counts("user_id", "u2")["Report Exported"] == 5
    undo(bench, first)
    assert whole(bench) == whole(untouched)
    for one in (bench, untouched):
        end(one)
    assert whole(bench) == whole(untouched)


def test_each_side_gets_its_former_id_back_whoever_was_first(bench: Bench) -> None:
    begin(bench)
    before = [bench.person("user_id", user) for user in ("u1", "u2", "u3")]
    u3 = decisions.End(Identifier("user_id", "u3"))
    one, two = decide(bench, "same", U2, U1), decide(bench, "same", U2, u3)
    assert len({bench.person("user_id", u) for u in ("u1", "u2", "u3")}) == 1
    undo(bench, one)
    assert bench.person("user_id", "u1") == before[0]
    assert bench.person("user_id", "u2") == bench.person("user_id", "u3") in before
    undo(bench, two)
    assert [bench.person("user_id", user) for user in ("u1", "u2", "u3")] == before


def test_a_cut_holds_against_later_events_and_gives_back_what_was_joined(bench: Bench) -> None:
    bench.send(identify("u1", email="ann@acme.co"))
    bench.wait(1000)
    bench.send({"type": "track", "event": "Paid", "anonymousId": "x",
                "context": {"traits": {"email": "ann@acme.co"}}})  # fmt: skip
    bench.wait(1000)
    email = decisions.End(Identifier("email", "ann@acme.co"))
    cut = decide(bench, "not_same", U1, email)
    assert bench.person("email", "ann@acme.co") != bench.person("user_id", "u1")
    assert bench.counts("email", "ann@acme.co") == {"Paid": 1}
    bench.send(identify("u1", email="ann@acme.co"))
    bench.wait(1000)
    assert bench.counts("user_id", "u1") == {"Identify": 2}
    undo(bench, cut)
    assert bench.counts("email", "ann@acme.co") == {"Paid": 1, "Identify": 2}


def test_a_decision_may_come_before_what_it_speaks_of(bench: Bench) -> None:
    decide(bench, "same", U1, U2)
    begin(bench)
    assert bench.person("user_id", "u1") == bench.person("user_id", "u2")


def test_a_later_word_on_the_same_pair_replaces_the_earlier(bench: Bench) -> None:
    begin(bench)
    first = decide(bench, "same", U1, U2)
    decide(bench, "not_same", U2, U1)
    assert bench.person("user_id", "u1") != bench.person("user_id", "u2")
    said = decisions.get(bench.conn, ANN, first)
    assert said.replaced_by is not None
    assert not said.in_force
    assert not said.pending


def test_a_new_worker_knows_what_was_decided(bench: Bench) -> None:
    begin(bench)
    decide(bench, "not_same", U1, decisions.End(Identifier("email", "u1@acme.co")))
    bench.engine = Engine(bench.conn, bench.now_ms)
    bench.send(identify("u1", email="u1@acme.co"))
    bench.wait(1000)
    assert bench.person("email", "u1@acme.co") != bench.person("user_id", "u1")


def test_what_a_merge_and_a_split_mean_for_audiences_leaves_through_the_outbox(
    bench: Bench,
) -> None:
    begin(bench)
    activation.create(
        bench.conn, SYSTEM,
        {"name": "hook", "kind": "webhook", "url": "https://example.com/h",
         "audiences": ["exporters"]},
        bench.now_ms,
    )  # fmt: skip
    bench.conn.commit()
    one = decide(bench, "same", U1, U2)
    undo(bench, one)
    rows = bench.conn.execute("SELECT payload FROM outbox ORDER BY id").fetchall()
    assert len(rows) == 2, "the joined person entered, and left again"


@pytest.mark.slow
def test_two_people_with_ten_thousand_events_each(
    bench: Bench, untouched: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exact; the time is printed, and held by `make bench`."""
    for one in (bench, untouched):
        begin(one)
        for user in ("u1", "u2"):
            for n in range(10):
                one.now_ms += clock.DAY_MS // 4
                one.send(*[track(user, f"Event {i % 40}", n=n) for i in range(1000)])
                one.settle()
    spent = []
    decision = None
    for _ in range(5):
        for what in ("merge", "unmerge"):
            if what == "merge":
                decision = decisions.say(bench.conn, ANN, "same", U1, U2, "", bench.now_ms).id
            else:
                decisions.undo(bench.conn, ANN, decision or 0, "", bench.now_ms)
            bench.conn.commit()
            begun = time.perf_counter()
            bench.settle()
            spent.append((what, (time.perf_counter() - begun) * 1000))
    for one in (bench, untouched):
        end(one)
    assert whole(bench) == whole(untouched)
    with capsys.disabled():
        print("\n" + ", ".join(f"{what} {ms:.0f} ms" for what, ms in spent))  # noqa: T201
