"""Invents people, devices and events, and delivers them badly: late, twice, out of order.

The workload knows the truth because it made it: `items` is every item ever acknowledged, in order
of acknowledgement, with its time of receipt.
"""

import random
from typing import Any

from onefold.kernel import clock

START = 1_790_000_000_000
EVENTS = ["Report Viewed", "Report Exported", "Signed In"]


class Workload:
    """A small company's traffic. Everything follows from the seed."""

    def __init__(self, seed: int, people: int = 12, accounts: int = 3) -> None:
        self.rng = random.Random(seed)
        self.now_ms = START
        self.users = [f"u{n}" for n in range(people)]
        self.accounts = [f"acme{n}" for n in range(accounts)]
        self.devices = [f"d{n}" for n in range(people + 3)]
        self.home = {d: self.rng.choice(self.users) for d in self.devices}
        self.shared = set(self.devices[:2])
        self.held: list[dict[str, Any]] = []  # items that a device has not sent yet
        self.items: list[tuple[int, dict[str, Any]]] = []
        self._n = 0

    def batch(self) -> list[dict[str, Any]]:
        """The next request: new items, some held back, some sent again."""
        self.now_ms += self.rng.randrange(1_000, 3 * clock.HOUR_MS)
        fresh = [self._item() for _ in range(self.rng.randrange(1, 12))]
        for item in list(fresh):
            if self.rng.random() < 0.15:
                fresh.remove(item)
                self.held.append(item)
        while self.held and self.rng.random() < 0.3:
            fresh.append(self.held.pop(self.rng.randrange(len(self.held))))
        if self.items and self.rng.random() < 0.4:
            fresh.append(self.rng.choice(self.items)[1])
        self.rng.shuffle(fresh)
        return fresh

    def acknowledged(self, batch: list[dict[str, Any]], received_ms: int) -> None:
        """The log has it: from now on it must be counted exactly once."""
        self.items += [(received_ms, item) for item in batch]

    def _item(self) -> dict[str, Any]:
        self._n += 1
        rng = self.rng
        device = rng.choice(self.devices)
        user = rng.choice(self.users) if device in self.shared else self.home[device]
        at_ms = self.now_ms - rng.randrange(0, 2 * clock.HOUR_MS)
        item: dict[str, Any] = {
            "messageId": f"m{self._n}",
            "timestamp": clock.iso(at_ms),
            "anonymousId": device,
        }
        dice = rng.random()
        if dice < 0.35:
            return {**item, "type": "page", "name": "Home"}
        item["userId"] = user
        if dice < 0.45:
            traits = {"email": f"{user}@example.com", "plan": rng.choice(["trial", "pro"])}
            return {**item, "type": "identify", "traits": traits}
        if dice < 0.5:
            account = self.accounts[int(user[1:]) % len(self.accounts)]
            return {**item, "type": "group", "groupId": account, "traits": {"name": account}}
        return {**item, "type": "track", "event": rng.choice(EVENTS)}
