"""The pages of pulls: connect, choose with a proposal, preview, run, pause, delete."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar

from onefold import api, storage, web
from onefold.kernel import settings
from tests.web import shop
from tests.web.conftest import NASTY, Pages, World


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop.make(tmp_path_factory.mktemp("pulls"))


@pytest.fixture(scope="module")
def app(world: World, files: Path) -> Iterator[Litestar]:
    pool = storage.pool(world.url, size=6)
    chosen = settings.load(database_url=world.url, pull_files=str(files))
    yield api.build_app(pool, web.handlers(), chosen, web.page_error)
    pool.close()


def send(pages: Pages, url: str, **fields: str) -> Any:
    """A form whose fields may have any name."""
    return pages.ask("POST", url, data={"_csrf": pages.csrf, **fields})


def test_a_table_is_connected_previewed_and_run(pages: Pages, world: World, files: Path) -> None:
    refused = send(pages, "/pulls", name="Shop", kind="sqlite", path="/etc/passwd")
    assert refused.status_code == 400
    assert "no file that may be read" in refused.text
    made = send(pages, "/pulls", name="Shop", kind="sqlite", path="shop.db", category="billing")
    assert made.status_code == 303, made.text
    edit = made.headers["Location"]
    assert '<option value="users"' in pages.get(edit)
    form = send(pages, edit, act="look", table="users").text
    assert NASTY not in form
    assert 'name="to.1" value="email"' in form
    assert '<option value="updated_at" selected>' in form
    fields = {
        f"{part}.{n}": value
        for n, (name, to) in enumerate(
            [
                ("id", "user_id"), ("email", "email"), ("plan", "traits.plan"),
                ("updated_at", "timestamp"),
            ]
        )
        for part, value in (("name", name), ("to", to), ("kind", "time" if n == 3 else "text"))
    }  # fmt: skip
    chosen = {"table": "users", "target": "people", "cursor": "updated_at", "keys": "id", **fields}
    wrong = send(pages, edit, act="save", **{**chosen, "schedule": "often"})
    assert wrong.status_code == 400
    assert "is no schedule" in wrong.text
    preview = send(pages, edit, act="preview", **chosen).text
    assert "8 rows: 8 new, 0 known, 0 in already, 0 refused" in preview
    assert NASTY not in preview
    started = send(pages, edit, act="run", **{**chosen, "schedule": "every 1h"})
    path = started.headers["Location"]
    assert 'hx-trigger="every 1s"' in pages.get(path)
    shop.run_all(world, files)
    text = pages.get(path)
    assert "Revert now" in text
    assert NASTY not in text
    assert "Shop" in pages.get("/sources")
    assert "In " not in pages.get("/pulls")
    send(pages, path, act="pause")
    assert "Paused" in pages.get(path)
    send(pages, path, act="restart")
    send(pages, path, act="delete")
    pages.get(path, status=404)


def test_a_reader_sees_runs_and_neither_where_nor_what_was_refused(
    pages: Pages, reader: Pages
) -> None:
    made = send(pages, "/pulls", name="Cases", kind="sqlite", path="shop.db")
    path = made.headers["Location"].removesuffix("/edit")
    text = reader.get(path)
    assert "shop.db" not in text
    assert "Run now" not in text
    for page in ("/pulls/new", f"{path}/edit", f"{path}/connection"):
        assert reader.ask("GET", page).status_code == 403
    assert reader.send(path, act="delete").status_code == 403
    assert "shop.db" in pages.get(f"{path}/connection")
    moved = send(pages, f"{path}/connection", name="Cases 2", kind="sqlite", path="no.db")
    assert moved.status_code == 400
    assert "Cases 2" not in pages.get(path)
    send(pages, path, act="delete")
