"""A billing system's subscriptions are kept here by its events, late or early."""

from typing import Any

import msgspec
import pytest

from onefold import crm, log, sources
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from onefold.storage import Connection
from tests.worker.harness import NOW, Bench, group, identify

STARTED = {
    "subscription_id": "sub_1", "status": "active", "plan": "Pro", "quantity": 40,
    "amount": 1_200_00, "currency": "usd", "interval": "year", "interval_count": 1,
    "start_date": NOW // 1000, "current_period_end": NOW // 1000 + 365 * 86_400,
}  # fmt: skip


@pytest.fixture
def bench(conn: Connection) -> Bench:
    made = Bench(conn)
    made.source = sources.create(conn, SYSTEM, "Stripe", "billing").id
    conn.commit()
    return made


def _tell(bench: Bench, name: str, at_ms: int = NOW, **properties: Any) -> None:
    bench._n += 1
    item = {
        "type": "track", "event": name, "messageId": f"b{bench._n}", "timestamp": clock.iso(at_ms),
        "context": {"traits": {"email": "ann@acme.co"}, "groupId": "acme"},
        "properties": {**STARTED, **properties},
    }  # fmt: skip
    body = log.pack(msgspec.json.encode({"batch": [item]}))
    log.append(bench.conn, [log.Row(bench.source, "billing", bench.now_ms, 1, body)])
    bench.conn.commit()
    bench.wait(200)


def _kept(bench: Bench) -> list[crm.Subscription]:
    rows = crm.subscriptions.find(bench.conn, SYSTEM).rows
    bench.conn.commit()
    return rows


def test_a_subscription_follows_its_events_and_keeps_what_people_set(bench: Bench) -> None:
    bench.send(identify("u1", email="ann@acme.co"), group("u1", "acme", name="Acme"))
    bench.settle()
    _tell(bench, "Subscription Started")
    (one,) = _kept(bench)
    assert (one.account_name, one.plan, one.seats, one.mrr) == ("Acme", "Pro", 40, 100)
    assert (one.status, one.external_id) == ("active", "sub_1")
    rep = msgspec.structs.replace(SYSTEM, kind="user", id=7)
    crm.subscriptions.update(bench.conn, rep, one.id, {"seats": 50}, NOW)
    bench.conn.commit()
    _tell(bench, "Subscription Updated", NOW + 5_000, plan="Pro Plus", quantity=41)
    _tell(bench, "Subscription Updated", NOW - 9_000, plan="Trial")  # came late
    (one,) = _kept(bench)
    assert (one.plan, one.seats) == ("Pro Plus", 50)
    _tell(bench, "Subscription Cancelled", NOW + 9_000, status="canceled")
    (one,) = _kept(bench)
    assert one.status == "ended"
    assert one.end_date
