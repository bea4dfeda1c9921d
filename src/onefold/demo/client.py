"""The demo's way in: the public HTTP interface, nothing else. Every path of it stands here."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from onefold.demo.items import Emission
from onefold.kernel import clock, errors

BATCH = "/v1/batch"
SOURCES = "/api/sources"
BACKFILL = "/api/sources/{id}/backfill"
LEDGER = "/api/sources/{id}/ledger"
USERS = "/api/users"
ACCOUNT = "/api/accounts/account_id%3A{key}"
AUDIENCES = "/api/audiences"
CONTACTS = "/api/contacts"
TICKETS = "/api/tickets"
DESTINATIONS = "/api/destinations"

_TIMEOUT_S = 60
_PAUSE_S, _PAUSE_MAX_S = 0.2, 5.0
_PATIENCE_S = 180  # a server that restarts, or a worker that catches up
_AGAIN = frozenset((408, 425, 429, 502, 503, 504))


class DemoError(errors.OnefoldError):
    """The server refused something that the demo needs."""

    code = "demo"

    def __init__(self, message: str, answered: int = 0) -> None:
        self.answered = answered  # the HTTP status, if there was an answer
        super().__init__(message)


class StoppedError(Exception):
    """The user wants to stop."""


class Client:
    """One server. Retries what may pass; raises `StoppedError` as soon as `stop` is set."""

    def __init__(self, base_url: str, api_key: str, stop: asyncio.Event) -> None:
        self._base = base_url.rstrip("/")
        self._bearer = {"Authorization": f"Bearer {api_key}"}
        self._stop = stop
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Client":
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
            connector=aiohttp.TCPConnector(limit=32),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, write_key: str, emissions: Iterable[Emission]) -> None:
        """One batch of a source. Each sender's clock is as wrong on `sentAt` as on its events."""
        now_ms = clock.now_ms()
        batch = [
            {**e.item, "sentAt": clock.iso(now_ms + e.skew_ms)} if e.skew_ms else e.item
            for e in emissions
        ]
        body = msgspec.json.encode({"batch": batch, "sentAt": clock.iso(now_ms)})
        auth = {"Authorization": aiohttp.encode_basic_auth(write_key, "")}
        await self._call("POST", BATCH, body, auth)

    async def get(self, path: str, **values: str) -> Any:
        """The JSON of a GET."""
        return await self._call("GET", _fill(path, values), None, self._bearer)

    async def post(self, path: str, body: Mapping[str, Any], **values: str) -> Any:
        """The JSON of a POST."""
        raw = msgspec.json.encode(dict(body))
        return await self._call("POST", _fill(path, values), raw, self._bearer)

    async def patch(self, path: str, body: Mapping[str, Any], **values: str) -> Any:
        """The JSON of a PATCH."""
        raw = msgspec.json.encode(dict(body))
        return await self._call("PATCH", _fill(path, values), raw, self._bearer)

    async def all(self, path: str) -> list[dict[str, Any]]:
        """Every item of a list."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = await self.get(path + cursor)
            found += page["items"]
            if not page.get("next"):
                return found
            cursor = f"?cursor={quote(page['next'], safe='')}"

    async def pause(self, seconds: float) -> None:
        """Wait, at most so long; `StoppedError` when it is time to go."""
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return
        raise StoppedError

    async def _call(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> Any:
        if self._session is None:
            raise DemoError("The client is not open. Use `async with Client(…)`.")
        pause_s, waited_s = _PAUSE_S, 0.0
        headers = {**headers, "Content-Type": "application/json"}
        while True:
            if self._stop.is_set():
                raise StoppedError
            try:
                async with self._session.request(
                    method, self._base + path, data=body, headers=headers
                ) as answer:
                    raw = await answer.read()
                    if answer.status < 300:
                        return msgspec.json.decode(raw) if raw else None
                    said = f"{answer.status} {raw[:500].decode('utf-8', 'replace')}"
                    if answer.status not in _AGAIN:
                        raise DemoError(f"{method} {path} was answered {said}", answer.status)
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as e:
                said = str(e) or type(e).__name__
            if waited_s > _PATIENCE_S:
                raise DemoError(f"{method} {path} did not get through: {said}")
            await self.pause(pause_s)
            waited_s, pause_s = waited_s + pause_s, min(pause_s * 2, _PAUSE_MAX_S)


def _fill(path: str, values: Mapping[str, str]) -> str:
    return path.format(**{n: quote(v, safe="") for n, v in values.items()}) if values else path
