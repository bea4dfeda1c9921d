"""PostgreSQL goes away and comes back: 503 meanwhile, then all is well by itself."""

import time
from pathlib import Path

import psycopg
import pytest
from litestar.testing import TestClient

from onefold import api, record, storage
from onefold.kernel import limits
from onefold.kernel.viewer import SYSTEM
from tests.api.conftest import Door


def test_connections_that_break_off_are_replaced(door: Door, database: str) -> None:
    assert door("GET", "/api/people").status_code == 200
    with psycopg.connect(database, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert door("GET", "/api/people").status_code == 200


def test_a_connection_that_breaks_within_a_request_is_503(database: str) -> None:
    from onefold.kernel import errors

    with storage.pool(database, size=1) as pool:
        connections = record.Connections(pool)
        with pytest.raises(errors.Unavailable), connections.open() as conn:
            conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        with connections.open() as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)


def test_the_door_answers_503_while_the_server_is_down_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "connection_wait_s", 0.5)
    with storage.Cluster(tmp_path / "data") as cluster:
        storage.migrate(cluster.url)
        with storage.connect(cluster.url) as conn:
            _, key = record.create_key(conn, SYSTEM, "k", "admin")
        with storage.pool(cluster.url, size=2) as pool:
            app = api.build_app(pool)
            with TestClient(app, raise_server_exceptions=False) as client:
                headers = {"Authorization": f"Bearer {key}"}
                ask = lambda: client.get("/api/people", headers=headers)  # noqa: E731
                assert ask().status_code == 200
                cluster.stop()
                answer = ask()
                assert answer.status_code == 503
                assert answer.json()["error"]["code"] == "unavailable"
                assert answer.headers["Retry-After"]
                cluster.start()
                deadline = time.monotonic() + 60
                while (answer := ask()).status_code == 503:
                    assert time.monotonic() < deadline, answer.text
                assert answer.status_code == 200
