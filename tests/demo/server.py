"""A real `onefold serve` on a folder and a database of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ONEFOLD = str(Path(sys.executable).parent / "onefold")
_READY_S = 120


class Server:
    """A running server and an admin's key to it."""

    def __init__(self, base: str, key: str) -> None:
        self.base = base
        self.key = key


@contextlib.contextmanager
def serving(data: Path, database_url: str) -> Iterator[Server]:
    """Start it, wait until it is ready, stop it as Ctrl-C would."""
    port = free_port()
    env = {**os.environ, "ONEFOLD_DATABASE_URL": database_url, "ONEFOLD_LOG_LEVEL": "warning"}
    with (data / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [ONEFOLD, "serve", "--data", str(data), "--port", str(port)],
            stdout=log, stderr=log, env=env,
        )  # fmt: skip
    try:
        base = f"http://127.0.0.1:{port}"
        wait_ready(base, process, data)
        made = subprocess.run(
            [ONEFOLD, "keys", "create", "--name", "demo", "--role", "admin", "--data", str(data)],
            check=True, capture_output=True, text=True, env=env,
        )  # fmt: skip
        yield Server(base, made.stdout.strip().splitlines()[-1])
    finally:
        process.terminate()
        process.wait(120)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_ready(base: str, process: subprocess.Popen[bytes], data: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/ready", timeout=2):
                return
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            pass  # nobody listens yet
        time.sleep(0.1)
    raise AssertionError((data / "serve.log").read_text()[-4000:])
