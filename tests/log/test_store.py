"""The order of the log: what a reader that polls by `seq > last` is owed."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold import log, storage
from onefold.kernel import facts, limits
from onefold.log import store

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
items = st.dictionaries(st.text(), json_values, max_size=6)


def row(*batch: object, source_id: int = 1) -> log.Row:
    body = log.pack(msgspec.json.encode({"batch": batch}))
    return log.Row(
        source_id=source_id, category="product", received_ms=5, items=len(batch), body=body
    )


def until(condition: Callable[[], bool]) -> None:
    """Poll as fast as the database answers; pytest's own timeout ends a vain wait."""
    while not condition():
        pass


def waiting(conn: storage.Connection) -> bool:
    """Whether an appender stands before the log's lock."""
    query = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
    return conn.execute(query).fetchone() == (True,)


def append_in_its_own_transaction(url: str, batch: object) -> list[int]:
    with storage.connect(url) as conn:
        return log.append(conn, [row(batch)])


# ── order ────────────────────────────────────────────────────────────────────────────────────────


def test_a_lower_sequence_number_never_commits_later(database: str) -> None:
    with (
        storage.connect(database) as first,
        storage.connect(database, autocommit=True) as reader,
        ThreadPoolExecutor(1) as threads,
    ):
        (held,) = log.append(first, [row({"n": 1})])
        second = threads.submit(append_in_its_own_transaction, database, {"n": 2})
        until(lambda: waiting(reader))
        assert log.read(reader, 0) == [], "nothing is committed, so nothing may be passed over"
        assert log.head(reader) == 0
        first.commit()
        (later,) = second.result()
        assert held < later
        assert [r.seq for r in log.read(reader, 0)] == [held, later]


def test_without_the_lock_a_reader_does_miss_a_row(database: str) -> None:
    """The control: the same two appenders, their sequence numbers taken at insert."""
    with (
        storage.connect(database) as first,
        storage.connect(database) as second,
        storage.connect(database, autocommit=True) as reader,
    ):
        (held,) = insert_without_lock(first, 1)
        (overtaking,) = insert_without_lock(second, 2)
        second.commit()
        assert held < overtaking
        last = log.read(reader, 0)[-1].seq
        assert last == overtaking
        first.commit()
        assert log.read(reader, last) == [], "committed, and never seen by this reader"
        assert [r.seq for r in log.read(reader, 0)] == [held, overtaking]


def insert_without_lock(conn: storage.Connection, source_id: int) -> list[int]:
    one = row({}, source_id=source_id)  # of different sources: their counts have rows of their own
    values = {
        "sources": [one.source_id], "categories": [one.category], "received": [one.received_ms],
        "items": [one.items], "bodies": [one.body],
    }  # fmt: skip
    return [seq for (seq,) in conn.execute(store.INSERT, values, binary=True)]


def test_a_polling_reader_sees_every_row_once_while_many_append(database: str) -> None:
    appenders, transactions = 4, 40
    done = threading.Event()

    def append_many(number: int) -> list[int]:
        committed: list[int] = []
        with storage.connect(database) as conn:
            for turn in range(transactions):
                batch = [row({"from": number, "turn": turn, "n": n}) for n in range(1 + turn % 3)]
                seqs = log.append(conn, batch)
                if turn % 7 == number:
                    conn.rollback()
                    continue
                if turn % 5 == 0:  # hold it open over another statement, against the rule
                    conn.execute("SELECT pg_sleep(0.002)")
                conn.commit()
                committed += seqs
        return committed

    def poll() -> list[int]:
        seen: list[int] = []
        with storage.connect(database, autocommit=True) as conn:
            while True:
                finished = done.is_set()
                rows = log.read(conn, seen[-1] if seen else 0, rows_max=3)
                seen += [r.seq for r in rows]
                if finished and not rows:
                    return seen

    with ThreadPoolExecutor(appenders + 2) as threads:
        readers = [threads.submit(poll) for _ in range(2)]
        writers = [threads.submit(append_many, n) for n in range(appenders)]
        try:
            committed = sorted(seq for writer in writers for seq in writer.result())
        finally:
            done.set()
        assert len(committed) > appenders * transactions
        assert readers[0].result() == committed
        assert readers[1].result() == committed


def test_a_rolled_back_append_leaves_a_harmless_gap(conn: storage.Connection) -> None:
    (before,) = log.append(conn, [row({"n": 1})])
    conn.commit()
    log.append(conn, [row({"n": 2})])
    conn.rollback()
    (after,) = log.append(conn, [row({"n": 3})])
    conn.commit()
    assert after == before + 2
    assert [r.seq for r in log.read(conn, 0)] == [before, after]
    assert [r.seq for r in log.read(conn, before + 1)] == [after]


def test_the_lock_ends_with_the_transaction(database: str) -> None:
    with storage.connect(database) as first:
        log.append(first, [row({})])
        first.rollback()
        assert append_in_its_own_transaction(database, {"n": 1})
        log.append(first, [row({})])
        first.close()
        assert append_in_its_own_transaction(database, {"n": 2})


def test_an_append_joins_its_callers_transaction_and_pipeline(conn: storage.Connection) -> None:
    with conn.pipeline():
        log.save_checkpoint(conn, "a", 1, 0)
        seqs = log.append(conn, [row({"n": n}) for n in range(3)])
        assert seqs == sorted(seqs)
        assert log.append(conn, []) == []
    assert log.checkpoint(conn, "a") == 1
    conn.rollback()
    assert log.read(conn, 0) == []
    assert log.checkpoint(conn, "a") == 0


def test_a_refused_append_says_so_and_leaves_the_connection_usable(
    conn: storage.Connection,
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        log.append(conn, [msgspec.structs.replace(row({}), items=0)])
    conn.rollback()
    assert len(log.append(conn, [row({})])) == 1


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


def test_what_went_in_comes_out(conn: storage.Connection) -> None:
    rows = [row({"n": 1}), row({"n": 2}, {"n": 3}, source_id=2)]
    seqs = log.append(conn, rows)
    expected = [msgspec.structs.replace(r, seq=s) for r, s in zip(rows, seqs, strict=True)]
    assert log.read(conn, 0) == expected
    assert log.read(conn, seqs[0]) == expected[1:]
    assert log.head(conn) == seqs[-1]


def test_a_read_stops_at_the_limits_but_gives_at_least_one_row(
    conn: storage.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = log.append(conn, [row({}, {}, {}), row({}), row({}, {})])

    def seqs(after: int, rows_max: int = 100) -> list[int]:
        return [r.seq for r in log.read(conn, after, rows_max)]

    monkeypatch.setattr(limits, "batch_events_max", 4)
    assert seqs(0) == [first, second]
    assert seqs(second) == [third]
    monkeypatch.setattr(limits, "batch_events_max", 2)
    assert seqs(0) == [first], "a row larger than the limit goes alone"
    assert seqs(first) == [second]
    monkeypatch.setattr(limits, "batch_events_max", 100)
    assert seqs(0, rows_max=2) == [first, second]
    monkeypatch.setattr(limits, "batch_bytes_max", 1)
    assert seqs(0) == [first]
    assert conn.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS
    assert log.checkpoint(conn, "nobody") == 0, "the transaction goes on after a cut read"


def test_items_are_found_by_position(conn: storage.Connection) -> None:
    first, second = log.append(conn, [row({"n": 1}, {"n": 2}), row({"n": 3})])
    wanted = [facts.position(first, 1), facts.position(second, 0), facts.position(second + 9, 0)]
    found = log.fetch(conn, wanted)
    assert {pos: item for pos, (_, _, item) in found.items()} == {
        wanted[0]: b'{"n":2}',
        wanted[1]: b'{"n":3}',
    }
    assert found[wanted[0]][0].seq == first
    assert log.fetch(conn, []) == {}


def test_facts_of_our_own_come_back_as_items(conn: storage.Connection) -> None:
    assert log.append_facts(conn, "crm", [], 7) == []
    positions = log.append_facts(conn, "crm", [{"type": "track"}, {"type": "identify"}], 7)
    (one,) = log.read(conn, 0)
    assert (one.source_id, one.category, one.received_ms, one.items) == (0, "crm", 7, 2)
    assert positions == [facts.position(one.seq, 0), facts.position(one.seq, 1)]
    assert log.fetch(conn, positions)[positions[1]][2] == b'{"type":"identify"}'


def test_a_checkpoint_is_kept_by_name(conn: storage.Connection) -> None:
    assert log.checkpoint(conn, "worker") == 0
    log.save_checkpoint(conn, "worker", 3, 1)
    log.save_checkpoint(conn, "worker", 9, 2)
    log.save_checkpoint(conn, "other", 4, 2)
    assert (log.checkpoint(conn, "worker"), log.checkpoint(conn, "other")) == (9, 4)


# ── packing ──────────────────────────────────────────────────────────────────────────────────────


@given(
    batch=st.lists(items, max_size=5), context=json_values, sent_at=json_values, kind=json_values
)
def test_unpacking_gives_back_what_was_packed(
    batch: list[object], context: object, sent_at: object, kind: object
) -> None:
    written = [msgspec.json.encode(item) for item in batch]
    envelope = {
        "batch": [msgspec.Raw(item) for item in written],
        "context": context, "sentAt": sent_at, "type": kind, "unknown": 1,
    }  # fmt: skip
    back = log.unpack(log.pack(msgspec.json.encode(envelope)))
    assert [bytes(item) for item in back.batch] == written, "byte for byte"
    assert (back.context, back.sentAt, back.type) == (context, sent_at, kind)
    assert back.integrations is None


@given(text=st.text())
def test_an_items_bytes_survive_whatever_their_spelling(text: str) -> None:
    spelled = b'{ "a" : "\\u0041\\/" , "b":' + msgspec.json.encode(text) + b', \t"c": 1.50e1 }'
    back = log.unpack(log.pack(b'{"batch":[ ' + spelled + b" ]}"))
    assert [bytes(item) for item in back.batch] == [spelled]
