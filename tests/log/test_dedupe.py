"""Durable dedupe: exact over restarts, within the horizon."""

from hypothesis import given, settings
from hypothesis import strategies as st

from onefold import log, storage
from onefold.kernel import clock

NOW = 1_790_000_000_000


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 300), max_size=40), max_size=12))
def test_the_first_is_new_and_every_other_is_seen(batches: list[list[int]]) -> None:
    dedupe, truth = log.dedupe.Dedupe(), set[int]()
    for batch in batches:
        keys = [log.dedupe.key(1, str(n)) for n in batch]
        expected = []
        for n in batch:
            expected.append(n in truth)
            truth.add(n)
        assert dedupe.seen(keys) == expected
        dedupe.add([k for k, seen in zip(keys, expected, strict=True) if not seen], NOW)
        dedupe._settle() if dedupe._recent else None


def test_sources_do_not_share_message_ids() -> None:
    assert log.dedupe.key(1, "m") != log.dedupe.key(2, "m")


def test_a_restart_remembers_and_the_horizon_forgets(conn: storage.Connection) -> None:
    old, new = log.dedupe.key(1, "old"), log.dedupe.key(1, "new")
    log.dedupe.save(conn, 1, NOW - 8 * clock.DAY_MS, [old], [])
    log.dedupe.save(conn, 2, NOW, [new], [77])
    dedupe = log.dedupe.Dedupe()
    dedupe.load(conn, NOW)
    assert dedupe.seen([old, new]) == [False, True]
    dedupe.prune(conn, NOW)
    assert conn.execute("SELECT seq FROM dedupe").fetchall() == [(2,)]


def test_skipped_positions_outlive_the_horizon(conn: storage.Connection) -> None:
    log.dedupe.save(conn, 5, NOW - 30 * clock.DAY_MS, [log.dedupe.key(1, "a")], [327_681])
    log.dedupe.Dedupe().prune(conn, NOW)
    assert log.dedupe.skipped(conn, 3, 4) == {327_681}
    assert log.dedupe.skipped(conn, 6, 9) == set()
