"""The ASGI app: one request in, one answer out.

Reading, parsing and answering happen on the event loop; the log's thread (committer.py) and the key
look-ups (keys.py) have threads of their own, and so has the splitting of hopeless bodies, one at a
time, so that their cost and memory are bounded.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from onefold import __version__
from onefold.collect import (
    answers,
    bundles,
    description,
    documents,
    envelope,
    inflate,
    metrics,
    pixel,
    routes,
)
from onefold.collect.committer import Committer
from onefold.collect.errors import Hopeless, MethodNotAllowed, NoToken, SenderGone, SlowBody
from onefold.collect.keys import Keys, of_header, of_rest, of_tool
from onefold.collect.model import Entry, Parsed
from onefold.collect.pace import Pace
from onefold.collect.routes import Route
from onefold.collect.turned import TurnedAway
from onefold.collect.webhooks import Webhooks
from onefold.kernel import clock, errors, limits
from onefold.kernel.settings import Settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = tuple[int, answers.Headers, bytes]

logger = structlog.get_logger("onefold.collect")


class Collector:
    """The collection door of one HTTP process. `start` and `stop` in the loop that serves it."""

    def __init__(self, database_url: str, settings: Settings | None = None) -> None:
        self._public_url = settings.public_url if settings else ""
        self._keys = Keys(database_url)
        self._committer = Committer(database_url)
        self._pace = Pace(settings.collect_items_per_s if settings else 0)
        self._webhooks = Webhooks(database_url, self._committer, self._pace, self._public_url)
        self._turned = TurnedAway(database_url)
        self._splitter = ThreadPoolExecutor(1, thread_name_prefix="collect-split")

    async def start(self) -> None:
        """Start the committer. The database may come up later: senders get 503 until then."""
        self._committer.start(asyncio.get_running_loop())

    async def stop(self) -> None:
        """Finish what was taken, then let go of the threads and connections."""
        await self._committer.stop()
        await self._webhooks.close()
        await self._turned.close()
        await self._keys.close()
        self._splitter.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    def handles(path: str) -> bool:
        """Is this path ours, whatever the method?"""
        return routes.ours(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (`scope["type"]` is `http`)."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            status, out, body = await self._answer(scope, headers, receive)
        except errors.OnefoldError as error:
            status, out, body = answers.failure(error, headers)
            if 400 <= status < 500:
                await self._turned_away(scope, headers, error)
        except SenderGone:
            return
        except Exception:
            logger.exception("request failed", path=scope["path"])
            status, out, body = answers.failure(
                errors.OnefoldError("The server failed; the request was not kept."), headers
            )
        metrics.answered(status)
        if status not in (204, 304):
            out.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": out})
        if scope["method"] == "HEAD":
            body = b""
        await send({"type": "http.response.body", "body": body})

    async def _answer(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> Answer:
        method = scope["method"]
        route = routes.find(scope["path"])
        if method == "OPTIONS":
            return answers.preflight(headers)
        if route is None:
            raise errors.NotFound("There is no such address here.")
        if route.does == "micro":
            return await self._micro(route, scope, headers, receive)
        if route.does == "webhook" and method in ("GET", "HEAD", "POST"):
            key = route.kind or of_header(headers) or of_rest(scope["query_string"], headers) or ""
            return await self._webhooks.answer(
                key, scope, headers, lambda: _in_time(receive, headers)
            )
        if route.reads:
            if method not in ("GET", "HEAD"):
                raise MethodNotAllowed(f"`{method}` is not served here. Use GET.")
            return await self._read(route, scope, headers)
        if method != "POST":
            raise MethodNotAllowed(f"`{method}` is not served here. Use POST.")
        body = await _in_time(receive, headers)
        if route.does == "token":
            raise NoToken(
                "OAuth is not needed here: the write key authorises. Leave `oauthSettings` out."
            )
        if route.does == "nothing":
            raise errors.NotFound("There are no device-mode transformations here. Send events.")
        if route.does != "telemetry":
            await self._collect(route, scope, headers, body)
        return answers.success(headers)

    async def _collect(
        self, route: Route, scope: Scope, headers: Mapping[bytes, bytes], body: bytes
    ) -> None:
        """Into the log, or an error for the sender."""
        received_ms = clock.now_ms()
        metrics.body_bytes.inc(len(body))
        key = of_header(headers) or (of_tool(headers) if route.tool else None)
        if key is not None:  # before any work is done for a stranger, or for a source too fast
            source = await self._keys.sender(key)
            self._pace.check(source.id, asyncio.get_running_loop().time())
        body = inflate.plain(body, headers.get(b"content-encoding", b""))
        parsed = await self._parse(body, route.kind)
        source = await self._keys.sender(
            key or parsed.write_key or of_rest(scope["query_string"], headers)
        )
        if parsed.items:
            loop = asyncio.get_running_loop()
            self._pace.check(source.id, loop.time())
            entry = Entry(source, parsed, received_ms, loop)
            self._committer.submit(entry)
            self._pace.spend(source.id, parsed.items, loop.time())
            error = await entry.held
            if error is not None:
                raise error
            if parsed.wrapped:
                metrics.wrapped.inc(parsed.wrapped)

    async def _micro(
        self, route: Route, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> Answer:
        """What a test source sent, for whoever holds its write key."""
        if scope["method"] not in ("GET", "POST"):
            raise MethodNotAllowed(f"`{scope['method']}` is not served here. Use GET or POST.")
        body = inflate.plain(
            await _in_time(receive, headers), headers.get(b"content-encoding", b"")
        )
        query = scope["query_string"]
        source = await self._keys.sender(of_header(headers) or of_rest(query, headers))
        return await self._committer.micro.answer(route.kind, source, query, body, headers)

    async def _turned_away(
        self, scope: Scope, headers: Mapping[bytes, bytes], error: errors.OnefoldError
    ) -> None:
        """Count a request that was answered 4xx, when it says whose it is outside its body."""
        route = routes.find(scope["path"])
        if route is None or route.does not in ("call", "batch", "pixel"):
            return
        key = of_header(headers) or of_rest(scope["query_string"], headers)
        try:
            source = await self._keys.find(key) if key else None
        except errors.Unavailable:
            return  # the count of an error is not worth another
        if source is not None:
            self._turned.note(source.id, error.code, clock.now_ms())

    async def _parse(self, body: bytes, kind: str) -> Parsed:
        try:
            return envelope.read(body, kind)
        except Hopeless:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._splitter, envelope.recover, body, kind)

    async def _read(self, route: Route, scope: Scope, headers: Mapping[bytes, bytes]) -> Answer:
        """What an SDK asks for before it sends; and the pixel, which sends by asking."""
        query = scope["query_string"]
        match route.does:
            case "pixel":
                await self._collect(route, scope, headers, pixel.body(query))
                return answers.image(headers)
            case "part":
                return answers.script(bundles.part(route.kind), headers)
            case "version":
                return answers.document(b'{"version":"%b"}' % __version__.encode(), headers)
            case "described":
                return answers.document(description.encoded(), headers)
            case "robots":
                return answers.text(b"User-agent: *\nDisallow: /\n", headers)
            case "config":
                if scope["method"] == "HEAD" and b"view=ad" in query:
                    return answers.document(b"{}", headers)  # is an ad blocker in the way?
                key = of_header(headers) or of_rest(query, headers) or ""
                return await self._document(route, key, scope, headers)
        return await self._document(route, route.kind, scope, headers)

    async def _document(
        self, route: Route, key: str, scope: Scope, headers: Mapping[bytes, bytes]
    ) -> Answer:
        """What is there for the source of a key only."""
        source = await self._keys.find(key) if key else None
        if source is None:
            raise errors.NotFound("invalid write key. No source has it; copy it from its page.")
        if route.does == "config":  # says itself whether the source is enabled
            address = documents.address(self._public_url, scope["scheme"], headers)
            return answers.own(documents.config(source, *address), headers)
        if not source.enabled:
            raise errors.NotFound("Source is disabled. Enable it on the source's page.")
        if route.does == "bundle":
            return answers.script(bundles.bundle(), headers)
        if route.does == "snippet":
            return answers.script(bundles.snippet(), headers)
        address = documents.address(self._public_url, scope["scheme"], headers)
        return answers.document(documents.settings(source.write_key, *address), headers)


async def _in_time(receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
    """The body as sent. Raises `SlowBody`, `TooLarge` or `SenderGone`."""
    try:
        async with asyncio.timeout(limits.request_read_s_max):
            return await _body(receive, headers)
    except TimeoutError:
        raise SlowBody(
            f"`body`: did not arrive within {limits.request_read_s_max} s. Send it again."
        ) from None


async def _body(receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
    """The body as sent. An oversize one is read to its end, so that the sender hears the 413."""
    length = headers.get(b"content-length", b"0")
    keep = not length.isdigit() or int(length) <= limits.request_bytes_max
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise SenderGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limits.request_bytes_max:
            keep = False
            chunks.clear()
        if keep:
            chunks.append(chunk)
        if not message.get("more_body") or size > limits.request_drain_bytes_max:
            break
    if not keep:
        raise inflate.too_large()
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
