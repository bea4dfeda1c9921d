"""The HTTP process: collector, API and pages on one port.

The collector is a raw ASGI app that sees its own paths first; everything else goes to Litestar.
"""

import asyncio
import os
import signal
from typing import Any

import msgspec
import structlog
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess

from onefold import __version__, api, log, mcp, record, storage, web
from onefold.collect import Collector
from onefold.kernel.settings import Settings

_POOL_SIZE = 12

logger = structlog.get_logger("onefold.http")


class App:
    """The ASGI application that dispatches by path."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pool = storage.pool(settings.database_url, size=_POOL_SIZE, application="onefold-http")
        self.collector = Collector(settings.database_url, settings)
        self.assistants = mcp.App(record.Connections(self.pool))
        self.pages: Litestar = api.build_app(
            self.pool, extra=web.handlers(), settings=settings, page_error=web.page_error
        )

    async def start(self) -> None:
        """Start the collector's committer and the assistants' door."""
        await self.collector.start()
        await self.assistants.start()

    async def stop(self) -> None:
        """Let the collector finish what it has taken."""
        await self.assistants.stop()
        await self.collector.stop()
        await asyncio.to_thread(self.pool.close)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] == "http":
            path = scope["path"]
            if self.collector.handles(path):
                await self.collector(scope, receive, send)
                return
            if self.assistants.handles(path):
                await self.assistants(scope, receive, send)
                return
            if path.rstrip("/") in ("/health", "/ready", "/metrics"):
                await self._operate(path.rstrip("/"), send)
                return
        await self.pages(scope, receive, send)

    async def _operate(self, path: str, send: Any) -> None:
        if path == "/metrics":
            body = await asyncio.to_thread(_metrics)
            await _answer(send, 200, body, CONTENT_TYPE_LATEST)
            return
        status, answer = 200, {"status": "ok", "version": __version__}
        if path == "/ready":
            status, answer = await asyncio.to_thread(self._ready)
        await _answer(send, status, msgspec.json.encode(answer), "application/json")

    def _ready(self) -> tuple[int, dict[str, Any]]:
        try:
            with self.pool.connection(timeout=2) as conn:
                head, done = log.head(conn), log.checkpoint(conn, "worker")
        except Exception as error:  # whatever is wrong with the database, we are not ready
            return 503, {"status": "database unavailable", "detail": type(error).__name__}
        return 200, {"status": "ok", "log": head, "processed": done}


def _metrics() -> bytes:
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


async def _answer(send: Any, status: int, body: bytes, kind: str) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    app = App(settings)
    await app.start()
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        websockets=False,
        log_enabled=False,
        backlog=1024,
        backpressure=1024,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, app, server)
    logger.info("listening", host=settings.host, port=settings.port)
    try:
        await server.serve()
    finally:
        await app.stop()


def _stop(app: App, server: Server) -> None:
    """End the open event streams, which would hold the server until they end, then the server."""
    web.end_streams(app.pages)
    api.end_streams(app.pages)
    server.stop()  # type: ignore[no-untyped-call]


def openapi_paths() -> list[str]:
    """Every path of the API, for the test that holds the docs to it."""
    return api.openapi_paths()
