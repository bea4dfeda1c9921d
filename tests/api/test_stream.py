"""Membership changes as server-sent events: none lost, none twice, wherever the stream breaks."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from onefold import audiences, record, storage
from onefold.api import stream
from onefold.kernel import errors, limits
from onefold.kernel.viewer import SYSTEM
from tests.api.conftest import Door
from tests.record.company import NOW, Company, identify

DEFINITION = {"of": "person", "where": {"trait": "plan", "is": "pro"}}


@pytest.fixture
def company(database: str) -> Iterator[Company]:
    with storage.connect(database) as conn:
        made = Company(conn)
        for key in ("pro", "paying"):
            audiences.create(conn, SYSTEM, key, key.title(), DEFINITION)
        conn.commit()
        made.work()
        yield made


def flip(company: Company, user: str, plan: str, at_ms: int) -> None:
    company.send(identify(user, plan=plan), at_ms=at_ms)
    company.work(at_ms)


def read(text: str) -> list[dict[str, str]]:
    """The events of a stream's text: id, event, data."""
    out = []
    for block in text.split("\n\n"):
        lines = [line.partition(": ") for line in block.splitlines()]
        found = {name: value for name, _, value in lines if name}
        if "data" in found:
            out.append(found)
    return out


def test_changes_come_in_order_with_who_and_why(door: Door, company: Company) -> None:
    flip(company, "u1", "pro", NOW)
    flip(company, "u1", "free", NOW + 1)
    path = "/api/audiences/stream?after=0&wait=false"
    answer = door("GET", path, role="reader")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = read(answer.text)
    assert [e["event"] for e in events] == ["ready", "entered", "entered", "left", "left"]
    first = msgspec.json.decode(events[1]["data"])
    assert first["identifiers"] == [{"namespace": "user_id", "value": "u1"}]
    assert (first["entity"], first["id"]) == (
        door.ok("GET", "/api/people/user_id:u1")["id"],
        events[1]["id"],
    )
    assert first["why"]
    one = read(door("GET", f"{path}&audience=pro").text)
    assert [msgspec.json.decode(e["data"])["audience"] for e in one[1:]] == ["pro", "pro"]
    rest = door("GET", "/api/audiences/stream?wait=false", headers={"Last-Event-ID": one[1]["id"]})
    assert [e["id"] for e in read(rest.text)[1:]] == [e["id"] for e in events[2:]]
    assert len(read(door("GET", "/api/audiences/stream?wait=false").text)) == 1


def test_what_is_wrong_is_named(door: Door) -> None:
    path = "/api/audiences/stream"
    assert door.faults("GET", f"{path}?audience=nobody,none") == ["audience", "audience"]
    assert door.faults("GET", f"{path}?after=99") == ["after"]
    assert door.faults("GET", path, headers={"Last-Event-ID": "x"}) == ["Last-Event-ID"]
    body = {"key": "stream", "definition": DEFINITION}
    assert door.faults("POST", "/api/audiences", body) == ["key"]


def test_whoever_breaks_off_anywhere_has_each_change_once(database: str, company: Company) -> None:
    with storage.pool(database, size=4) as pool:
        connections = record.Connections(pool)
        heard = asyncio.run(_listeners(connections, company))
    with storage.connect(database) as conn:
        ids = [i for (i,) in conn.execute("SELECT id FROM membership_change ORDER BY id")]
    assert len(ids) == 80
    assert heard == [ids, ids, ids]


async def _listeners(connections: record.Connections, company: Company) -> list[list[int]]:
    """Three listeners that break off at random, each time on a hub of a new process."""
    rng = random.Random(7)

    async def listen() -> list[int]:
        heard: list[int] = []
        after = 0
        while len(heard) < 80:
            hub = stream.Hub(connections)
            until = rng.randint(1, 30)
            async for message in hub.listen(SYSTEM, after, None, lambda: None):
                event = read(message.decode())[0]
                after = int(event["id"])
                if event["event"] in ("entered", "left"):
                    heard.append(after)
                    until -= 1
                if until == 0 or len(heard) == 80:
                    break
        return heard

    def change() -> None:
        for turn in range(40):
            flip(company, f"u{turn % 8}", "free" if turn // 8 % 2 else "pro", NOW + turn)

    listeners = [asyncio.create_task(listen()) for _ in range(3)]
    await asyncio.to_thread(change)
    return await asyncio.wait_for(asyncio.gather(*listeners), 120)


def test_a_revoked_key_ends_the_stream_and_so_does_the_server(
    database: str, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    del company
    monkeypatch.setattr(limits, "stream_beat_s", 0.05)

    def revoked() -> None:
        raise errors.NotSignedIn("The key was revoked.")

    async def both(connections: record.Connections) -> tuple[list[Any], list[Any]]:
        hub = stream.Hub(connections)
        ended = [read(m.decode())[0] async for m in hub.listen(SYSTEM, 0, None, revoked)]

        async def listen() -> list[Any]:
            return [m async for m in hub.listen(SYSTEM, 0, None, lambda: None)]

        task = asyncio.create_task(listen())
        await asyncio.sleep(0)
        hub.close()
        return ended, await asyncio.wait_for(task, 60)

    with storage.pool(database, size=2) as pool:
        ended, closed = asyncio.run(both(record.Connections(pool)))
    assert [e["event"] for e in ended] == ["ready", "end"]
    assert "revoked" in ended[1]["data"]
    assert len(closed) >= 1


def test_no_more_listen_than_there_is_room_for(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "stream_clients_max", 0)
    answer = door("GET", "/api/audiences/stream")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
