"""A server under measurement: `onefold serve` on a folder of its own, and the CPU of its parts."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

ONEFOLD = str(Path(sys.executable).parent / "onefold")


class Server:
    def __init__(self, data: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.data = data
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self.process = process

    def command(self, *args: str) -> str:
        """Run a command of ours against this server; the last line of its stdout."""
        done = subprocess.run(
            [ONEFOLD, *args, "--data", str(self.data)],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return done.stdout.strip().splitlines()[-1]

    def cpu(self) -> dict[str, float]:
        """CPU seconds used so far, by part."""
        out = {"http": 0.0, "worker": 0.0, "postgres": 0.0}
        for process in psutil.process_iter(["cmdline", "name", "cpu_times"]):
            words = " ".join(process.info["cmdline"] or [])
            times = process.info["cpu_times"]
            used = times.user + times.system
            if "onefold.app.process worker" in words:
                out["worker"] += used
            elif "onefold.app.process http" in words:
                out["http"] += used
            elif process.info["name"] == "postgres":
                out["postgres"] += used
        return out

    def memory_mb(self) -> dict[str, int]:
        """Resident memory of our two processes."""
        out = {}
        for process in psutil.process_iter(["cmdline", "memory_info"]):
            words = " ".join(process.info["cmdline"] or [])
            for name in ("worker", "http"):
                if f"onefold.app.process {name}" in words:
                    out[name] = process.info["memory_info"].rss // 1_000_000
        return out


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(data: Path | None = None) -> Iterator[Server]:
    """A running, ready server in a fresh folder (or `data`)."""
    with contextlib.ExitStack() as stack:
        if data is None:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onefold-bench-")))
            data.chmod(0o755)
        port = free_port()
        log = stack.enter_context((data / "serve.log").open("ab"))
        process = subprocess.Popen(
            [ONEFOLD, "serve", "--data", str(data), "--port", str(port)],
            stdout=log,
            stderr=log,
            env={**os.environ, "ONEFOLD_LOG_LEVEL": "warning"},
        )
        server = Server(data, port, process)
        try:
            wait_ready(server)
            yield server
        finally:
            process.terminate()
            process.wait(120)


def wait_ready(server: Server) -> None:
    import http.client

    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=2)
            with contextlib.closing(client):
                client.request("GET", "/ready")
                answer = client.getresponse()
                answer.read()
                if answer.status == 200:
                    return
        if server.process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit((server.data / "serve.log").read_text()[-4000:])
