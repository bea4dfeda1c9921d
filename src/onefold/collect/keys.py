"""Which source is sending: find the write key on a request, and the source that it belongs to.

The places, first found wins: the Basic user name, `writeKey` in the body, `?writeKey=`,
`X-Write-Key`, a Bearer token. Sources are remembered for a couple of seconds, unknown keys for a
shorter while; a key that is not remembered is looked up at once, so a new one works immediately.
"""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import msgspec
import psycopg
import structlog

from onefold import sources, storage
from onefold.collect import store
from onefold.kernel import errors, limits

logger = structlog.get_logger("onefold.collect")


def of_header(headers: Mapping[bytes, bytes]) -> str | None:
    """The Basic user name, which wins over every other place."""
    scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"basic":
        return None
    value = value.strip().rstrip(b"=")
    try:
        plain = base64.b64decode(value + b"=" * (-len(value) % 4))
    except binascii.Error:
        return None
    return plain.partition(b":")[0].decode("utf-8", "replace") or None


def of_rest(query: bytes, headers: Mapping[bytes, bytes]) -> str | None:
    """The key in one of the places that come after the body."""
    if b"writeKey=" in query:
        given = parse_qs(query.decode("latin-1")).get("writeKey")
        if given:
            return given[0]
    given_header = of_tool(headers)
    if given_header is not None:
        return given_header
    scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and value.strip():
        return value.strip().decode("latin-1")
    return None


def of_tool(headers: Mapping[bytes, bytes]) -> str | None:
    """The key in `X-Write-Key`, without what Jitsu's SDK may put behind a colon."""
    return headers.get(b"x-write-key", b"").strip().partition(b":")[0].decode("latin-1") or None


class _Known(msgspec.Struct, frozen=True):
    source: sources.Source | None
    until: float


class Keys:
    """Sources by write key. Belongs to one event loop."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Task[sources.Source | None]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="collect-keys")
        self._conn: storage.Connection | None = None

    async def sender(self, key: str | None) -> sources.Source:
        """The enabled source of a key. Raises `NotSignedIn`, `NotFound` or `Unavailable`."""
        if key is None:
            raise errors.NotSignedIn(
                "`writeKey`: is missing. Send it as the Basic user name, as `writeKey` in the "
                "body or the query, or in the header X-Write-Key."
            )
        source = await self.find(key)
        if source is None:
            raise errors.NotSignedIn(
                "`writeKey`: invalid write key. No source has it; copy it from the source's page."
            )
        if not source.enabled:
            raise errors.NotFound("Source is disabled. Enable it on its page, then send again.")
        return source

    async def find(self, key: str) -> sources.Source | None:
        """The source of a key, disabled ones too, or None. Raises `Unavailable`."""
        loop = asyncio.get_running_loop()
        known = self._known.get(key)
        if known is not None and known.until > loop.time():
            return known.source
        if len(key) > limits.write_key_chars_max or not (key.isascii() and key.isprintable()):
            return None
        task = self._asking.get(key)
        if task is None:
            if len(self._asking) >= limits.write_key_lookups_max:
                raise errors.Unavailable("Too many unknown write keys at once. Try again.")
            task = self._asking[key] = loop.create_task(self._ask(key))
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(self, key: str) -> sources.Source | None:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._thread, self._read, key)
        except psycopg.Error as error:
            known = self._known.get(key)
            if known is not None and known.source is not None:
                return known.source  # the log decides whether the request can be kept
            logger.warning("write key not looked up", error=type(error).__name__)
            raise errors.Unavailable("The database cannot be reached. Try again.") from None
        if len(self._known) >= limits.write_keys_cached_max:
            self._known.clear()
        keep = limits.write_key_cached_s if found else limits.write_key_unknown_cached_s
        self._known[key] = _Known(found, loop.time() + keep)
        return found

    def _read(self, key: str) -> sources.Source | None:
        """In the thread. A connection that was lost since is opened again once."""
        for fresh in (False, True):
            if self._conn is None or self._conn.closed or fresh:
                self._conn = store.reader(self._url, limits.collect_wait_s_max * 1000)
            try:
                return sources.by_write_key(self._conn, key)
            except psycopg.OperationalError:
                self._conn.close()
                if fresh:
                    raise
        raise AssertionError  # the second round returns or raises

    async def close(self) -> None:
        """Close the connection and the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._conn is not None:
            self._conn.close()
