"""A connector in a real browser: added, configured, mapped and run, with the page following."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from playwright.sync_api import Browser, Page, expect

from onefold.kernel.settings import Settings

from .conftest import World
from .test_browser import _OVER, AXE, page, session  # noqa: F401 - fixtures
from .test_connectors import SECRET, TAP, app  # noqa: F401 - fixtures

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("ONEFOLD_SHOTS", "")


@pytest.fixture(scope="module")
def server(world: World, app: Litestar, sealed_by: Settings) -> Iterator[None]:  # noqa: F811
    """The process `jobs`."""
    env = {**os.environ, "ONEFOLD_DATABASE_URL": world.url, "ONEFOLD_CONNECTORS": "true",
           "ONEFOLD_DATA": str(app.state.settings.data),
           "ONEFOLD_SECRET_KEYS": sealed_by.secret_keys}  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "onefold.app.process", "jobs"], env=env)
    yield
    process.kill()
    process.wait()


def _shot(page: Page, name: str) -> None:  # noqa: F811
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def test_a_connector_is_added_configured_mapped_and_run(
    page: Page,  # noqa: F811
    server: None,
) -> None:
    page.goto("/connectors")
    page.keyboard.press("c")
    page.get_by_label("Name").fill("Web shop")
    page.get_by_label("executable on the server").fill(
        shlex.join([sys.executable, str(TAP), "airbyte"])
    )
    _shot(page, "new")
    page.get_by_role("button", name="Add connector").click()
    page.wait_for_url("**/connectors/cnn_*/config")
    page.get_by_label("Password").fill("wrong")  # the form came by itself
    page.get_by_role("button", name="Save and check").click()
    expect(page.locator(".notice.red")).to_contain_text("the connector refuses it")
    _shot(page, "refused")
    page.get_by_label("Password").fill(SECRET)
    page.get_by_label("Rows").fill("12")
    page.get_by_role("button", name="Save and check").click()
    expect(page.locator(".notice.blue")).to_contain_text("offers 1 stream")
    _shot(page, "config")
    page.get_by_role("link", name="Choose streams").click()
    _shot(page, "streams")
    page.get_by_role("link", name="Map orders").click()
    page.get_by_label("note goes to").fill("properties.remark")
    page.get_by_role("button", name="Read first rows").click()
    expect(page.locator("#mapping")).to_contain_text("12 rows looked at")
    expect(page.get_by_label("note goes to")).to_have_value("properties.remark")  # still there
    _shot(page, "map")
    page.get_by_role("button", name="Save and read this stream").click()
    page.wait_for_url("**/streams")
    expect(page.get_by_label("Read orders")).to_be_checked()
    page.get_by_role("button", name="Run now").click()
    expect(page.locator(".tl")).to_contain_text("12 read, 12 taken")
    page.locator(".tl details", has_text="12 read").locator("summary").click()
    _shot(page, "run")


def test_its_pages_fit_and_axe_finds_nothing(
    browser: Browser,
    session: Any,  # noqa: F811
    address: str,
    server: None,
) -> None:
    faults, wide = [], []
    for scheme in ("light", "dark"):
        context = browser.new_context(
            storage_state=session, base_url=address, color_scheme=scheme, bypass_csp=True
        )
        seen = context.new_page()
        for name, path in _PATHS.items():
            seen.goto(path)
            seen.add_script_tag(path=AXE)
            found = seen.evaluate("axe.run(document, {resultTypes: ['violations']})")
            faults += [(path, f["id"], f["nodes"][0]["html"][:160]) for f in found["violations"]]
            _shot(seen, f"{name}-{scheme}")
        context.close()
    narrow = browser.new_context(
        storage_state=session, base_url=address, viewport={"width": 360, "height": 740}
    )
    seen = narrow.new_page()
    for name, path in _PATHS.items():
        seen.goto(path)
        _shot(seen, f"{name}-360")
        if seen.evaluate(_OVER) > 0:
            wide.append(path)
    narrow.close()
    assert not faults, "\n".join(map(str, faults))
    assert not wide


_PATHS = {
    "list": "/connectors", "new": "/connectors/new", "one": "/connectors/cnn_1",
    "config": "/connectors/cnn_1/config", "json": "/connectors/cnn_1/config?as=json",
    "streams": "/connectors/cnn_1/streams", "map": "/connectors/cnn_1/map?stream=orders",
    "sources": "/sources",
}  # fmt: skip
