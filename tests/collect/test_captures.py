"""What unmodified SDKs really sent, sent again: tests/captures, recorded from the wire."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from onefold import storage
from onefold.collect import find
from tests.collect import harness
from tests.collect.harness import Running

CAPTURES = sorted((Path(__file__).parents[1] / "captures").glob("*.json"))
_TRANSPORT = {"host", "content-length", "connection", "transfer-encoding"}


def requests_of(capture: Path) -> list[dict[str, Any]]:
    """The requests of a recording that go to the collector."""
    return [r for r in json.loads(capture.read_text()) if find(r["path"])]


def key_of(request: dict[str, Any]) -> str:
    headers = {k.lower(): v for k, v in request["headers"]}
    if "x-write-key" in headers:
        return str(headers["x-write-key"]).partition(":")[0]
    given = headers["authorization"]
    return base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")[0]


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda c: c.stem)
def test_a_recorded_session_is_taken_whole(
    server: Running, conn: storage.Connection, capture: Path
) -> None:
    expected: list[Any] = []
    requests = requests_of(capture)
    keys = {key_of(r) for r in requests if r["method"] == "POST"}
    assert len(keys) == 1
    harness.make_source(conn, "Recorded", keys.pop())
    for request in requests:
        headers = {k: v for k, v in request["headers"] if k.lower() not in _TRANSPORT}
        body = json.dumps(request["json"]).encode() if "json" in request else b""
        if request["body_magic"] == "gzip":
            body = gzip.compress(body)
        answer = server.send(request["path"], body, method=request["method"], headers=headers)
        if request["method"] == "OPTIONS":
            assert answer.status == 204
            continue
        if request["method"] == "GET":  # the SDK, or what it asks for
            assert answer.status == 200
            continue
        assert (answer.status, answer.body) == (200, b'{"success":true}')
        sent = request["json"]
        expected += sent.get("batch", [sent])
    assert expected
    assert harness.items(conn) == expected


def test_there_are_recordings_of_each_family() -> None:
    names = {c.name.split("-")[0] for c in CAPTURES}
    assert names == {"browser", "node", "py"}
    assert len(CAPTURES) >= 18
