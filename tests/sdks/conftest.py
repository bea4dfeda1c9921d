"""A collector for an SDK, one that it has to be patient with, and a browser."""

import os
import shutil
import socket
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.collect import harness
from tests.collect.harness import Running
from tests.journeys.conftest import CHROMIUM_ARGS


@pytest.fixture
def server(database: str) -> Iterator[Running]:
    with harness.running(database) as one:
        yield one


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or os.environ.get("ONEFOLD_CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


class Faulty:
    """Stands before a server and loses what a network loses.

    The answer to every `lose_every`th request is dropped after the server has it: the sender cannot
    know that it arrived. `refuse_next(n)` closes the next n connections without passing them on.
    """

    def __init__(self, port: int, lose_every: int) -> None:
        self._target = port
        self._lose_every = lose_every
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests = 0
        self.lost = 0
        self._open = True
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._open = False
        self._listener.close()
        for thread in self._threads:
            thread.join(60)

    def _accept(self) -> None:
        self._listener.settimeout(0.05)
        while self._open:
            try:
                client = self._listener.accept()[0]
            except TimeoutError:
                continue
            except OSError:
                return
            thread = threading.Thread(target=self._pass, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _pass(self, client: socket.socket) -> None:
        """One request a connection: the answer says that it closes."""
        with client:
            client.settimeout(60)
            request = _message(client)
            if not request:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return  # it is restarting
            self.requests += 1
            lose = self.requests % self._lose_every == 0 and request.startswith(b"POST")
            with server:
                server.settimeout(60)
                server.sendall(request)
                answer = _message(server)
            if lose:
                self.lost += 1
                return
            client.sendall(answer.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))


def _message(peer: socket.socket) -> bytes:
    """A whole HTTP message with a Content-Length (or chunked), as bytes; empty when cut off."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = peer.recv(1 << 16)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    length = int(fields.get(b"content-length", b"0"))
    chunked = b"chunked" in fields.get(b"transfer-encoding", b"")
    while len(body) < length or (chunked and not body.endswith(b"0\r\n\r\n")):
        more = peer.recv(1 << 16)
        if not more:
            return b""
        body += more
    return head + b"\r\n\r\n" + body


@pytest.fixture
def faulty(server: Running) -> Iterator[Faulty]:
    one = Faulty(server.port, lose_every=3)
    yield one
    one.close()
