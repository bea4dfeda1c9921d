"""Pulls in a real browser: connect, choose with a proposal that follows, run, and look on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from playwright.sync_api import Browser, expect

from onefold import api, storage, web
from onefold.kernel import settings
from tests.web import shop
from tests.web.conftest import PASSWORD, World


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop.make(tmp_path_factory.mktemp("pulls"))


@pytest.fixture(scope="module")
def app(world: World, files: Path) -> Iterator[Litestar]:
    pool = storage.pool(world.url, size=6)
    chosen = settings.load(database_url=world.url, pull_files=str(files))
    yield api.build_app(pool, web.handlers(), chosen, web.page_error)
    pool.close()


@pytest.mark.browser
def test_in_a_browser_a_table_is_chosen_and_run(
    browser: Browser, address: str, world: World, files: Path
) -> None:
    context = browser.new_context(base_url=address, timezone_id="America/New_York")
    page = context.new_page()
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.goto("/pulls")
    page.get_by_label("E-mail").fill("maya@x.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/pulls")
    page.keyboard.press("c")
    page.wait_for_url("**/pulls/new")
    page.get_by_label("Name").fill("Shop in a browser")
    page.get_by_label("Kind").select_option("sqlite")
    page.get_by_label("Path").fill("shop.db")
    page.get_by_role("button", name="Connect").click()
    page.wait_for_url("**/edit")
    page.get_by_label("Table").select_option("users")
    expect(page.get_by_label("email goes to")).to_have_value("email")
    expect(page.get_by_label("Cursor")).to_have_value("updated_at")
    page.get_by_label("Each row is one of").select_option("contacts")
    expect(page.get_by_label("plan goes to")).to_have_value("")
    page.get_by_label("Each row is one of").select_option("people")
    expect(page.get_by_label("plan goes to")).to_have_value("traits.plan")
    page.get_by_label("When").fill("every 1d")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("8 rows")
    page.get_by_role("button", name="Save and run").click()
    page.wait_for_url("**/pulls/pul_*")
    expect(page.locator("#runs")).to_contain_text("Waiting")
    expect(page.locator(".attrs")).to_contain_text("America/New_York")
    shop.run_all(world, files)
    expect(page.locator("#runs")).to_contain_text("Done")
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 800})
        wide = "document.documentElement.scrollWidth - innerWidth"
        assert page.evaluate(wide) <= 0
    context.close()
    assert not found
