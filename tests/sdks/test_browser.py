"""The browser SDKs in a browser: from npm, by Segment's snippet, and the bundle that we serve."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, Route

from onefold import storage
from onefold.kernel.settings import Settings
from tests.collect import harness
from tests.collect.harness import Running
from tests.journeys.conftest import static
from tests.sdks import parts

pytestmark = pytest.mark.browser

FRONTEND = parts.ROOT / "frontend/node_modules"
SEGMENT = FRONTEND / "@segment/analytics-next/dist/umd/index.js"
ALL = ("page", "identify", "track", "screen", "group", "alias")

# Segment's snippet (version 5), with its host changed as its docs for proxies say.
SNIPPET = """
!function(){var i="analytics",analytics=window[i]=window[i]||[];if(!analytics.initialize){
analytics.invoked=!0;analytics.methods=["screen","register","trackSubmit","trackClick","trackLink",
"trackForm","pageview","identify","reset","group","track","ready","alias","debug","page","once",
"off","on"];analytics.factory=function(e){return function(){var n=Array.prototype.slice.call(
arguments);n.unshift(e);analytics.push(n);return analytics}};for(var n=0;n<analytics.methods.length;
n++){var key=analytics.methods[n];analytics[key]=analytics.factory(key)}analytics.load=function(key,
n){var t=document.createElement("script");t.async=!0;
t.setAttribute("data-global-segment-analytics-key",i);
t.src="HOST/analytics.js/v1/"+key+"/analytics.min.js";
var r=document.getElementsByTagName("script")[0];r.parentNode.insertBefore(t,r);
analytics._loadOptions=n};analytics._writeKey="KEY";analytics.load("KEY")}}();
"""
CALLS = """
A.page("Docs", "Pricing", {plan: "pro"});
A.identify("u1", {email: "ann@acme.co", plan: "pro"});
A.track("Report Exported", {format: "pdf"});
A.screen && A.screen("App", "Home", {plan: "pro"});
A.group("acme", {name: "Acme"});
A.alias && A.alias("u1", "d1");
for (let n = 0; n < MORE; n++) A.track("Step", {n});
"""


class Client(NamedTuple):
    """How a page loads an SDK: scripts by path, the lines that make `A`, its calls."""

    scripts: dict[str, Path]
    start: str
    calls: tuple[str, ...] = ALL
    code: str = CALLS


NPM = {"/sdk.js": SEGMENT}
LOAD = 'const A = AnalyticsNext.AnalyticsBrowser.load({writeKey: "KEY", cdnURL: "HOST"}, OPTIONS);'
BATCH = (
    '{integrations: {"Segment.io": {deliveryStrategy: {strategy: "batching", config: {size: 5}}}}}'
)
MODULES = parts.NODE_HOME / "node_modules"
RUDDER = MODULES / "@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js"
JITSU = MODULES / "@jitsu/js/dist/web/p.js.txt"
SEGMENTS = {
    "npm": Client(NPM, LOAD.replace("OPTIONS", "{}")),
    "npm-batching": Client(NPM, LOAD.replace("OPTIONS", BATCH)),
    "snippet": Client({}, SNIPPET + "const A = window.analytics;"),
}
OTHERS = {
    "rudder": Client(
        {"/sdk.js": RUDDER},
        "const A = new rudderanalytics.RudderAnalytics();"
        'A.load("KEY", "HOST", {configUrl: "HOST"});',
        calls=("page", "identify", "track", "group", "alias"),
    ),
    "jitsu": Client(
        {"/sdk.js": JITSU},
        "const A = window.jitsu;",
        calls=("page", "identify", "track", "group"),
        code="(async () => {"
        'await A.page("Pricing", {plan: "pro"});'
        'await A.identify("u1", {email: "ann@acme.co", plan: "pro"});'
        'await A.track("Report Exported", {format: "pdf"});'
        'await A.group("acme", {name: "Acme"});'
        'for (let n = 0; n < MORE; n++) await A.track("Step", {n});})();',
    ),
}


class Visit:
    """A page that loads a client, on an origin of its own or on ours, and who else it talks to."""

    def __init__(self, browser: Browser, server: Running, folder: Path, shop: str) -> None:
        self.context = browser.new_context()
        self.page: Page = self.context.new_page()
        self.server, self.folder, self.shop = server, folder, shop
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def strangers(self) -> list[str]:
        """What was asked of others than the shop and the collector."""
        known = (self.shop, self.server.url, "data:")
        return [url for url in self.asked if not url.startswith(known)]

    def open(self, client: Client, key: str, more: int, same: bool) -> None:
        at, extra = "", ""
        if client is OTHERS["jitsu"]:  # sends to where its script came from
            at, extra = self.server.url, f' data-init-only="true" data-write-key="{key}:x"'
            self.page.route(f"{at}/sdk.js", self._fulfil)
        tags = "".join(f'<script src="{at}{path}"{extra}></script>' for path in client.scripts)
        code = client.start + client.code.replace("MORE", str(more))
        code = code.replace("HOST", self.server.url).replace("KEY", key)
        self.show(f"<!doctype html><title>Shop</title>{tags}<script>{code}</script>", client, same)

    def show(self, html: str, client: Client, same: bool, query: str = "") -> None:
        files = {"/shop.html": html}
        files |= {path: file.read_text(encoding="utf-8") for path, file in client.scripts.items()}
        for path, text in files.items():
            (self.folder / path[1:]).write_text(text, encoding="utf-8")
        if same:
            for path in files:
                self.page.route(f"**{path}*", self._fulfil)
        origin = self.server.url if same else self.shop
        self.page.goto(f"{origin}/shop.html?utm_source=news&gclid=g1{query}")

    def _fulfil(self, route: Route) -> None:
        name = route.request.url.split("?")[0].rsplit("/", 1)[1]
        kind = "text/html" if name.endswith("html") else "text/javascript"
        body = (self.folder / name).read_text(encoding="utf-8")
        route.fulfill(content_type=kind, body=body)


@pytest.fixture
def visits(browser: Browser, tmp_path: Path) -> Iterator[Callable[[Running], Visit]]:
    opened: list[Visit] = []
    with static(tmp_path) as shop:

        def visit(server: Running) -> Visit:
            opened.append(Visit(browser, server, tmp_path, shop))
            return opened[-1]

        yield visit
        for one in opened:
            one.context.close()


def within(seconds: float, page: Page, conn: storage.Connection, n: int) -> list[Any]:
    """What has arrived, once there are n; what is there after `seconds` otherwise."""
    deadline = time.monotonic() + seconds
    while len(found := parts.arrived(conn)) < n and time.monotonic() < deadline:
        page.wait_for_timeout(20)  # lets the browser work: its events are handled in this thread
    return found


@pytest.mark.parametrize("origin", ["same", "cross"])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("npm", id="npm"),
        pytest.param("npm-batching", marks=pytest.mark.slow),
        pytest.param("snippet", marks=pytest.mark.slow),
        pytest.param("rudder", marks=pytest.mark.slow),
        pytest.param("jitsu", marks=pytest.mark.slow),
    ],
)
def test_every_call_arrives_once_with_its_meaning(
    server: Running, conn: storage.Connection, visits: Any, name: str, origin: str
) -> None:
    if name in OTHERS:
        parts.node_modules()
    client = (SEGMENTS | OTHERS)[name]
    source = harness.make_source(conn)
    visit = visits(server)
    visit.open(client, source.write_key, more=9, same=origin == "same")
    found = within(20, visit.page, conn, len(client.calls) + 9)
    parts.expect_every_call(found, client.calls)
    parts.expect_steps(found, 9)
    assert len(harness.items(conn)) == len(found)
    assert visit.strangers() == []
    assert {json.dumps(one.campaign, sort_keys=True) for one in found if one.kind == "track"} == {
        '{"gclid": "g1", "source": "news"}'
    }


BUNDLE = """<!doctype html><title>Shop</title>
<script>(window.onefold = window.onefold || []).push(["page", "Docs", "Pricing", {plan: "pro"}]);
</script>
<script async src="HOST/o/KEY.js"></script>
<script>onefold.push(["identify", "u1", {email: "ann@acme.co", plan: "pro"}]);
onefold.push(["track", "Report Exported", {format: "pdf"}])</script>"""


def test_two_lines_in_a_page_load_the_sdk_from_here_and_nothing_from_elsewhere(
    server: Running, conn: storage.Connection, visits: Any
) -> None:
    source = harness.make_source(conn)
    visit = visits(server)
    html = BUNDLE.replace("HOST", server.url).replace("KEY", source.write_key)
    visit.show(html, Client({}, ""), same=False, query="&ajs_aid=d7")
    assert len(within(20, visit.page, conn, 3)) == 3
    visit.page.evaluate("""onefold.screen("App", "Home", {plan: "pro"});
        analytics.group("acme", {name: "Acme"}); onefold.push(["alias", "u1", "d1"])""")
    found = within(20, visit.page, conn, 6)
    parts.expect_every_call(found, ALL)
    assert visit.strangers() == []
    assert visit.errors == []
    ours = [url for url in visit.asked if url.startswith(server.url)]
    assert not [url for url in ours if "segment" in url or "analytics" in url or "settings" in url]
    assert "anonymous_id:d7" in {str(i) for i in found[0].identifiers}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["npm", "npm-batching", "rudder"])
def test_a_429_with_retry_after_costs_time_and_no_event(
    database: str, conn: storage.Connection, visits: Any, name: str
) -> None:
    parts.node_modules()
    client = (SEGMENTS | OTHERS)[name]
    source = harness.make_source(conn)
    with harness.running(database, Settings(collect_items_per_s=2)) as server:
        visit = visits(server)
        visit.open(client, source.write_key, more=12, same=False)
        found = within(60, visit.page, conn, len(client.calls) + 12)
    parts.expect_every_call(found, client.calls)
    parts.expect_steps(found, 12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["npm", "npm-batching", "rudder"])
def test_a_restart_in_mid_send_costs_no_event(
    database: str, conn: storage.Connection, visits: Any, name: str
) -> None:
    parts.node_modules()
    client = (SEGMENTS | OTHERS)[name]
    source = harness.make_source(conn)
    first = Running(database)
    first.start()
    visit = visits(first)
    visit.open(client, source.write_key, more=5, same=False)
    within(20, visit.page, conn, 1)
    first.stop()
    visit.page.evaluate("for (let n = 5; n < 25; n++) A.track('Step', {n})")
    visit.page.wait_for_timeout(300)
    second = Running(database, port=first.port)
    second.start()
    found = within(60, visit.page, conn, len(client.calls) + 25)
    second.stop()
    parts.expect_every_call(found, client.calls)
    parts.expect_steps(found, 25)
