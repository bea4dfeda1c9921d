"""Rows of connectors as CRM records: found, made, changed by the row that made them."""

import sys
from pathlib import Path
from typing import Any

import pytest

from onefold import crm
from onefold.kernel.viewer import SYSTEM
from onefold.record import connecting
from onefold.sources import connectors
from onefold.sources.connectors import store
from onefold.sources.imports import Column
from onefold.storage import Connection
from tests.sources.connectors.parts import Bench


@pytest.fixture
def bench(conn: Connection, database: str, tmp_path: Path) -> Bench:
    return Bench(conn, database, tmp_path)


def _plan(target: Any, **columns: str) -> connectors.Plan:
    return connectors.Plan(
        target, "full_refresh", keys=["id"], columns={n: Column(to) for n, to in columns.items()}
    )


def _again(bench: Bench, number: int, **config: Any) -> connectors.Run:
    bench.set(number, **config)
    store.change(bench.conn, SYSTEM, number, state=None)
    bench.conn.commit()
    return bench.run(number)


def test_a_tickets_row_that_changes_changes_its_ticket(bench: Bench) -> None:
    plan = _plan("tickets", note="subject", email="email")
    number = bench.made("singer", plan, rows=2, note="Broken")
    done = bench.run(number)
    assert (done.appended, done.refused) == (2, 0), done.faults
    before = crm.tickets.find(bench.conn, SYSTEM).rows
    assert {t.subject for t in before} == {"Broken"}
    assert _again(bench, number, rows=2, note="Broken").duplicates == 2
    changed = _again(bench, number, rows=2, note="Mended")
    assert (changed.appended, changed.duplicates) == (2, 0)
    after = crm.tickets.find(bench.conn, SYSTEM).rows
    assert {(t.id, t.subject) for t in after} == {(t.id, "Mended") for t in before}
    events = [i["event"] for i in bench.items() if i["type"] == "track"]
    assert events.count("Ticket Opened") == 2  # the CRM tells it, in the same transaction
    assert events.count("Ticket Updated") == 2


def test_contacts_are_found_by_their_address_and_a_wrong_row_is_a_fault(bench: Bench) -> None:
    crm.contacts.create(bench.conn, SYSTEM, {"email": "u1@acme.test", "title": "CEO"}, 1_000)
    bench.conn.commit()
    plan = _plan("contacts", email="email", note="first_name")
    number = bench.made("singer", plan, rows=3, note="Ann")
    assert bench.run(number).appended == 3
    found = {c.email: c for c in crm.contacts.find(bench.conn, SYSTEM).rows}
    assert len(found) == 3
    assert (found["u1@acme.test"].title, found["u1@acme.test"].first_name) == ("CEO", "Ann")
    wrong = _again(bench, number, rows=3, note="x" * 100_000)
    assert (wrong.refused, wrong.appended) == (3, 0)
    assert "note" in wrong.faults[0]
    assert _again(bench, number, rows=3, note="Bea").appended == 3  # what was refused comes again


def test_a_preview_tells_new_from_known_and_changes_nothing(bench: Bench) -> None:
    number = bench.made("singer", _plan("contacts", email="email"), rows=9)
    connectors.setup.sample(bench.conn, SYSTEM, number, ["orders"])
    bench.conn.commit()
    assert bench.last(number).error == ""
    crm.contacts.create(bench.conn, SYSTEM, {"email": "u2@acme.test"}, 1_000)
    bench.conn.commit()
    seen = connecting.preview(bench.conn, SYSTEM, number, "orders", None, 2_000)
    assert (seen.rows, seen.created, seen.matched, seen.refused) == (9, 6, 3, 0)
    facts = connectors.Plan("people", columns={"user_id": Column("user_id")})
    seen = connecting.preview(bench.conn, SYSTEM, number, "orders", facts, 2_000)
    assert (seen.created, seen.matched) == (7, 2)
    assert seen.examples[0]["type"] == "identify"
    assert len(crm.contacts.find(bench.conn, SYSTEM).rows) == 1
    assert sys.executable in store.for_run(bench.conn, number).command
