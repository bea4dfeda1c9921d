"""200 means that the log has it on disk: under load, under locks, and while PostgreSQL dies."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from onefold import log, sources, storage
from onefold.kernel import clock, limits
from onefold.storage import locks
from tests.collect import harness, wire
from tests.collect.harness import Running

KILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'onefold-collect' AND datname = current_database()
"""
WAITS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def batch(*names: str) -> dict[str, Any]:
    return {"batch": [{"type": "track", "event": n, "userId": "u1", "messageId": n} for n in names]}


def names_in(conn: storage.Connection) -> list[str]:
    return [item["event"] for item in harness.items(conn)]


def until(condition: Callable[[], Any], seconds: int = 60) -> None:
    """Wait for a condition, and fail if it does not come."""
    deadline = clock.now_ms() + seconds * 1000
    pause = threading.Event()
    while not condition():
        assert clock.now_ms() < deadline
        pause.wait(0.01)


@contextmanager
def log_locked(database: str) -> Iterator[None]:
    """Another appender that does not come to its end."""
    with storage.connect(database) as other:
        other.execute(log.store.LOCK, (locks.APPEND,))
        yield


@pytest.fixture
def source(conn: storage.Connection) -> sources.Source:
    return harness.make_source(conn)


def test_requests_of_one_sender_are_stored_in_their_order(
    server: Running, conn: storage.Connection, source: sources.Source
) -> None:
    sent = [f"e{n}" for n in range(60)]
    for n in range(0, 60, 3):
        assert server.send("/v1/batch", batch(*sent[n : n + 3]), key=source.write_key).status == 200
        assert names_in(conn)[-1] == sent[n + 2]  # durable when answered
    assert names_in(conn) == sent


def test_two_doors_appending_at_once_lose_nothing(
    server: Running, database: str, conn: storage.Connection, source: sources.Source
) -> None:
    """A reader that follows the log while both write sees every row, and each once."""
    done = threading.Event()
    followed: list[int] = []

    def crm(n: int) -> None:
        with storage.connect(database) as mine:
            for i in range(40):
                item = {"type": "track", "event": f"crm-{n}-{i}", "userId": "u1"}
                log.append_facts(mine, "crm", [item], clock.now_ms())
                mine.commit()

    def sender(n: int) -> None:
        for i in range(40):
            answer = server.send("/v1/batch", batch(f"web-{n}-{i}"), key=source.write_key)
            assert answer.status == 200

    def reader() -> None:
        with storage.connect(database, autocommit=True) as mine:
            finishing = False
            while True:
                rows = log.read(mine, followed[-1] if followed else 0)
                followed.extend(row.seq for row in rows)
                if finishing and not rows:
                    return
                finishing = done.is_set()

    with ThreadPoolExecutor(9) as threads:
        following = threads.submit(reader)
        writing = [threads.submit(crm, n) for n in range(4)]
        writing += [threads.submit(sender, n) for n in range(4)]
        for one in writing:
            one.result()
        done.set()
        following.result()
    expected = {f"{d}-{n}-{i}" for d in ("crm", "web") for n in range(4) for i in range(40)}
    found = names_in(conn)
    assert len(found) == len(expected)
    assert set(found) == expected
    assert followed == [row.seq for row, _, _ in harness.stored(conn)]


def test_every_acknowledged_item_survives_killed_connections(
    server: Running, database: str, conn: storage.Connection, source: sources.Source
) -> None:
    acknowledged: list[str] = []
    statuses: set[int] = set()
    kills = 0
    stop = threading.Event()

    def sender(n: int) -> None:
        i = 0
        while not stop.is_set():
            name = f"{n}-{i}"
            i += 1
            answer = server.send("/v1/track", batch(name)["batch"][0], key=source.write_key)
            statuses.add(answer.status)
            if answer.status == 200:
                acknowledged.append(name)

    with (
        psycopg.connect(database, autocommit=True) as admin,
        ThreadPoolExecutor(6) as threads,
    ):
        sending = [threads.submit(sender, n) for n in range(6)]
        while kills < 25:
            before = len(acknowledged)
            kills += len(admin.execute(KILL).fetchall())
            until(lambda before=before: len(acknowledged) > before)  # it recovers each time
        stop.set()
        for one in sending:
            one.result()
    assert statuses <= {200, 503}
    found = names_in(conn)
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))  # nobody sent twice, so nothing is there twice


def test_a_connection_lost_while_idle_costs_no_request(
    server: Running, database: str, conn: storage.Connection, source: sources.Source
) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        for n in range(4):
            assert server.send("/v1/batch", batch(f"e{n}"), key=source.write_key).status == 200
            assert len(admin.execute(KILL).fetchall()) == 1
    assert names_in(conn) == ["e0", "e1", "e2", "e3"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_commit_without_an_answer_is_not_acknowledged(
    database: str, conn: storage.Connection, source: sources.Source, moment: wire.Moment
) -> None:
    line = wire.Wire(database)
    try:
        with harness.running(line.url) as server:
            assert server.send("/v1/batch", batch("a"), key=source.write_key).status == 200
            line.cut_at_commit(moment)
            answer = server.send("/v1/batch", batch("b"), key=source.write_key)
            assert line.cuts == 1
            assert answer.status == 503
            assert answer.headers["retry-after"].isdigit()
            assert "messageId" in answer.json()["message"]
            assert server.send("/v1/batch", batch("b"), key=source.write_key).status == 200
    finally:
        line.close()
    assert names_in(conn) == (["a", "b"] if moment == "before" else ["a", "b", "b"])


def test_a_log_that_stays_locked_is_503_in_time_and_heals(
    server: Running,
    database: str,
    conn: storage.Connection,
    source: sources.Source,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "collect_wait_s_max", 0.5)
    with log_locked(database):
        began = clock.now_ms()
        answer = server.send("/v1/batch", batch("a"), key=source.write_key)
        assert answer.status == 503
        assert clock.now_ms() - began < 4_000
        assert int(answer.headers["retry-after"]) > 0
        assert names_in(conn) == []
    monkeypatch.undo()
    assert server.send("/v1/batch", batch("a"), key=source.write_key).status == 200
    assert set(names_in(conn)) == {"a"}


def test_a_full_queue_is_503_at_once(
    server: Running,
    database: str,
    conn: storage.Connection,
    source: sources.Source,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "collect_queue_bytes_max", 400)
    with ThreadPoolExecutor(1) as threads:
        with log_locked(database):
            first = threads.submit(server.send, "/v1/batch", batch("a"), key=source.write_key)
            until(lambda: conn.execute(WAITS).fetchone() == (1,))
            big = batch("b" * 300)
            answer = server.send("/v1/batch", big, key=source.write_key)
            assert answer.status == 503
            assert "queue is full" in answer.json()["message"]
        assert first.result().status == 200
    assert server.send("/v1/batch", batch("c"), key=source.write_key).status == 200
    assert names_in(conn) == ["a", "c"]


def test_a_database_that_goes_away_and_comes_back_loses_nothing_acknowledged(
    server: Running,
    server_url: str,
    database: str,
    conn: storage.Connection,
    source: sources.Source,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    assert server.send("/v1/batch", batch("a"), key=source.write_key).status == 200
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            with psycopg.connect(server_url, autocommit=True) as killer:
                killer.execute(KILL.replace("current_database()", f"'{name}'"))
            monkeypatch.setattr(limits, "collect_wait_s_max", 0.5)
            assert server.send("/v1/batch", batch("b"), key=source.write_key).status == 503
            monkeypatch.setattr(limits, "collect_wait_s_max", 10)
            with ThreadPoolExecutor(1) as threads:  # this one waits, and outlives the outage
                waiting = threads.submit(server.send, "/v1/batch", batch("c"), key=source.write_key)
                until(lambda: server.collector._committer._bytes > 0)
                admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
                assert waiting.result().status == 200
        finally:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    assert names_in(conn) == ["a", "c"]


def test_no_database_at_all_is_503() -> None:
    with harness.running("postgresql://nobody@127.0.0.1:1/nothing") as server:
        answer = server.send("/v1/batch", batch("a"), key="wk_any")
        assert answer.status == 503
        assert answer.headers["retry-after"].isdigit()
        settings = server.send("/v1/projects/wk_any/settings", method="GET")
        assert settings.status == 503
        assert server.send("/v1/batch", b"{", method="OPTIONS").status == 204


def test_stopping_finishes_what_was_taken(
    database: str, conn: storage.Connection, source: sources.Source
) -> None:
    answers: list[int] = []

    def sender(n: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        body = json.dumps({**batch(f"e{n}"), "writeKey": source.write_key})
        line.request("POST", "/v1/batch", body)
        answers.append(line.getresponse().status)
        line.close()

    with ThreadPoolExecutor(5) as threads:
        with harness.running(database) as server, log_locked(database):
            sending = [threads.submit(sender, n) for n in range(5)]
            until(lambda: server.collector._committer._bytes > 0)
            until(lambda: conn.execute(WAITS).fetchone() == (1,))
        for one in sending:
            one.exception()  # a connection that was closed without an answer is one answer less
    assert len(names_in(conn)) >= answers.count(200) > 0


def test_commits_are_made_durable_even_where_the_database_says_otherwise(
    database: str, conn: storage.Connection
) -> None:
    from onefold.collect import store

    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    conn.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    conn.commit()
    with store.writer(database, 1000) as writer:
        assert writer.execute("SHOW synchronous_commit").fetchone() == ("on",)
