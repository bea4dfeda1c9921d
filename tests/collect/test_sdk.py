"""The unmodified `segment-analytics-python`, pointed at us by its documented host option."""

from typing import Any

import pytest
from segment.analytics import Client

from onefold import storage
from tests.collect import harness
from tests.collect.harness import Running


@pytest.mark.parametrize("gzip", [False, True])
def test_every_call_of_the_sdk_arrives_once_and_in_order(
    server: Running, conn: storage.Connection, gzip: bool
) -> None:
    source = harness.make_source(conn)
    failures: list[Any] = []
    client = Client(
        source.write_key,
        host=server.url,
        gzip=gzip,
        on_error=lambda error, items: failures.append((error, items)),
    )
    client.page(anonymous_id="d1", name="Pricing")
    client.identify("u1", {"email": "ann@acme.co"})
    client.track("u1", "Report Exported", {"format": "pdf"})
    client.screen("u1", name="Home")
    client.group("u1", "acme", {"plan": "pro"})
    client.alias("d1", "u1")
    for n in range(300):
        client.track("u1", "Step", {"n": n})
    client.shutdown()
    assert failures == []
    found = harness.items(conn)
    kinds = [item["type"] for item in found]
    assert kinds[:6] == ["page", "identify", "track", "screen", "group", "alias"]
    assert [i["properties"]["n"] for i in found[6:]] == list(range(300))
    assert len({item["messageId"] for item in found}) == 306


def test_the_sdk_reads_our_refusal(server: Running) -> None:
    failures: list[Any] = []
    client = Client(
        "wk_wrong", host=server.url, on_error=lambda error, items: failures.append(error)
    )
    client.track("u1", "Seen")
    client.shutdown()
    (error,) = failures
    assert error.status == 401
    assert error.code == "not_signed_in"
    assert "invalid write key" in error.message
