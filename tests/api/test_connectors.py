"""A connector by API from its program to people, again, and on: as a program would do it."""

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from onefold import storage
from onefold.kernel import settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import connecting
from onefold.sources import connectors
from onefold.storage import jobs
from tests.api.conftest import Door
from tests.web.conftest import drain

TAP = Path(__file__).parents[1] / "sources/connectors/tap.py"
SECRET = "hunter2-of-the-api"


class Flow:
    """Asks by API, and does what waits as the process `jobs` would."""

    def __init__(self, door: Door, database: str, data: Path) -> None:
        self.door = door
        self.database = database
        chosen = settings.load(data=data, connectors=True)
        self.running = jobs.Running(database, chosen, threading.Event())
        self.path = ""

    def create(self, **body: Any) -> dict[str, Any]:
        made = self.door.ok("POST", "/api/connectors", {"name": "Shop", **body})
        self.path = f"/api/connectors/{made['id']}"
        assert made["last_run"]["status"] == "waiting"
        return self.done("install")

    def done(self, kind: str, status: str = "done") -> dict[str, Any]:
        """Do the run that waits; the connector afterwards."""
        waits = self.door.ok("GET", self.path)["last_run"]
        assert waits["kind"] == kind
        connecting.run(self.running, int(waits["id"]))
        run = self.door.ok("GET", f"{self.path}/runs/{waits['id']}")
        assert (run["status"], run["error"]) == (status, "") or status == "failed", run
        found: dict[str, Any] = self.door.ok("GET", self.path)
        assert found["last_run"] == run
        return found

    def configure(self, **config: Any) -> dict[str, Any]:
        self.door.ok("PUT", f"{self.path}/config", {"config": config})
        return self.done("check")

    def choose(self, **streams: Any) -> None:
        self.door.ok("PUT", f"{self.path}/streams", {"streams": streams})

    def run(self) -> dict[str, Any]:
        self.door.ok("POST", f"{self.path}/runs")
        run: dict[str, Any] = self.done("read")["last_run"]
        drain(self.database)
        return run

    def people(self) -> int:
        return int(self.door.ok("GET", "/api/people?limit=200")["total"])


@pytest.fixture
def flow(door: Door, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flow:
    monkeypatch.setenv("ONEFOLD_CONNECTORS", "true")
    return Flow(door, database, tmp_path)


def test_from_a_program_to_people_again_and_on(flow: Flow, door: Door) -> None:
    made = flow.create(protocol="airbyte", command=[sys.executable, str(TAP), "airbyte"])
    assert made["spec"]["required"] == ["password"]
    wrong = {"config": {"password": SECRET, "rows": -1}}
    assert door.faults("PUT", f"{flow.path}/config", wrong) == ["config.rows"]
    flow.configure(password=SECRET, rows=5)
    busy = door("POST", f"{flow.path}/check")
    assert busy.status_code == 201
    assert door("POST", f"{flow.path}/check").status_code == 409  # one run at a time
    door.ok("POST", f"{flow.path}/cancel")
    door.ok("POST", f"{flow.path}/sample", {"streams": ["orders"]})
    flow.done("sample")
    plan = {"target": "people", "mode": "incremental", "keys": ["id"],
            "columns": {"user_id": {"to": "user_id", "as": "text"},
                        "email": {"to": "email", "as": "text"}}}  # fmt: skip
    seen = door.ok("POST", f"{flow.path}/preview", {"stream": "orders", "plan": plan})
    assert (seen["rows"], seen["created"], seen["refused"]) == (5, 5, 0)
    flow.choose(orders=plan)
    first = flow.run()
    assert (first["read"], first["appended"]) == (5, 5)
    assert flow.people() == 5
    assert door.ok("GET", "/api/people/user_id:u3")["traits"]["email"]["value"] == "u3@acme.test"
    again = flow.run()
    assert (again["appended"], again["duplicates"]) == (0, 1)
    assert flow.people() == 5
    flow.configure(password="********", rows=7)
    more = flow.run()  # from where it stood
    assert (more["read"], more["appended"]) == (3, 2)
    assert flow.people() == 7
    _shows_no_secret(flow, door)


def _shows_no_secret(flow: Flow, door: Door) -> None:
    for role in ("reader", "admin"):
        for path in ("/api/connectors", flow.path, f"{flow.path}/runs"):
            assert SECRET not in door("GET", path, role=role).text
    shown = door.ok("GET", flow.path, role="reader")
    assert (shown["config"], shown["spec"], shown["state"], shown["command"]) == ({}, {}, None, [])
    runs = door.ok("GET", f"{flow.path}/runs", role="reader")["items"]
    assert all(r["lines"] == [] and r["faults"] == [] for r in runs)
    with storage.connect(flow.database) as conn:
        one = connectors.store.for_run(conn, int(flow.path.rpartition("_")[2]))
        assert one.config["password"] == SECRET
        assert connectors.store.get(conn, SYSTEM, one.id).config["password"] == "********"


def test_it_is_deleted_and_refused_where_connectors_are_off(
    flow: Flow, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow.create(protocol="singer", command=[sys.executable, str(TAP), "singer"])
    monkeypatch.setenv("ONEFOLD_CONNECTORS", "false")
    for method, path, body in (
        ("POST", "/api/connectors", {"name": "x", "protocol": "singer", "command": ["/bin/true"]}),
        ("PUT", f"{flow.path}/config", {"config": {"password": SECRET}}),
        ("POST", f"{flow.path}/runs", None),
    ):
        answer = door(method, path, body)
        assert answer.status_code == 409, answer.text
        assert "ONEFOLD_CONNECTORS=true" in answer.text
    assert door("DELETE", flow.path).status_code == 204
    assert door("GET", flow.path).status_code == 404


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_airbyte_source_of_the_package_index_whole(flow: Flow, door: Door) -> None:
    flow.create(protocol="airbyte", package="airbyte-source-faker==7.2.1")
    found = flow.configure(count=60, parallelism=1, always_updated=False, seed=7)
    assert {s["name"] for s in found["available"]} == {"users", "products", "purchases"}
    flow.choose(users=None)
    assert flow.run()["appended"] == 60
    assert flow.people() == 60
    assert flow.run()["appended"] == 0
    assert flow.people() == 60
    flow.configure(count=75, parallelism=1, always_updated=False, seed=7)
    door.ok("POST", f"{flow.path}/reset", {"stream": "users"})  # with a state it sends nothing
    assert flow.run()["appended"] >= 15  # the new ones; others' rows may have changed with them
    assert flow.people() == 75
