"""Both protocols from a process to the log: counted once, resumed, cancelled, secrets hidden."""

import threading
from pathlib import Path

import pytest

from onefold.kernel import errors
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import connecting
from onefold.sources import connectors
from onefold.sources.imports import Column
from onefold.storage import Connection

from .parts import SECRET, Bench

READER = Viewer("user", 9, "Rita", "reader")


@pytest.fixture
def bench(conn: Connection, database: str, tmp_path: Path) -> Bench:
    return Bench(conn, database, tmp_path)


@pytest.mark.parametrize("protocol", connectors.PROTOCOLS)
def test_rows_become_facts_once_and_the_state_follows(bench: Bench, protocol: str) -> None:
    number = bench.made(protocol, rows=25)
    done = bench.run(number)
    assert (done.status, done.read, done.appended, done.duplicates) == ("done", 25, 25, 0)
    assert done.streams == {"orders": connectors.Counts(read=25, appended=25)}
    first = bench.items()[0]
    assert (first["type"], first["event"], first["userId"]) == ("track", "Orders", "u1")
    assert first["timestamp"] == "2026-11-20T10:00:00.000Z"
    assert first["properties"]["total"] == 1.5
    again = bench.run(number)  # the boundary row comes again
    assert (again.status, again.read, again.appended, again.duplicates) == ("done", 1, 0, 1)
    bench.set(number, rows=30)
    more = bench.run(number)
    assert (more.appended, more.duplicates) == (5, 1)
    assert len({item["messageId"] for item in bench.items()}) == 30


@pytest.mark.parametrize("protocol", connectors.PROTOCOLS)
def test_a_connector_that_is_killed_loses_and_doubles_nothing(bench: Bench, protocol: str) -> None:
    number = bench.made(protocol, rows=40, die_at=23)
    died = bench.run(number)
    assert (died.status, died.exit_code, died.appended) == ("failed", -9, 22)
    bench.set(number, rows=40)
    assert bench.run(number).status == "done"
    assert sorted(item["properties"]["id"] for item in bench.items()) == list(range(1, 41))


@pytest.mark.parametrize("protocol", connectors.PROTOCOLS)
def test_noise_is_kept_as_words_and_secrets_never_show(bench: Bench, protocol: str) -> None:
    number = bench.made(protocol, rows=3, noise=True)
    done = bench.run(number)
    assert (done.status, done.appended) == ("done", 3)
    words = "\n".join(done.lines)
    assert "plain words with ********" in words
    assert "stderr has ********" in words
    assert SECRET not in words
    shown = connectors.store.get(bench.conn, SYSTEM, number)
    assert shown.config["password"] == "********"
    bench.set(number, rows=3, password="********")  # the mask sent back keeps the secret
    assert connectors.store.for_run(bench.conn, number).config["password"] == SECRET
    assert connectors.store.runs(bench.conn, READER, number)[0].lines == []
    assert not list((bench.data / "connectors" / "runs").iterdir())


def test_what_a_connector_fails_at_is_told(bench: Bench) -> None:
    number = bench.made("airbyte", rows=2, fail=True)
    done = bench.run(number)
    assert (done.status, done.error, done.appended) == ("failed", "quota is used up", 2)
    batch = bench.made("singer", rows=2, batch=True)
    assert "BATCH" in bench.run(batch).error


def test_a_config_is_checked_by_its_schema_and_by_the_connector(bench: Bench) -> None:
    number = bench.made("airbyte", rows=2)
    with pytest.raises(errors.Invalid) as caught:
        bench.set(number, rows=-1)
    assert caught.value.faults[0].field == "config.rows"
    bench.conn.rollback()
    connectors.setup.configure(bench.conn, SYSTEM, number, {"password": "wrong", "rows": 3})
    bench.conn.commit()
    told = bench.last(number)
    assert told.status == "failed"
    assert "no: ********" in told.error
    one = connectors.store.for_run(bench.conn, number)
    assert (one.config["rows"], one.pending) == (2, {"password": "wrong", "rows": 3})
    shown = connectors.store.get(bench.conn, SYSTEM, number)
    assert shown.pending == {"password": "********", "rows": 3}


def test_a_row_that_changes_back_is_a_change(bench: Bench) -> None:
    columns = {"user_id": Column("user_id"), "email": Column("email")}
    number = bench.made("singer", connectors.Plan("people", columns=columns), rows=1)
    for note in ("a", "b", "a", "a"):
        bench.set(number, rows=1, note=note)
        assert bench.run(number).status == "done"
    assert [i["traits"]["note"] for i in bench.items()] == ["a", "b", "a"]
    assert len({i["messageId"] for i in bench.items()}) == 3


def test_a_cancelled_run_ends_its_connector(bench: Bench) -> None:
    number = bench.made("singer", rows=50_000_000)
    made = connectors.setup.start(bench.conn, SYSTEM, number)
    bench.conn.commit()
    worker = threading.Thread(target=connecting.run, args=(bench.running, made.id))
    worker.start()
    while not connectors.store.run(bench.conn, SYSTEM, made.id).read:
        bench.conn.rollback()
    with pytest.raises(errors.Conflict):
        connectors.setup.start(bench.conn, SYSTEM, number)
    bench.conn.rollback()
    connectors.setup.cancel(bench.conn, SYSTEM, number)
    bench.conn.commit()
    worker.join(60)
    assert not worker.is_alive()
    found = connectors.store.run(bench.conn, SYSTEM, made.id)
    assert found.status == "cancelled"
    state = connectors.store.for_run(bench.conn, number).state
    assert found.appended - 1 <= state["id"] <= found.appended  # never ahead of the log
    assert len(bench.items()) == found.appended


def test_a_schedule_starts_runs(bench: Bench) -> None:
    number = bench.made("singer", rows=1)
    connectors.setup.set_schedule(bench.conn, SYSTEM, number, "every 1h", 0)
    bench.conn.commit()
    connectors.run.due(bench.running)
    connectors.run.due(bench.running)
    found = connectors.store.runs(bench.conn, SYSTEM, number)
    assert [r.status for r in found if r.kind == "read"] == ["waiting"]
