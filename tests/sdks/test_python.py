"""The Python SDKs, each in an environment of its own."""

import sys
from pathlib import Path

import pytest

from onefold import storage
from onefold.kernel.settings import Settings
from tests.collect import harness
from tests.collect.harness import Running
from tests.sdks import parts
from tests.sdks.conftest import Faulty

SCRIPT = parts.HERE / "scripts/calls.py"
CALLS = ("page", "identify", "track", "screen", "group", "alias")
SDKS = [
    pytest.param("segment.analytics", id="segment-analytics-python"),
    pytest.param("rudderstack.analytics", id="rudder-sdk-python"),
    pytest.param("analytics", id="analytics-python", marks=pytest.mark.slow),
]


def interpreter(module: str) -> Path:
    homes = {"rudderstack.analytics": "rudder", "analytics": "legacy"}
    return parts.python(homes[module]) if module in homes else Path(sys.executable)


@pytest.mark.parametrize("module", SDKS)
def test_every_call_arrives_once_with_its_meaning(
    server: Running, conn: storage.Connection, module: str
) -> None:
    source = harness.make_source(conn)
    parts.run([interpreter(module), SCRIPT, module, server.url, source.write_key, "250"])
    found = parts.arrived(conn)
    parts.expect_every_call(found, CALLS)
    parts.expect_steps(found, 250)
    assert len(harness.items(conn)) == len(CALLS) + 250  # and nothing was sent twice


@pytest.mark.parametrize("module", SDKS)
def test_an_answer_that_is_lost_makes_no_second_event(
    server: Running, faulty: Faulty, conn: storage.Connection, module: str
) -> None:
    source = harness.make_source(conn)
    parts.run([interpreter(module), SCRIPT, module, faulty.url, source.write_key, "450"])
    assert faulty.lost
    found = parts.arrived(conn)
    parts.expect_every_call(found, CALLS)
    parts.expect_steps(found, 450)
    assert len(harness.items(conn)) > len(found)  # it was sent again, under the same messageId


@pytest.mark.parametrize("module", SDKS)
def test_a_429_with_retry_after_costs_time_and_no_event(
    database: str, conn: storage.Connection, module: str
) -> None:
    source = harness.make_source(conn)
    with harness.running(database, Settings(collect_items_per_s=60)) as server:
        parts.run([interpreter(module), SCRIPT, module, server.url, source.write_key, "600"])
        found = parts.arrived(conn)
    parts.expect_every_call(found, CALLS)
    parts.expect_steps(found, 600)


@pytest.mark.slow
@pytest.mark.parametrize("module", SDKS)
def test_a_restart_in_mid_send_costs_no_event(
    database: str, conn: storage.Connection, tmp_path: Path, module: str
) -> None:
    key, gate = harness.make_source(conn).write_key, tmp_path / "gate"
    start = (interpreter(module), SCRIPT, module)
    parts.restarted(database, conn, gate, lambda url: [*start, url, key, "3000", gate])
    found = parts.arrived(conn)
    parts.expect_every_call(found, CALLS)
    parts.expect_steps(found, 3000)
