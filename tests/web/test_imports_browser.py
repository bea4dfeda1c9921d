"""Imports, plans and transformations in a real browser: live, narrow, in the light and the dark."""

# ruff: noqa: F811 - fixtures of a neighbour

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from onefold import storage
from onefold.governance import plan_store, transform_store
from onefold.kernel import ids, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import importing
from onefold.storage import jobs

from .conftest import World, drain
from .test_browser import _OVER, AXE, page, session  # noqa: F401 - fixtures

pytestmark = pytest.mark.browser

PLAN: dict[str, Any] = {
    "plan": "Product",
    "events": {"Report Exported": {"properties": {"format": {"enum": ["xlsx"]}}}},
}


def test_an_import_tells_how_it_stands_without_a_reload(
    page: Page,
    world: World,
    tmp_path: Path,
) -> None:
    file = tmp_path / "people.csv"
    long = "a reason that is much longer than what fits into one line of a narrow table " * 2
    file.write_text(f"user id,email,seats\nv1,v@x.test,5\nv2,w@x.test,{long}\n")
    page.goto("/imports/new")
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url("**/imports/imp_*")
    page.get_by_label("seats goes to").fill("traits.seats")
    page.get_by_label("seats is read as").select_option("number")
    page.get_by_label("Source of its facts").select_option(label="App")
    page.get_by_role("button", name="Start import").click()
    expect(page.locator("#import-state")).to_have_text("Waiting")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    number = ids.parse_id("imp", page.url.rsplit("/", 1)[1])
    importing.run(jobs.Running(world.url, settings.load(), threading.Event()), number)
    expect(page.locator("#import-state")).to_have_text("Done")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    fault = page.locator("table.wrap td").last
    cut = fault.evaluate("e => e.scrollWidth > e.clientWidth + 1")
    assert not cut, "what is wrong with a row is read whole"
    _shots(page, "import")


def test_a_draft_is_discarded_with_its_file(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("user id,email\nz1,z@x.test\n")
    page.goto("/imports/new")
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url("**/imports/imp_*")
    _shots(page, "draft")
    address = page.url
    page.get_by_role("button", name="Discard").click()
    page.wait_for_url("**/imports")
    assert (page.request.get(address)).status == 404


def test_plans_and_transformations_hold_in_the_dark_and_on_a_phone(
    browser: Browser,
    session: Any,
    address: str,
    world: World,
) -> None:
    number = ids.parse_id("src", world.source)
    with storage.connect(world.url) as conn:
        plan = plan_store.create(conn, SYSTEM, PLAN)
        plan_store.connect(conn, SYSTEM, plan.key, [number])
        plan_store.publish(conn, SYSTEM, plan.key)
        steps = [{"do": "hash", "field": "properties.ip"}]
        transform_store.save(conn, SYSTEM, number, {"steps": steps})
    drain(world.url)
    paths = [
        "/plans", f"/plans/{plan.key}", f"/plans/{plan.key}?tab=violations",
        f"/sources/{world.source}", f"/sources/{world.source}/transformation", "/imports",
        "/imports/new",
    ]  # fmt: skip
    faults: list[Any] = []
    for scheme in ("light", "dark"):
        context = browser.new_context(
            storage_state=session, base_url=address, color_scheme=scheme, bypass_csp=True,
            viewport={"width": 360, "height": 900},
        )  # fmt: skip
        page = context.new_page()
        for path in paths:
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200, path
            if page.evaluate(_OVER) > 0:
                faults.append((path, "is wider than 360 px"))
            page.add_script_tag(path=AXE)
            found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            faults += [(path, scheme, v["id"], v["nodes"][0]["html"]) for v in found["violations"]]
            if os.environ.get("SHOTS"):
                name = path.strip("/").replace("/", "-").replace("?", "-")
                page.screenshot(path=f"{os.environ['SHOTS']}/{name}-{scheme}.png")
        context.close()
    assert not faults


def _shots(page: Page, name: str) -> None:
    if folder := os.environ.get("SHOTS"):
        for theme, width in (("light", 1280), ("dark", 1280), ("dark", 360)):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=f"{folder}/{name}-{theme}-{width}.png")
