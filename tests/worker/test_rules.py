"""Identifier rules that change under a running worker: replayed, in steps, and back again."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from onefold import identity, storage
from onefold.identity import namespaces
from onefold.identity.namespaces import store
from onefold.kernel import limits
from onefold.kernel.viewer import SYSTEM
from tests.worker.harness import NOW, Bench, identify, track

DAY = 86_400_000
Change = Callable[..., int]


@pytest.fixture
def bench(conn: storage.Connection) -> Bench:
    return Bench(conn)


@pytest.fixture
def change(bench: Bench) -> Change:
    """Change namespaces, by name, and say which version that makes."""

    def one(back_to: int | None = None, **given: Mapping[str, Any]) -> int:
        conn = bench.conn
        base = store.newest(conn)
        before = store.rows(conn, back_to or base)
        rows = namespaces.proposed([{"name": n, **v} for n, v in given.items()], before)
        made = store.add(
            conn, SYSTEM, rows, base=base, reason="test", now_ms=bench.now_ms, back_to=back_to
        )
        conn.commit()
        return made.id

    return one


def people(bench: Bench, *refs: str) -> list[int]:
    return [bench.person(*ref.split(":", 1)) for ref in refs]


def suppressed(bench: Bench) -> set[str]:
    rows = bench.conn.execute("SELECT suppressed FROM link WHERE suppressed IS NOT NULL")
    return {why for (why,) in rows}


def test_the_rules_that_come_along_are_the_built_in_ones(bench: Bench) -> None:
    assert bench.engine.ingest.resolver.rules.version == 1
    found = namespaces.compiled(namespaces.rows(bench.conn))
    for name, rule in identity.RULES.namespaces.items():
        same = msgspec.structs.replace(found.of(name), blocks=None)
        assert same == rule, name
    unknown = found.of("never_heard_of")
    assert (unknown.kind, unknown.limit) == ("person", 5)
    assert store.replaying(bench.conn) is None


def test_a_lower_limit_parts_people_and_going_back_joins_them_again(
    bench: Bench, change: Change
) -> None:
    for n in range(3):
        bench.now_ms += DAY
        bench.send(identify("u1", email=f"{n}@acme.co"))
    bench.send(track("u1", "Exported"), identify("u2", email="b@acme.co"))
    bench.settle()
    mails = [f"email:{n}@acme.co" for n in range(3)]
    before = people(bench, "user_id:u1", *mails, "user_id:u2")
    assert len(set(before)) == 2

    change(email={"limit": 1})
    bench.wait(200)
    u1, first, second, newest, other = people(bench, "user_id:u1", *mails, "user_id:u2")
    assert newest == u1 == before[0]
    assert len({u1, first, second}) == 3
    assert other == before[4]
    assert suppressed(bench) == {"limit:email"}
    assert bench.counts("user_id", "u1")["Exported"] == 1
    done = store.get(bench.conn, SYSTEM, 2)
    assert done.percent == 100
    assert done.changed >= 3

    change(back_to=1)
    bench.wait(200)
    assert people(bench, "user_id:u1", *mails, "user_id:u2") == before
    assert suppressed(bench) == set()
    assert store.get(bench.conn, SYSTEM, 3).back_to == 1


def test_a_blocked_value_links_nobody_any_more_and_does_again_when_unblocked(
    bench: Bench, change: Change
) -> None:
    for device in ("d1", "d2"):
        bench.send({**track("kiosk-7", "Tapped"), "anonymousId": device})
    bench.send({"type": "identify", "anonymousId": "d1", "traits": {"email": "info@acme.co"}})
    bench.send(identify("u1", email="info@acme.co"), identify("u2", email="x@acme.co"))
    bench.settle()
    refs = ["anonymous_id:d2", "user_id:kiosk-7", "user_id:u1", "email:info@acme.co"]
    before = people(bench, *refs)
    assert before[0] == before[1]
    assert before[2] == before[3]

    change(
        user_id={"patterns": ["^kiosk-[0-9]+$"], "blocked": ["TEST"]},
        email={"blocked": ["info@acme.co"]},
    )
    bench.wait(200)
    bench.send({**track("kiosk-8", "Tapped"), "anonymousId": "d3"})
    bench.send({**track("kiosk-7", "Tapped"), "anonymousId": "d4"})
    bench.send({**track("test", "Tapped"), "anonymousId": "d5"})
    bench.send(identify("u9", email="info@acme.co"))
    bench.settle()
    found = people(bench, *refs, "anonymous_id:d3", "user_id:kiosk-8", "anonymous_id:d4",
                   "anonymous_id:d5", "user_id:test", "user_id:u9")  # fmt: skip
    assert len(set(found)) == len(found)
    assert suppressed(bench) == {"blocked"}

    change(back_to=1)
    bench.wait(200)
    d2, kiosk, u1, info, d3, kiosk8, d4, d5, test, u9 = people(
        bench, *refs, "anonymous_id:d3", "user_id:kiosk-8", "anonymous_id:d4", "anonymous_id:d5",
        "user_id:test", "user_id:u9",
    )  # fmt: skip
    assert d2 == d4 == kiosk
    assert (d3, d5) == (kiosk8, test)
    assert info in (u1, u9)
    assert u1 != u9


def test_a_hub_limit_that_is_raised_lets_a_shared_address_link_again(
    bench: Bench, change: Change
) -> None:
    bench.conn.execute("SELECT 1")
    change(email={"hub": 2})
    bench.wait(200)
    for n in range(4):
        bench.now_ms += DAY
        bench.send(identify(f"u{n}", email="team@acme.co"))
    bench.settle()
    refs = [f"user_id:u{n}" for n in range(4)]
    assert len(set(people(bench, *refs, "email:team@acme.co"))) == 5
    assert suppressed(bench) == {"generic"}
    change(email={"hub": 10})
    bench.wait(200)
    *users, team = people(bench, *refs, "email:team@acme.co")
    assert team == users[3]
    assert suppressed(bench) == {"limit:user_id"}
    change(email={"hub": 2})
    bench.wait(200)
    assert len(set(people(bench, *refs, "email:team@acme.co"))) == 5


def test_what_a_trusted_source_proves_outranks_newer_claims(bench: Bench, change: Change) -> None:
    billing = bench.source_of("stripe", "billing")
    bench.send_from(billing, identify("u1", email="ann@acme.co"))
    bench.now_ms += 5 * DAY
    bench.send(identify("u2", email="ann@acme.co"))  # typed into a form, later
    bench.settle()
    u1, u2, mail = people(bench, "user_id:u1", "user_id:u2", "email:ann@acme.co")
    assert mail == u1 != u2
    bench.now_ms += DAY
    bench.send(identify("u2", email="ann@acme.co"))
    bench.settle()
    assert bench.person("email", "ann@acme.co") == u1

    bench.now_ms += DAY
    bench.send_from(billing, identify("u2", email="ann@acme.co"))  # proved for the other one now
    bench.now_ms += DAY
    bench.send(identify("u1", email="ann@acme.co"))  # claiming it back is in vain
    bench.settle()
    assert bench.person("email", "ann@acme.co") == u2

    change(email={"verified": []})  # nobody's word is proof: the newest has it
    bench.wait(200)
    assert bench.person("email", "ann@acme.co") == u1
    change(email={"verified": [f"src_{billing}"]})
    bench.wait(200)
    assert bench.person("email", "ann@acme.co") == u2


def test_a_limit_with_a_window_counts_values_of_one_time_only(bench: Bench, change: Change) -> None:
    change(email={"limit": 1, "window_days": 30})
    bench.wait(200)
    bench.send(identify("u1", email="old@acme.co"))
    bench.now_ms += 40 * DAY
    bench.send(identify("u1", email="new@acme.co"))
    bench.settle()
    old, new, u1 = people(bench, "email:old@acme.co", "email:new@acme.co", "user_id:u1")
    assert old == new == u1
    bench.now_ms += 10 * DAY
    bench.send(identify("u1", email="extra@acme.co"))
    bench.settle()
    refs = ["email:old@acme.co", "email:new@acme.co", "email:extra@acme.co"]
    old, new, extra = people(bench, *refs)
    assert (old, extra) == (u1, u1)
    assert new != u1
    bench.now_ms += DAY
    bench.send(identify("u1", email="old@acme.co"))  # is of this time, too
    bench.settle()
    old, new, extra = people(bench, *refs)
    assert old == u1
    assert len({new, extra, u1}) == 3


def test_a_replay_goes_on_where_a_killed_worker_left_it(
    bench: Bench, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "namespace_replay_ids_max", 4)
    for n in range(12):
        bench.send(identify(f"u{n}", email=f"a{n}@x.co"), identify(f"u{n}", email=f"b{n}@x.co"))
    bench.settle()
    change(email={"limit": 1})
    bench.now_ms += 200
    bench.engine.step(bench.now_ms)
    version = store.replaying(bench.conn)
    assert version is not None
    assert 0 < version.done < version.upto
    bench.conn.rollback()
    bench.send(identify("u0", email="c0@x.co"), identify("fresh", email="f@x.co"))
    bench.engine = type(bench.engine)(bench.conn, bench.now_ms)  # killed: a new one starts
    assert bench.engine.ingest.resolver.rules.version == 2
    bench.wait(200)
    assert store.replaying(bench.conn) is None
    groups = bench.conn.execute("""
        SELECT count(*) FROM (
          SELECT f.person_id FROM fragment f JOIN identifier i ON i.id = f.identifier_id
          WHERE i.namespace = 'email' GROUP BY 1 HAVING count(*) > 1) x
    """).fetchone()
    assert groups == (0,)


def test_a_later_change_ends_a_replay_that_is_under_way(
    bench: Bench, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "namespace_replay_ids_max", 2)
    for n in range(6):
        bench.send(identify(f"u{n}", email=f"a{n}@x.co"), identify(f"u{n}", email=f"b{n}@x.co"))
    bench.settle()
    before = people(bench, *(f"email:b{n}@x.co" for n in range(6)))
    change(email={"limit": 1})
    bench.now_ms += 200
    bench.engine.step(bench.now_ms)
    change(back_to=1)
    bench.wait(200)
    assert people(bench, *(f"email:b{n}@x.co" for n in range(6))) == before
    assert store.get(bench.conn, SYSTEM, 2).done_ms is None
    assert store.get(bench.conn, SYSTEM, 3).percent == 100


def test_two_changes_at_once_do_not_overwrite_one_another(bench: Bench) -> None:
    from onefold.kernel import errors

    rows = namespaces.rows(bench.conn)
    store.add(bench.conn, SYSTEM, rows, base=1, reason="", now_ms=NOW)
    with pytest.raises(errors.Conflict):
        store.add(bench.conn, SYSTEM, rows, base=1, reason="", now_ms=NOW)
