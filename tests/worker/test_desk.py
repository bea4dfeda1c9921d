"""Tickets of another help desk: its events, late or early, keep a ticket here that mutes."""

import itertools
from typing import Any

import msgspec
import pytest

from onefold import crm, log, sources
from onefold.kernel import clock
from onefold.kernel.facts import Fact, Identifier
from onefold.kernel.viewer import SYSTEM
from onefold.record import desk
from onefold.storage import Connection
from tests.worker.harness import NOW, Bench, group, identify, track

OPENED = {
    "ticket_id": 41, "subject": "Export broken", "status": "NEW", "priority": "URGENT",
    "tags": ["export", "export", "vip"], "type": "problem", "channel": "web",
}  # fmt: skip


@pytest.fixture
def bench(conn: Connection) -> Bench:
    made = Bench(conn)
    made.source = sources.create(conn, SYSTEM, "Zendesk", "support").id
    conn.commit()
    return made


def _tell(bench: Bench, *items: dict[str, Any]) -> None:
    """By the help desk's source."""
    batch = []
    for item in items:
        bench._n += 1
        stamp = {"messageId": f"z{bench._n}", "timestamp": clock.iso(bench.now_ms)}
        batch.append({"type": "track", **stamp, **item})
    body = log.pack(msgspec.json.encode({"batch": batch}))
    row = log.Row(bench.source, "support", bench.now_ms, len(batch), body)
    log.append(bench.conn, [row])
    bench.conn.commit()


def _event(name: str, at_ms: int = NOW, **properties: Any) -> dict[str, Any]:
    return {
        "event": name, "timestamp": clock.iso(at_ms),
        "context": {"traits": {"email": "ann@acme.co"}},
        "properties": {"ticket_id": 41, **properties},
    }  # fmt: skip


def _tickets(bench: Bench) -> list[crm.Ticket]:
    rows = crm.tickets.find(bench.conn, SYSTEM).rows
    bench.conn.commit()
    return rows


def test_an_opened_ticket_is_one_here_about_its_requester(bench: Bench) -> None:
    bench.audience("muted", {"any": {"tickets": {"status": "open", "tag": "export"}}})
    bench.send(identify("u1", email="ann@acme.co"), group("u1", "acme", name="Acme"))
    bench.settle()
    _tell(bench, _event("Ticket Opened", **OPENED))
    bench.wait(200)
    (ticket,) = _tickets(bench)
    assert (ticket.subject, ticket.status, ticket.priority) == ("Export broken", "open", "urgent")
    assert (ticket.tags, ticket.category, ticket.channel) == (
        ["export", "vip"], "product_issue", "form",
    )  # fmt: skip
    assert (ticket.external_id, ticket.account_name) == ("41", "Acme")
    assert bench.audiences_of("user_id", "u1") == ["muted"]
    _tell(bench, _event("Ticket Solved", bench.now_ms))
    bench.wait(200)
    assert _tickets(bench)[0].status == "resolved"
    assert bench.audiences_of("user_id", "u1") == []
    counts = bench.counts("user_id", "u1")
    assert (counts["Ticket Opened"], counts["Ticket Solved"]) == (1, 1), "told once each"


def test_events_in_any_order_end_the_same(bench: Bench) -> None:
    events = [
        _event("Ticket Opened", NOW - 4000, **OPENED),
        _event("Ticket Status Changed", NOW - 3000, status="PENDING"),
        _event("Ticket Priority Changed", NOW - 2000, priority="LOW", status="PENDING"),
    ]
    ends = set()
    for n, order in enumerate(itertools.permutations(events)):
        for event in order:
            told = {**event, "properties": {**OPENED, **event["properties"], "ticket_id": 100 + n}}
            _tell(bench, told)
            bench.wait(200)
        ticket = next(t for t in _tickets(bench) if t.external_id == str(100 + n))
        ends.add((ticket.status, ticket.priority))
    assert ends == {("paused", "low")}


def test_a_requester_who_is_known_later_gets_the_ticket_then(bench: Bench) -> None:
    """Zendesk's tickets name their requester by number; another event tells the address."""
    who = {"externalIds": [{"type": "zendesk_user_id", "id": "7"}]}
    told = {"event": "Ticket Opened", "properties": OPENED, "context": who}
    _tell(bench, told)
    bench.wait(200)
    assert _tickets(bench) == []
    context = {**who, "traits": {"email": "ann@acme.co"}}
    _tell(bench, {"type": "identify", "context": context, "traits": {"name": "Ann"}})
    bench.wait(10_000)
    (ticket,) = _tickets(bench)
    assert ticket.contact_id is not None
    assert bench.person("contact", ticket.contact_id.removeprefix("con_")) == bench.person(
        "zendesk_user_id", "7"
    )


def test_the_same_number_at_two_help_desks_is_two_tickets(bench: Bench) -> None:
    _tell(bench, _event("Ticket Opened", **OPENED))
    bench.wait(200)
    bench.source = sources.create(bench.conn, SYSTEM, "Intercom", "support").id
    bench.conn.commit()
    _tell(bench, _event("Conversation Opened", conversation_id=41, subject="Hi"))
    bench.wait(200)
    assert sorted(t.subject for t in _tickets(bench)) == ["Export broken", "Hi"]


def test_what_is_no_ticket_or_cannot_be_one_stops_nothing(bench: Bench) -> None:
    _tell(
        bench,
        _event("Ticket Opened", ticket_id="", subject="none"),
        _event("Article Viewed"),
        _event("Ticket Opened", ticket_id=1, subject="x" * 5_000, tags=[{"a": 1}, " ", 7]),
        _event("Ticket Opened", ticket_id=2, subject={"no": "text"}, priority=["?"]),
    )
    bench.wait(200)
    long, odd = sorted(_tickets(bench), key=lambda t: str(t.external_id))
    assert set(long.subject) == {"x"}
    assert long.tags == ["7"]
    assert (odd.subject, odd.priority) == ("#2", "medium")
    bench.send(track("u1", "Seen"))
    bench.wait(200)
    assert bench.counts("user_id", "u1") == {"Seen": 1}


def test_a_crash_between_fold_and_ticket_takes_it_up_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _tell(bench, _event("Ticket Opened", **OPENED))
    with monkeypatch.context() as patch:
        patch.setattr(desk, "carry", _die)
        with pytest.raises(KeyboardInterrupt):
            bench.settle()
    bench.conn.rollback()
    bench.engine.recover(bench.conn, bench.now_ms)
    bench.wait(200)
    bench.wait(5_000)
    assert len(_tickets(bench)) == 1
    assert crm.external.pending(bench.conn, 1 << 60, 10) == []


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "properties", "status"),
    [
        ("Ticket Status Changed", {"status": "HOLD"}, "paused"),
        ("Ticket Status Changed", {"status": "closed"}, "resolved"),
        ("Ticket Status Changed", {"status": "who knows"}, None),
        ("Conversation Snoozed", {"state": "open"}, "paused"),
        ("Conversation Closed", {}, "resolved"),
        ("Ticket Updated", {}, None),
        ("Ticket Reopened", {"status": "OPEN"}, "open"),
    ],
)
def test_what_events_say_of_the_status(
    name: str, properties: dict[str, Any], status: str | None
) -> None:
    fact = Fact(
        pos=1, source_id=1, category="support", kind="track", name=name, at_ms=1, received_ms=1,
        message_id="m", home=Identifier("email", "a@b.co"), identifiers=(), account=None,
        traits={}, properties={"conversation_id": "c1", **properties},
    )  # fmt: skip
    assert desk.concerns(fact)
    assert desk.told(fact).values.get("status") == status
