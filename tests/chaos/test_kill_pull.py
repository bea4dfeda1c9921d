"""SIGKILL in the middle of a pull's run: each row arrives once."""

import http.client
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.harness import WAIT_S, Crashes

ROWS = 30_000


def ask(crashes: Crashes, key: str, method: str, path: str, body: Any = None) -> Any:
    """An answer of the API, asked again through restarts."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        client = http.client.HTTPConnection("127.0.0.1", crashes.port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            client.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = client.getresponse()
            text = answer.read()
            if answer.status < 300:
                return json.loads(text)
            assert answer.status >= 500, text
        except (OSError, http.client.HTTPException):
            pass  # it is being restarted
        finally:
            client.close()
        time.sleep(0.1)
    raise AssertionError(f"no answer from {path}")


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_a_run_that_is_killed_brings_each_row_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONEFOLD_DATABASE_URL", raising=False)  # its own, to be killed
    monkeypatch.setenv("ONEFOLD_PULL_FILES", str(tmp_path))
    tmp_path.chmod(0o755)
    with sqlite3.connect(tmp_path / "shop.db") as made:
        made.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id TEXT, updated_at TEXT)")
        made.executemany(
            "INSERT INTO orders VALUES (?, ?, ?)",
            ((n, f"u{n % 50}", f"2026-03-01 10:{n % 60:02}:00") for n in range(ROWS)),
        )
    made.close()
    crashes = Crashes(tmp_path)
    try:
        key = crashes.server.command("keys", "create", "--name", "t", "--role", "admin")
        one = ask(crashes, key, "POST", "/api/pulls", {
            "name": "Orders", "connection": {"kind": "sqlite", "path": "shop.db"},
        })  # fmt: skip
        path = f"/api/pulls/{one['id']}"
        columns = {"user_id": {"to": "user_id", "as": "text"}}
        mapping = {"columns": columns, "constants": {"event": "Ordered"}}
        one = ask(crashes, key, "PATCH", path, {
            "table": "orders", "target": "events", "mapping": mapping, "overlap": 60,
        })  # fmt: skip
        ask(crashes, key, "POST", f"{path}/runs")
        for least in (1, ROWS // 3):
            run = _until(crashes, key, path, lambda run, n=least: _in(run) >= n)
            assert run["status"] == "running", "it was over before it could be killed"
            crashes.kill("jobs")
        run = _until(crashes, key, path, lambda run: run["status"] not in ("waiting", "running"))
        assert (run["status"], run["error"]) == ("done", "")
        assert _in(run) == ROWS
        ledger = f"/api/sources/{one['source_id']}/ledger"
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            totals = ask(crashes, key, "GET", ledger)["totals"]
            if totals["waiting"] == 0:
                break
            time.sleep(0.2)
        assert (totals["accepted"], totals["processed"], totals["duplicate"]) == (ROWS, ROWS, 0)
    finally:
        crashes.stop()


def _in(run: dict[str, Any]) -> int:
    return int(run["created"] + run["matched"])


def _until(crashes: Crashes, key: str, path: str, met: Any) -> dict[str, Any]:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        run: dict[str, Any] = ask(crashes, key, "GET", f"{path}/runs")["items"][0]
        if met(run):
            return run
        time.sleep(0.02)
    raise AssertionError(f"the run stands at {run}")
