"""People whose items are not taken: counted as filtered, from a row on and until another."""

import msgspec
import pytest

from onefold import governance, identity, log, storage
from onefold.governance import suppression
from onefold.kernel import clock, errors, facts
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import SYSTEM, Viewer
from tests.worker.harness import NOW, Bench, identify, track

EMAIL = Identifier("email", "ann@x.co")


@pytest.fixture
def bench(conn: storage.Connection) -> Bench:
    return Bench(conn)


def _suppress(bench: Bench, identifier: Identifier) -> suppression.Entry:
    one = suppression.add(bench.conn, SYSTEM, identifier, "asked", clock.to_datetime(NOW))
    bench.conn.commit()
    bench.wait(200)
    return one


def _admitted(bench: Bench) -> list[str]:
    rules = governance.load(bench.conn)
    rows = log.read(bench.conn, 0)
    found = [one for row in rows for one in governance.admit(row, rules)]
    return [one.rule if isinstance(one, facts.Filtered) else type(one).__name__ for one in found]


def test_items_are_left_out_from_then_on_and_until_it_ends(bench: Bench) -> None:
    bench.send(identify("u1", email="ann@x.co"), track("u2", "Seen"))
    bench.settle()
    entry = _suppress(bench, EMAIL)
    bench.send(
        identify("u1", email=" Ann@X.co ", plan="pro"), track("u1", "Seen"), track("u2", "Seen")
    )
    bench.settle()
    suppression.end(bench.conn, SYSTEM, entry.id, clock.to_datetime(NOW))
    bench.conn.commit()
    bench.wait(200)
    bench.send(identify("u1", email="ann@x.co"))
    bench.settle()
    assert bench.counts("user_id", "u1") == {"Identify": 2, "Seen": 1}  # by the address alone
    assert bench.counts("user_id", "u2") == {"Seen": 2}
    sums = "SELECT sum(received), sum(processed), sum(filtered) FROM ledger WHERE source_id = %s"
    assert bench.conn.execute(sums, (bench.source,)).fetchone() == (6, 5, 1)
    # Each row is admitted again as it first was.
    left_out = suppression.RULE
    assert _admitted(bench) == ["Fact", "Fact", left_out, "Fact", "Fact", "Fact"]


def test_a_suppressed_user_is_covered_on_every_device(bench: Bench) -> None:
    _suppress(bench, Identifier("user_id", "u1"))
    bench.send(
        track("u1", "Seen", anonymousId="d1"), {"type": "track", "event": "Seen", "userId": "u1"}
    )
    bench.send({"type": "track", "event": "Seen", "anonymousId": "d2"})
    bench.settle()
    assert identity.person_of(bench.conn, SYSTEM, "user_id", "u1") is None
    assert identity.person_of(bench.conn, SYSTEM, "anonymous_id", "d1") is None
    assert bench.counts("anonymous_id", "d2") == {"Seen": 1}
    reasons = bench.conn.execute("SELECT outcome, reason, n FROM ledger_reason").fetchall()
    assert reasons == [("filtered", suppression.RULE, 2)]


def test_what_our_own_crm_tells_is_kept(bench: Bench) -> None:
    _suppress(bench, EMAIL)
    item = {"type": "track", "event": "Ticket Opened", "context": {"traits": {"email": EMAIL[1]}}}
    body = log.pack(msgspec.json.encode({"batch": [{**item, "messageId": "c1"}]}))
    log.append(bench.conn, [log.Row(0, "crm", NOW, 1, body)])
    bench.conn.commit()
    assert _admitted(bench) == ["Fact"]


def test_only_admins_change_the_list_and_twice_is_once(bench: Bench) -> None:
    conn, now = bench.conn, clock.to_datetime(NOW)
    first = suppression.add(conn, SYSTEM, EMAIL, "asked", now)
    assert suppression.add(conn, SYSTEM, EMAIL, "again", now) == first
    member = Viewer("user", 1, "Eve", "member")
    with pytest.raises(errors.Forbidden):
        suppression.add(conn, member, EMAIL, "", now)
    with pytest.raises(errors.Forbidden):
        suppression.end(conn, member, first.id, now)
    assert suppression.list_all(conn, SYSTEM) == [first]
    suppression.end(conn, SYSTEM, first.id, now)
    assert suppression.list_all(conn, SYSTEM) == []
    with pytest.raises(errors.NotFound):
        suppression.end(conn, SYSTEM, first.id, now)
