"""SIGKILL at random moments: every acknowledged event is counted exactly once."""

import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.harness import Crashes

PEOPLE = 40


class Sender(threading.Thread):
    """Sends batches of numbered events until told to stop; all are acknowledged in the end."""

    def __init__(self, crashes: Crashes, key: str, number: int, stop: threading.Event) -> None:
        super().__init__()
        self.crashes, self.key, self.number, self.stop_event = crashes, key, number, stop
        self.error: BaseException | None = None

    def run(self) -> None:
        n = 0
        try:
            while not self.stop_event.is_set():
                items = [self._item(n + i) for i in range(25)]
                n += 25
                self.crashes.send(self.key, items, time.monotonic() + 180)
        except BaseException as error:
            self.error = error

    def _item(self, n: int) -> dict[str, Any]:
        user = (n * 7 + self.number) % PEOPLE
        return {
            "type": "track",
            "event": "Counted" if n % 3 else "Counted Too",
            "messageId": f"s{self.number}-{n}",
            "userId": f"u{user}",
            "anonymousId": f"d{user}",
        }


class Writer(threading.Thread):
    """A second door: makes contacts through the API, each once."""

    def __init__(self, crashes: Crashes, key: str, stop: threading.Event) -> None:
        super().__init__()
        self.crashes, self.key, self.stop_event = crashes, key, stop
        self.made: list[str] = []

    def run(self) -> None:
        n = 0
        headers = {"Authorization": f"Bearer {self.key}"}
        while not self.stop_event.is_set():
            n += 1
            email = f"c{n}@example.com"
            body = f'{{"email": "{email}", "first_name": "C{n}"}}'.encode()
            status = self.crashes.request("POST", "/api/contacts", body, headers)
            if status in (200, 201):
                self.made.append(email)
            time.sleep(0.02)


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1])
def test_nothing_acknowledged_is_lost_or_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.delenv("ONEFOLD_DATABASE_URL", raising=False)  # its own, to be killed
    rng = random.Random(seed)
    tmp_path.chmod(0o755)
    crashes = Crashes(tmp_path)
    try:
        key = crashes.server.command("keys", "create", "--name", "t", "--role", "admin")
        write = crashes.server.command("sources", "create", "t")
        stop = threading.Event()
        senders = [Sender(crashes, write, n, stop) for n in range(3)]
        writer = Writer(crashes, key, stop)
        for thread in [*senders, writer]:
            thread.start()
        parts = ["worker", "http", "postgres", "worker", "all", "postgres", "http", "worker"]
        crashes.kill_at_random(rng, parts, 1.2)
        time.sleep(2)
        stop.set()
        for thread in [*senders, writer]:
            thread.join(240)
        assert [s.error for s in senders] == [None, None, None]
        _settle(crashes)
        _audit(crashes, key, writer.made)
    finally:
        crashes.stop()


def _settle(crashes: Crashes) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        ready = crashes.get("/ready", "")
        if ready["log"] == ready["processed"]:
            return
        time.sleep(0.1)
    raise AssertionError("the worker did not catch up")


def _audit(crashes: Crashes, key: str, contacts: list[str]) -> None:
    truth: dict[str, Counter[str]] = {}
    for item in crashes.acknowledged:
        truth.setdefault(item["userId"], Counter())[item["event"]] += 1
    assert len(crashes.acknowledged) > 500
    for user, by_name in truth.items():
        person = crashes.get(f"/api/people/user_id:{user}", key)
        assert person["events"] == {"total": by_name.total(), "by_name": dict(by_name)}, user
    listed = crashes.get("/api/people?limit=1", key)
    assert contacts
    for email in contacts:
        person = crashes.get(f"/api/people/email:{email}", key)
        assert person["events"]["by_name"] == {"Contact Created": 1}, email
    assert listed["total"] >= len(truth) + len(contacts)
