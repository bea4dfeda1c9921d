"""The crash harness: a real server, senders that retry until they are answered, and SIGKILL.

Every later capability reuses it: start `Crashes` on a folder, send through `send`, call `kill` at
will, and audit what the server says afterwards against what was acknowledged.
"""

import http.client
import json
import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from bench.server import ONEFOLD, Server, free_port, wait_ready

WAIT_S = 120


class Crashes:
    """A server that gets killed, and what was acknowledged by it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.server = self._serve()
        self.acknowledged: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def _serve(self) -> Server:
        log = (self.data / "serve.log").open("ab")
        process = subprocess.Popen(
            [ONEFOLD, "serve", "--data", str(self.data), "--port", str(self.port)],
            stdout=log,
            stderr=log,
        )
        log.close()
        server = Server(self.data, self.port, process)
        wait_ready(server)
        return server

    def stop(self) -> None:
        """End the server as Ctrl-C would."""
        self.server.process.terminate()
        self.server.process.wait(WAIT_S)

    # ── sending ────────────────────────────────────────────────────────────────────────────────

    def send(self, key: str, items: list[dict[str, Any]], deadline: float) -> None:
        """Post one batch, again and again until it is acknowledged."""
        body = json.dumps({"batch": items, "writeKey": key}).encode()
        while time.monotonic() < deadline:
            if self.request("POST", "/v1/batch", body, {}) == 200:
                with self._lock:
                    self.acknowledged += items
                return
            time.sleep(0.05)
        raise AssertionError("no acknowledgement before the deadline")

    def request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> int:
        """The status of one request; 0 when the connection broke."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            client.request(method, path, body, {"Content-Type": "application/json", **headers})
            answer = client.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return 0
        else:
            return answer.status
        finally:
            client.close()

    def get(self, path: str, key: str) -> Any:
        """A JSON answer of the API; waits through restarts."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
            try:
                client.request("GET", path, headers={"Authorization": f"Bearer {key}"})
                answer = client.getresponse()
                text = answer.read()
                if answer.status == 200:
                    return json.loads(text)
                if answer.status == 404:
                    return None
            except (OSError, http.client.HTTPException):
                pass  # it is being restarted: that is what this harness is about
            finally:
                client.close()
            time.sleep(0.1)
        raise AssertionError(f"no answer from {path}")

    # ── killing ────────────────────────────────────────────────────────────────────────────────

    def processes(self, part: str) -> list[psutil.Process]:
        """Processes of this server by part: worker, http, postgres."""
        mine = psutil.Process(self.server.process.pid).children(recursive=True)
        found = []
        for process in [*mine, *self._postgres()]:
            try:
                words = " ".join(process.cmdline())
            except psutil.Error:
                continue
            postmaster = part == "postgres" and "postgres" in words and "-D" in words
            if postmaster or words.endswith(f"onefold.app.process {part}"):
                found.append(process)
        return list({p.pid: p for p in found}.values())

    def _postgres(self) -> list[psutil.Process]:
        """The postmaster runs in a session of its own, and may be under another user."""
        out = []
        for process in psutil.process_iter(["name", "cmdline"]):
            words = " ".join(process.info["cmdline"] or [])
            if process.info["name"] == "postgres" and str(self.data) in words:
                out.append(process)
        return out

    def kill(self, part: str) -> None:
        """SIGKILL a part, or `all` of the server with its supervisor, which is then restarted."""
        if part == "all":
            victims = [
                p for name in ("worker", "jobs", "http", "postgres") for p in self.processes(name)
            ]
            os.kill(self.server.process.pid, signal.SIGKILL)
            self.server.process.wait()
            for victim in victims:
                _kill(victim)
            self.server = self._serve()
            return
        for victim in self.processes(part):
            _kill(victim)

    def kill_at_random(self, rng: random.Random, parts: list[str], pause_s: float) -> None:
        """One kill of each part, in the order given, with load in between."""
        for part in parts:
            time.sleep(pause_s * (0.5 + rng.random()))
            self.kill(part)


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
        process.wait(10)
    except psutil.Error:
        pass  # it was gone already, which is what was wanted
