"""What holds whatever a connector does: memory, states, rows remembered, runs that end."""

import os
import signal
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from onefold import governance, sources
from onefold.kernel import errors, limits, settings
from onefold.kernel.settings import Settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import connecting
from onefold.sources import connectors
from onefold.sources.connectors import store
from onefold.sources.imports import Column
from onefold.storage import Connection, secrets

from .parts import SECRET, Bench

_PAUSE = threading.Event()  # between two looks
WHO = {"user_id": Column("user_id")}


@pytest.fixture
def bench(conn: Connection, database: str, tmp_path: Path) -> Bench:
    return Bench(conn, database, tmp_path)


@pytest.mark.parametrize("states", ["GLOBAL", "LEGACY"])
def test_every_form_of_state_comes_back_to_its_connector(bench: Bench, states: str) -> None:
    number = bench.made("airbyte", rows=5, states=states)
    assert bench.run(number).appended == 5
    bench.set(number, rows=8, states=states)
    more = bench.run(number)
    assert (more.read, more.appended, more.duplicates) == (4, 3, 1)


def test_a_state_is_kept_with_the_rows_before_it_and_never_ahead(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "connector_chunk_rows", 4)
    number = bench.made("singer", rows=30, every=10, die_at=27)
    assert bench.run(number).status == "failed"
    assert store.for_run(bench.conn, number).state == {"id": 20}
    assert len(bench.items()) == 26  # what came after the last state is in the log as well
    bench.set(number, rows=30, every=10)
    done = bench.run(number)
    assert (done.read, done.duplicates, done.appended) == (11, 7, 4)


def test_memory_stays_bounded_for_a_flood_and_for_huge_lines(bench: Bench) -> None:
    number = bench.made("singer", rows=5_000, huge=60_000_000, every=100)
    tracemalloc.start()
    try:
        done = bench.run(number)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (done.status, done.appended, done.refused) == ("done", 5_000, 1)
    assert most < 40_000_000  # the line alone has 60 MB


def test_a_connector_that_hangs_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "connector_silence_s", 1)
    number = bench.made("singer", rows=9, hang_at=4)
    done = bench.run(number)
    assert (done.status, done.appended) == ("failed", 3)
    assert "said nothing for too long" in "".join(done.lines)


def test_the_sources_own_rules_and_refusals_are_told_and_logged(bench: Bench) -> None:
    one = bench.made("singer", connectors.Plan("events", columns=WHO,
                     constants={"event": "Order"}), rows=12)  # fmt: skip
    source = store.for_run(bench.conn, one).source_id
    steps = [{"do": "filter", "when": "properties.total <= 15"}]
    governance.transform_store.save(bench.conn, SYSTEM, source, {"steps": steps})
    governance.take_up(bench.conn, 0)
    bench.conn.commit()
    done = bench.run(one)
    assert done.read == 12
    assert done.appended + done.filtered == 12
    assert done.filtered == 2  # 16.5 and 18
    assert len(bench.items()) == 12  # the ledger tells of all


def test_a_refused_row_comes_again_when_it_changed_only(bench: Bench) -> None:
    plan = connectors.Plan("events", columns={**WHO, "note": Column("event")}, keys=["id"])
    number = bench.made("singer", plan, rows=1, note="x" * 300)  # too long for a name
    for note, appended, refused in (("x" * 300, 0, 1), ("x" * 300, 0, 0), ("Paid", 1, 0)):
        bench.set(number, rows=1, note=note)
        store.change(bench.conn, SYSTEM, number, state=None)
        bench.conn.commit()
        done = bench.run(number)
        assert (done.appended, done.refused) == (appended, refused)
    assert len({item["messageId"] for item in bench.items()}) == len(bench.items()) == 2


def test_the_rows_remembered_have_a_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "connector_rows_max", 20)
    monkeypatch.setattr(limits, "connector_chunk_rows", 10)
    passing = bench.made("singer", rows=50)
    assert bench.run(passing).appended == 50  # incremental: the oldest are forgotten
    assert _remembered(bench, passing) == 20
    assert store.for_run(bench.conn, passing).rows_known == 20
    plan = connectors.Plan("events", "full_refresh", columns=WHO, constants={"event": "Order"})
    kept = bench.made("singer", plan, rows=50)
    done = bench.run(kept)  # full refresh: what can't be told apart is refused
    assert (done.appended, done.refused) == (20, 30)
    assert "told apart" in done.faults[0]
    assert _remembered(bench, kept) == 20


def _remembered(bench: Bench, number: int) -> int:
    row = bench.conn.execute(
        "SELECT count(*) FROM connector_row WHERE connector_id = %s", (number,)
    ).fetchone()
    assert row
    return int(row[0])


def test_a_test_source_or_one_that_is_off_gets_no_rows(bench: Bench) -> None:
    test = sources.create(bench.conn, SYSTEM, "CI", test=True)
    with pytest.raises(errors.Invalid) as caught:
        connectors.setup.add(
            bench.conn, SYSTEM, name="x", protocol="singer", command=["/bin/true"],
            source_id=test.id,
        )  # fmt: skip
    assert caught.value.faults[0].field == "source_id"
    bench.conn.rollback()
    number = bench.made("singer", rows=1)
    sources.set_enabled(bench.conn, SYSTEM, store.for_run(bench.conn, number).source_id, False)
    bench.conn.commit()
    assert "is off" in bench.run(number).error


def test_where_connectors_are_off_none_runs(bench: Bench) -> None:
    number = bench.made("singer", rows=1)
    off = settings.load(data=bench.data)
    with pytest.raises(errors.Conflict):
        connectors.run.allowed(off)
    connectors.setup.set_schedule(bench.conn, SYSTEM, number, "every 1h", 0)
    made = connectors.setup.start(bench.conn, SYSTEM, number)
    bench.conn.commit()
    running = bench.running.__class__(bench.running.url, off, bench.running.stop)
    connectors.run.due(running)
    connecting.run(running, made.id)
    done = store.run(bench.conn, SYSTEM, made.id)
    assert done.status == "failed"
    assert "ONEFOLD_CONNECTORS=true" in done.error
    assert bench.items() == []


def test_a_run_whose_job_was_given_up_ends_as_failed(bench: Bench) -> None:
    number = bench.made("singer", rows=1)
    made = connectors.setup.start(bench.conn, SYSTEM, number)
    bench.conn.commit()
    connectors.run.due(bench.running)
    assert store.run(bench.conn, SYSTEM, made.id).open  # its job still waits
    bench.conn.rollback()
    store.change_run(bench.conn, made.id, status="running")
    job = store.run(bench.conn, SYSTEM, made.id).job_id
    bench.conn.execute(
        "UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", (job,)
    )  # what procrastinate does after the last try
    bench.conn.commit()
    connectors.run.due(bench.running)
    done = store.run(bench.conn, SYSTEM, made.id)
    assert (done.status, done.done_at is not None) == ("failed", True)
    assert "Start it again" in done.error
    bench.conn.commit()
    assert bench.run(number).status == "done"


def test_a_run_that_kills_its_process_each_time_is_given_up(bench: Bench) -> None:
    number = bench.made("singer", rows=3)
    made = connectors.setup.start(bench.conn, SYSTEM, number)
    store.change_run(bench.conn, made.id, status="running", tries=limits.connector_tries_max)
    bench.conn.commit()
    assert "before it got anywhere" in bench.last(number).error
    assert bench.run(number).status == "done"


@pytest.fixture
def server(database: str, tmp_path: Path, sealed_by: Settings) -> Iterator[Any]:
    """Starts processes `jobs`."""
    started: list[subprocess.Popen[bytes]] = []
    env = {**os.environ, "ONEFOLD_DATABASE_URL": database, "ONEFOLD_DATA": str(tmp_path),
           "ONEFOLD_CONNECTORS": "true", "ONEFOLD_SECRET_KEYS": sealed_by.secret_keys}  # fmt: skip

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-m", "onefold.app.process", "jobs"],
                                        env=env))  # fmt: skip
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.chaos
def test_after_kill_9_the_run_goes_on_and_the_connector_left_over_is_ended(
    bench: Bench, server: Any
) -> None:
    number = bench.made("singer", rows=3_000, every=500, hang_at=2_001)
    made = connectors.setup.start(bench.conn, SYSTEM, number)
    bench.conn.commit()
    first = server()
    _until_read(bench, made.id, 2_000)
    mark = store.run(bench.conn, SYSTEM, made.id).process
    assert _runs(mark)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    bench.conn.commit()
    assert store.run(bench.conn, SYSTEM, made.id).status == "running"
    bench.conn.commit()
    server()
    _until_read(bench, made.id, 2_001)  # from the state on
    assert not _runs(mark)
    connectors.setup.cancel(bench.conn, SYSTEM, number)
    bench.conn.commit()
    assert sorted(i["properties"]["id"] for i in bench.items()) == list(range(1, 2_001))


def _until_read(bench: Bench, run_id: int, rows: int) -> int:
    while True:
        one = store.run(bench.conn, SYSTEM, run_id)
        bench.conn.commit()
        assert one.open, one.error
        if one.read >= rows:
            return one.read
        _PAUSE.wait(0.05)


def _runs(mark: Any) -> bool:
    try:
        return bool(psutil.Process(mark[0]).create_time() == mark[1])
    except psutil.Error:
        return False


def test_where_the_key_of_its_config_is_missing_nothing_is_run(
    bench: Bench, tmp_path: Path, sealed_by: Settings
) -> None:
    number = bench.made("singer", rows=5)
    secrets.use(settings.load(data=tmp_path))
    try:
        done = bench.run(number)
    finally:
        secrets.use(sealed_by)
    assert (done.status, done.read, done.appended) == ("failed", 0, 0)
    assert "its key is missing" in done.error
    assert bench.run(number).status == "done"


def test_a_deleted_connector_leaves_its_facts_and_nothing_else(bench: Bench) -> None:
    number = bench.made("singer", rows=5)
    bench.run(number)
    connectors.setup.delete(bench.conn, SYSTEM, number)
    bench.conn.commit()
    with pytest.raises(errors.NotFound):
        store.get(bench.conn, SYSTEM, number)
    bench.conn.rollback()
    (waits,) = store.runs(bench.conn, SYSTEM, number, 1)
    bench.conn.rollback()
    connecting.run(bench.running, waits.id)
    for table in ("connector", "connector_run", "connector_row", "connector_sample"):
        assert bench.conn.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    assert len(bench.items()) == 5


def test_a_stream_is_reset_alone_or_with_all(bench: Bench) -> None:
    number = bench.made("airbyte", rows=5)
    bench.run(number)
    connectors.setup.reset(bench.conn, SYSTEM, number, "orders")
    bench.conn.commit()
    again = bench.run(number)
    assert (again.read, again.duplicates) == (5, 5)
    with pytest.raises(errors.Invalid):
        connectors.setup.reset(bench.conn, SYSTEM, number, "nothing")


def test_signals_wait_while_history_is_read_for_the_first_time(bench: Bench) -> None:
    number = bench.made("singer", rows=9, hang_at=4)
    made = connectors.setup.start(bench.conn, SYSTEM, number)
    bench.conn.commit()
    worker = threading.Thread(target=connecting.run, args=(bench.running, made.id))
    worker.start()
    _until_read(bench, made.id, 3)
    assert sources.backfilling(bench.conn)
    bench.conn.commit()
    connectors.setup.cancel(bench.conn, SYSTEM, number)
    bench.conn.commit()
    worker.join(60)
    assert not sources.backfilling(bench.conn)


def test_no_form_of_a_secret_is_told(bench: Bench) -> None:
    config = {"password": 'p&ss "word"/é', "plain": "the-name-of-the-host"}
    one = connectors.setup.add(
        bench.conn, SYSTEM, name="x", protocol="singer", command=["/bin/true"]
    )
    store.change(bench.conn, SYSTEM, one.id, config=config)
    seen = store.for_run(bench.conn, one.id)
    words = connectors.drive.words_of(seen)
    for text in ("p&ss \"word\"/é", "p%26ss%20%22word%22%2F%C3%A9", 'p&ss \\"word\\"/é',
                 "p%26ss+%22word%22%2F%C3%A9", "the-name-of-the-host"):  # fmt: skip
        words.add(f"at {text}.")
    assert set(words.list()) == {"at ********."}
    shown = store.get(bench.conn, SYSTEM, one.id)  # a tap without a spec: all of it
    assert shown.config == {"password": "********", "plain": "********"}
    assert SECRET not in str(shown)
