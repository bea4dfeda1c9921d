"""An unmodified Segment SDK in a browser and one on a server make one person."""

import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from segment.analytics import Client

from bench.server import Server
from tests.journeys.conftest import ROOT, Api, static, within

BUNDLES = ROOT / "frontend/node_modules/@segment/analytics-next/dist/umd"
PAGE = """<!doctype html><title>Shop</title><script src="/sdk/index.js"></script><script>
const host = "127.0.0.1:%(port)d";
window.analytics = AnalyticsNext.AnalyticsBrowser.load(
  {writeKey: "%(key)s", cdnURL: "http://" + host},
  {integrations: {"Segment.io": {apiHost: host + "/v1", protocol: "http"}}});
</script>"""


@pytest.fixture
def shop(tmp_path: Path, server: Server) -> Any:
    key = server.command("sources", "create", "Shop", "--category", "website")
    (tmp_path / "sdk").symlink_to(BUNDLES)
    (tmp_path / "index.html").write_text(PAGE % {"port": server.port, "key": key})
    with static(tmp_path) as origin:
        yield origin, key


@pytest.mark.browser
def test_browser_and_server_sdk_make_one_person(
    server: Server, api: Api, browser: Browser, shop: Any
) -> None:
    origin, _ = shop
    write = server.command("sources", "create", "Backend")
    page = browser.new_page()
    strangers: list[str] = []
    page.on("request", lambda r: strangers.append(r.url) if "127.0.0.1" not in r.url else None)
    page.goto(origin + "/?utm_source=news")
    page.evaluate("analytics.page('Pricing')")
    page.evaluate("analytics.page('Docs')")
    device = page.evaluate("analytics.user().then(u => u.anonymousId())")
    anonymous = within(30, lambda: _with_events(api, f"anonymous_id:{device}", 2))
    assert [i["namespace"] for i in anonymous["identifiers"]] == ["anonymous_id"]
    assert anonymous["events"]["by_name"] == {"Page Viewed": 2}

    page.evaluate("analytics.identify('ann', {email: 'ann@acme.co', name: 'Ann Ångström'})")
    start = time.monotonic()
    known = within(30, lambda: api("GET", "/api/people/email:ann%40acme.co"))
    assert time.monotonic() - start < 1.0
    assert known["id"] == anonymous["id"]
    assert known["events"]["by_name"]["Page Viewed"] == 2
    assert known["touches"]["first"]["campaign"] == {"source": "news"}
    assert known["touches"]["first"]["source"] == "shop"

    errors: list[Any] = []
    client = Client(
        write, host=server.base, on_error=lambda error, _: errors.append(error), sync_mode=True
    )
    client.track("ann", "Report Exported", {"format": "pdf"})
    client.group("ann", "acme", {"name": "Acme", "plan": "pro"})
    start = time.monotonic()
    one = within(30, lambda: _named(api, "user_id:ann", "Report Exported"))
    assert time.monotonic() - start < 1.0
    assert not errors
    assert one["id"] == known["id"]
    assert one["traits"]["name"]["value"] == "Ann Ångström"
    assert one["traits"]["name"]["source"] == "shop"
    assert {i["namespace"] for i in one["identifiers"]} == {"user_id", "email", "anonymous_id"}
    assert within(30, lambda: (api("GET", "/api/people/user_id:ann") or {})["accounts"])
    timeline = api("GET", "/api/people/user_id:ann/timeline")["items"]
    assert timeline[-1]["name"] == "Page Viewed"
    assert timeline[-1]["identifier"] == f"anonymous_id:{device}"
    assert not strangers
    page.close()


@pytest.mark.browser
def test_the_page_shows_the_person_within_a_second(
    server: Server, api: Api, browser: Browser, shop: Any
) -> None:
    origin, _ = shop
    password = server.command(
        "users", "create", "rep@example.com", "--name", "Rep", "--role", "member"
    )
    page = browser.new_page()
    page.goto(server.base + "/login")
    page.get_by_label("E-mail").fill("rep@example.com")
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)
    visitor = browser.new_page()
    visitor.goto(origin)
    visitor.evaluate("analytics.page('Pricing')")
    visitor.evaluate("analytics.identify('bea', {email: 'bea@acme.co', name: 'Bea Björk'})")
    start = time.monotonic()
    person = within(30, lambda: _named(api, "user_id:bea", "Page Viewed"))
    page.goto(f"{server.base}/people/{person['id']}")
    page.get_by_text("Bea Björk").first.wait_for(timeout=5_000)
    assert time.monotonic() - start < 2.0  # the page's own loading included
    page.goto(f"{server.base}/people/{person['id']}?tab=activity")
    page.get_by_text("Viewed page").first.wait_for()
    visitor.close()
    page.close()


def _with_events(api: Api, ref: str, n: int) -> Any:
    person = api("GET", f"/api/people/{ref}")
    return person if person and person["events"]["total"] >= n else None


def _named(api: Api, ref: str, name: str) -> Any:
    person = api("GET", f"/api/people/{ref}")
    return person if person and name in person["events"]["by_name"] else None
