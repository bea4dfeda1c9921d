import asyncio

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from onefold import log, record, sources, storage
from onefold.kernel import clock, limits
from onefold.kernel.viewer import SYSTEM
from onefold.web import live


def test_an_event_reads_as_who_did_what() -> None:
    raw = b'{"type": "track", "userId": "org/42", "event": "Exported", "properties": {"n": 1}}'
    found = live.line(raw, None, "App", 0)
    assert (found["who"], found["name"], found["detail"]) == ("org/42", "Exported", '{"n":1}')
    assert found["href"] == "/people/find?ref=user_id%3Aorg%2F42"


def test_a_page_view_shows_its_path() -> None:
    found = live.line(b'{"anonymousId": "a", "properties": {"path": "/x"}}', "page", "Site", 0)
    assert (found["name"], found["detail"]) == ("Page", "/x")


@given(st.binary(max_size=300))
def test_whatever_was_sent_can_be_shown(raw: bytes) -> None:
    found = live.line(raw, None, "App", 0)
    assert set(found) >= {"at", "source", "who", "name", "detail"}
    msgspec.json.encode(found)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


fields = ("type", "event", "userId", "anonymousId", "properties", "traits", "name")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(fields, json_values)))
def test_wrong_types_do_not_stop_the_stream(item: dict[str, object]) -> None:
    msgspec.json.encode(live.line(msgspec.json.encode(item), None, "App", 0))


def test_a_watcher_that_does_not_keep_up_misses_the_oldest() -> None:
    async def fill() -> bytes:
        watcher = live.Watcher(0)
        for i in range(limits.live_queue_max + 5):
            watcher.give(str(i).encode())
        return watcher.queue.get_nowait()

    assert asyncio.run(fill()) == b"5"


def test_each_watcher_gets_its_source_and_nobody_watching_asks_nothing(database: str) -> None:
    with storage.connect(database) as conn:
        one = sources.create(conn, SYSTEM, "One")
        two = sources.create(conn, SYSTEM, "Two")
    with storage.pool(database, size=2) as pool:
        heard = asyncio.run(_listen(record.Connections(pool), database, one, two))
    assert heard == {"all": ["One", "Two"], "one": ["One"]}


def test_closing_ends_every_stream(database: str) -> None:
    async def watch(connections: record.Connections) -> int:
        hub = live.Hub(connections)

        async def listen() -> int:
            return len([m async for m in hub.watch(0)])

        tasks = [asyncio.create_task(listen()) for _ in range(3)]
        await asyncio.sleep(0)
        await hub.following()
        hub.close()
        ended = await asyncio.wait_for(asyncio.gather(*tasks), 60)
        await hub.idle()
        return len(ended)

    with storage.pool(database, size=2) as pool:
        assert asyncio.run(watch(record.Connections(pool))) == 3


async def _listen(
    connections: record.Connections, database: str, one: sources.Source, two: sources.Source
) -> dict[str, list[str]]:
    hub = live.Hub(connections)
    heard: dict[str, list[str]] = {"all": [], "one": []}

    async def listen(name: str, source_id: int, want: int) -> None:
        async for message in hub.watch(source_id):
            if message.startswith(b"event: facts"):
                body = msgspec.json.decode(message.split(b"data: ")[1])
                heard[name] += [item["source"] for item in body["items"]]
            if len(heard[name]) >= want:
                return

    tasks = [
        asyncio.create_task(listen("all", 0, 2)),
        asyncio.create_task(listen("one", one.id, 1)),
    ]
    await hub.following()
    await asyncio.to_thread(_append, database, one.id, two.id)
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    await hub.idle()
    return heard


def _append(database: str, *source_ids: int) -> None:
    body = log.pack(b'{"batch": [{"type": "track", "event": "A", "userId": "u"}]}')
    rows = [log.Row(i, "product", clock.now_ms(), 1, body) for i in source_ids]
    with storage.connect(database) as conn:
        log.append(conn, rows)
