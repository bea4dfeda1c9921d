"""A real server for the journeys of a module, and what they need around it."""

import contextlib
import http.client
import http.server
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from segment.analytics import request

from bench.server import Server, serving

ROOT = Path(__file__).parents[2]
CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Api:
    """The API as a program uses it."""

    def __init__(self, server: Server) -> None:
        self.port = server.port
        self.key = server.command("keys", "create", "--name", "journey", "--role", "admin")

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        client.request(method, path, None if body is None else json.dumps(body), headers)
        answer = client.getresponse()
        text = answer.read()
        client.close()
        assert answer.status < 300 or answer.status == 404, (path, answer.status, text)
        return json.loads(text) if answer.status < 300 else None


@pytest.fixture(autouse=True)
def no_open_sockets() -> Iterator[None]:
    """The Python SDK keeps one session for good; a test must not leave it to the collector."""
    yield
    request._session.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """With its embedded PostgreSQL, whatever the environment names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ONEFOLD_DATABASE_URL", raising=False)
        with serving() as running:
            yield running


@pytest.fixture(scope="module")
def api(server: Server) -> Api:
    return Api(server)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or os.environ.get("ONEFOLD_CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Quiet."""


@contextlib.contextmanager
def static(folder: Path) -> Iterator[str]:
    """A folder served on an origin of its own."""
    httpd = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=str(folder))
    )
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def within(seconds: float, ask: Callable[[], Any]) -> Any:
    """Ask until the answer is truthy; fails after `seconds` with the last answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
