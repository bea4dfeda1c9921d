"""The lake holds every fact once, whatever is late, repeated, killed, compacted or taken back."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from onefold import audiences, lake, log
from onefold.kernel import clock, errors, limits, settings
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import history
from onefold.storage import Connection, jobs
from tests.worker.harness import NOW, Bench, group, identify, track

DAY = clock.DAY_MS


class World(msgspec.Struct):
    """A worker, and the lake that follows it."""

    bench: Bench
    running: jobs.Running
    one: lake.Lake

    def append(self) -> int:
        return history.append(self.bench.conn, self.one, self.running.check)

    def keep(self, ahead_ms: int = 0) -> None:
        now_ms = clock.now_ms() + ahead_ms
        history.keep(self.bench.conn, self.one, now_ms, self.running.check)

    def ask(self, text: str) -> list[tuple[Any, ...]]:
        with history.opened(self.bench.conn, SYSTEM, self.one) as duck:
            return duck.execute(text).fetchall()

    def files(self) -> list[str]:
        return [f.file_path for f in self.one.files(self.one.table("facts"))]


@pytest.fixture
def world(conn: Connection, database: str, tmp_path: Path) -> Iterator[World]:
    chosen = settings.load(data=tmp_path)
    running = jobs.Running(database, chosen, threading.Event())
    with history.open_lake(database, chosen) as one:
        yield World(Bench(conn), running, one)


def _at(days_ago: float) -> str:
    return clock.iso(int(NOW - days_ago * DAY))


def test_every_fact_is_there_once_with_its_meaning(world: World) -> None:
    world.bench.send(
        identify("u1", name="Ann", email="ann@acme.co"),
        group("u1", "acme", plan="pro"),
        track("u1", "Report Exported", messageId="x", timestamp=_at(3), properties={"n": 1.5}),
        track("u1", "Report Exported", messageId="x", timestamp=_at(3)),
        {"type": "track", "userId": "u1", "event": ""},
        {"type": "page", "anonymousId": "a1", "properties": {"url": "/π?utm_source=mail"}},
    )
    world.bench.settle()
    assert world.append() == 4
    assert world.append() == 0
    found = world.ask("SELECT kind, name, home_namespace, home_value FROM facts ORDER BY pos")
    assert found == [
        ("identify", "Identify", "user_id", "u1"),
        ("group", "Group", "user_id", "u1"),
        ("track", "Report Exported", "user_id", "u1"),
        ("page", "Page Viewed", "anonymous_id", "a1"),
    ]
    asked = """SELECT epoch_ms(happened_at), properties, source_id, category
      FROM facts WHERE kind = 'track'"""
    assert world.ask(asked) == [(NOW - 3 * DAY, '{"n":1.5}', world.bench.source, "product")]
    assert world.ask("SELECT account, traits FROM facts WHERE kind = 'group'") == [
        ("acme", '{"plan":"pro"}')
    ]


def test_the_log_beyond_the_files_reads_with_them(world: World) -> None:
    world.bench.send(track("u1", "A"), track("u2", "A"))
    world.bench.settle()
    world.append()
    world.bench.send(track("u1", "B"))
    world.bench.settle()
    assert world.ask("SELECT name, count(*) FROM facts GROUP BY 1 ORDER BY 1") == [
        ("A", 2),
        ("B", 1),
    ]
    assert lake.query.count(world.one, "facts") == 2
    world.bench.send(track("u1", "C"))  # accepted, and not settled by the worker yet
    assert world.ask("SELECT count(*) FROM facts") == [(3,)]


def test_extracts_say_who_each_fact_is_of(world: World) -> None:
    world.bench.audience("pro", {"trait": "plan", "is": "pro"})
    world.bench.send(
        identify("u1", plan="pro", name="Ann"), group("u1", "acme", name="Acme"),
        {"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {}},
        {"type": "track", "anonymousId": "a1", "event": "Seen"},
        track("u2", "Seen"),
    )  # fmt: skip
    world.bench.settle()
    world.append()
    history.extract(world.bench.conn, world.one, NOW)
    ann, other = world.bench.person("user_id", "u1"), world.bench.person("user_id", "u2")
    whose = """
SELECT i.person_id, count(*) FROM facts f
ASOF JOIN identifiers i ON i.identifier_id = f.home_id AND epoch_ms(f.happened_at) >= i.from_ms
GROUP BY 1 ORDER BY 1"""
    assert world.ask(whose) == [(ann, 4), (other, 1)]
    assert world.ask("SELECT name FROM people WHERE person_id = " + str(ann)) == [("Ann",)]
    assert world.ask("SELECT audience, kind, entity_id FROM memberships") == [
        ("pro", "person", ann)
    ]
    asked = """SELECT a.name FROM accounts a JOIN person_accounts USING (account_id)
      WHERE person_id = """
    assert world.ask(asked + str(ann)) == [("Acme",)]
    history.extract(world.bench.conn, world.one, NOW + 1)
    assert world.one.size("people").rows == 2
    assert world.one.size("people").as_of_ms == NOW + 1


def test_a_commit_that_a_crash_cuts_short_leaves_nothing_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies between the files and the commit, then after it: each fact stays once."""
    world.bench.send(*(track("u1", "A", timestamp=_at(i)) for i in range(3)))
    world.bench.settle()
    with monkeypatch.context() as patch:
        patch.setattr(SqlCatalog, "commit_table", _die)
        with pytest.raises(KeyboardInterrupt):
            world.append()
    orphans = list(Path(world.running.settings.data).glob("lake/**/day=*/*.parquet"))
    assert len(orphans) == 3
    assert world.ask("SELECT count(*) FROM facts") == [(3,)]  # still from the log
    assert world.one.seq() == 0
    assert world.append() == 3
    assert world.append() == 0
    assert world.ask("SELECT count(*) FROM facts") == [(3,)]
    later = (limits.lake_unreferenced_kept_h + 1) * clock.HOUR_MS
    world.keep(ahead_ms=later)
    assert not any(path.exists() for path in orphans)
    assert world.ask("SELECT count(*) FROM facts") == [(3,)]


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_compaction_keeps_every_fact_and_leaves_one_sorted_file_a_day(world: World) -> None:
    for i in range(5):
        world.bench.send(*(track(f"u{n}", "A", timestamp=_at(1 + n % 2)) for n in range(20)))
        world.bench.settle()
        assert world.append() == 20, i
    before = world.files()
    assert len(before) == 10
    assert all(Path(f).name.startswith("part-") for f in before)  # `_x` is hidden from Spark
    asked = "SELECT count(*), count(DISTINCT pos), sum(pos) FROM facts"
    truth = world.ask(asked)
    world.keep()
    after = world.files()
    assert len(after) == 2
    assert world.ask(asked) == truth
    for file in after:
        homes = pq.read_table(file.removeprefix("file://"))["home_id"].to_pylist()
        assert homes == sorted(homes)
    # A reader that began with the old list goes on with it until they are swept.
    held = ", ".join(f"'{f.removeprefix('file://')}'" for f in before)
    with duckdb.connect() as reader:
        assert reader.execute(f"SELECT count(*) FROM read_parquet([{held}])").fetchall() == [(100,)]
    world.keep(ahead_ms=(limits.lake_snapshots_kept_h + 1) * clock.HOUR_MS)
    assert not any(Path(f.removeprefix("file://")).exists() for f in before)
    assert world.ask(asked) == truth
    assert world.one.size("facts").snapshots == 1


def test_facts_taken_back_are_left_out_at_once_and_written_out_by_and_by(world: World) -> None:
    world.bench.send(track("u1", "Stays"), track("u1", "Goes"), track("secret-person", "Goes"))
    world.bench.settle()
    world.append()
    (seq,) = {pos >> 16 for (pos,) in world.ask("SELECT pos FROM facts")}
    conn = world.bench.conn
    log.dedupe.skip(conn, seq, [seq << 16 | 1, seq << 16 | 2])
    conn.commit()
    assert world.ask("SELECT name FROM facts") == [("Stays",)]
    assert lake.query.count(world.one, "facts") == 3
    world.keep()
    assert lake.query.count(world.one, "facts") == 1
    assert lake.store.undone(conn, 1 << 62) == []
    world.keep(ahead_ms=(limits.lake_snapshots_kept_h + 1) * clock.HOUR_MS)
    for path in Path(world.running.settings.data).glob("lake/**/*"):
        assert path.is_dir() or b"secret-person" not in path.read_bytes(), path


def test_facts_taken_back_before_they_were_written_never_enter(world: World) -> None:
    world.bench.send(track("u1", "Goes"))
    world.bench.settle()
    seq = world.bench.engine.ingest.seq
    log.dedupe.skip(world.bench.conn, seq, [seq << 16])
    world.bench.conn.commit()
    assert world.append() == 0
    world.keep()
    assert world.one.seq() == seq
    assert world.ask("SELECT count(*) FROM facts") == [(0,)]
    assert lake.store.undone(world.bench.conn, 1 << 62) == []


def test_columns_that_come_later_read_as_null_in_older_files(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = lake.model._schema(
        *((f.name, f.field_type, "") for f in lake.model.PEOPLE.schema.fields[:3])
    )
    old = msgspec.structs.replace(lake.model.PEOPLE, schema=fewer)
    with monkeypatch.context() as patch:
        patch.setitem(lake.model.TABLES, "people", old)
        rows = history._table([(1, True, "Ann")], history.schema_to_pyarrow(fewer))
        world.one.extract("people", [rows], NOW)
    assert world.ask("SELECT person_id, name, email FROM people") == [(1, "Ann", None)]


def test_one_writer_at_a_time(world: World, database: str) -> None:
    world.bench.send(track("u1", "A"))
    world.bench.settle()
    with (
        history.storage.connect(database, autocommit=True) as other,
        lake.store.writing(other) as ours,
    ):
        assert ours
        history.work(world.running)
        assert world.one.seq() == 0
    history.work(world.running)
    assert world.one.seq() == world.bench.engine.ingest.seq
    assert world.one.size("identifiers").rows == 1


def test_only_admins_and_only_the_lake(world: World, tmp_path: Path) -> None:
    member = Viewer("key", 1, "m", "member")
    with (
        pytest.raises(errors.Forbidden),
        history.opened(world.bench.conn, member, world.one),
    ):
        pass
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n")
    with pytest.raises(duckdb.PermissionException):
        world.ask(f"SELECT * FROM read_csv('{outside}')")


def test_counts_equal_those_of_the_live_audiences(world: World) -> None:
    where = {"count": {"event": "Seen", "within": "7d"}, "at_least": 2}
    world.bench.audience("busy", where)
    for n in range(30):
        world.bench.send(*(track(f"u{n}", "Seen", timestamp=_at(d)) for d in range(1 + n % 9)))
    world.bench.settle()
    world.append()
    history.extract(world.bench.conn, world.one, NOW)
    asked = f"""
SELECT i.person_id FROM facts f JOIN identifiers i ON i.identifier_id = f.home_id
WHERE f.name = 'Seen' AND epoch_ms(f.happened_at) > {NOW - 7 * DAY}
GROUP BY 1 HAVING count(*) >= 2"""
    assert {i for (i,) in world.ask(asked)} == world.bench.members("busy")
    assert audiences.get(world.bench.conn, SYSTEM, "busy").members == len(world.ask(asked))


def test_what_is_old_is_expired_and_the_newest_never(world: World) -> None:
    for _ in range(4):
        world.bench.send(track("u1", "A"))
        world.bench.settle()
        world.append()
    assert world.one.size("facts").snapshots == 4
    ahead = clock.to_datetime(clock.now_ms()) + timedelta(days=1)
    assert world.one.expire("facts", ahead) == 3
    assert world.one.size("facts").rows == 4


def test_readers_see_each_fact_once_while_the_writer_appends_and_compacts(world: World) -> None:
    """A reader asks for the files and then takes its time; a reader never counts a fact twice."""
    seen: list[tuple[int, int]] = []
    stop = threading.Event()
    with history.open_lake(world.running.url, world.running.settings) as other:
        other.table("facts")

        def read() -> None:
            while not stop.is_set():
                files = [f.file_path for f in other.files(other.table("facts"))]
                if not files:
                    continue
                with lake.query.duck(threads=1) as duck:
                    source = lake.query.relation(duck, other.table("facts"), "facts", files)
                    asked = f"SELECT count(*), count(DISTINCT pos) FROM {source}"
                    seen.extend(duck.execute(asked).fetchall())

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for _ in range(8):
                world.bench.send(*(track(f"u{n}", "A", timestamp=_at(1)) for n in range(10)))
                world.bench.settle()
                world.append()
                world.keep()
        finally:
            stop.set()
            reader.join()
    assert seen
    assert all(n == distinct and n % 10 == 0 for n, distinct in seen)
    assert [n for n, _ in seen] == sorted(n for n, _ in seen)


WRITER = """
import sys, threading
from pathlib import Path
from onefold.kernel import limits, settings
from onefold.record import history
from onefold.storage import jobs
limits.lake_commit_rows_max = limits.lake_extract_every_s = limits.lake_keep_every_s = 1
running = jobs.Running(sys.argv[1], settings.load(data=Path(sys.argv[2])), threading.Event())
while True:
    history.work(running)
    print("worked", flush=True)
"""


@pytest.mark.slow
def test_a_writer_that_is_killed_again_and_again_loses_and_doubles_nothing(world: World) -> None:
    rng = random.Random(7)
    script = [sys.executable, "-c", WRITER, world.running.url, str(world.running.settings.data)]
    for _ in range(3):
        with subprocess.Popen(script, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(3):
                world.bench.send(*(track("u1", "A", timestamp=_at(i % 3)) for i in range(5)))
                world.bench.settle()
            writer.stdout.readline()
            world.bench.send(*(track("u1", "A", timestamp=_at(i % 3)) for i in range(5)))
            world.bench.settle()
            time.sleep(rng.uniform(0, 0.5))  # somewhere in the middle of its work
            writer.kill()
    sent = world.bench._n
    assert world.one.seq() > 0, "some commits got through"
    asked = "SELECT count(*), count(DISTINCT pos) FROM facts"
    assert world.ask(asked) == [(sent, sent)]
    history.work(world.running)
    assert lake.query.count(world.one, "facts") == sent
    assert world.ask(asked) == [(sent, sent)]
