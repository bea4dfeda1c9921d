"""A trait in a real browser: who says what, an edit by hand, its undo, and a wrong value."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from onefold.kernel import clock
from onefold.worker import engine

from .conftest import World
from .test_browser import _OVER, AXE, page, session

pytestmark = pytest.mark.browser
__all__ = ["page", "session"]


@pytest.fixture(scope="module")
def worker(world: World) -> Iterator[None]:
    """Folds what arrives, as the process does."""
    stop = threading.Event()

    def work() -> None:
        with engine.connect(world.url) as conn:
            one = engine.Engine(conn, clock.now_ms())
            while not stop.is_set():
                if not one.step(clock.now_ms()):
                    stop.wait(0.02)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.parametrize("kind", ["people", "accounts"])
def test_a_trait_is_edited_by_hand_and_the_edit_is_undone(
    page: Page, world: World, worker: None, kind: str
) -> None:
    ref = world.person if kind == "people" else world.account
    page.goto(f"/{kind}/{ref}")
    page.get_by_role("link", name="Add", exact=True).click()
    dialog = page.locator("#modal")
    dialog.get_by_label("Name", exact=True).fill("tier")
    dialog.get_by_label("Value by hand").fill("gold")
    dialog.get_by_label("Why?").fill("They called")
    dialog.get_by_role("button", name="Set").click()
    traits = page.locator(".attrs section").filter(has=page.get_by_role("heading", name="Traits"))
    expect(traits).to_contain_text("gold")
    traits.get_by_role("link", name="Tier").click()
    expect(dialog).to_contain_text("By hand gold")
    expect(dialog).to_contain_text("They called")
    dialog.get_by_label("Value by hand").fill("silver")
    dialog.get_by_role("button", name="Set").click()
    expect(traits).to_contain_text("silver")
    page.get_by_role("button", name="Undo").click()
    expect(traits).to_contain_text("gold")
    traits.get_by_role("link", name="Tier").click()
    dialog.get_by_role("button", name="Take the edit back").click()
    expect(traits.get_by_role("link", name="Tier")).to_have_count(0)


def test_a_value_of_another_kind_is_refused_where_it_stands(
    page: Page, world: World, worker: None
) -> None:
    page.goto(f"/people/{world.person}/trait")
    page.get_by_role("button", name="Set").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()  # the browser asks for it
    page.get_by_label("Name", exact=True).fill("email")
    page.get_by_label("Value by hand").fill("x@y.test")
    page.get_by_role("button", name="Set").click()
    expect(page.locator("#main .sheet")).to_contain_text("is the identifier email")


def test_axe_finds_nothing_in_light_and_dark(
    browser: Browser, session: Any, address: str, world: World
) -> None:
    faults = []
    for theme, width in (("light", 1280), ("dark", 360)):
        context = browser.new_context(
            storage_state=session, base_url=address, color_scheme=theme, bypass_csp=True,
            viewport={"width": width, "height": 800},
        )  # fmt: skip
        seen = context.new_page()
        seen.goto(f"/people/{world.person}/trait?name=tier")
        if folder := os.environ.get("ONEFOLD_SHOTS"):
            seen.screenshot(path=Path(folder) / f"trait-{theme}-{width}.png")
        assert seen.evaluate(_OVER) <= 0
        seen.add_script_tag(path=AXE)
        found = seen.evaluate("axe.run(document, {resultTypes: ['violations']})")
        faults += [(theme, v["id"], v["nodes"][0]["html"][:160]) for v in found["violations"]]
        context.close()
    assert faults == []
