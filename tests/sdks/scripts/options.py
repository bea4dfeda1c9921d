"""Every option of every call of a Segment-shaped Python SDK: options.py MODULE HOST KEY.

Each call says its own messageId, time, device, context and integrations; then the calls of someone
who is not known yet, the ways a client can be set up, and the module's own functions.
"""

import importlib
import sys
from datetime import UTC, datetime
from typing import Any

name, host, key = sys.argv[1:4]
module = importlib.import_module(name)
failures: list[Any] = []


def client(**options: Any) -> Any:
    return module.Client(
        key, host=host, on_error=lambda error, items: failures.append(error), **options
    )


def said(kind: str) -> dict[str, Any]:
    return {
        "message_id": f"m-{kind}",
        "timestamp": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "context": {"ip": "203.0.113.9", "groupId": "acme", "traits": {"plan": "pro"}},
        "integrations": {"All": False, "Mixpanel": True},
    }


one = client()
device = {"anonymous_id": "d9"}
one.identify("u1", {"email": "ann@acme.co"}, **device, **said("identify"))
one.track("u1", "Paid", {"amount": 1.5}, **device, **said("track"))
one.page("u1", "Docs", "Pricing", {"a": 1}, **device, **said("page"))
one.screen("u1", "App", "Home", {"a": 1}, **device, **said("screen"))
one.group("u1", "acme", {"name": "Acme"}, **device, **said("group"))
one.alias("d9", "u1", **said("alias"))
one.track(event="Unknown", anonymous_id="d8", message_id="m-unknown")
one.shutdown()

for way, options in {"sync": {"sync_mode": True}, "gzip": {"gzip": True}}.items():
    other = client(**options)
    other.track("u1", "Way", {"way": way}, message_id=f"m-{way}")
    if way != "sync":  # such a client has no thread to wait for
        other.shutdown()

module.write_key, module.host, module.on_error = key, host, lambda e, items: failures.append(e)
module.identify("u1", {"plan": "pro"}, message_id="m-module-identify")
module.track("u1", "Module", message_id="m-module-track")
module.page("u1", "Docs", "Pricing", message_id="m-module-page")
module.screen("u1", "App", "Home", message_id="m-module-screen")
module.group("u1", "acme", message_id="m-module-group")
module.alias("d9", "u1", message_id="m-module-alias")
module.flush()
module.shutdown()
sys.exit(f"failed: {failures}" if failures else 0)
