"""Membership changes as server-sent events.

While somebody listens, one task asks for the newest change's id; each listener reads on from its
own place when that has moved, as fast as its connection takes them. So nothing is queued, a slow
listener costs nobody anything, and one that comes back with `Last-Event-ID` goes on where it broke,
after a restart of the server too.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.params import FromQuery, HeaderParameter
from litestar.response import Stream

from onefold.api import door
from onefold.api.call import Call
from onefold.kernel import errors, limits
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import access, feed
from onefold.record.connections import Connections

LastEventId = Annotated[
    str | None,
    HeaderParameter(name="Last-Event-ID", description="The id of the last change you have."),
]


class Hub:
    """Everybody listening in this process."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._listeners = 0
        self._task: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        self._head = 0
        self._closed = False

    @property
    def full(self) -> bool:
        """Is there no room for one more?"""
        return self._listeners >= limits.stream_clients_max

    def close(self) -> None:
        """End every stream. On the loop's thread."""
        self._closed = True
        self._moved.set()

    async def listen(
        self,
        viewer: Viewer,
        after: int,
        audience_ids: Sequence[int] | None,
        still: Callable[[], object],
        *,
        wait: bool = True,
    ) -> AsyncIterator[bytes]:
        """Messages from a place on, until the listener goes or may not listen any more.

        `still` raises when its key has been revoked; it is asked with each beat. Not `wait`: until
        there is nothing more for now.
        """
        if self.full or self._closed:
            yield _event("end", {"reason": "Too many listen just now."})
            return
        self._listeners += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())
        try:
            # With an id of its own, so that who is cut off before the first change loses none.
            yield b"retry: 2000\nid: %d\nevent: ready\ndata: {}\n\n" % after
            while not self._closed:
                head, moved = self._head, self._moved
                try:
                    rows = await asyncio.to_thread(self._read, viewer, after, audience_ids)
                except errors.Unavailable:
                    yield b": the database does not answer just now\n\n"
                    await asyncio.sleep(1)
                    continue
                for number, move in rows:
                    after = number
                    yield _event("entered" if move["entered"] else "left", move, number)
                if len(rows) == limits.stream_rows_max:
                    continue
                if not wait:
                    return
                after = max(after, head)  # nothing up to there is left for this listener
                try:
                    await asyncio.wait_for(moved.wait(), limits.stream_beat_s)
                except TimeoutError:
                    try:
                        await asyncio.to_thread(still)
                    except (errors.NotSignedIn, errors.Forbidden) as error:
                        yield _event("end", {"reason": str(error)})
                        return
                    except errors.Unavailable:
                        pass
                    yield b"id: %d\nevent: beat\ndata: {}\n\n" % after
        finally:
            self._listeners -= 1

    def _read(
        self, viewer: Viewer, after: int, audience_ids: Sequence[int] | None
    ) -> list[tuple[int, feed.Move]]:
        with self._connections.open() as conn:
            return feed.read(conn, viewer, after, audience_ids)

    async def _follow(self) -> None:
        """Wake listeners when there is something new."""
        while self._listeners and not self._closed:
            try:
                head = await asyncio.to_thread(self._newest)
            except errors.OnefoldError:
                await asyncio.sleep(1)
                continue
            if head != self._head:
                self._head = head
                self._moved.set()
                self._moved = asyncio.Event()
            await asyncio.sleep(limits.stream_poll_ms / 1000)

    def _newest(self) -> int:
        with self._connections.open() as conn:
            return feed.head(conn, SYSTEM)


def _event(name: str, body: Any, number: int | None = None) -> bytes:
    place = b"" if number is None else b"id: %d\n" % number
    return place + f"event: {name}\ndata: ".encode() + msgspec.json.encode(body) + b"\n\n"


@get(
    "/audiences/stream",
    opt=door.READER,
    sync_to_thread=True,
    media_type="text/event-stream",
)
def stream_changes(
    call: Call,
    request: Request[Any, Any, Any],
    audience: FromQuery[str | None] = None,
    after: FromQuery[str | None] = None,
    wait: FromQuery[bool] = True,
    last_event_id: LastEventId = None,
) -> Stream:
    """Who enters and leaves audiences, as server-sent events: all, or those of `audience`."""
    hub = hub_of(request.app)
    if hub.full:
        raise errors.Unavailable("Too many listen just now. Try again in a minute.")
    with call.open() as conn:
        audience_ids = feed.audiences(conn, call.viewer, (audience or "").split(","))
        newest = feed.head(conn, call.viewer)
    name, given = ("after", after) if after is not None else ("Last-Event-ID", last_event_id)
    place = newest if given is None else _place(name, given, newest)
    key, session = door.credentials(request)
    gate: access.Gate = request.app.state.gate

    def still() -> object:
        return gate.sign_in(key, session)

    return Stream(
        hub.listen(call.viewer, place, audience_ids, still, wait=wait),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def hub_of(app: Any) -> Hub:
    """The app's hub, made when first asked for."""
    if "changes" not in app.state:
        app.state.changes = Hub(app.state.connections)
    found: Hub = app.state.changes
    return found


def _place(name: str, given: str, newest: int) -> int:
    text = given.strip()
    if text.isascii() and text.isdigit() and len(text) < 19 and int(text) <= newest:
        return int(text)
    raise errors.Invalid(
        errors.Fault(
            name,
            f"`{text[:40]}` is no change's id here.",
            "Send the `id` of the last event you have, or leave it out to begin now.",
        )
    )


HANDLERS = [stream_changes]
