"""The vendors' door: a delivery in, proven, read and put into the log, then answered.

What a vendor calls is an address with the source's key in it. 200 leaves after the commit, like any
other; 401 means that the signature does not fit, and nothing of it is kept but the count. Reading
is done in one thread with a connection of its own, so that a large body or a slow look-up does not
hold up the SDKs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec
import psycopg
import structlog

from onefold import storage
from onefold.collect import answers, inflate, metrics
from onefold.collect.aside import Aside, Later
from onefold.collect.committer import Committer
from onefold.collect.model import Entry, Parsed
from onefold.collect.pace import Pace
from onefold.kernel import clock, errors, limits
from onefold.sources import webhooks
from onefold.sources.webhooks.store import Endpoint, Note

Answer = tuple[int, answers.Headers, bytes]
Scope = Mapping[str, Any]
_T = TypeVar("_T")
_COUNTED = ("accepted", "unmapped", "pings", "bad")
_NEWEST = ("last_ms", "last_bad_ms", "last_bad_why")
_FORGET_EVERY_MS = clock.DAY_MS // 24

logger = structlog.get_logger("onefold.collect")


class _Cached(msgspec.Struct, frozen=True):
    endpoint: Endpoint | None
    until: float


class Webhooks:
    """All webhooks of one HTTP process. Belongs to one event loop."""

    def __init__(
        self, database_url: str, committer: Committer, pace: Pace, public_url: str
    ) -> None:
        self._committer = committer
        self._pace = pace
        self._public_url = public_url
        self._aside = Aside(database_url, "webhooks")
        self._cached: dict[str, _Cached] = {}
        self._notes: dict[int, Note] = {}
        self._later = Later(lambda: limits.webhook_note_s, lambda: bool(self._notes), self._flush)
        self._forgot_ms = 0

    async def answer(
        self, key: str, scope: Scope, headers: Mapping[bytes, bytes],
        read: Callable[[], Awaitable[bytes]],
    ) -> Answer:  # fmt: skip
        """The answer to one request. Raises what the collector answers errors with."""
        if scope["method"] in ("GET", "HEAD"):  # a vendor, or its user, tries the address
            await self._endpoint(key)
            return answers.success(headers)
        body = await read()
        received_ms = clock.now_ms()
        metrics.body_bytes.inc(len(body))
        endpoint = await self._endpoint(key)
        source_id = endpoint.source.id
        loop = asyncio.get_running_loop()
        self._pace.check(source_id, loop.time())
        delivery = self._delivery(scope, headers, body, received_ms)
        try:
            made = await self._in_thread(self._made, endpoint, delivery)
        except webhooks.BadSignature as error:
            metrics.webhooks.labels("bad_signature").inc()
            self._note(source_id, bad=1, last_bad_ms=received_ms, last_bad_why=str(error))
            raise
        if made is None:
            metrics.webhooks.labels("ping").inc()
            self._note(source_id, pings=1)
            return answers.success(headers)
        parsed = Parsed(made.envelope, made.items, 0, None)
        entry = Entry(endpoint.source, parsed, received_ms, loop)
        self._committer.submit(entry)
        self._pace.spend(source_id, made.items, loop.time())
        failed = await entry.held
        if failed is not None:
            raise failed
        self._told(entry, made)
        special = webhooks.answer(endpoint.config, body)
        if special is None:
            return answers.success(headers)
        return 200, [(b"content-type", special[0]), *answers.cors(headers)], special[1]

    def _told(self, entry: Entry, made: webhooks.Made) -> None:
        outcome = "unmapped" if made.refused else "accepted"
        metrics.webhooks.labels(outcome).inc()
        event = made.event or (made.fault.problem if made.fault else "")
        row = (entry.seq, entry.received_ms, event[:200], made.items, made.refused)
        recent = (row,) if entry.seq else ()  # a test source's deliveries are not in the log
        self._note(
            entry.source.id, accepted=1, unmapped=int(made.refused > 0),
            last_ms=entry.received_ms, recent=recent,
        )  # fmt: skip

    def _delivery(
        self, scope: Scope, headers: Mapping[bytes, bytes], body: bytes, now_ms: int
    ) -> webhooks.Delivery:
        text = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in headers.items()}
        raw = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
        query = scope.get("query_string", b"").decode("latin-1")
        tail = raw.decode("latin-1") + (f"?{query}" if query else "")
        host = text.get("x-forwarded-host", "").split(",")[0].strip() or text.get("host", "")
        urls = [f"https://{host}{tail}", f"http://{host}{tail}"]
        if self._public_url:
            base = self._public_url.rstrip("/")
            base = base if "//" in base else f"https://{base}"
            prefix = urlsplit(base).path
            urls.insert(0, base.removesuffix(prefix) + prefix + tail)
        return webhooks.Delivery(
            method=scope["method"], urls=tuple(urls), headers=text, body=body, now_ms=now_ms,
            query=dict(parse_qsl(query, keep_blank_values=True)),
        )  # fmt: skip

    # ── in the thread ──────────────────────────────────────────────────────────────────────────

    def _made(self, endpoint: Endpoint, delivery: webhooks.Delivery) -> webhooks.Made | None:
        """Proven and read; None: only a ping. Raises `BadSignature`."""
        webhooks.verify(endpoint.config, endpoint.secrets, delivery)
        plain = inflate.plain(
            delivery.body, delivery.headers.get("content-encoding", "").encode("latin-1")
        )
        delivery = msgspec.structs.replace(delivery, body=plain)
        reading = webhooks.read(endpoint.config, delivery)
        if reading.ping:
            return None
        refs = sorted(webhooks.asked(reading))
        source_id = endpoint.source.id

        def made(conn: storage.Connection) -> webhooks.Made:
            known = webhooks.store.known(conn, source_id, refs)
            one = webhooks.make(endpoint.config, reading, known, delivery)
            webhooks.store.learn(conn, source_id, one.learned, delivery.now_ms)
            return one

        return self._aside.ask(made)

    def _write(self, notes: list[Note], now_ms: int) -> None:
        def write(conn: storage.Connection) -> None:
            with conn.transaction():
                webhooks.store.note(conn, notes)
            if now_ms - self._forgot_ms > _FORGET_EVERY_MS:
                before_ms = now_ms - limits.webhook_known_days * clock.DAY_MS
                webhooks.store.forget_old(conn, before_ms)
                self._forgot_ms = now_ms

        self._aside.ask(write)

    # ── on the event loop ──────────────────────────────────────────────────────────────────────

    async def _in_thread(self, work: Callable[..., _T], *args: Any) -> _T:
        try:
            return await self._aside.run(work, *args)
        except psycopg.Error as error:
            logger.warning("webhook not looked up", error=type(error).__name__)
            raise errors.Unavailable("The database cannot be reached. Try again.") from None

    async def _endpoint(self, key: str) -> Endpoint:
        """The webhook at an address. Raises `NotFound` or `Unavailable`."""
        loop = asyncio.get_running_loop()
        cached = self._cached.get(key)
        if cached is None or cached.until < loop.time():
            found = None
            if len(key) <= limits.write_key_chars_max and key.isascii() and key.isprintable():
                found = await self._in_thread(
                    self._aside.ask, lambda c: webhooks.store.endpoint(c, key)
                )
            if len(self._cached) >= limits.webhook_endpoints_cached_max:
                self._cached.clear()
            keep = limits.webhook_endpoint_cached_s if found else limits.write_key_unknown_cached_s
            cached = self._cached[key] = _Cached(found, loop.time() + keep)
        if cached.endpoint is None:
            raise errors.NotFound(
                "No webhook is set up at this address. Copy it from the source's page, and choose "
                "there who sends."
            )
        if not cached.endpoint.source.enabled:
            raise errors.NotFound("source is disabled. Enable it on its page, then send again.")
        return cached.endpoint

    def _note(self, source_id: int, **counts: Any) -> None:
        """Remember what to write down; a task writes it after a moment, all of it at once."""
        self._merge(Note(source_id, **counts))
        self._later.soon()

    def _merge(self, more: Note) -> None:
        kept = self._notes.get(more.source_id)
        if kept is None:
            self._notes[more.source_id] = more
            return
        sums = {n: getattr(kept, n) + getattr(more, n) for n in _COUNTED}
        newest = {n: getattr(more, n) or getattr(kept, n) for n in _NEWEST}
        recent = (*kept.recent, *more.recent)[-limits.webhook_recent_max :]
        self._notes[more.source_id] = Note(more.source_id, **sums, **newest, recent=recent)

    async def _flush(self) -> None:
        notes, self._notes = list(self._notes.values()), {}
        if not notes:
            return
        try:
            await self._in_thread(self._write, notes, clock.now_ms())
        except errors.Unavailable:
            logger.warning("webhook traffic not written down yet", sources=len(notes))
            for one in notes:  # for the next time
                self._merge(one)

    async def close(self) -> None:
        """Write down what is left, then let go of the thread and the connection."""
        await self._later.end()
        await self._aside.close()
