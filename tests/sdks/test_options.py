"""What a caller may say beside the call itself, in each SDK: messageId, time, device, context,
integrations; and the ways a client is set up, flushed, extended and reset."""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from onefold import storage
from onefold.kernel import facts
from tests.collect import harness
from tests.collect.harness import Running
from tests.sdks import parts

SCRIPTS = parts.HERE / "scripts"
KINDS = ("identify", "track", "page", "screen", "group", "alias")
SAID_MS = int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp() * 1000)


def names(one: facts.Fact) -> set[str]:
    return {str(i) for i in one.identifiers}


def expect_said(conn: storage.Connection, found: Sequence[facts.Fact]) -> None:
    """The six calls that say everything mean it."""
    main = {one.kind: one for one in found if SAID_MS - 5_000 < one.at_ms < SAID_MS + 5_000}
    assert set(main) == set(KINDS)
    raw = {one["messageId"]: one for one in harness.items(conn)}
    for kind, one in main.items():
        assert one.message_id == f"m-{kind}"
        assert {"user_id:u1", "anonymous_id:d9"} <= names(one)
        assert one.account == "acme"
        sent = raw[one.message_id]
        assert sent["integrations"] == {"All": False, "Mixpanel": True}
        assert sent["context"]["ip"] == "203.0.113.9"
    # RudderStack's Python SDK puts the call's traits in the place of the context's.
    assert {"email": "ann@acme.co"}.items() <= main["identify"].traits.items()
    assert (main["track"].name, main["track"].properties) == ("Paid", {"amount": 1.5})
    assert main["page"].properties["name"] == "Pricing"
    assert main["screen"].properties["name"] == "Home"
    assert main["group"].traits == {"name": "Acme"}
    (unknown,) = [one for one in found if one.name == "Unknown"]
    assert names(unknown) == {"anonymous_id:d8"}


@pytest.mark.parametrize(
    "module",
    [
        "segment.analytics",
        pytest.param("rudderstack.analytics", marks=pytest.mark.slow),
        pytest.param("analytics", marks=pytest.mark.slow),
    ],
)
def test_python_says_all_that_it_can(
    server: Running, conn: storage.Connection, module: str
) -> None:
    homes = {"rudderstack.analytics": "rudder", "analytics": "legacy"}
    python = parts.python(homes[module]) if module in homes else Path(sys.executable)
    source = harness.make_source(conn)
    parts.run([python, SCRIPTS / "options.py", module, server.url, source.write_key])
    found = parts.arrived(conn)
    assert len(harness.items(conn)) == len(found)  # each once
    expect_said(conn, found)
    rest = {one.message_id for one in found} - {f"m-{kind}" for kind in KINDS}
    by_module = {f"m-module-{kind}" for kind in KINDS}
    assert rest == {"m-unknown", "m-sync", "m-gzip", *by_module}


@pytest.mark.slow
@pytest.mark.parametrize("sdk", ["segment", "rudder"])
def test_node_says_all_that_it_can(server: Running, conn: storage.Connection, sdk: str) -> None:
    parts.node_modules()
    source = harness.make_source(conn)
    parts.run([parts.NODE, SCRIPTS / "options.cjs", sdk, server.url, source.write_key])
    found = parts.arrived(conn)
    assert len(harness.items(conn)) == len(found)
    expect_said(conn, found)
    ways = {one.properties["way"]: one.properties for one in found if one.name == "Way"}
    # A plugin changed what was sent while it was registered; RudderStack's has none.
    expected = {"segment": {"plugin": True, "none": None}, "rudder": {"plain": None}}[sdk]
    assert {way: said.get("tagged") for way, said in ways.items()} == expected
    assert Counter(one.kind for one in found)["track"] == 2 + len(expected)
