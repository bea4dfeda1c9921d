"""A small company to read about: facts go into the log, the real worker makes the rest of them."""

from typing import Any

import msgspec

from onefold import log, sources
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from onefold.storage import Connection
from onefold.worker import Engine

NOW = 1_760_000_400_000  # 2025-10-09T09:00:00Z
_STEPS_MAX = 200


class Company:
    """Sends items as a source would, and runs the worker until there is nothing left to do."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.source = sources.create(conn, SYSTEM, "Product", "product")
        conn.commit()
        self.engine = Engine(conn, NOW)
        self.sent = 0

    def send(self, *items: dict[str, Any], at_ms: int = NOW) -> None:
        """One request with these items, received at `at_ms`."""
        batch = []
        for item in items:
            self.sent += 1
            stamp = {"messageId": f"m{self.sent}", "timestamp": clock.iso(at_ms)}
            batch.append({**stamp, **item})
        body = log.pack(msgspec.json.encode({"batch": batch}))
        row = log.Row(self.source.id, self.source.category, at_ms, len(batch), body)
        log.append(self.conn, [row])
        self.conn.commit()

    def work(self, now_ms: int = NOW) -> None:
        """Fold and conclude everything that there is."""
        for _ in range(_STEPS_MAX):
            if not self.engine.step(now_ms):
                return
        raise AssertionError(f"the worker still had work after {_STEPS_MAX} steps")


def identify(user: str, device: str | None = None, **traits: Any) -> dict[str, Any]:
    """Somebody logs in."""
    item: dict[str, Any] = {"type": "identify", "userId": user, "traits": traits}
    return item | ({"anonymousId": device} if device else {})


def page(device: str) -> dict[str, Any]:
    """An anonymous visit."""
    return {"type": "page", "anonymousId": device, "properties": {"path": "/"}}


def track(user: str, event: str, account: str | None = None, **properties: Any) -> dict[str, Any]:
    """Somebody does something, in an account."""
    item: dict[str, Any] = {"type": "track", "userId": user, "event": event}
    item["properties"] = properties
    return item | ({"context": {"groupId": account}} if account else {})


def group(user: str, account: str, **traits: Any) -> dict[str, Any]:
    """Somebody joins an account, and tells of it."""
    return {"type": "group", "userId": user, "groupId": account, "traits": traits}
