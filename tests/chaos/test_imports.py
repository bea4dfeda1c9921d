"""SIGKILL in the middle of an import and of its revert: nothing lost, nothing doubled."""

import time
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.chaos.harness import Crashes

ROWS, PEOPLE = 30_000, 500
WAIT_S = 240


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_an_import_goes_on_after_a_kill_where_it_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONEFOLD_DATABASE_URL", raising=False)  # its own, to be killed
    tmp_path.chmod(0o755)
    crashes = Crashes(tmp_path)
    try:
        key = crashes.server.command("keys", "create", "--name", "t", "--role", "admin")
        one = Loaded(crashes, key)
        for upto in (1, ROWS // 4, ROWS // 2):
            assert one.reach("rows_done", upto) < ROWS, "the kill was to be in mid-import"
            crashes.kill("jobs")
        done = one.ends("done")
        assert (done["rows_done"], done["created"] + done["matched"]) == (ROWS, ROWS)
        assert _folded(crashes, key) == ROWS
        one.act("revert")
        for part in ("jobs", "worker", "worker"):
            crashes.kill(part)
            time.sleep(1)
        assert one.ends("reverted")["report"] == [f"{ROWS:,} facts taken back"]
        assert crashes.get("/api/people?limit=1", key)["total"] == 0
        _emptied(tmp_path / "imports")
    finally:
        crashes.stop()


def _emptied(folder: Path) -> None:
    """The file goes, too: with the task that was killed, once it is tried again."""
    deadline = time.monotonic() + WAIT_S
    while list(folder.iterdir()):
        assert time.monotonic() < deadline, "its file is still there"
        time.sleep(0.1)


class Loaded:
    """An import of events, started by the API."""

    def __init__(self, crashes: Crashes, key: str) -> None:
        self.crashes, self.key = crashes, key
        lines = [f"Counted,u{n % PEOPLE},{1_760_000_000 + n}" for n in range(ROWS)]
        file = "\n".join(["event,user id,timestamp", *lines]).encode()
        self.path = "/api/imports"
        made = self._post("/api/imports?name=events.csv&target=events", file)
        self.path = f"/api/imports/{made['id']}"
        self.act("start")

    def act(self, what: str) -> None:
        self._post(f"{self.path}/{what}", b"")

    def _post(self, path: str, body: bytes) -> Any:
        url = f"http://127.0.0.1:{self.crashes.port}{path}"
        headers = {"Authorization": f"Bearer {self.key}"}
        request = urllib.request.Request(url, body, headers, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return msgspec.json.decode(answer.read())

    def reach(self, what: str, least: int) -> int:
        """Wait until a count is that high; the count then."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            found = int(self.crashes.get(self.path, self.key)[what])
            if found >= least:
                return found
            time.sleep(0.02)
        raise AssertionError(f"`{what}` did not come to {least}")

    def ends(self, status: str) -> Any:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            found = self.crashes.get(self.path, self.key)
            if found["status"] == status:
                return found
            assert found["status"] != "failed", found["error"]
            time.sleep(0.1)
        raise AssertionError(f"the import is {found['status']}, not {status}")


def _folded(crashes: Crashes, key: str) -> int:
    """Events of all people, once the worker has come to the end of the log."""
    deadline = time.monotonic() + WAIT_S
    while (ready := crashes.get("/ready", ""))["log"] != ready["processed"]:
        assert time.monotonic() < deadline, "the worker did not catch up"
        time.sleep(0.1)
    assert crashes.get("/api/people?limit=1", key)["total"] == PEOPLE
    per = [crashes.get(f"/api/people/user_id:u{n}", key)["events"]["total"] for n in range(PEOPLE)]
    assert set(per) == {ROWS // PEOPLE}
    return sum(per)
