"""The event stream of sources: one reader of the log's tail for all who watch.

While somebody watches, a task asks every `live_poll_ms` for rows after the last one seen, in a
thread, and hands their items to each watcher's bounded queue. Nobody watching: nobody asks.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import msgspec
import structlog

from onefold import log, record, sources
from onefold.kernel import clock, errors, facts, limits
from onefold.kernel.viewer import SYSTEM
from onefold.web import timeline, view

logger = structlog.get_logger("onefold.live")

_NAMES = {
    "identify": "Identify", "group": "Group", "alias": "Alias", "page": "Page", "screen": "Screen"
}  # fmt: skip


class Watcher:
    """Somebody watching: one source (or all: 0), and the messages still to be sent."""

    def __init__(self, source_id: int) -> None:
        self.source_id = source_id
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(limits.live_queue_max)

    def give(self, message: bytes | None) -> None:
        """Queue a message, None to end; a watcher that does not keep up misses the oldest."""
        if self.queue.full():
            self.queue.get_nowait()
        self.queue.put_nowait(message)


class Hub:
    """Everybody watching in this process."""

    def __init__(self, connections: record.Connections) -> None:
        self._connections = connections
        self._watchers: set[Watcher] = set()
        self._task: asyncio.Task[None] | None = None
        self._seq = 0
        self._started = asyncio.Event()
        self._names: dict[int, str] = {}

    def close(self) -> None:
        """End every stream, so that the server need not wait for them. On the loop's thread."""
        for watcher in self._watchers:
            watcher.give(None)

    async def following(self) -> None:
        """Wait until the log's end is known: what is appended from then on will be heard."""
        await self._started.wait()

    async def idle(self) -> None:
        """Wait until nobody watches and nobody asks."""
        if self._task is not None:
            await self._task

    async def watch(self, source_id: int) -> AsyncIterator[bytes]:
        """Messages for one watcher, until it goes. Raises `Unavailable` when too many watch."""
        if len(self._watchers) >= limits.live_clients_max:
            raise errors.Unavailable("Too many people watch just now. Try again in a minute.")
        watcher = Watcher(source_id)
        self._watchers.add(watcher)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())
        try:
            yield b"retry: 2000\n\n"
            while True:
                try:
                    message = await asyncio.wait_for(watcher.queue.get(), limits.live_beat_s)
                except TimeoutError:
                    message = b": still here\n\n"
                if message is None:
                    return
                yield message
        finally:
            self._watchers.discard(watcher)

    async def _follow(self) -> None:
        self._started.clear()
        while self._watchers:
            try:
                rows = await asyncio.to_thread(self._read)
            except errors.OnefoldError as error:
                logger.warning("live stream waits", error=str(error))
                await asyncio.sleep(1)
                continue
            self._started.set()
            for watcher in self._watchers:
                wanted = [r for r in rows if watcher.source_id in (0, r.source_id)]
                if wanted:
                    items = [item for row in wanted for item in self._items(row)]
                    shown = items[-limits.live_items_max :]
                    more = sum(row.items for row in wanted) - len(shown)
                    watcher.give(event("facts", {"items": shown, "more": more}))
            await asyncio.sleep(limits.live_poll_ms / 1000)

    def _read(self) -> list[log.Row]:
        with self._connections.open() as conn:
            if not self._started.is_set():
                self._seq = log.head(conn)
                self._names = {s.id: s.name for s in sources.list_all(conn, SYSTEM)}
                return []
            rows = log.read(conn, self._seq, limits.live_rows_max)
            if any(r.source_id and r.source_id not in self._names for r in rows):
                self._names = {s.id: s.name for s in sources.list_all(conn, SYSTEM)}
        if rows:
            self._seq = rows[-1].seq
        return rows

    def _items(self, row: log.Row) -> list[dict[str, Any]]:
        envelope = log.unpack(row.body)
        name = self._names.get(row.source_id, "CRM")
        out = []
        for index in range(len(envelope.batch))[-limits.live_items_max :]:
            shown = line(bytes(envelope.batch[index]), envelope.type, name, row.received_ms)
            if row.source_id:  # where the debugger tells what became of it
                pos = facts.position(row.seq, index)
                shown["open"] = f"/sources/src_{row.source_id}/events/{pos}"
            out.append(shown)
        return out


def line(raw: bytes, kind: Any, source: str, received_ms: int) -> dict[str, Any]:
    """One item as the stream shows it; what is not an object is shown as it came."""
    try:
        item = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        item = None
    at = clock.iso(received_ms)
    if not isinstance(item, dict):
        text = raw[:200].decode("utf-8", "replace")
        return {"at": at, "source": source, "who": "", "name": "Not an event", "detail": text}
    kind = item.get("type") or kind
    who, ref = _who(item)
    known = item.get("properties") or item.get("traits") or {}
    detail = view.value(known, 200) if known else ""
    title = item.get("event") if kind == "track" else _NAMES.get(str(kind), str(kind))
    if kind in ("page", "screen") and isinstance(known, dict):
        page = {"kind": kind, "name": item.get("name") or "", "properties": known}
        detail = timeline.detail(page)
    out = {"at": at, "source": source, "who": who, "name": str(title)[:120], "detail": detail}
    if ref:
        out["href"] = f"/people/find?ref={quote(ref, safe='')}"
    return out


def _who(item: dict[str, Any]) -> tuple[str, str]:
    for field, namespace in (("userId", "user_id"), ("anonymousId", "anonymous_id")):
        found = item.get(field)
        if isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip():
            return str(found)[:120], f"{namespace}:{found}"
    return "", ""


def event(name: str, body: Any) -> bytes:
    """A server-sent event."""
    return f"event: {name}\ndata: ".encode() + msgspec.json.encode(body) + b"\n\n"
