"""Both protocols from a process to the log: counted once, resumed, cancelled, secrets hidden."""

import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from onefold import log
from onefold.kernel import errors, settings
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.sources import connectors
from onefold.storage import Connection, jobs

TAP = Path(__file__).with_name("tap.py")
SECRET = "hunter2-of-the-database"
READER = Viewer("user", 9, "Rita", "reader")


class Bench:
    """Sets connectors up and runs them as the process `jobs` does."""

    def __init__(self, conn: Connection, database: str, folder: Path) -> None:
        self.conn = conn
        self.data = folder
        self.running = jobs.Running(database, settings.load(data=folder), threading.Event())

    def made(self, protocol: str, **config: Any) -> int:
        one = connectors.setup.add(
            self.conn, SYSTEM, name=f"Shop {protocol}", protocol=protocol,
            command=[sys.executable, str(TAP), protocol], category="billing",
        )  # fmt: skip
        self.conn.commit()
        self.set(one.id, **config)
        connectors.setup.choose(self.conn, SYSTEM, one.id, {"orders": None})
        self.conn.commit()
        return one.id

    def set(self, number: int, **config: Any) -> None:
        one = connectors.store.for_run(self.conn, number)
        found = connectors.setup.look(one, self.data, {"password": SECRET, **config})
        connectors.store.change(self.conn, SYSTEM, number, **found)
        self.conn.commit()

    def run(self, number: int) -> connectors.Run:
        made = connectors.setup.start(self.conn, SYSTEM, number)
        self.conn.commit()
        connectors.run.run(self.running, made.id)
        self.conn.rollback()
        return connectors.store.run(self.conn, SYSTEM, made.id)

    def items(self) -> list[dict[str, Any]]:
        found = []
        for row in log.read(self.conn, 0):
            found += [msgspec.json.decode(raw) for raw in log.unpack(row.body).batch]
        self.conn.rollback()
        return found


@pytest.fixture
def bench(conn: Connection, database: str, tmp_path: Path) -> Bench:
    return Bench(conn, database, tmp_path)


@pytest.mark.parametrize("protocol", connectors.PROTOCOLS)
def test_rows_become_facts_once_and_the_state_follows(bench: Bench, protocol: str) -> None:
    number = bench.made(protocol, rows=25)
    done = bench.run(number)
    assert (done.status, done.read, done.appended, done.duplicates) == ("done", 25, 25, 0)
    assert done.streams == {"orders": 25}
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
    with pytest.raises(errors.Invalid) as caught:
        bench.set(number, password="wrong")
    assert "no: ********" in str(caught.value)


def test_a_row_that_changes_back_is_a_change(bench: Bench) -> None:
    number = bench.made("singer", rows=1)
    plan = connectors.Plan("people", "full_refresh", user_id="user_id", email="email")
    connectors.setup.choose(bench.conn, SYSTEM, number, {"orders": plan})
    bench.conn.commit()
    for note in ("a", "b", "a", "a"):
        bench.set(number, rows=1, note=note)
        assert bench.run(number).status == "done"
    assert [i["traits"]["note"] for i in bench.items()] == ["a", "b", "a"]
    assert len({i["messageId"] for i in bench.items()}) == 3


def test_a_cancelled_run_ends_its_connector(bench: Bench) -> None:
    number = bench.made("singer", rows=50_000_000)
    made = connectors.setup.start(bench.conn, SYSTEM, number)
    bench.conn.commit()
    worker = threading.Thread(target=connectors.run.run, args=(bench.running, made.id))
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
    assert [r.status for r in connectors.store.runs(bench.conn, SYSTEM, number)] == ["waiting"]
