"""What the tests of this room share: changes, a destination, and a real receiver."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from onefold import activation, storage
from onefold.activation import Deliverer
from onefold.kernel import clock
from onefold.kernel.settings import Settings
from onefold.kernel.viewer import SYSTEM, Viewer

ADMIN = SYSTEM
MEMBER = Viewer(kind="user", id=2, name="Mia", role="member")
READER = Viewer(kind="user", id=3, name="Rob", role="reader")
NOW = 1_790_000_000_000
WAIT_S = 60

Answer = Callable[[web.Request, dict[str, Any]], Awaitable[web.Response]]


def change(
    entity: int = 1, *, entered: bool = True, audience: str = "exports", home: str | None = None
) -> activation.AudienceChange:
    return activation.AudienceChange(
        audience_key=audience,
        audience_name="Exports campaign",
        entity_kind="person",
        entity_id=f"per_{entity}",
        entered=entered,
        at_ms=NOW,
        home=f"user_id:u{entity}" if home is None else home,
        identifiers=[{"namespace": "user_id", "value": f"u{entity}"}],
        traits={"name": "Ångström 李", "seats": 3},
    )


def destination(
    conn: storage.Connection,
    url: str,
    name: str = "Mail tool",
    audiences: tuple[str, ...] = ("exports",),
) -> tuple[activation.Destination, str]:
    values = {"name": name, "url": url, "audiences": list(audiences)}
    return activation.create(conn, ADMIN, values, NOW)


class Receiver:
    """A real HTTP server that keeps what it gets: (monotonic seconds, headers, body bytes)."""

    def __init__(self, answer: Answer | None = None, port: int = 0) -> None:
        self.answer = answer
        self.port = port
        self.got: list[tuple[float, dict[str, str], bytes]] = []
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> "Receiver":
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(body) for _, _, body in self.got]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {k.lower(): v for k, v in request.headers.items()}
        self.got.append((asyncio.get_running_loop().time(), headers, body))
        if self.answer is None:
            return web.json_response({"ok": True})
        return await self.answer(request, msgspec.json.decode(body))


class Running:
    """A deliverer that runs beside the test."""

    def __init__(
        self, url: str, settings: Settings | None = None, now_ms: Callable[[], int] = clock.now_ms
    ) -> None:
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(
            Deliverer(url, settings or Settings(), now_ms).run(self._stop)
        )

    async def __aenter__(self) -> "Running":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._task


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fail with its name when it does not come."""
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"never came: {what}"
        await asyncio.sleep(0.01)


def statuses(conn: storage.Connection) -> dict[str, int]:
    """How many deliveries stand in each status, as others see it now."""
    rows = conn.execute("SELECT status, count(*) FROM outbox GROUP BY 1").fetchall()
    conn.commit()
    return dict(rows)
