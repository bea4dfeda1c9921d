"""Cases that a reader of the rules would ask about, each fed to a real resolver."""

import sys
import time
from collections.abc import Callable, Iterable
from itertools import count, permutations
from typing import cast

import msgspec
import pytest

from onefold import identity, storage
from onefold.kernel import limits
from onefold.kernel.facts import Fact, Identifier
from onefold.kernel.viewer import SYSTEM
from tests.identity.parts import Worker, fact

DAY = 86_400_000
HOUR = 3_600_000
Feed = Callable[..., identity.Resolved]


@pytest.fixture
def worker(conn: storage.Connection) -> Worker:
    return Worker(conn)


@pytest.fixture
def feed(worker: Worker) -> Feed:
    """Feed one fact a batch: `feed(at_ms, "user_id:a", …)`."""
    pos = count(1)

    def one(at_ms: int, *texts: str) -> identity.Resolved:
        return worker.feed([fact(next(pos), at_ms, *texts)])

    return one


def links(worker: Worker, text: str) -> dict[tuple[str, str], str | None]:
    rows = identity.links_of(worker.conn, SYSTEM, worker.person(text))
    return {(str(row.a), str(row.b)): row.suppressed for row in rows}


# ── anonymous and known ────────────────────────────────────────────────────────────────────────


def test_anonymous_visits_become_the_known_persons(worker: Worker, feed: Feed) -> None:
    anonymous = feed(1000, "anonymous_id:d").people[0]
    known = feed(2000, "user_id:a", "anonymous_id:d").people[0]
    assert known == anonymous
    assert feed(3000, "anonymous_id:d").people == [known]
    worker.check()


def test_a_second_device_joins_a_known_person_and_its_id_redirects(
    worker: Worker, feed: Feed
) -> None:
    known = feed(1000, "user_id:a", "anonymous_id:d").people[0]
    second = feed(2000, "anonymous_id:e").people[0]
    assert second != known
    assert feed(3000, "user_id:a", "anonymous_id:e").regrouped == {known, second}
    assert identity.follow(worker.conn, SYSTEM, second) == known
    assert identity.merged_ids(worker.conn, SYSTEM, known) == [second]
    assert identity.follow(worker.conn, SYSTEM, 999) is None
    worker.check()


def test_an_address_seen_only_in_traits_is_an_identifier_of_its_own(
    worker: Worker, feed: Feed
) -> None:
    resolved = feed(1000, "user_id:a", "email:ann@acme.co", "anonymous_id:d")
    rows = identity.identifiers_of(worker.conn, SYSTEM, resolved.people[0])
    assert [r.namespace for r in rows] == ["user_id", "email", "anonymous_id"]
    assert len({r.fragment_id for r in rows}) == 3
    assert resolved.seen == [tuple(r.id for r in rows[1:])]
    assert worker.person("email:Ann@Acme.co ") == resolved.people[0]


# ── former ids ─────────────────────────────────────────────────────────────────────────────────

ALIAS = ("user_id:new", "anonymous_id:old", "former_id:old")


def test_an_alias_joins_a_former_user_or_device_whatever_came_first(
    conn: storage.Connection,
) -> None:
    told = [
        ("user_id:old", "email:o@x.co"), ("anonymous_id:old",), ALIAS,
        ("user_id:new", "email:n@x.co"),
    ]  # fmt: skip
    for order in permutations(range(len(told))):
        for batches in ([*order],), [[n] for n in order]:
            with conn.transaction(force_rollback=True):
                worker = Worker(conn)
                for batch in batches:
                    worker.feed([fact(n + 1, 1_000 * (n + 1), *told[n]) for n in batch])
                worker.check()
                assert worker.person("user_id:old") == worker.person("user_id:new")
                assert worker.person("anonymous_id:old") == worker.person("user_id:new")


def test_a_former_id_that_nobody_was_known_by_is_of_no_user(worker: Worker, feed: Feed) -> None:
    feed(1000, *ALIAS)
    assert identity.person_of(worker.conn, SYSTEM, "user_id", "old") is None


def test_a_former_id_that_two_users_claim_is_neithers(worker: Worker, feed: Feed) -> None:
    feed(1000, "user_id:old")
    feed(2000, *ALIAS)
    feed(3000, "user_id:other", "former_id:old")
    worker.check()
    people = {worker.person(f"user_id:{name}") for name in ("old", "new", "other")}
    assert len(people) == 3
    assert set(links(worker, "former_id:old").values()) == {"generic"}


def test_an_alias_lets_no_third_user_in_and_yields_to_a_human(worker: Worker, feed: Feed) -> None:
    feed(1000, "user_id:old", "email:o@x.co")
    feed(2000, *ALIAS)
    feed(3000, "user_id:third", "email:o@x.co")
    worker.check()
    assert worker.person("user_id:third") != worker.person("user_id:new")
    decision = worker.decide("not_same", "user_id:old", "user_id:new")
    worker.check()
    assert worker.person("user_id:old") != worker.person("user_id:new")
    worker.undo(decision)
    assert worker.person("user_id:old") == worker.person("user_id:new")


def test_alias_calls_join_only_so_many_users(worker: Worker, feed: Feed) -> None:
    most = limits.former_ids_max
    for n in range(most + 2):
        feed(1000 + n, f"user_id:u{n}")
        feed(1000 + n, "user_id:me", f"former_id:u{n}")
    worker.check()
    me = worker.person("user_id:me")
    assert sum(worker.person(f"user_id:u{n}") == me for n in range(most + 2)) == most - 1


# ── shared devices ─────────────────────────────────────────────────────────────────────────────


def test_a_second_users_log_in_opens_a_chapter_and_joins_nobody(worker: Worker, feed: Feed) -> None:
    feed(1000, "anonymous_id:d")
    a = feed(2000, "user_id:a", "anonymous_id:d").people[0]
    feed(3000, "anonymous_id:d")
    b = feed(4000, "user_id:b", "anonymous_id:d").people[0]
    assert a != b
    assert feed(5000, "anonymous_id:d").people == [b]
    assert feed(3500, "anonymous_id:d").people == [a]
    assert feed(500, "anonymous_id:d").people == [a]
    assert worker.person("anonymous_id:d") == b
    worker.check()


def test_a_late_log_in_refolds_the_device_it_was_on(worker: Worker, feed: Feed) -> None:
    a = feed(1000, "user_id:a", "anonymous_id:d").people[0]
    feed(6000, "user_id:a", "anonymous_id:d")
    first = feed(4000, "anonymous_id:d")
    assert first.people == [a]
    late = feed(3000, "user_id:b", "anonymous_id:d")
    assert late.refold
    assert worker.places[3] != first.fragments[0]
    assert feed(4500, "anonymous_id:d").people == late.people
    assert feed(7000, "anonymous_id:d").people == [a]
    worker.check()


def test_late_log_ins_one_after_another_move_the_same_facts(worker: Worker, feed: Feed) -> None:
    feed(1000, "user_id:a", "anonymous_id:d")
    feed(7000, "anonymous_id:d")
    for at_ms, who in [(3000, "b"), (5000, "c"), (6000, "b")]:
        assert feed(at_ms, f"user_id:{who}", "anonymous_id:d").refold
        worker.check()


def test_a_log_in_in_order_refolds_nothing(feed: Feed) -> None:
    feed(1000, "anonymous_id:d")
    assert not feed(2000, "user_id:a", "anonymous_id:d").refold
    assert not feed(3000, "user_id:b", "anonymous_id:d").refold
    assert not feed(4000, "user_id:a", "anonymous_id:d").refold


def test_one_person_under_two_names_on_a_device_is_one_person(worker: Worker, feed: Feed) -> None:
    feed(1000, "email:ann@acme.co", "anonymous_id:d")
    feed(2000, "user_id:a", "anonymous_id:d")
    assert worker.person("email:ann@acme.co") != worker.person("user_id:a")
    feed(3000, "user_id:a", "email:ann@acme.co")
    feed(4000, "email:ann@acme.co", "anonymous_id:d")
    assert len(worker.people()) == 1
    worker.check()


def test_two_log_ins_in_one_instant_can_leave_a_fragment_behind(worker: Worker, feed: Feed) -> None:
    feed(5000, "user_id:a", "anonymous_id:d")
    feed(7000, "anonymous_id:d")
    feed(10_000, "user_id:b", "anonymous_id:d")
    feed(12_000, "anonymous_id:d")
    assert feed(5000, "user_id:b", "anonymous_id:d").refold
    worker.check()
    rows = identity.identifiers_of(worker.conn, SYSTEM, worker.person("user_id:b"))
    assert [r.chapter_ms for r in rows if r.namespace == "anonymous_id"] == [0]
    device = next(r.id for r in rows if r.namespace == "anonymous_id")
    every = identity.chapters_of(worker.conn, device)
    assert len(every) == 2
    assert len(identity.people_of(worker.conn, every)) == 1
    feed(4000, "user_id:a", "anonymous_id:d")  # and it is used again
    worker.check()
    assert identity.chapters_of(worker.conn, device) == every


def test_a_fragment_left_behind_goes_to_nobody_when_its_person_merges(worker: Worker) -> None:
    ann, bob = "user_id:ann", "email:bob@x.y"
    worker.feed([fact(1, 5000, ann, "anonymous_id:d"), fact(2, 10_000, bob, "anonymous_id:d")])
    worker.feed([fact(3, 1000, "user_id:bob")])
    worker.restart()
    worker.feed([fact(4, 5000, bob, "anonymous_id:d"), fact(5, 9000, "user_id:bob", bob)])
    worker.check()


def test_a_kiosk_belongs_to_nobody_whatever_the_order(worker: Worker) -> None:
    many = limits.device_users_max + 1
    facts = [fact(n, n * HOUR, f"user_id:{n}", "anonymous_id:k") for n in range(1, many + 1)]
    facts += [fact(1000 + n, n * HOUR + 1, "anonymous_id:k") for n in range(1, many + 1)]
    for start in range(0, len(facts), 7):
        worker.feed(facts[start : start + 7])
    worker.check()
    people = worker.resolver.resolve(worker.conn, facts[many:]).people
    assert set(people) == {worker.person("anonymous_id:k")}
    assert len(worker.people()) == many + 1
    worker.restart()
    worker.feed([fact(5000, 2 * HOUR + 2, "user_id:1", "anonymous_id:k")])
    worker.check()


def test_devices_without_a_user_are_one_person_until_one_is_shared(
    worker: Worker, feed: Feed
) -> None:
    feed(1000, "anonymous_id:d", "anonymous_id:e")
    feed(2000, "user_id:a", "anonymous_id:d")
    assert len(worker.people()) == 1
    feed(3000, "user_id:b", "anonymous_id:d")
    assert links(worker, "anonymous_id:e") == {
        ("anonymous_id:d", "anonymous_id:e"): "shared_device"
    }
    worker.check()


# ── limits ─────────────────────────────────────────────────────────────────────────────────────


def test_an_address_of_two_users_goes_to_the_newest_and_a_split_is_clean(
    worker: Worker, feed: Feed
) -> None:
    a = feed(DAY, "user_id:a", "email:x@y.z").people[0]
    b = feed(2 * DAY, "user_id:b", "email:x@y.z").people[0]
    assert a != b
    assert worker.person("email:x@y.z") == b
    assert links(worker, "user_id:a") == {("user_id:a", "email:x@y.z"): "limit:user_id"}
    assert feed(3 * DAY, "user_id:a", "email:x@y.z").regrouped == {a, b}
    assert worker.person("email:x@y.z") == a
    worker.check()


def test_a_split_gives_the_former_person_id_back(worker: Worker, feed: Feed) -> None:
    lead = feed(DAY, "email:x@y.z").people[0]
    a = feed(DAY, "user_id:a").people[0]
    feed(2 * DAY, "user_id:a", "email:x@y.z")
    assert identity.follow(worker.conn, SYSTEM, lead) == a
    assert identity.merged_ids(worker.conn, SYSTEM, a) == [lead]
    assert feed(3 * DAY, "user_id:b", "email:x@y.z").people == [lead]
    assert identity.follow(worker.conn, SYSTEM, lead) == lead
    assert identity.merged_ids(worker.conn, SYSTEM, a) == []
    worker.check()


def test_two_users_on_one_fact_are_not_linked(worker: Worker, feed: Feed) -> None:
    feed(1000, "user_id:a", "user_id:b", "email:x@y.z")
    assert worker.person("user_id:a") == worker.person("email:x@y.z")
    assert worker.person("user_id:a") != worker.person("user_id:b")
    worker.check()


def test_a_person_has_five_addresses_and_no_more(worker: Worker, feed: Feed) -> None:
    for n in range(1, 8):
        feed(n * DAY, "user_id:a", f"email:{n}@x.y")
    values = identity.values_of(worker.conn, SYSTEM, [worker.person("user_id:a")])
    emails = [v for found in values.values() for n, v in found if n == "email"]
    assert emails == ["3@x.y", "4@x.y", "5@x.y", "6@x.y", "7@x.y"]
    worker.check()


def test_a_blocked_value_never_links(worker: Worker, feed: Feed) -> None:
    feed(1000, "user_id:a", "anonymous_id:00000000-0000-0000")
    feed(1000, "user_id:b", "anonymous_id:00000000-0000-0000")
    assert worker.conn.execute("SELECT count(*) FROM link").fetchone() == (0,)


def test_a_generic_address_joins_nobody_whatever_the_order(worker: Worker) -> None:
    many = limits.neighbours_max + 1
    facts = [
        fact(n, n * DAY, f"user_id:{n}", "email:support@acme.co", f"anonymous_id:{n}")
        for n in range(1, many + 6)
    ]
    worker.feed(facts[50:])
    for start in range(0, 50, 7):
        worker.feed(facts[start : start + 7])
    worker.check()
    assert len(worker.people()) == many + 6


def test_beyond_the_size_cap_nothing_joins_any_more(worker: Worker, feed: Feed) -> None:
    worker.resolver.take_rules(msgspec.structs.replace(identity.RULES, component_max=5))
    people = [feed(n, "user_id:a", f"anonymous_id:{n}").people[0] for n in range(1, 9)]
    assert len(set(people)) == 1
    devices = {n: worker.person(f"anonymous_id:{n}") for n in range(1, 9)}
    assert [n for n, person in devices.items() if person == people[0]] == [1, 2, 3, 4]
    assert "size" in links(worker, "anonymous_id:8").values()


# ── accounts, links, ids ───────────────────────────────────────────────────────────────────────


def test_accounts_have_fragments_and_no_person(worker: Worker, feed: Feed) -> None:
    resolved = feed(1000, "account_id:acme")
    assert resolved.people == [0]
    found = worker.resolver.account_fragments(worker.conn, ["acme", "globex"])
    assert found["acme"] == resolved.fragments[0]
    assert identity.account_fragments_of(worker.conn, ["acme", "globex", "none"]) == found
    assert identity.person_of(worker.conn, SYSTEM, "account_id", "acme") is None
    worker.restart()
    assert worker.resolver.account_fragments(worker.conn, ["globex", "acme"]) == found


def test_a_link_remembers_its_newest_day_and_its_first_fact(worker: Worker, feed: Feed) -> None:
    feed(5 * DAY, "user_id:a", "anonymous_id:d")
    feed(3 * DAY, "user_id:a", "anonymous_id:d")
    feed(7 * DAY, "user_id:a", "anonymous_id:d")
    feed(6 * DAY, "user_id:a", "anonymous_id:d")
    rows = worker.conn.execute("SELECT first_pos, last_day, source_id, suppressed FROM link")
    assert rows.fetchall() == [(1, 7, 1, None)]


def test_many_identifiers_on_a_fact_link_to_the_strongest_only(worker: Worker, feed: Feed) -> None:
    feed(1000, "user_id:a", "contact:1", "email:1@x.y", "email:2@x.y", "email:3@x.y")
    assert len(links(worker, "user_id:a")) == 4
    assert len(worker.people()) == 1


def test_contacts_of_answers_the_crm_ids(worker: Worker, feed: Feed) -> None:
    ann = feed(1000, "contact:4", "email:ann@acme.co").people[0]
    bob = feed(1000, "user_id:b").people[0]
    assert identity.contacts_of(worker.conn, SYSTEM, [ann, bob]) == {ann: [4]}
    assert set(identity.fragments_of(worker.conn, [ann, bob])) == {ann, bob}


def test_known_facts_ask_the_database_nothing(worker: Worker) -> None:
    facts = [fact(1, DAY, "user_id:a", "anonymous_id:d"), fact(2, DAY + 1, "anonymous_id:d")]
    worker.feed(facts)
    no_connection = cast("storage.Connection", None)
    resolved = worker.resolver.resolve(no_connection, facts)
    assert len(set(resolved.people)) == 1
    assert not resolved.regrouped


def test_an_unknown_log_in_inside_a_run_needs_no_history_to_be_placed(
    worker: Worker, conn: storage.Connection
) -> None:
    """Without `points_of` the ends of the run are still known, and nobody is joined."""
    worker.resolver = identity.Resolver(conn)
    for n, (at_ms, who) in enumerate([(1000, "a"), (6000, "a"), (3000, "b")]):
        worker.resolver.resolve(conn, [fact(n, at_ms, f"user_id:{who}", "anonymous_id:d")])
    assert worker.person("user_id:a") != worker.person("user_id:b")
    assert worker.person("anonymous_id:d") == worker.person("user_id:a")


# ── speed ──────────────────────────────────────────────────────────────────────────────────────


def _timed(worker: Worker, batches: Iterable[list[Fact]]) -> float:
    spent = n = 0
    for batch in batches:
        begin = time.process_time_ns()
        worker.resolver.resolve(worker.conn, batch)
        spent += time.process_time_ns() - begin
        n += len(batch)
    return spent / n / 1000


def test_it_says_how_long_it_takes(
    conn: storage.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """A print, not a bound: `make bench` is where speed is held."""
    worker = Worker(conn, identifiers_max=100_000)
    facts = [
        fact(n, DAY + n, f"user_id:user-{n % 2000}", f"anonymous_id:{n % 2000:032x}")
        for n in range(20_000)
    ]
    decoded = [  # as the worker has them: no string is the one of an earlier batch
        msgspec.structs.replace(f, identifiers=ids, home=ids[0])
        for f in facts
        for ids in [tuple(Identifier(n, "".join(list(v))) for n, v in f.identifiers)]
    ]
    new = _timed(worker, [facts[:2000]])
    known = _timed(worker, [decoded[n : n + 2000] for n in range(2000, 20_000, 2000)])
    worker.restart()
    cold = _timed(worker, [facts[:2000]])
    with capsys.disabled():
        sys.stdout.write(
            f"\nidentity: {known:.2f} µs of CPU an event when known, {cold:.1f} not in memory, "
            f"{new:.1f} new\n"
        )
