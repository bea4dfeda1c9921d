"""The Node SDKs, from the lock file in tests/sdks/node."""

from pathlib import Path

import pytest

from onefold import storage
from onefold.kernel.settings import Settings
from tests.collect import harness
from tests.collect.harness import Running
from tests.sdks import parts
from tests.sdks.conftest import Faulty

pytestmark = pytest.mark.slow

SCRIPT = parts.HERE / "scripts/calls.cjs"
ALL = ("page", "identify", "track", "screen", "group", "alias")
# Jitsu's has no screen and no alias in its public interface, sends one call a request, and does
# not send again what failed.
SDKS = {"segment": ALL, "rudder": ALL, "jitsu": ("page", "identify", "track", "group")}
PATIENT = ["segment", "rudder"]


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    parts.node_modules()


def send(sdk: str, url: str, key: str, more: int) -> None:
    parts.run([parts.NODE, SCRIPT, sdk, url, key, str(more)])


@pytest.mark.parametrize("sdk", SDKS)
def test_every_call_arrives_once_with_its_meaning(
    server: Running, conn: storage.Connection, sdk: str
) -> None:
    source = harness.make_source(conn)
    send(sdk, server.url, source.write_key, 120)
    found = parts.arrived(conn)
    parts.expect_every_call(found, SDKS[sdk])
    parts.expect_steps(found, 120)
    assert len(harness.items(conn)) == len(SDKS[sdk]) + 120


@pytest.mark.parametrize("sdk", PATIENT)
def test_an_answer_that_is_lost_makes_no_second_event(
    server: Running, faulty: Faulty, conn: storage.Connection, sdk: str
) -> None:
    source = harness.make_source(conn)
    send(sdk, faulty.url, source.write_key, 200)
    assert faulty.lost
    found = parts.arrived(conn)
    parts.expect_every_call(found, SDKS[sdk])
    parts.expect_steps(found, 200)
    assert len(harness.items(conn)) > len(found)


@pytest.mark.parametrize("sdk", PATIENT)
def test_a_429_with_retry_after_costs_time_and_no_event(
    database: str, conn: storage.Connection, sdk: str
) -> None:
    source = harness.make_source(conn)
    with harness.running(database, Settings(collect_items_per_s=20)) as server:
        send(sdk, server.url, source.write_key, 200)
        found = parts.arrived(conn)
    parts.expect_every_call(found, SDKS[sdk])
    parts.expect_steps(found, 200)


@pytest.mark.parametrize("sdk", PATIENT)
def test_a_restart_in_mid_send_costs_no_event(
    database: str, conn: storage.Connection, tmp_path: Path, sdk: str
) -> None:
    key, gate = harness.make_source(conn).write_key, tmp_path / "gate"
    parts.restarted(
        database, conn, gate, lambda url: [parts.NODE, SCRIPT, sdk, url, key, "3000", gate]
    )
    found = parts.arrived(conn)
    parts.expect_every_call(found, SDKS[sdk])
    parts.expect_steps(found, 3000)
