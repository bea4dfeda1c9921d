"""The documents that browser and mobile SDKs ask for before they send anything.

Without `integrations["Segment.io"].apiHost` the events would go to api.segment.io, and without
`metrics.sampleRate` 0 the SDK's own telemetry would; RudderStack's SDKs send theirs unless
`statsCollection` is off, and load a vendor's script for each of `destinations`.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from onefold.kernel import clock
from onefold.sources import Source

_ON = {"enabled": True}


def settings(write_key: str, host: str, protocol: str) -> bytes:
    """Segment's document for a key. `host` is where to send: `cdp.example.com`."""
    tree = {
        "integrations": {
            "Segment.io": {
                "apiKey": write_key,
                "apiHost": f"{host}/v1",
                "protocol": protocol,
                "unbundledIntegrations": [],
                "addBundledMetadata": True,
                "maybeBundledConfigIds": {},
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
            }
        },
        "plan": {
            "track": {"__default": {"enabled": True, "integrations": {}}},
            "identify": {"__default": _ON},
            "group": {"__default": _ON},
        },
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }
    return msgspec.json.encode(tree)


def config(source: Source, host: str, protocol: str) -> bytes:
    """RudderStack's source configuration. `host` is where to send: `cdp.example.com`."""
    off = {"enabled": False}
    at = clock.iso(clock.from_datetime(source.created_at))
    tree = {
        "source": {
            "id": source.api_id,
            "name": source.name,
            "writeKey": source.write_key,
            "enabled": source.enabled,
            "workspaceId": "onefold",
            "createdAt": at,
            "updatedAt": at,
            "destinations": [],
            "connections": [],
            "config": {"statsCollection": {"errors": off, "metrics": off}},
            "dataplanes": {"US": [{"url": f"{protocol}://{host}", "default": True}]},
        },
        "consentManagementMetadata": {"providers": []},
    }
    return msgspec.json.encode(tree)


def address(public_url: str, scheme: str, headers: Mapping[bytes, bytes]) -> tuple[str, str]:
    """Where senders reach us: (host and path, protocol).

    The operator's `public_url` wins; else the request's own Host, and https when a proxy in front
    says that it was asked by https.
    """
    if public_url:
        url = urlsplit(public_url if "//" in public_url else f"//{public_url}", scheme="https")
        return f"{url.netloc}{url.path.rstrip('/')}", url.scheme
    host = headers.get(b"host", b"localhost").decode("latin-1")
    forwarded = headers.get(b"x-forwarded-proto", b"").split(b",")[0].strip().lower()
    if forwarded in (b"http", b"https"):
        scheme = forwarded.decode()
    return host, scheme
