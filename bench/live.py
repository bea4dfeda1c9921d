"""Throughput, freshness and read times, in one run on one machine.

1. sustained: batches of 100 over HTTP until the worker has committed state and current audiences;
2. freshness: at 5,000 events/s, from the answer to a probe event to its visible audience change;
3. reads: GET /api/people/{ref} one after another.
"""

import argparse
import asyncio
import http.client
import json
import os
import statistics
import time
from typing import Any

import psutil
import psycopg

from bench import load, world
from bench.server import Server, serving
from onefold import storage


def _api(server: Server, key: str, method: str, path: str, body: Any = None) -> Any:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    client.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = client.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{method} {path}: {answer.status} {text[:500]!r}")
    return json.loads(text)


def _settled(conn: psycopg.Connection[Any], timeout_s: float = 600) -> None:
    """Wait until the worker has processed the whole log and concluded everything."""
    deadline = time.monotonic() + timeout_s
    query = """SELECT (SELECT coalesce(max(seq), 0) FROM log) <=
      coalesce((SELECT seq FROM checkpoint WHERE name = 'worker'), 0)
      AND NOT EXISTS (SELECT FROM dirty)"""
    while not conn.execute(query).fetchone()[0]:  # type: ignore[index]
        if time.monotonic() > deadline:
            raise SystemExit("the worker did not settle")
        time.sleep(0.02)


def _percentile(values: list[float], q: float) -> float:
    return statistics.quantiles(values, n=1000)[round(q * 1000) - 1]


def sustained(server: Server, conn: Any, key: str, events: int, people: int) -> dict[str, Any]:
    """Events/s from HTTP to committed state and current audiences."""
    requests = world.requests(world.tracks(events, people, 1, "s"), key)
    own = psutil.Process()
    before, mine = server.cpu(), sum(own.cpu_times()[:2])
    start = time.perf_counter()
    sent_s = asyncio.run(load.Sender(server.port).send(requests))
    mine = sum(own.cpu_times()[:2]) - mine
    _settled(conn)
    total_s = time.perf_counter() - start
    used = {k: v - before[k] for k, v in server.cpu().items()}
    return {
        "events": events,
        "events_per_s": round(events / total_s),
        "accepted_per_s": round(events / sent_s),
        "cpu_us_per_event": {k: round(v / events * 1e6, 1) for k, v in used.items()},
        "generator_cpu_us_per_event": round(mine / events * 1e6, 1),
        "memory_mb": server.memory_mb(),
    }


async def _freshness(
    server: Server, url: str, key: str, people: int, rate: int, seconds: int
) -> list[float]:
    background = world.requests(world.tracks(rate * seconds, people, 2, "f"), key)
    delays: list[float] = []
    done = asyncio.Event()

    async def probe() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        conn = await psycopg.AsyncConnection.connect(url, autocommit=True)
        number = 0
        while not done.is_set():
            number += 1
            item = {"type": "track", "event": "Probe Fired", "messageId": f"p{number}-{rate}",
                    "userId": f"probe-{number}"}  # fmt: skip
            request = world.requests([item], key)[0]
            if not await load.Sender._exchange(reader, writer, request):
                continue  # refused under load: nothing was accepted that could be seen
            accepted = time.perf_counter()
            while not await _member(conn, f"probe-{number}"):
                await asyncio.sleep(0.005)
                if time.perf_counter() - accepted > 30:
                    raise SystemExit(await _missing(conn, f"probe-{number}"))
            delays.append(time.perf_counter() - accepted)
            await asyncio.sleep(0.05)
        await conn.close()

    task = asyncio.create_task(probe())
    await load.Sender(server.port).send(background, per_second=rate / 100)
    done.set()
    await task
    return delays


async def _missing(conn: Any, user: str) -> str:
    """What became of a probe that was not seen in time: it waits, or the worker passed it."""
    cursor = await conn.execute(
        """SELECT (SELECT max(seq) FROM log),
          (SELECT seq FROM checkpoint WHERE name = 'worker'), (SELECT count(*) FROM dirty),
          (SELECT max(f.person_id) FROM identifier i JOIN fragment f ON f.identifier_id = i.id
           WHERE i.namespace = 'user_id' AND md5(i.value) = md5(%s))""",
        (user,),
    )
    last, done, marks, person = await cursor.fetchone()
    what = "folded" if person is not None else "not folded"
    return (
        f"{user} was not in its audience after 30 s: {what} (person {person}); the log ends at "
        f"{last}, the worker is at {done}, {marks} rows of marks wait"
    )


async def _member(conn: Any, user: str) -> bool:
    cursor = await conn.execute(
        """SELECT 1 FROM identifier i JOIN fragment f ON f.identifier_id = i.id
        JOIN membership m ON m.entity_id = f.person_id JOIN audience a ON a.id = m.audience_id
        WHERE i.namespace = 'user_id' AND md5(i.value) = md5(%s) AND a.key = 'probe'""",
        (user,),
    )
    return await cursor.fetchone() is not None


def reads(server: Server, key: str, people: int, n: int = 1000) -> list[float]:
    """Seconds of each profile read over one connection."""
    client = http.client.HTTPConnection("127.0.0.1", server.port)
    out = []
    for i in range(n):
        start = time.perf_counter()
        client.request(
            "GET",
            f"/api/people/user_id:u{i * 7 % people}",
            headers={"Authorization": f"Bearer {key}"},
        )
        answer = client.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"profile read answered {answer.status}")
        out.append(time.perf_counter() - start)
    return out


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Start a server, load it, and measure."""
    report: dict[str, Any] = {"people": options.people, "audiences": 100}
    with serving() as server:
        key = server.command("keys", "create", "--name", "bench", "--role", "admin")
        write = server.command("sources", "create", "bench")
        for definition in world.audiences():
            body = {"key": definition["audience"], "definition": definition}
            _api(server, key, "POST", "/api/audiences", body)
        probe = {
            "audience": "probe",
            "of": "person",
            "where": {"count": {"event": "Probe Fired", "within": "1d"}, "at_least": 1},
        }
        _api(server, key, "POST", "/api/audiences",
             {"key": "probe", "definition": probe})  # fmt: skip
        url = storage.running_url(server.data) or os.environ["ONEFOLD_DATABASE_URL"]
        with psycopg.connect(url, autocommit=True) as conn:
            identities = world.requests(world.identities(options.people, 300), write)
            asyncio.run(load.Sender(server.port).send(identities))
            _settled(conn)
            report["sustained"] = sustained(
                server, conn, write, options.seconds * 15_000, options.people
            )
            print(json.dumps(report), flush=True)
            delays = asyncio.run(
                _freshness(server, url, write, options.people, options.rate, options.seconds)
            )
            _settled(conn)
        report["freshness"] = {
            "rate": options.rate,
            "probes": len(delays),
            "p50_ms": round(_percentile(delays, 0.5) * 1000),
            "p99_ms": round(_percentile(delays, 0.99) * 1000),
        }
        took = reads(server, key, options.people)
        report["profile_read"] = {
            "p50_ms": round(_percentile(took, 0.5) * 1000, 2),
            "p95_ms": round(_percentile(took, 0.95) * 1000, 2),
        }
    return report
