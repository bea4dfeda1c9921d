"""A file of a million rows: imported in bounded memory, and taken back."""

import subprocess
from pathlib import Path

import psutil
import pytest

from bench import imports
from bench.server import ONEFOLD, serving

ROWS = 1_000_000
MEMORY_MB_MAX = 500


@pytest.mark.slow
@pytest.mark.timeout(5_400)
def test_a_million_rows_come_in_bounded_memory_and_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONEFOLD_DATABASE_URL", raising=False)
    tmp_path.chmod(0o755)
    file = tmp_path / "events.csv"
    imports.write(file, ROWS, ROWS // 10)
    number, peak_mb = _import(file, tmp_path)
    assert peak_mb < MEMORY_MB_MAX
    with serving(tmp_path) as server:
        key = server.command("keys", "create", "--name", "t", "--role", "admin")
        path = f"/api/imports/{number}"
        done = imports.ask(server, key, "GET", path)
        assert (done["status"], done["created"] + done["matched"]) == ("done", ROWS)
        imports.caught_up(server)
        imports.ask(server, key, "POST", f"{path}/revert")
        back = imports.wait(server, key, path, ("reverted",))
        assert back["report"] == [f"{ROWS:,} facts taken back"]
        assert imports.ask(server, key, "GET", "/api/people")["total"] == 0


def _import(file: Path, data: Path) -> tuple[str, int]:
    """Import without a server, so that nothing else is in the process; id and peak memory."""
    command = [ONEFOLD, "import", str(file), "--as", "events", "--data", str(data)]
    most = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        own = psutil.Process(process.pid)
        while process.poll() is None:
            most = max(most, own.memory_info().rss)
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        assert process.stdout is not None
        number = process.stdout.read().decode().split()[-1]
    assert process.returncode == 0
    return number, most // 1_000_000
