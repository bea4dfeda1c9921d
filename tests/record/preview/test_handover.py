"""A new audience under load: at the hand-over it is what SQL says of the facts till then."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import msgspec
import pytest

from onefold import audiences, log, record, storage
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from onefold.record.preview import Population
from onefold.storage import Connection, pool
from onefold.worker import Engine
from tests.worker.harness import NOW, Bench

USERS = 40
WHERE: dict[str, dict[str, Any]] = {
    **{f"c{n}": {"count": {"event": "Exported"}, "is": n} for n in range(12, 40, 3)},
    "lately": {"count": {"event": "Exported", "within": "7d"}, "at_least": 9},
    "paid": {"sum": {"event": "Exported", "of": "n"}, "at_least": 60},
    "kinds": {"distinct": {"event": "Exported", "of": "n"}, "is": 5},
    "then": {"sequence": {"first": {"event": "Exported"}, "then": {"event": "Shared"},
                          "within": "5m", "in_last": "7d"}},
    "busy": {"count": {"event": "Exported"}, "at_least": 100},
}  # fmt: skip
OF = {"busy": "account"}


def _items(random: Random, first: int, n: int) -> list[dict[str, Any]]:
    return [
        {"type": "track", "userId": f"u{random.randrange(USERS)}", "messageId": f"l{first + i}",
         "event": random.choice(("Exported", "Shared", "Seen")),
         "timestamp": clock.iso(NOW - random.randrange(20 * clock.DAY_MS)),
         "properties": {"n": random.randrange(6)}}
        for i in range(n)
    ]  # fmt: skip


@contextmanager
def _load(url: str, source: int) -> Iterator[threading.Event]:
    """Requests are appended for as long as this lasts; the event says that some were."""
    stop, some = threading.Event(), threading.Event()

    def run() -> None:
        random, sent = Random(3), 1_000_000
        with storage.connect(url) as conn:
            while not stop.is_set():
                body = log.pack(msgspec.json.encode({"batch": _items(random, sent, 20)}))
                log.append(conn, [log.Row(source, "product", NOW, 20, body)])
                conn.commit()
                sent += 20
                some.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield some
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("killed", [False, True])
def test_a_new_audience_is_at_hand_over_what_sql_says_at_that_offset(
    conn: Connection, database: str, killed: bool
) -> None:
    bench, random = Bench(conn), Random(1)
    for n in range(700):  # several steps of the backfill
        bench.send(*_items(random, n * 2, 2))
    groups = [{"type": "group", "userId": f"u{n}", "groupId": f"a{n % 4}"} for n in range(USERS)]
    bench.send(*groups)
    bench.settle()
    with _load(database, bench.source) as some, pool(database, size=2) as opened:
        some.wait()
        for key, where in WHERE.items():
            definition = {"of": OF.get(key, "person"), "where": where}
            audiences.create(conn, SYSTEM, key, key, definition)
        conn.commit()
        first = log.checkpoint(conn, "worker")
        steps = 0
        while any(a.status == "building" for a in audiences.list_all(conn, SYSTEM)):
            conn.commit()
            bench.now_ms += 101
            bench.engine.step(bench.now_ms)
            steps += 1
            if killed and steps % 2:
                bench.engine = Engine(conn, bench.now_ms)  # as a new process begins
        while bench.engine.conclude.step(conn, bench.engine.catalog, bench.now_ms):
            conn.commit()
        conn.commit()
        assert steps > 3
        assert log.checkpoint(conn, "worker") > first, "it was not under load"
        population = Population(record.Connections(opened).open, None, accounts_ms=0)
        for key, where in WHERE.items():
            definition = population.understood(
                SYSTEM, {"of": OF.get(key, "person"), "where": where}
            )
            with population.over(definition, [bench.now_ms]) as question:
                question.answer(definition, bench.now_ms)
                assert question.seen.seq == log.checkpoint(conn, "worker")
                assert question.ids() == bench.members(key), key
                conn.commit()
        population.close()
    assert any(bench.members(key) for key in WHERE if key.startswith("c"))
