"""A naive model: counts what must be there from the list of acknowledged items, nothing clever.

Reads nothing of the product's code. Truth for every user id: how many facts by name, the plan, the
account, and whether 2 exports lie within the last 7 days. A device's anonymous facts belong to the
user whose log-in on it came last before them, else to the first ever; on a tie of time the user
id decides.
"""

import bisect
from collections import Counter
from datetime import datetime
from typing import Any

WEEK_MS = 7 * 86_400_000
STEP_MS = 300_000
NAMES = {"page": "Page Viewed", "identify": "Identify", "group": "Group"}


def at_ms(item: dict[str, Any], received_ms: int) -> int:
    """When it happened."""
    stamp = datetime.fromisoformat(item["timestamp"])
    return min(round(stamp.timestamp() * 1000), received_ms)


def name_of(item: dict[str, Any]) -> str:
    """What it counts as."""
    return item.get("event") or NAMES[item["type"]]


class Truth:
    """What the product must say once it has caught up."""

    def __init__(self, items: list[tuple[int, dict[str, Any]]], now_ms: int) -> None:
        first: dict[str, tuple[int, dict[str, Any]]] = {}
        for received, item in items:
            first.setdefault(item["messageId"], (received, item))
        facts = [(at_ms(item, received), item) for received, item in first.values()]
        self.total = len(facts)
        self.by_name: dict[str, Counter[str]] = {}
        self.orphans: Counter[str] = Counter()
        self.plan: dict[str, str] = {}
        self.account: dict[str, str] = {}
        self._plan_at: dict[str, tuple[int, str]] = {}
        self._recent: Counter[str] = Counter()
        logins = self._logins(facts)
        for at, item in facts:
            user = item.get("userId") or self._user_at(logins.get(item["anonymousId"], []), at)
            if user is None:
                self.orphans[item["anonymousId"]] += 1
            else:
                self._count(user, at, item, now_ms)
        self.exporters = {user for user, n in self._recent.items() if n >= 2}
        by_account: Counter[str] = Counter()
        for user, n in self._recent.items():
            if user in self.account:
                by_account[self.account[user]] += n
        self.exporting = {account for account, n in by_account.items() if n >= 5}

    def _count(self, user: str, at: int, item: dict[str, Any], now_ms: int) -> None:
        self.by_name.setdefault(user, Counter())[name_of(item)] += 1
        if item["type"] == "identify":
            plan = item["traits"]["plan"]
            if (at, f'"{plan}"') >= self._plan_at.get(user, (0, "")):
                self._plan_at[user], self.plan[user] = (at, f'"{plan}"'), plan
        if item["type"] == "group":
            self.account[user] = item["groupId"]
        if item.get("event") == "Report Exported":
            bucket = at // STEP_MS
            if now_ms // STEP_MS - WEEK_MS // STEP_MS < bucket <= now_ms // STEP_MS:
                self._recent[user] += 1

    @staticmethod
    def _logins(facts: list[tuple[int, dict[str, Any]]]) -> dict[str, list[tuple[int, str]]]:
        logins: dict[str, list[tuple[int, str]]] = {}
        for at, item in facts:
            if "userId" in item:
                logins.setdefault(item["anonymousId"], []).append((at, item["userId"]))
        for points in logins.values():
            points.sort()
        return logins

    @staticmethod
    def _user_at(points: list[tuple[int, str]], at: int) -> str | None:
        if not points:
            return None
        index = bisect.bisect_right(points, (at, "\U0010ffff")) - 1
        return points[max(index, 0)][1]
