"""The door itself: routes, keys, answers, CORS."""

import base64
import json
import socket
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from onefold import sources, storage
from onefold.collect import ROUTES, Collector
from onefold.kernel import clock, limits
from onefold.kernel.settings import Settings
from onefold.kernel.viewer import SYSTEM
from tests.collect import harness
from tests.collect.harness import Running

EVENT = {"type": "track", "event": "Seen", "userId": "u1", "messageId": "m1"}
SHORT = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}


@pytest.fixture
def source(shared_conn: storage.Connection) -> sources.Source:
    return harness.make_source(shared_conn, clock.token("App ", 4))


def rows_of(conn: storage.Connection, source: sources.Source) -> list[Any]:
    return [found for found in harness.stored(conn) if found[0].source_id == source.id]


def test_every_path_takes_its_call_with_and_without_a_slash(
    shared_server: Running, shared_conn: storage.Connection, source: sources.Source
) -> None:
    calls = [f"/v1/{k}" for k in SHORT.values()] + [f"{v}/{k}" for k in SHORT for v in ("/v1", "")]
    batches = ["/v1/batch", "/v1/b", "/v1/import", "/batch", "/b", "/import"]
    for path in [p + slash for p in calls + batches for slash in ("", "/")]:
        assert shared_server.collector.handles(path)
        body = EVENT if path.strip("/") in {c.strip("/") for c in calls} else {"batch": [EVENT]}
        answer = shared_server.send(path, body, key=source.write_key)
        assert (answer.status, answer.body) == (200, b'{"success":true}'), path
        assert answer.headers["content-type"] == "application/json"
    kinds = [envelope.type for _, envelope, _ in rows_of(shared_conn, source)]
    expected = [SHORT.get(c.split("/")[-1], c.split("/")[-1]) for c in calls for _ in "ab"]
    assert kinds == expected + [None] * 2 * len(batches)


def test_every_route_of_the_table_is_handled_and_nothing_else() -> None:
    collector = Collector("postgresql://nowhere")
    for path in ROUTES:
        assert collector.handles(path)
    assert collector.handles("/v1/projects/wk_x/settings")
    assert collector.handles("/projects/wk_x/settings/")
    for path in ("/", "/v1", "/v1/me", "/api/people", "/tickets", "/projects/a/b/settings"):
        assert not collector.handles(path)


def test_a_host_given_with_a_slash_at_its_end_loses_nothing(
    shared_server: Running, shared_conn: storage.Connection, source: sources.Source
) -> None:
    for path in ("//v1/batch", "//b/"):
        answer = shared_server.send(path, {"batch": [EVENT]}, key=source.write_key)
        assert (answer.status, answer.body) == (200, b'{"success":true}'), path
    assert len(rows_of(shared_conn, source)) == 2
    asked = shared_server.send(f"//v1/projects/{source.write_key}/settings", method="GET")
    assert asked.status == 200


def test_an_unknown_address_of_senders_answers_as_all_others_do(shared_server: Running) -> None:
    answer = shared_server.send("/v1/nope", EVENT, headers={"Origin": "https://shop.example"})
    assert answer.status == 404
    assert {"code", "message", "error", "msg"} <= set(answer.json())
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"


def test_no_cache_gives_one_source_the_configuration_of_another(
    shared_server: Running, source: sources.Source
) -> None:
    answer = shared_server.send("/sourceConfig", method="GET", key=source.write_key)
    assert answer.json()["source"]["writeKey"] == source.write_key
    assert answer.headers["cache-control"] == "private, max-age=60"
    assert "Authorization" in answer.headers["vary"]


def test_the_row_says_whose_it_is_and_when_it_came(
    shared_server: Running, shared_conn: storage.Connection, source: sources.Source
) -> None:
    before = clock.now_ms()
    batch = {
        "batch": [EVENT, EVENT],
        "sentAt": "2026-11-23T20:00:00Z",
        "context": {"ip": "1.1.1.1"},
    }
    shared_server.send("/v1/batch", {**batch, "writeKey": source.write_key})
    ((row, envelope, items),) = rows_of(shared_conn, source)
    assert (row.source_id, row.category, row.items) == (source.id, "product", 2)
    assert before <= row.received_ms <= clock.now_ms()
    assert (envelope.sentAt, envelope.context) == (batch["sentAt"], batch["context"])
    assert [json.loads(i) for i in items] == batch["batch"]


# ── keys ───────────────────────────────────────────────────────────────────────────────────────


def basic(user: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:".encode()).decode()}


PLACES: dict[str, Callable[[str], tuple[str, dict[str, Any], dict[str, str]]]] = {
    "Basic": lambda k: ("", {}, basic(k)),
    "body": lambda k: ("", {"writeKey": k}, {}),
    "query": lambda k: (f"?x=1&writeKey={k}", {}, {}),
    "X-Write-Key": lambda k: ("", {}, {"X-Write-Key": k}),
    "Bearer": lambda k: ("", {}, {"Authorization": f"Bearer {k}"}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("path", ["/v1/batch", "/v1/track"])
def test_the_key_is_found_in_each_place(
    shared_server: Running, source: sources.Source, place: str, path: str
) -> None:
    query, body, headers = PLACES[place](source.write_key)
    sent = {"batch": [EVENT]} if path == "/v1/batch" else EVENT
    answer = shared_server.send(path + query, {**sent, **body}, headers=headers)
    assert answer.status == 200


def test_the_first_place_that_has_a_key_decides(
    shared_server: Running, source: sources.Source
) -> None:
    for first, second in pairwise(PLACES):
        a, b = PLACES[first]("wk_wrong"), PLACES[second](source.write_key)
        query, body, headers = a[0] or b[0], {**b[1], **a[1]}, {**b[2], **a[2]}
        answer = shared_server.send(
            "/v1/batch" + query, {"batch": [EVENT], **body}, headers=headers
        )
        assert answer.status == 401, (first, second)


@pytest.mark.parametrize("header", ["Basic", "Basic !!", "Basic Og==", "Digest x", "Bearer "])
def test_a_useless_header_leaves_the_other_places(
    shared_server: Running, source: sources.Source, header: str
) -> None:
    answer = shared_server.send(
        "/v1/batch",
        {"batch": [EVENT], "writeKey": source.write_key},
        headers={"Authorization": header},
    )
    assert answer.status == 200


@pytest.mark.parametrize("key", [None, "wk_wrong", "x" * 500, "nul\0", "é", "'; --"])
def test_no_key_or_a_wrong_one_is_401_and_keeps_nothing(
    shared_server: Running, shared_conn: storage.Connection, key: str | None
) -> None:
    before = len(harness.stored(shared_conn))
    answer = shared_server.send("/v1/batch", {"batch": [EVENT]}, key=key)
    assert answer.status == 401
    told = answer.json()
    assert told["success"] is False
    assert told["code"] == "not_signed_in"
    assert told["message"] == told["error"] == told["msg"]
    assert "`writeKey`" in told["message"]
    assert len(harness.stored(shared_conn)) == before


def test_a_key_made_a_moment_ago_works_at_once(
    shared_server: Running, shared_conn: storage.Connection
) -> None:
    for n in range(3):
        made = harness.make_source(shared_conn, f"New {n}")
        assert shared_server.send("/v1/track", EVENT, key=made.write_key).status == 200


def test_a_disabled_source_is_404_within_the_time_that_keys_are_remembered(
    shared_server: Running, shared_conn: storage.Connection, source: sources.Source
) -> None:
    assert shared_server.send("/v1/track", EVENT, key=source.write_key).status == 200
    sources.set_enabled(shared_conn, SYSTEM, source.id, False)
    shared_conn.commit()
    until = clock.now_ms() + limits.write_key_cached_s * 1000 + 2_000
    while (answer := shared_server.send("/v1/track", EVENT, key=source.write_key)).status == 200:
        assert clock.now_ms() < until
    assert answer.status == 404
    assert "Source is disabled" in answer.json()["message"]
    assert shared_server.send(
        f"/v1/projects/{source.write_key}/settings", method="GET"
    ).status == 404  # fmt: skip


# ── answers ────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_batch_is_taken_and_nothing_is_stored(
    shared_server: Running, shared_conn: storage.Connection, source: sources.Source
) -> None:
    assert shared_server.send("/v1/batch", {"batch": []}, key=source.write_key).status == 200
    assert rows_of(shared_conn, source) == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
def test_another_method_is_405_with_the_right_one(shared_server: Running, method: str) -> None:
    answer = shared_server.send("/v1/track", b"", method=method)
    assert answer.status == 405
    assert "POST" in answer.headers["allow"]
    if method != "HEAD":
        assert "Use POST" in answer.json()["message"]
    assert shared_server.send("/projects/x/settings", b"{}").status == 405


@pytest.mark.parametrize("path", ["/v1/m", "/m", "/v1/m/"])
def test_the_sdks_own_telemetry_is_taken_and_ignored(shared_server: Running, path: str) -> None:
    answer = shared_server.send(path, b'{"series":[]}')
    assert (answer.status, answer.body) == (200, b'{"success":true}')


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
def test_the_content_type_does_not_matter(
    shared_server: Running, source: sources.Source, kind: str
) -> None:
    for zipped in (False, True):
        answer = shared_server.send(
            "/v1/batch",
            {"batch": [EVENT]},
            key=source.write_key,
            headers={"Content-Type": kind},
            zipped=zipped,
        )
        assert answer.status == 200


def test_a_chunked_body_is_read(shared_server: Running, source: sources.Source) -> None:
    body = json.dumps({"batch": [EVENT], "writeKey": source.write_key}).encode()
    with socket.create_connection(("127.0.0.1", shared_server.port)) as sender:
        sender.sendall(b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(0, len(body), 7):
            piece = body[i : i + 7]
            sender.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        sender.sendall(b"0\r\n\r\n")
        assert sender.recv(100).startswith(b"HTTP/1.1 200")


def test_a_sender_that_leaves_halfway_stores_nothing(
    shared_server: Running, shared_conn: storage.Connection, source: sources.Source
) -> None:
    with socket.create_connection(("127.0.0.1", shared_server.port)) as sender:
        sender.sendall(
            b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n"
            b"X-Write-Key: %b\r\n\r\n{}" % source.write_key.encode()
        )
    assert shared_server.send("/v1/track", EVENT, key=source.write_key).status == 200
    assert len(rows_of(shared_conn, source)) == 1


# ── CORS ───────────────────────────────────────────────────────────────────────────────────────


def test_a_preflight_lets_the_page_send_what_it_asks_for(shared_server: Running) -> None:
    asked = "authorization,content-type,x-retry-count,anonymousid,x-new"
    for path in ("/v1/t", "/v1/batch/", "/b", "/v1/projects/wk/settings"):
        answer = shared_server.send(
            path,
            method="OPTIONS",
            headers={
                "Origin": "https://shop.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": asked,
            },
        )
        assert answer.status == 204
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-allow-headers"] == asked
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert int(answer.headers["access-control-max-age"]) >= 600
    bare = shared_server.send("/v1/t", method="OPTIONS")
    assert bare.headers["access-control-allow-origin"] == "*"
    assert "Authorization" in bare.headers["access-control-allow-headers"]


def test_every_answer_can_be_read_by_the_page(
    shared_server: Running, source: sources.Source
) -> None:
    origin = {"Origin": "https://shop.example"}
    settings = f"/v1/projects/{source.write_key}/settings"
    answers = [
        shared_server.send("/v1/t", EVENT, key=source.write_key, headers=origin),
        shared_server.send("/v1/t", EVENT, key="wk_wrong", headers=origin),
        shared_server.send("/v1/t", b"{", key=source.write_key, headers=origin),
        shared_server.send("/v1/t", b"0" * 5_000_000, key=source.write_key, headers=origin),
        shared_server.send("/v1/t", b"", method="GET", headers=origin),
        shared_server.send(settings, b"", method="GET", headers=origin),
    ]
    assert [a.status for a in answers] == [200, 401, 400, 413, 405, 200]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-expose-headers"] == "Retry-After"
        assert answer.headers["vary"] == "Origin"


# ── settings ───────────────────────────────────────────────────────────────────────────────────


def test_settings_send_the_sdk_back_to_us(shared_server: Running, source: sources.Source) -> None:
    for path in ("/v1/projects/{}/settings", "/projects/{}/settings", "/projects/{}/settings/"):
        answer = shared_server.send(path.format(source.write_key), method="GET")
        assert answer.status == 200
        assert answer.headers["cache-control"] == "public, max-age=60"
        told = answer.json()
        segment = told["integrations"]["Segment.io"]
        assert segment["apiKey"] == source.write_key
        assert segment["apiHost"] == f"127.0.0.1:{shared_server.port}/v1"
        assert segment["protocol"] == "http"
        assert told["metrics"] == {"sampleRate": 0}
    assert shared_server.send("/v1/projects/wk_wrong/settings", method="GET").status == 404


def test_settings_name_the_public_address(database: str, conn: storage.Connection) -> None:
    made = harness.make_source(conn)
    with harness.running(database, Settings(public_url="https://cdp.example.com/in/")) as server:
        told = server.send(f"/v1/projects/{made.write_key}/settings", method="GET").json()
    segment = told["integrations"]["Segment.io"]
    assert (segment["apiHost"], segment["protocol"]) == ("cdp.example.com/in/v1", "https")


def test_settings_follow_a_proxy_that_speaks_https(
    shared_server: Running, source: sources.Source
) -> None:
    answer = shared_server.send(
        f"/v1/projects/{source.write_key}/settings",
        method="GET",
        headers={"Host": "cdp.example.com", "X-Forwarded-Proto": "https"},
    )
    segment = answer.json()["integrations"]["Segment.io"]
    assert (segment["apiHost"], segment["protocol"]) == ("cdp.example.com/v1", "https")
