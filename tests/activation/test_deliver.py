"""Deliveries to a real HTTP server over a real PostgreSQL."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from onefold import activation, governance, log, storage
from onefold.kernel import clock, facts, limits, settings
from onefold.kernel.settings import Settings
from onefold.storage import secrets
from tests.activation.parts import (
    ADMIN,
    READER,
    Receiver,
    Running,
    change,
    destination,
    statuses,
    until,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "outbox_retry_base_s", 0.1)
    monkeypatch.setattr(limits, "outbox_recheck_ms", 50)


def put(conn: storage.Connection, *changes: activation.AudienceChange) -> None:
    activation.enqueue(conn, list(changes), clock.now_ms())
    conn.commit()


def told(conn: storage.Connection) -> str:
    """What the delivery's last attempt came to."""
    (row,) = conn.execute("SELECT coalesce(answer, '') FROM outbox").fetchall()
    conn.commit()
    return str(row[0])


def dead_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_change_arrives_signed_and_comes_back_as_a_fact(
    database: str, conn: storage.Connection
) -> None:
    async def scene() -> None:
        async with Receiver() as receiver:
            _, secret = destination(conn, receiver.url)
            conn.commit()
            async with Running(database):
                put(conn, change())
                await until(lambda: statuses(conn) == {"sent": 1}, "sent")
        ((_, headers, body),) = receiver.got
        message = Webhook(secret).verify(body, headers)
        assert headers["content-type"] == "application/json"
        assert message["id"] == headers["webhook-id"]
        assert message["type"] == "audience.entered"
        assert message["person"]["traits"]["name"] == "Ångström 李"

    asyncio.run(scene())
    (fact,) = [f for row in log.read(conn, 0) for f in governance.admit(row)]
    assert isinstance(fact, facts.Fact)
    assert (fact.name, str(fact.home)) == ("Audience Change Delivered", "user_id:u1")


def test_a_new_row_leaves_within_a_moment(database: str, conn: storage.Connection) -> None:
    async def scene() -> list[float]:
        waits = []
        async with Receiver() as receiver:
            destination(conn, receiver.url)
            conn.commit()
            async with Running(database):
                for n in range(1, 8):
                    began = asyncio.get_running_loop().time()
                    put(conn, change(n))
                    await until(lambda n=n: len(receiver.got) == n, "arrival")
                    waits.append(receiver.got[-1][0] - began)
        return waits

    waits = asyncio.run(scene())
    assert sorted(waits)[len(waits) // 2] < 1  # 100 ms on an idle machine; the suite may be busy


def test_a_receiver_that_fails_is_tried_again_under_the_same_id(
    database: str, conn: storage.Connection
) -> None:
    async def answer(request: web.Request, message: dict[str, Any]) -> web.Response:
        return web.Response(status=500 if len(receiver.got) < 4 else 200, text="hm")

    receiver = Receiver(answer)

    async def scene() -> None:
        async with receiver:
            destination(conn, receiver.url)
            put(conn, change(), change(entered=False))
            async with Running(database):
                await until(lambda: statuses(conn) == {"sent": 2}, "sent")

    asyncio.run(scene())
    assert [m["type"].split(".")[1] for m in receiver.messages] == ["entered"] * 4 + ["exited"]
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 2
    leave, enter = activation.deliveries(conn, READER).rows
    assert (enter.attempts, leave.attempts) == (4, 1)
    assert enter.answer == "200 hm"


def test_a_receiver_that_asks_for_time_gets_it(database: str, conn: storage.Connection) -> None:
    async def answer(request: web.Request, message: dict[str, Any]) -> web.Response:
        if len(receiver.got) == 1:
            return web.Response(status=429, headers={"Retry-After": "1"})
        return web.Response()

    receiver = Receiver(answer)

    async def scene() -> None:
        async with receiver:
            destination(conn, receiver.url)
            async with Running(database):
                put(conn, change(1))
                await until(lambda: len(receiver.got) == 1, "first attempt")
                await until(lambda: "429" in _answer(conn), "marked")
                put(conn, change(2))
                await until(lambda: statuses(conn) == {"sent": 2}, "sent")

    asyncio.run(scene())
    times = [at for at, _, _ in receiver.got]
    assert all(at - times[0] >= 1 for at in times[1:])  # the other change waits as well


def _answer(conn: storage.Connection) -> str:
    rows = activation.deliveries(conn, READER).rows
    conn.commit()
    return rows[-1].answer


@pytest.mark.parametrize("status", [400, 404, 302])
def test_a_refusal_is_final_kept_and_can_be_sent_again(
    database: str, conn: storage.Connection, status: int
) -> None:
    async def answer(request: web.Request, message: dict[str, Any]) -> web.Response:
        if len(receiver.got) == 1:
            return web.Response(status=status, headers={"Location": "/elsewhere"}, text="no")
        return web.Response()

    receiver = Receiver(answer)

    async def scene() -> None:
        async with receiver:
            destination(conn, receiver.url)
            put(conn, change())
            async with Running(database):
                await until(lambda: statuses(conn) == {"failed": 1}, "failed")
                (row,) = activation.deliveries(conn, READER, status="failed").rows
                assert row.answer.startswith(str(status))
                activation.retry(conn, ADMIN, row.id, clock.now_ms())
                conn.commit()
                await until(lambda: statuses(conn) == {"sent": 1}, "sent")

    asyncio.run(scene())
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 1
    told = [f for row in log.read(conn, 0) for f in governance.admit(row)]
    names = [f.name for f in told if isinstance(f, facts.Fact)]
    assert names == ["Audience Change Failed", "Audience Change Delivered"]


def test_a_receiver_that_is_gone_is_called_no_more(database: str, conn: storage.Connection) -> None:
    async def answer(request: web.Request, message: dict[str, Any]) -> web.Response:
        return web.Response(status=410)

    async def scene() -> None:
        async with Receiver(answer) as receiver:
            made, _ = destination(conn, receiver.url)
            put(conn, change())
            async with Running(database):
                await until(lambda: statuses(conn) == {"failed": 1}, "failed")
                assert not activation.get(conn, READER, made.id).enabled
                put(conn, change(2))
        assert statuses(conn) == {"failed": 1}

    asyncio.run(scene())


def test_a_dead_and_a_slow_destination_do_not_delay_a_live_one(
    database: str, conn: storage.Connection
) -> None:
    hold = asyncio.Event()

    async def slow(request: web.Request, message: dict[str, Any]) -> web.Response:
        await hold.wait()
        return web.Response()

    async def scene() -> None:
        async with Receiver() as live, Receiver(slow) as sluggish:
            destination(conn, f"http://127.0.0.1:{dead_port()}/hook", name="Dead")
            destination(conn, sluggish.url, name="Slow")
            destination(conn, live.url, name="Live")
            put(conn, *(change(n) for n in range(1, 101)))
            async with Running(database):
                await until(lambda: statuses(conn).get("sent") == 100, "all at the live one")
                assert len(live.got) == 100
                assert statuses(conn)["pending"] == 200
                assert len(sluggish.got) == limits.outbox_in_flight_max
                hold.set()
                await until(lambda: statuses(conn).get("sent") == 200, "all at the slow one")

    asyncio.run(scene())
    dead = activation.deliveries(conn, READER, destination_id="dst_1", rows_max=200).rows
    assert {d.status for d in dead} == {"pending"}
    assert sum(d.attempts for d in dead) < 100  # it was left alone, not hammered


def test_an_answer_that_takes_too_long_is_no_answer(
    database: str, conn: storage.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "outbox_timeout_s", 0.3)

    async def answer(request: web.Request, message: dict[str, Any]) -> web.Response:
        if len(receiver.got) == 1:
            await asyncio.Event().wait()
        return web.Response()

    receiver = Receiver(answer)

    async def scene() -> None:
        async with receiver:
            destination(conn, receiver.url)
            put(conn, change())
            async with Running(database):
                await until(lambda: "No answer within" in _answer(conn), "time out")
                await until(lambda: statuses(conn) == {"sent": 1}, "sent")

    asyncio.run(scene())


def test_private_addresses_are_refused_after_their_name_is_resolved(
    database: str, conn: storage.Connection
) -> None:
    async def scene() -> None:
        async with Receiver() as receiver:
            for host in ("127.0.0.1", "localhost", "127.1", "[::1]"):
                destination(conn, f"http://{host}:{receiver.port}/hook", name=host)
            put(conn, change())
            async with Running(database, Settings(destinations_private=False)):
                await until(lambda: statuses(conn) == {"failed": 4}, "refused")
            assert receiver.got == []

    asyncio.run(scene())
    answers = {d.destination_name: d.answer for d in activation.deliveries(conn, READER).rows}
    assert "canonical" in answers.pop("127.1")
    assert all("private" in answer for answer in answers.values())


def test_nothing_is_sent_twice_or_left_behind_over_a_stop_and_a_start(
    database: str, conn: storage.Connection
) -> None:
    async def scene() -> None:
        async with Receiver() as receiver:
            destination(conn, receiver.url)
            put(conn, *(change(n) for n in range(1, 201)))
            async with Running(database):
                await until(lambda: len(receiver.got) > 20, "some")
            async with Running(database):
                await until(lambda: statuses(conn) == {"sent": 200}, "all")
            ids = [headers["webhook-id"] for _, headers, _ in receiver.got]
            assert len(ids) == len(set(ids)) == 200

    asyncio.run(scene())


def test_the_database_may_go_away_and_come_back(database: str, conn: storage.Connection) -> None:
    async def scene() -> None:
        async with Receiver() as receiver:
            destination(conn, receiver.url)
            conn.commit()
            async with Running(database):
                for n in range(1, 6):
                    put(conn, change(n))
                    await until(lambda n=n: len(receiver.got) >= n, "arrival")
                    conn.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE application_name = 'onefold-deliver'"
                        " AND datname = current_database()"
                    )
                    conn.commit()
                await until(lambda: statuses(conn) == {"sent": 5}, "sent")
            assert len(receiver.got) == 5

    asyncio.run(scene())


@pytest.mark.chaos
def test_killed_between_sending_and_marking_it_is_sent_again_under_the_same_id(
    database: str, conn: storage.Connection, sealed_by: Settings
) -> None:
    arrived, hold = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request, message: dict[str, Any]) -> web.Response:
        if len(receiver.got) == 1:
            arrived.set()
            await hold.wait()
        return web.Response()

    receiver = Receiver(answer)
    lease_ms = limits.outbox_lease_s * 1000

    async def scene() -> None:
        async with receiver:
            destination(conn, receiver.url)
            put(conn, change(), change(entered=False))
            process = subprocess.Popen(  # noqa: ASYNC220
                [sys.executable, "-m", "tests.activation.crash", database],
                cwd=ROOT,
                env={**os.environ, "ONEFOLD_SECRET_KEYS": sealed_by.secret_keys or ""},
            )
            try:
                await asyncio.wait_for(arrived.wait(), 60)
            finally:
                process.kill()
                process.wait()
                hold.set()
            async with Running(database, now_ms=lambda: clock.now_ms() + lease_ms):
                await until(lambda: statuses(conn) == {"sent": 2}, "sent")

    asyncio.run(scene())
    types = [m["type"].split(".")[1] for m in receiver.messages]
    ids = [headers["webhook-id"] for _, headers, _ in receiver.got]
    assert types == ["entered", "entered", "exited"]
    assert ids[0] == ids[1] != ids[2]


def test_without_the_key_nothing_goes_out_unsigned_and_with_it_all_does(
    database: str, conn: storage.Connection, sealed_by: Settings, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with Receiver() as receiver:
            _, secret = destination(conn, receiver.url)
            put(conn, change())
            secrets.use(settings.load(data=tmp_path, secret_keys="k" * 40))
            async with Running(database):
                await until(lambda: "its key is missing" in told(conn), "told")
            assert not receiver.got
            secrets.use(sealed_by)
            async with Running(database, now_ms=lambda: clock.now_ms() + clock.MINUTE_MS):
                await until(lambda: statuses(conn) == {"sent": 1}, "sent")
            _, headers, body = receiver.got[0]
            assert Webhook(secret).verify(body, headers)

    asyncio.run(scene())


def test_an_unreachable_database_does_not_hang_the_stop(database: str) -> None:
    nowhere = psycopg.conninfo.make_conninfo(database, port=str(dead_port()))

    async def scene() -> None:
        async with Running(nowhere):
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(scene(), 60))
