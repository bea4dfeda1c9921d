"""The collector behind a real Granian, in a thread of the test's process, on a port of its own."""

import asyncio
import base64
import gzip
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from granian.constants import Interfaces
from granian.server.embed import Server

from onefold import log, sources, storage
from onefold.collect import Collector
from onefold.kernel.settings import Settings
from onefold.kernel.viewer import SYSTEM


class Answer(msgspec.Struct, frozen=True):
    """What a sender got."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Running:
    """A collector that serves, and a sender."""

    def __init__(
        self, database: str, settings: Settings | None = None, port: int | None = None
    ) -> None:
        self.collector = Collector(database, settings)
        self.port = port or _free_port()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(60)
        while True:  # until the port answers
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._thread.is_alive()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(60)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.collector.start()
        self._server = Server(
            self.collector,
            address="127.0.0.1",
            port=self.port,
            interface=Interfaces.ASGINL,
            websockets=False,
            log_enabled=False,
        )
        self._ready.set()
        try:
            await self._server.serve()
        finally:
            await self.collector.stop()

    def send(
        self,
        path: str,
        body: Any = b"",
        *,
        key: str | None = None,
        method: str = "POST",
        headers: dict[str, str] | None = None,
        zipped: bool = False,
    ) -> Answer:
        """One request on a connection of its own. A body that is not bytes goes as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
        if zipped:
            data = gzip.compress(data)
            sent["Content-Encoding"] = "gzip"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            return Answer(
                answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
            )
        finally:
            connection.close()


@contextmanager
def running(database: str, settings: Settings | None = None) -> Iterator[Running]:
    """A collector on a database."""
    one = Running(database, settings)
    one.start()
    try:
        yield one
    finally:
        one.stop()


def make_source(
    conn: storage.Connection, name: str = "App", write_key: str | None = None
) -> sources.Source:
    """A committed source, with a key of the test's choice if it needs one."""
    made = sources.create(conn, SYSTEM, name)
    if write_key is not None:
        conn.execute("UPDATE source SET write_key = %s WHERE id = %s", (write_key, made.id))
        made = sources.get(conn, SYSTEM, made.id)
    conn.commit()
    return made


def stored(conn: storage.Connection) -> list[tuple[log.Row, log.Envelope, list[bytes]]]:
    """Every row of the log with its items' bytes, in order."""
    conn.rollback()
    out = []
    after = 0
    while rows := log.read(conn, after):
        for row in rows:
            envelope = log.unpack(row.body)
            assert row.items == len(envelope.batch)
            out.append((row, envelope, [bytes(item) for item in envelope.batch]))
        after = rows[-1].seq
    return out


def items(conn: storage.Connection) -> list[Any]:
    """Every item in the log, decoded, in order."""
    return [json.loads(item) for _, _, found in stored(conn) for item in found]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
