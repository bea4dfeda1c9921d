"""Pulls by API: connect, look, choose, preview, run; secrets and rows are for nobody else."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from onefold import api, record, sources, storage
from onefold.kernel import settings
from onefold.kernel.viewer import ROLES, SYSTEM
from onefold.record import pulling
from onefold.storage import jobs
from tests.api.conftest import Door

SECRET = "hunter2-of-the-shop"


class Shop(Door):
    """The door, with a SQLite file of a shop that pulls may read, and runs done at once."""

    running: jobs.Running

    def run(self, path: str) -> dict[str, Any]:
        made = self.ok("POST", f"{path}/runs")
        pulling.run(self.running, int(made["id"]))
        found: dict[str, Any] = self.ok("GET", f"{path}/runs")["items"][0]
        return found


@pytest.fixture
def shop(database: str, tmp_path: Path) -> Iterator[Shop]:
    with sqlite3.connect(tmp_path / "shop.db") as made:
        made.execute("CREATE TABLE users (id INTEGER, email TEXT, plan TEXT, updated_at TEXT)")
        made.executemany(
            "INSERT INTO users VALUES (?, ?, 'pro', ?)",
            [(n, f"u{n}@x.co" if n != 3 else None, f"2026-03-0{n} 10:00:00") for n in range(1, 6)],
        )
    made.close()
    with storage.connect(database) as conn:
        keys = {role: record.create_key(conn, SYSTEM, role, role)[1] for role in ROLES}
    chosen = settings.load(pull_files=str(tmp_path), database_url=database)
    with storage.pool(database, size=4) as pool:
        app = api.build_app(pool, settings=chosen)
        with TestClient(app, raise_server_exceptions=False) as client:
            door = Shop(client, keys)
            door.running = jobs.Running(database, chosen, threading.Event())
            yield door


def test_a_table_is_connected_looked_at_chosen_and_run(shop: Shop) -> None:
    connection = {"kind": "sqlite", "path": "shop.db"}
    new = {"name": "Shop", "connection": connection, "category": "billing"}
    one = shop.ok("POST", "/api/pulls", new)
    path = f"/api/pulls/{one['id']}"
    assert shop("POST", f"{path}/runs").status_code == 409
    tested = shop.ok("POST", f"{path}/test")
    assert tested["tables"] == [{"name": "users", "kind": "table"}]
    seen = shop.ok("POST", f"{path}/columns", {"table": "users"})
    assert [c["name"] for c in seen["columns"]] == ["id", "email", "plan", "updated_at"]
    assert (seen["target"], seen["keys"], seen["cursor"]) == ("people", ["id"], "updated_at")
    mapping = seen["mapping"]
    del mapping["columns"]["id"]
    chosen = shop.ok("PATCH", path, {"table": "users", "mapping": mapping, "schedule": "every 1h"})
    assert (chosen["cursor"], chosen["enabled"], chosen["next_at"] is not None) == (
        "updated_at", True, True,
    )  # fmt: skip
    preview = shop.ok("POST", f"{path}/preview")
    assert (preview["rows"], preview["created"], preview["refused"]) == (5, 4, 1)
    done = shop.run(path)
    assert (done["status"], done["read"], done["created"], done["refused"]) == ("done", 5, 4, 1)
    assert done["faults"][0]["row"] == "id 3"
    assert done["seconds"] is not None
    assert shop.run(path)["unchanged"] == 1
    assert shop.ok("POST", f"{path}/restart")["position"] is None
    assert shop.run(path)["unchanged"] == 4
    reverted = shop.ok("POST", f"/api/imports/{done['import_id']}/revert")
    assert reverted["status"] == "reverting"
    assert shop.ok("PATCH", path, {"enabled": False})["next_at"] is None
    assert shop.ok("GET", f"{path}/runs?limit=1")["next"]
    shop.ok("DELETE", path)
    assert shop("GET", path).status_code == 404
    assert shop.ok("GET", "/api/pulls")["items"] == []


def test_secrets_and_rows_are_for_nobody_else(shop: Shop) -> None:
    server = {"kind": "postgresql", "host": "127.0.0.1", "port": 1, "database": "d", "user": "u"}
    one = shop.ok("POST", "/api/pulls", {"name": "S", "connection": server, "password": SECRET})
    path = f"/api/pulls/{one['id']}"
    answers = [shop("GET", p, role=r) for p in ("/api/pulls", path) for r in ROLES]
    answers += [shop("POST", f"{path}/test"), shop("PATCH", path, {"name": "T"})]
    assert [a.text for a in answers if SECRET in a.text] == []
    assert "Nobody answers at 127.0.0.1:1" in answers[-2].text
    assert one["has_password"]
    for role in ("reader", "member"):
        shown = shop.ok("GET", path, role=role)
        assert (shown["connection"], shown["has_password"]) == ({"kind": "postgresql"}, False)
        for route in ("test", "columns", "preview", "runs", "restart", "cancel"):
            assert shop("POST", f"{path}/{route}", {}, role=role).status_code == 403
    moved = {**server, "host": "evil.example"}
    assert shop.faults("PATCH", path, {"connection": moved}) == ["password"]


def test_what_is_wrong_is_told_by_field(shop: Shop) -> None:
    def made(**connection: Any) -> list[str]:
        return shop.faults("POST", "/api/pulls", {"name": "S", "connection": connection})

    assert made(kind="postgresql") == [
        "connection.host", "connection.user", "connection.database",
    ]  # fmt: skip
    assert made(kind="mysql", host="h", user="u", port=99_999) == ["connection.port"]
    assert made(kind="sqlite") == ["connection.path"]
    with storage.connect(shop.running.url) as conn:
        test = sources.create(conn, SYSTEM, "CI", test=True)
    body = {"name": "S", "connection": {"kind": "sqlite", "path": "shop.db"}}
    assert shop("POST", "/api/pulls", {**body, "source_id": test.api_id}).status_code == 409
    path = f"/api/pulls/{shop.ok('POST', '/api/pulls', body)['id']}"
    for given, fields in (
        ({"table": "users", "query": "SELECT 1"}, ["table"]),
        ({"query": "DROP TABLE x"}, ["query"]),
        ({"table": "nothing"}, ["query"]), ({"table": "users", "keys": ["no"]}, ["keys"]),
        ({"table": "users", "cursor": "no", "overlap": -1}, ["cursor", "overlap"]),
        ({"table": "users", "target": "dogs"}, ["as"]), ({"schedule": "often"}, ["schedule"]),
        ({"table": "users", "time_zone": "Mars"}, ["time_zone"]),
    ):  # fmt: skip
        assert shop.faults("PATCH", path, given) == fields, given
    outside = {"name": "S", "connection": {"kind": "sqlite", "path": "/etc/passwd"}}
    other = shop.ok("POST", "/api/pulls", outside)
    assert "no file that may be read" in shop("POST", f"/api/pulls/{other['id']}/test").text
