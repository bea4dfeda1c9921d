"""Connectors of others, installed from the package index and run against the real thing."""

import json
import os
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from onefold.kernel.viewer import SYSTEM
from onefold.sources import connectors
from onefold.sources.imports import Column

from .parts import Bench

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def bench(conn: Any, database: str, tmp_path: Path) -> Bench:
    return Bench(conn, database, tmp_path)


@pytest.fixture
def port(database: str) -> Iterator[int]:
    """A TCP port that leads to the server: the tap knows no sockets of the file system."""
    info = psycopg.conninfo.conninfo_to_dict(database)
    host, number = str(info["host"]), int(info.get("port") or 5432)

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with _connected(host, number) as server:
                back = threading.Thread(target=_copy, args=(server, self.request))
                back.start()
                _copy(self.request, server)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as relay:
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        yield relay.server_address[1]
        relay.shutdown()


def _connected(host: str, number: int) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, number))
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"{host}/.s.PGSQL.{number}")
    return server


def _copy(a: socket.socket, b: socket.socket) -> None:
    while data := a.recv(65_536):
        b.sendall(data)
    b.shutdown(socket.SHUT_WR)


def _installed(bench: Bench, protocol: str, package: str) -> int:
    one = connectors.setup.add(
        bench.conn, SYSTEM, name=package, protocol=protocol, command=[], package=package
    )
    bench.conn.commit()
    done = bench.last(one.id)
    assert (done.kind, done.status, done.error) == ("install", "done", "")
    return one.id


def _configure(bench: Bench, number: int, config: dict[str, Any]) -> connectors.Connector:
    connectors.setup.configure(bench.conn, SYSTEM, number, config)
    bench.conn.commit()
    done = bench.last(number)
    assert (done.kind, done.status, done.error) == ("check", "done", "")
    return connectors.store.get(bench.conn, SYSTEM, number)


def test_airbyte_source_faker(bench: Bench) -> None:
    number = _installed(bench, "airbyte", "airbyte-source-faker==7.2.1")
    one = _configure(
        bench, number, {"count": 120, "parallelism": 1, "always_updated": False, "seed": 7}
    )
    assert {s.name for s in one.catalog} == {"users", "products", "purchases"}
    connectors.setup.choose(bench.conn, SYSTEM, number, {"users": None, "purchases": None})
    bench.conn.commit()
    done = bench.run(number)
    assert (done.status, done.error, done.refused) == ("done", "", 0)
    assert done.streams["users"].read == 120
    kinds = {item["type"] for item in bench.items()}
    assert kinds == {"identify", "track"}
    size = len(bench.items())
    assert done.appended == size == sum(c.appended for c in done.streams.values())
    again = bench.run(number)
    assert (again.status, again.appended) == ("done", 0)
    connectors.store.change(bench.conn, SYSTEM, number, state=None)
    bench.conn.commit()
    afresh = bench.run(number)  # all of it comes again
    assert afresh.read >= size
    assert len({item["messageId"] for item in bench.items()}) == len(bench.items())


def test_tap_postgres(bench: Bench, database: str, port: int) -> None:
    bench.conn.execute("CREATE SCHEMA shop")
    bench.conn.execute(
        "CREATE TABLE shop.orders (id bigint PRIMARY KEY, user_id text, total numeric,"
        " created_at timestamptz)"
    )
    fill = (
        "INSERT INTO shop.orders SELECT n, 'u' || mod(n, 9), n * 1.5,"
        " timestamptz '2026-11-01 10:00Z' + n * interval '1 minute'"
        " FROM generate_series(%s::int, %s::int) n"
    )
    bench.conn.execute(fill, (1, 2_500))
    bench.conn.commit()
    number = _installed(bench, "singer", "meltanolabs-tap-postgres==0.10.0")
    info = psycopg.conninfo.conninfo_to_dict(database)
    config = {
        "host": "127.0.0.1", "port": port, "user": info["user"], "password": info["password"],
        "database": info["dbname"], "filter_schemas": ["shop"],
    }  # fmt: skip
    one = _configure(bench, number, config)
    assert one.config["password"] == "********"
    (stream,) = one.catalog
    assert (stream.name, stream.keys) == ("shop-orders", ["id"])
    plan = connectors.setup.proposal(bench.conn, one, stream)
    assert plan.columns == {"user_id": Column("user_id"), "created_at": Column("timestamp", "time")}
    plan = msgspec.structs.replace(plan, mode="incremental", cursor="created_at")
    connectors.setup.choose(bench.conn, SYSTEM, number, {stream.name: plan})
    bench.conn.commit()
    done = bench.run(number)
    assert (done.status, done.error, done.appended) == ("done", "", 2_500)
    bench.conn.execute(fill, (2_501, 2_600))
    bench.conn.commit()
    more = bench.run(number)
    assert (more.status, more.appended) == ("done", 100)
    assert more.duplicates >= 1  # the bookmark is inclusive
    assert sorted(i["properties"]["id"] for i in bench.items()) == list(range(1, 2_601))


PYAIRBYTE = """
import json, sys
from pathlib import Path
import airbyte as ab
source = ab.get_source("source-faker", config=json.loads(sys.argv[2]), streams=["users"],
                       local_executable=Path(sys.argv[1]))
cache = ab.new_local_cache(cache_name="faker", cache_dir=Path(sys.argv[3]), cleanup=False)
found = source.read(cache=cache, force_full_refresh=True)
print(json.dumps(sorted(row["id"] for row in found["users"])))
"""


def test_pyairbyte_and_we_read_the_same_of_one_executable(bench: Bench, tmp_path: Path) -> None:
    """PyAirbyte, in a venv of its own and offline, drives the program that was installed here."""
    config = {"count": 30, "parallelism": 1, "always_updated": False, "seed": 7}
    number = _installed(bench, "airbyte", "airbyte-source-faker==7.2.1")
    _configure(bench, number, config)
    connectors.setup.choose(bench.conn, SYSTEM, number, {"users": None})
    bench.conn.commit()
    assert bench.run(number).appended == 30
    words = connectors.process.Words(str)
    python = connectors.install.install(
        "airbyte==0.71.3", "python", "", bench.data, words, lambda _: None
    )
    program = connectors.store.for_run(bench.conn, number).program
    done = subprocess.run(
        [python, "-W", "ignore", "-c", PYAIRBYTE, program, json.dumps(config),
         str(tmp_path / "cache")],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "AIRBYTE_OFFLINE_MODE": "1",
             "DO_NOT_TRACK": "1", "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    theirs = json.loads(done.stdout.splitlines()[-1])
    assert theirs == sorted(int(item["userId"]) for item in bench.items()) == list(range(1, 31))
