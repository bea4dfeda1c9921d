"""The routes that RudderStack's, Jitsu's and older SDKs know, pixels, and the pace of a source."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from onefold import __version__, sources, storage
from onefold.collect import bundles, pace, pixel, routes
from onefold.collect.errors import TooFast
from onefold.kernel import clock, errors, limits
from onefold.kernel.settings import Settings
from onefold.kernel.viewer import SYSTEM
from tests.collect import harness
from tests.collect.harness import Running

EVENT = {"type": "track", "event": "Seen", "userId": "u1", "messageId": "m1"}


@pytest.fixture
def source(shared_conn: storage.Connection) -> sources.Source:
    return harness.make_source(shared_conn, clock.token("App ", 4))


def items_of(conn: storage.Connection, source: sources.Source) -> list[tuple[Any, Any]]:
    return [
        (envelope.type, json.loads(item))
        for row, envelope, items in harness.stored(conn)
        if row.source_id == source.id
        for item in items
    ]


# ── more ways in ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [p for p, r in routes.PATHS.items() if r.does == "batch"])
def test_every_batch_path_takes_a_batch(
    shared_server: Running, shared_conn: storage.Connection, source: sources.Source, path: str
) -> None:
    answer = shared_server.send(f"{path}?writeKey={source.write_key}", {"batch": [EVENT]})
    assert (answer.status, answer.body) == (200, b'{"success":true}')
    assert items_of(shared_conn, source) == [(None, EVENT)]


@pytest.mark.parametrize("path", [p for p, r in routes.PATHS.items() if r.does == "call"])
def test_every_call_path_takes_its_call(
    shared_server: Running, shared_conn: storage.Connection, source: sources.Source, path: str
) -> None:
    assert shared_server.send(path, EVENT, key=source.write_key).status == 200
    assert items_of(shared_conn, source) == [(routes.PATHS[path].kind, EVENT)]


def test_jitsus_sdk_masks_the_key_in_the_body_and_says_it_in_a_header(
    shared_server: Running, shared_conn: storage.Connection, source: sources.Source
) -> None:
    for key in (source.write_key, f"{source.write_key}:secret"):
        body = {**EVENT, "writeKey": "wk_x:***"}
        answer = shared_server.send("/api/s/track", body, headers={"X-Write-Key": key})
        assert answer.status == 200, answer.json()
    assert len(items_of(shared_conn, source)) == 2


def test_the_header_does_not_win_elsewhere(shared_server: Running, source: sources.Source) -> None:
    body = {**EVENT, "writeKey": "wk_x"}
    answer = shared_server.send("/v1/track", body, headers={"X-Write-Key": source.write_key})
    assert answer.status == 401
    assert "invalid write key" in answer.json()["message"].lower()


def test_oauth_is_told_what_to_do_instead(shared_server: Running) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = shared_server.send("/token", b"grant_type=client_credentials", headers=form)
    told = answer.json()
    assert (answer.status, told["error"]) == (400, "unsupported_grant_type")
    assert "write key" in told["error_description"]


def test_device_mode_transformations_are_not_there(shared_server: Running) -> None:
    assert shared_server.send("/transform", {"a": 1}).status == 404


def test_robots_and_version(shared_server: Running) -> None:
    assert b"Disallow: /" in shared_server.send("/robots.txt", method="GET").body
    assert shared_server.send("/version/", method="GET").json() == {"version": __version__}


# ── source configuration ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/sourceConfig", "/sourceConfig/"])
@pytest.mark.parametrize("where", ["basic", "query"])
def test_source_config_names_us_and_no_one_else(
    shared_server: Running, source: sources.Source, path: str, where: str
) -> None:
    key = source.write_key
    query = "?p=npm&v=3.34.1&build=modern" + (f"&writeKey={key}" if where == "query" else "")
    answer = shared_server.send(path + query, method="GET", key=key if where == "basic" else None)
    found = answer.json()["source"]
    assert (found["writeKey"], found["enabled"], found["destinations"]) == (key, True, [])
    off = {"errors": {"enabled": False}, "metrics": {"enabled": False}}
    assert found["config"]["statsCollection"] == off
    assert found["dataplanes"]["US"][0]["url"] == shared_server.url
    assert found["id"] == source.api_id


def test_source_config_answers_the_look_out_for_ad_blockers(shared_server: Running) -> None:
    answer = shared_server.send("/sourceConfig?view=ad", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_source_config_of_an_unknown_key_is_404(shared_server: Running) -> None:
    for query in ("", "?writeKey=wk_nobody"):
        answer = shared_server.send("/sourceConfig" + query, method="GET")
        assert answer.status == 404
        assert "invalid write key" in answer.json()["message"]


def test_source_config_says_that_a_source_is_off(
    shared_server: Running, shared_conn: storage.Connection, source: sources.Source
) -> None:
    sources.set_enabled(shared_conn, SYSTEM, source.id, False)
    shared_conn.commit()
    answer = shared_server.send("/sourceConfig", method="GET", key=source.write_key)
    assert answer.json()["source"]["enabled"] is False
    told = shared_server.send("/v1/track", EVENT, key=source.write_key)
    assert (told.status, "Source is disabled" in told.json()["message"]) == (404, True)


# ── pixels ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [p for p, r in routes.READ_PATHS.items() if r.does == "pixel"])
@pytest.mark.parametrize("form", ["data", "names"])
def test_a_pixel_is_an_image_and_an_event(
    shared_server: Running, shared_conn: storage.Connection, source: sources.Source,
    path: str, form: str,
) -> None:  # fmt: skip
    key = source.write_key
    call = {"event": "Opened", "userId": "u1", "properties": {"mail": "m7"}}
    if form == "data":
        data = base64.urlsafe_b64encode(json.dumps({**call, "writeKey": key}).encode()).decode()
        query = f"data={quote(data.rstrip('='))}"
    else:
        query = f"writeKey={key}&event=Opened&userId=u1&properties.mail=m7"
    answer = shared_server.send(f"{path}?{query}", method="GET")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/gif")
    assert answer.body == pixel.GIF
    assert answer.headers["cache-control"] == "no-store"
    ((kind, item),) = items_of(shared_conn, source)
    assert item.pop("writeKey") == key
    assert (kind, item) == (path.rsplit("/", 1)[1], call)


@pytest.mark.parametrize(
    "query",
    [b"data=%%%", b"data=abcde", b"data=" + base64.b64encode(b"[1]"), b".".join([b"a"] * 30)],
)
def test_a_bad_pixel_is_400(shared_server: Running, source: sources.Source, query: bytes) -> None:
    path = f"/v1/pixel/track?{query.decode()}"
    assert shared_server.send(path, method="GET", key=source.write_key).status == 400


def test_names_that_disagree_do_not_break_a_pixel() -> None:
    assert json.loads(pixel.body(b"a=1&a.b=2&a=3&c.d=4&c=5")) == {"a": "1", "c": {"d": "4"}}
    with pytest.raises(errors.Invalid):
        pixel.body(b"&".join(b"a%d=1" % i for i in range(limits.event_traits_max + 1)))


# ── the browser SDK ────────────────────────────────────────────────────────────────────────────


def test_no_script_that_we_serve_names_another_host() -> None:
    for script in (bundles.bundle(), bundles.snippet()):
        for stranger in (b"cloudflare", b"api.segment.io/v1/t"):
            assert stranger not in script.body
        assert gzip.decompress(script.zipped) == script.body
    assert b"segment.com" not in bundles.bundle().body
    assert b"Permission is hereby granted" in bundles.bundle().body


def test_the_bundle_is_cached_by_its_tag_and_zipped(
    shared_server: Running, source: sources.Source
) -> None:
    path = f"/o/{source.write_key}.js"
    plain = shared_server.send(path, method="GET")
    assert plain.body == bundles.bundle().body
    assert plain.headers["content-type"].startswith("text/javascript")
    zipped = shared_server.send(path, method="GET", headers={"Accept-Encoding": "gzip, br"})
    assert gzip.decompress(zipped.body) == plain.body
    tag = {"If-None-Match": plain.headers["etag"]}
    again = shared_server.send(path, method="GET", headers=tag)
    assert (again.status, again.body) == (304, b"")
    assert shared_server.send("/o/wk_nobody.js", method="GET").status == 404


def test_the_snippets_file_and_its_parts_are_served(
    shared_server: Running, source: sources.Source
) -> None:
    path = f"/analytics.js/v1/{source.write_key}/analytics.min.js"
    assert shared_server.send(path, method="GET").body == bundles.snippet().body
    parts = [p.name for p in Path(bundles.__file__).with_name("vendor").glob("*.bundle.*.js")]
    assert len(parts) > 3
    for name in parts:
        for folder in ("/o/", "/analytics-next/bundles/"):
            assert shared_server.send(folder + name, method="GET").status == 200
    for name in ("x.bundle.0.js", "..%2f..%2fasgi.py", "LICENSE.MD"):
        assert shared_server.send(f"/analytics-next/bundles/{name}", method="GET").status == 404


# ── pace ───────────────────────────────────────────────────────────────────────────────────────


def test_a_source_that_sends_too_fast_waits_and_the_others_do_not() -> None:
    one = pace.Pace(100)
    for second in range(3):
        one.check(1, second)
        one.spend(1, 300, second)
    with pytest.raises(TooFast) as told:
        one.check(1, 2.0)
    assert told.value.retry_s == 2  # 500 − 900 + 2 × 100 = −200
    one.check(2, 2.0)
    one.check(1, 2.0 + told.value.retry_s)


def test_a_batch_larger_than_the_bucket_goes_through_once() -> None:
    one = pace.Pace(10)
    one.check(1, 0.0)
    one.spend(1, 10_000, 0.0)
    with pytest.raises(TooFast):
        one.check(1, 60.0)
    one.check(1, 1000.0)


def test_no_pace_unless_it_is_set() -> None:
    free = pace.Pace(0)
    free.spend(1, 10**9, 0.0)
    free.check(1, 0.0)


def test_too_fast_is_429_with_whole_seconds(database: str, conn: storage.Connection) -> None:
    source = harness.make_source(conn)
    with harness.running(database, Settings(collect_items_per_s=1)) as server:
        body = {"batch": [EVENT] * 8}
        assert server.send("/v1/batch", body, key=source.write_key).status == 200
        answer = server.send("/v1/batch", body, key=source.write_key)
        assert (answer.status, answer.json()["code"]) == (429, "too_many_requests")
        assert answer.headers["retry-after"] in ("2", "3")
        assert answer.headers["access-control-expose-headers"] == "Retry-After"
        other = harness.make_source(conn, "Other")
        assert server.send("/v1/batch", body, key=other.write_key).status == 200
    assert len(harness.items(conn)) == 16


def test_nothing_here_ever_answers_410() -> None:
    """Segment's SDKs send again after a 410."""
    kinds: list[Any] = [errors.OnefoldError, *errors.OnefoldError.__subclasses__()]
    assert 410 not in {kind.status for kind in kinds}
