"""The table of routes: path → what is done there. To serve another path, add it here.

Every path works with and without a trailing slash; none redirects. A slash that is doubled, because
an SDK was given the host with one at its end, counts once.
"""

import re
from typing import Literal, NamedTuple

Does = Literal[
    "call", "batch", "telemetry", "token", "nothing", "micro",
    "webhook", "pixel", "settings", "config", "bundle", "snippet", "part", "version", "robots",
    "described",
]  # fmt: skip


class Route(NamedTuple):
    """What a path does.

    Sent to (POST):
        call       one item of `kind`
        batch      many
        telemetry  an SDK's own numbers: taken and ignored
        token      OAuth, which is not served: answers what to do instead
        webhook    a vendor's delivery for the source of the key `kind`; GET tries the address
        micro      what a test source sent, by `kind`; GET does as well
        nothing    a path of RudderStack's that has no meaning here: 404, with the reason
    Asked for (GET, HEAD):
        pixel      one item of `kind` in the query, answered with an image
        settings   Segment's settings document of the key `kind`
        config     RudderStack's source configuration
        bundle     the browser SDK that loads itself, of the key `kind`
        snippet    the browser SDK as Segment's snippet loads it, of the key `kind`
        part       the file `kind` of the browser SDK
        version, robots, described

    `tool`: the header `X-Write-Key` is asked before the body, whose key is masked (Jitsu's SDK).
    """

    does: Does
    kind: str = ""
    tool: bool = False

    @property
    def reads(self) -> bool:
        """Is it asked for, rather than sent to?"""
        return self.does in _READS


_READS = frozenset(
    ("pixel", "settings", "config", "bundle", "snippet", "part", "version", "robots", "described")
)  # fmt: skip
_CALLS = {
    "identify": "i", "track": "t", "page": "p", "screen": "s", "group": "g", "alias": "a",
}  # fmt: skip
_BATCH = Route("batch")
_BATCHES = (
    "/v1/batch", "/v1/b", "/batch", "/b", "/v1/import", "/import",
    "/v1/batch/b", "/batch/b",  # doubled by an SDK's proxy setting that already names the path
    "/beacon/v1/batch", "/api/s/batch", "/api/s/s2s/batch",
)  # fmt: skip


def _posted() -> dict[str, Route]:
    table: dict[str, Route] = {}
    for kind, short in _CALLS.items():
        call, tool = Route("call", kind), Route("call", kind, tool=True)
        table |= {f"/v1/{kind}": call, f"/v1/{short}": call, f"/{short}": call}
        table |= {f"/api/s/{kind}": tool, f"/api/s/s2s/{kind}": tool}
    for path in _BATCHES:
        table[path] = _BATCH._replace(tool=path.startswith("/api/s/"))
    for kind in ("merge", "audiencelist"):
        table[f"/v1/{kind}"] = Route("call", kind)
    table |= dict.fromkeys(("/v1/m", "/m", "/rsaMetrics"), Route("telemetry"))
    table["/v1/webhook"] = Route("webhook")
    return table | {"/token": Route("token"), "/transform": Route("nothing")}


def _read() -> dict[str, Route]:
    table = {f"/v1/pixel/{kind}": Route("pixel", kind) for kind in _CALLS}
    table |= {f"/pixel/v1/{kind}": Route("pixel", kind) for kind in ("track", "page")}
    table |= {"/sourceConfig": Route("config"), "/version": Route("version")}
    return table | {"/robots.txt": Route("robots"), "/v1/openapi.json": Route("described")}


# GET and POST alike: a test source's list.
MICRO_PATHS = {f"/micro/{what}": Route("micro", what) for what in ("all", "good", "bad", "reset")}

# POST (and OPTIONS); GET (and HEAD, OPTIONS).
PATHS = _posted()
READ_PATHS = _read()
ROUTES = {
    path: route
    for name, route in (PATHS | READ_PATHS | MICRO_PATHS).items()
    for path in (name, f"{name}/")
}  # fmt: skip

# What a browser SDK asks before it sends, and the SDK itself.
SETTINGS_PATHS = (
    "/v1/projects/{write_key}/settings",
    "/projects/{write_key}/settings",
    "/v1/projects/projects/{write_key}/settings",
)
BUNDLE_PATHS = (
    "/o/{write_key}.js",
    "/o/{file}.bundle.{hash}.js",
    "/analytics.js/v1/{write_key}/analytics.min.js",
    "/analytics-next/bundles/{file}",
)
WEBHOOK_PATHS = ("/v1/webhook/{source}", "/webhooks/{source}")
_KEYED: tuple[tuple[Does, re.Pattern[str]], ...] = (
    ("settings", re.compile(r"(?:/v1)?(?:/projects){1,2}/([^/]+)/settings/?")),
    ("webhook", re.compile(r"/(?:v1/webhook|webhooks)/([^/]+)/?")),
    ("part", re.compile(r"/(?:o|analytics-next/bundles)/([\w.-]+\.bundle\.[0-9a-f]+\.js)")),
    ("bundle", re.compile(r"/o/([^/]+)\.js")),
    ("snippet", re.compile(r"/analytics\.js/v1/([^/]+)/analytics(?:\.min)?\.js")),
)
_KEYED_STARTS = (
    "/v1/projects/", "/projects/", "/o/", "/analytics.js/", "/analytics-next/", "/v1/webhook/",
    "/webhooks/",
)  # fmt: skip


_SLASHES = re.compile("/{2,}")
_OTHERS = ("/v1/me", "/v1/me/")  # a person's own answer, which the API gives


def ours(path: str) -> bool:
    """Is it for the collector to answer? Also what it does not serve under `/v1/`: an SDK that asks
    there reads no page."""
    return find(path) is not None or (path.startswith("/v1/") and path not in _OTHERS)


def find(path: str) -> Route | None:
    """The route of a path, whatever the method; None when nothing is served there."""
    route = ROUTES.get(path)
    if route is None and "//" in path:
        path = _SLASHES.sub("/", path)
        route = ROUTES.get(path)
    if route is None and path.startswith(_KEYED_STARTS):
        for does, pattern in _KEYED:
            if found := pattern.fullmatch(path):
                return Route(does, found[1])
    return route
