"""A few worlds in every test run; `make simulate` runs as many as you like."""

import pytest

from tests.simulate import world
from tests.simulate.auditor import Truth
from tests.simulate.workload import START


@pytest.mark.parametrize("seed", range(1, 9))
def test_every_acknowledged_event_counts_exactly_once(database: str, seed: int) -> None:
    assert world.run(database, seed) == []


def test_the_auditor_notices_a_lost_event(database: str) -> None:
    simulated = world.World(database, 99)
    simulated.run(10)
    item = {"type": "page", "messageId": "never sent", "timestamp": "2026-09-01T00:00:00Z",
            "anonymousId": "d1"}  # fmt: skip
    simulated.work.items.append((START, item))
    assert simulated.audit()
    simulated.conn.close()


def test_the_auditor_gives_anonymous_facts_to_the_last_log_in_before_them() -> None:
    def item(n: int, at: str, **extra: str) -> tuple[int, dict[str, str]]:
        stamp = f"2026-09-01T{at}:00Z"
        base = {"messageId": str(n), "timestamp": stamp, "anonymousId": "d", "type": "page"}
        return START * 2, {**base, **extra}

    truth = Truth(
        [
            item(1, "08:00"),
            item(2, "09:00", type="track", event="Signed In", userId="a"),
            item(3, "10:00"),
            item(4, "11:00", type="track", event="Signed In", userId="b"),
            item(5, "12:00"),
        ],
        START * 2,
    )
    assert truth.by_name["a"]["Page Viewed"] == 2
    assert truth.by_name["b"]["Page Viewed"] == 1
