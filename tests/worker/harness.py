"""A worker under a clock of our own: put items in the log, step, ask."""

from typing import Any

import msgspec

from onefold import audiences, identity, log, profiles, sources, storage
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from onefold.worker import Engine

NOW = 1_790_000_000_000


class Bench:
    """A database with one product source and an engine on it."""

    def __init__(self, conn: storage.Connection) -> None:
        self.conn = conn
        self.now_ms = NOW
        self.source = sources.create(conn, SYSTEM, "app", "product").id
        conn.commit()
        self.engine = Engine(conn, self.now_ms)
        self._n = 0

    def source_of(self, key: str, category: str) -> int:
        """Another source."""
        made = sources.create(self.conn, SYSTEM, key, category)
        self.conn.commit()
        return made.id

    def send(self, *items: dict[str, Any]) -> None:
        """One request with these items; each gets a messageId and the time now if it has none."""
        self.send_from(self.source, *items)

    def send_from(self, source: int, *items: dict[str, Any]) -> None:
        """The same, from a source."""
        batch = []
        for item in items:
            self._n += 1
            stamp = {"messageId": f"m{self._n}", "timestamp": clock.iso(self.now_ms)}
            batch.append({**stamp, **item})
        body = log.pack(msgspec.json.encode({"batch": batch}))
        row = self.conn.execute("SELECT category FROM source WHERE id = %s", (source,)).fetchone()
        assert row is not None
        log.append(self.conn, [log.Row(source, row[0], self.now_ms, len(batch), body)])
        self.conn.commit()

    def settle(self) -> None:
        """Step until there is nothing to do."""
        while self.engine.step(self.now_ms):
            pass

    def wait(self, ms: int) -> None:
        """Let time pass and settle."""
        self.now_ms += ms
        self.settle()

    def audience(self, key: str, where: dict[str, Any], of: str = "person", **extra: Any) -> None:
        """Define an audience and let the worker take it up."""
        audiences.create(self.conn, SYSTEM, key, key, {"of": of, "where": where}, **extra)
        self.conn.commit()
        self.wait(200)

    def person(self, namespace: str, value: str) -> int:
        """The person of an identifier."""
        found = identity.person_of(self.conn, SYSTEM, namespace, value)
        assert found is not None, f"nobody is {namespace}:{value}"
        return found

    def audiences_of(self, namespace: str, value: str) -> list[str]:
        """Keys of the audiences a person is in."""
        person = self.person(namespace, value)
        return [m.key for m in audiences.memberships_of(self.conn, SYSTEM, "person", person)]

    def counts(self, namespace: str, value: str) -> dict[str, int]:
        """A person's events by name."""
        view = profiles.person(self.conn, SYSTEM, self.person(namespace, value))
        return view.by_name if view else {}

    def members(self, key: str) -> set[int]:
        """Ids in an audience."""
        return {i for i, _ in audiences.members(self.conn, SYSTEM, key)}


def track(user: str, event: str, **extra: Any) -> dict[str, Any]:
    return {"type": "track", "userId": user, "event": event, **extra}


def identify(user: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "traits": traits}


def group(user: str, account: str, **traits: Any) -> dict[str, Any]:
    return {"type": "group", "userId": user, "groupId": account, "traits": traits}
