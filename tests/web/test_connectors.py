"""The pages of connectors: added, configured by a form of the spec, mapped, run, looked at."""

import shlex
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar

from onefold import api, storage, web
from onefold.kernel import settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import connecting
from onefold.sources import connectors
from onefold.storage import jobs
from tests.web.conftest import NASTY, Pages, World, drain

TAP = Path(__file__).parents[1] / "sources/connectors/tap.py"
SECRET = "hunter2-of-the-shop"


@pytest.fixture(scope="module")
def app(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Litestar]:
    folder = tmp_path_factory.mktemp("data")
    chosen = settings.load(database_url=world.url, data=folder, connectors=True)
    pool = storage.pool(world.url, size=6)
    yield api.build_app(pool, web.handlers(), chosen, web.page_error)
    pool.close()


@pytest.fixture(scope="module")
def work(world: World, app: Litestar) -> Any:
    """Does what waits, as the process `jobs` would."""
    running = jobs.Running(world.url, app.state.settings, threading.Event())

    def do(path: str) -> connectors.Run:
        number = int(path.rpartition("cnn_")[2])
        with storage.connect(world.url) as conn:
            (waits,) = connectors.store.runs(conn, SYSTEM, number, 1)
            conn.commit()
            connecting.run(running, waits.id)
            return connectors.store.run(conn, SYSTEM, waits.id)

    return do


def _made(pages: Pages, protocol: str = "airbyte", name: str = "Shop") -> str:
    command = shlex.join([sys.executable, str(TAP), protocol])
    answer = pages.send("/connectors", name=name, protocol=protocol, command=command)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"]).removesuffix("/config")


def test_from_a_program_to_rows_by_hand(pages: Pages, work: Any) -> None:
    path = _made(pages, name=f"Shop {NASTY}")
    text = pages.get(f"{path}/config")
    assert NASTY not in text
    assert 'hx-trigger="every 1s"' in text
    assert work(path).status == "done"
    text = pages.get(f"{path}/config")
    assert 'name="c/password" type="password"' in text
    wrong = pages.send(f"{path}/config", act="save", **{"c/password": SECRET, "c/rows": "many"})
    assert wrong.status_code == 400
    assert "is not a number" in wrong.text
    assert SECRET not in wrong.text
    few = pages.send(f"{path}/config", act="save", **{"c/password": SECRET, "c/rows": "-1"})
    assert few.status_code == 400
    pages.send(f"{path}/config", act="save", **{"c/password": SECRET, "c/rows": "6"})
    assert work(path).status == "done"
    text = pages.get(f"{path}/config")
    assert "offers 1 stream" in text
    assert SECRET not in text
    assert "Set. Leave empty to keep it." in text
    assert 'value="6"' in text
    assert "user_id → user_id" in pages.get(f"{path}/streams")
    pages.send(f"{path}/streams", stream="orders")
    assert "Run now" in pages.get(path)
    pages.send(path, act="run")
    done = work(path)
    assert (done.status, done.appended) == ("done", 6)
    text = pages.get(path)
    assert "6 read, 6 taken" in text
    assert pages.get(f"{path}/runs/{done.id}").count("All runs") == 1
    assert path in pages.get("/connectors")


def test_an_empty_secret_keeps_the_one_that_is_set(pages: Pages, work: Any, world: World) -> None:
    path = _made(pages, name="Kept")
    work(path)
    for fields in ({"c/password": SECRET, "c/rows": "2"}, {"c/password": "", "c/rows": "3"}):
        pages.send(f"{path}/config", act="save", **fields)
        assert work(path).error == ""
    with storage.connect(world.url) as conn:
        one = connectors.store.for_run(conn, int(path.split("_")[1]))
    assert one.config == {"password": SECRET, "rows": 3}


def test_a_stream_is_mapped_with_a_preview_of_its_first_rows(
    pages: Pages, work: Any, world: World
) -> None:
    path = _made(pages, name="Mapped")
    work(path)
    pages.send(f"{path}/config", act="save", **{"c/password": SECRET, "c/rows": "4"})
    work(path)
    text = pages.get(f"{path}/map?stream=orders")
    assert "Read first rows" in text
    form = {"stream": "orders", "was": "events", "target": "events"}
    pages.send(f"{path}/map", act="sample", **form)
    assert work(path).error == ""
    as_people = pages.send(f"{path}/map", act="preview", **{**form, "target": "contacts"})
    assert "4 rows looked at: 4 new" in as_people.text  # a proposal for the other target
    fields = {
        **form, "was": "contacts", "target": "contacts", "mode": "incremental", "cursor": "id",
        "keys": "id", "field": ["id", "email"], "to.0": "", "to.1": "email",
    }  # fmt: skip
    saved = pages.send(f"{path}/map", act="save", **fields)
    assert saved.status_code == 303, saved.text
    pages.send(path, act="run")
    done = work(path)
    assert (done.appended, done.refused) == (4, 0), done.faults
    drain(world.url)
    assert "u3@acme.test" in pages.get("/people")
    fields["to.1"] = "nowhere"
    wrong = pages.send(f"{path}/map", act="save", **fields)
    assert wrong.status_code == 400
    assert "is not a field here" in wrong.text


def test_what_fails_and_is_stopped_is_told(pages: Pages, work: Any) -> None:
    path = _made(pages, name="Refused")
    work(path)
    pages.send(f"{path}/config", act="save", **{"c/password": "wrong"})
    assert work(path).status == "failed"
    text = pages.get(f"{path}/config")
    assert "the connector refuses it: no: ********" in text
    pages.send(f"{path}/config", act="save", **{"c/password": SECRET})
    assert "Under way" in pages.get(path) or "Waiting" in pages.get(path)
    again = pages.send(path, act="check")
    assert again.status_code == 409
    assert "Stop it first" in again.text
    pages.send(path, act="stop")
    assert "Cancelled" in pages.get(path)
    wrong = pages.send(path, act="schedule", schedule="now and then")
    assert wrong.status_code == 400
    pages.send(path, act="schedule", schedule="every 1h")
    assert "every 1h" in pages.get(path)
    pages.send(path, act="delete")
    pages.get(path, 404)


def test_a_tap_without_a_spec_takes_json(pages: Pages, work: Any, world: World) -> None:
    path = _made(pages, "singer", "Tap")
    work(path)
    assert 'name="c/password"' in pages.get(f"{path}/config")  # this one has a spec
    text = pages.get(f"{path}/config?as=json")
    assert 'name="json"' in text
    wrong = pages.send(f"{path}/config?as=json", act="save", json="{")
    assert "is no JSON object" in wrong.text
    pages.send(f"{path}/config?as=json", act="save", json=f'{{"password": "{SECRET}"}}')
    assert work(path).error == ""
    assert SECRET not in pages.get(f"{path}/config?as=json")


def test_a_reader_sees_counts_and_nothing_of_the_set_up(
    pages: Pages, reader: Pages, work: Any
) -> None:
    path = _made(pages, name="Looked at")
    work(path)
    text = reader.get(path)
    assert "Configuration" not in text
    assert str(TAP) not in text
    assert "Asking for its spec" not in text
    for part in ("/config", "/streams", "/map?stream=orders"):
        reader.get(path + part, 403)
    assert reader.send(path, act="run").status_code == 403
    assert reader.send("/connectors", name="x").status_code == 403
    assert "New connector" not in reader.get("/connectors")


def test_where_connectors_are_off_the_page_says_what_to_do(
    pages: Pages, app: Litestar, work: Any
) -> None:
    path = _made(pages, name="Off")
    work(path)
    on = app.state.settings
    app.state.settings = settings.load(database_url=on.database_url, data=on.data)
    try:
        for page in ("/connectors", "/connectors/new", path, f"{path}/config"):
            assert "ONEFOLD_CONNECTORS=true" in pages.get(page)
        answer = pages.send("/connectors", name="x", protocol="singer", command="/bin/true")
        assert answer.status_code == 409
        assert "ONEFOLD_CONNECTORS=true" in answer.text
    finally:
        app.state.settings = on
