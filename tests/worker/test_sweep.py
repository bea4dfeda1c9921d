"""Falling usage becomes one task for the account's owner, with the reasons on it."""

import pytest

from onefold import crm, signals, sources, storage
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from onefold.worker import sweep
from tests.worker.harness import Bench, group, track

DAYS = 60


@pytest.fixture
def bench(conn: storage.Connection) -> Bench:
    return Bench(conn)


def fill(bench: Bench, falling: str, until_day: int, quiet_days: int) -> None:
    """Eight accounts of three people, three exports each a day; one stops in the last days."""
    accounts = [f"acme{n}" for n in range(8)]
    start = bench.now_ms - DAYS * clock.DAY_MS
    for account in accounts:
        bench.send(
            *(
                group(f"{account}-{n}", account, name=account, timestamp=clock.iso(start))
                for n in range(3)
            )
        )
    for day in range(until_day):
        stamp = clock.iso(start + day * clock.DAY_MS)
        bench.send(
            *(
                track(f"{account}-{n % 3}", "Report Exported", timestamp=stamp)
                for account in accounts
                for n in range(9)
                if not (account == falling and day >= until_day - quiet_days and n > 0)
            )
        )
    bench.settle()


def test_a_fall_becomes_one_task_for_the_owner_and_recovery_ends_it(bench: Bench) -> None:
    fill(bench, "acme3", DAYS, quiet_days=14)
    conn = bench.conn
    owner = crm.users.create(
        conn, SYSTEM, email="rep@example.com", name="Rep", role="member", password="long enough 1",
        now_ms=bench.now_ms,
    )  # fmt: skip
    account = crm.accounts_by_key(conn, ["acme3"])["acme3"]
    crm.accounts.update(conn, SYSTEM, account, {"owner_id": owner.id}, bench.now_ms)
    conn.commit()

    changes = sweep.signals_step(conn, bench.now_ms)
    conn.commit()
    assert changes is not None
    assert [(c.account_id, c.action, c.severity) for c in changes] == [
        (account, "opened", "critical")
    ]
    assert crm.accounts.get(conn, SYSTEM, account).risk == "critical"
    (task,) = crm.tasks.find(conn, SYSTEM).rows
    assert task.owner_id == owner.id
    assert task.priority == "high"
    assert any("fell" in reason["text"] for reason in task.reasons)
    assert {p["ref"] for p in task.people} <= {
        f"per_{bench.person('user_id', f'acme3-{n}')}" for n in range(3)
    }
    assert task.people

    sweep.signals_step(conn, bench.now_ms)
    conn.commit()
    assert len(crm.tasks.find(conn, SYSTEM).rows) == 1

    bench.now_ms += 16 * clock.DAY_MS
    for day in range(16):
        stamp = clock.iso(bench.now_ms - (16 - day) * clock.DAY_MS)
        bench.send(
            *(
                track(f"acme{a}-{n % 3}", "Report Exported", timestamp=stamp)
                for a in range(8)
                for n in range(9)
            )
        )
    bench.settle()
    sweep.signals_step(conn, bench.now_ms)
    conn.commit()
    (task,) = crm.tasks.find(conn, SYSTEM, {"status": "done"}).rows
    assert task.outcome == "recovered"
    assert crm.accounts.get(conn, SYSTEM, account).risk == ""


def test_a_fall_of_everybody_is_nobodys(bench: Bench) -> None:
    fill(bench, "", DAYS - 7, quiet_days=0)
    assert sweep.signals_step(bench.conn, bench.now_ms) == []


def test_signals_wait_while_history_is_loaded(bench: Bench) -> None:
    fill(bench, "acme3", DAYS, quiet_days=14)
    sources.set_backfill(bench.conn, SYSTEM, bench.source, True)
    assert sweep.signals_step(bench.conn, bench.now_ms) is None
    sources.set_backfill(bench.conn, SYSTEM, bench.source, False)
    assert sweep.signals_step(bench.conn, bench.now_ms)


def test_health_is_written_to_the_account(bench: Bench) -> None:
    fill(bench, "acme3", DAYS, quiet_days=14)
    sweep.health_step(bench.conn, bench.now_ms)
    bench.conn.commit()
    ids = crm.accounts_by_key(bench.conn, ["acme3", "acme4"])
    fell, steady = (crm.accounts.get(bench.conn, SYSTEM, ids[k]).health for k in ("acme3", "acme4"))
    assert fell is not None
    assert steady is not None
    assert fell["score"] < steady["score"]
    assert signals.find(bench.conn, SYSTEM).rows == []
