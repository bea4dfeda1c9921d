"""Identity review in a real browser: keys, undo, axe, narrow screens."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from onefold import storage
from onefold.identity import review
from onefold.kernel.viewer import SYSTEM

from . import pairs
from .conftest import PASSWORD, World
from .pairs import PAIRS

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="module")
def queue(world: World) -> World:
    return pairs.seed(world)


@pytest.fixture
def fresh(queue: World) -> Iterator[World]:
    """The same, with every answer taken back afterwards."""
    yield queue
    pairs.take_back(queue)


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(base_url=address, bypass_csp=True)
    found: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda said: found.append(said.text) if said.type == "error" else None)
    page.goto("/login")
    page.get_by_label("E-mail").fill("maya@x.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/")
    yield page
    context.close()
    assert not found


def test_pairs_are_answered_by_keyboard(page: Page, fresh: World) -> None:
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url("**/identity/review")
    rows = page.locator(".pairs a.row")
    expect(rows).to_have_count(PAIRS)
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = rows.nth(1).get_attribute("data-pair")
    expect(page.locator("#pair .pair")).to_have_attribute("data-id", str(second))
    page.keyboard.press("n")
    expect(rows).to_have_count(PAIRS - 1)
    expect(page.locator("#toasts")).to_contain_text("Kept apart")
    third = page.locator("#pair .pair").get_attribute("data-id")
    assert third != second
    page.keyboard.press("y")
    expect(rows).to_have_count(PAIRS - 2)
    page.keyboard.press("s")
    expect(rows).to_have_count(PAIRS - 3)
    with storage.connect(fresh.url) as conn:
        counts = review.store.counts(conn, SYSTEM)
    assert (counts["same"], counts["different"]) == (1, 1)
    page.get_by_role("button", name="Undo").last.click()  # the skip
    expect(rows).to_have_count(PAIRS - 2)
    expect(page.locator("#pair .pair")).to_be_visible()
    page.keyboard.press("y")
    expect(rows).to_have_count(PAIRS - 3)
    page.keyboard.press("u")
    expect(rows).to_have_count(PAIRS - 2)
    expect(page.locator("#review-open")).to_have_text(str(PAIRS - 2))


PATHS = [
    "/identity/review", "/identity/trust", "/identity/trust/contact", "/identity/matching",
    "/identity/review/answered", "/identity/why?a=user_id:m0&b=user_id:m1", "/contacts/new",
]  # fmt: skip


def test_no_page_has_a_serious_fault_or_runs_over(page: Page, queue: World) -> None:
    faults = []
    for path in PATHS:
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(path)
            over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, (path, width)
        page.add_script_tag(path=AXE)
        found = page.evaluate("axe.run({resultTypes: ['violations']})")
        faults += [
            (path, fault["id"], node["html"][:160])
            for fault in found["violations"]
            for node in fault["nodes"][:2]
            if fault["impact"] in ("serious", "critical")
        ]
    assert faults == []


def test_likely_duplicates_show_while_typing(page: Page, queue: World) -> None:
    user = pairs.user(8)
    page.goto("/people")
    page.keyboard.press("c")
    page.get_by_label("First name").fill(user["firstName"])
    page.get_by_label("Last name").fill(user["lastName"])
    page.get_by_label("Phone").press_sequentially(user["workphone"])
    expect(page.get_by_text("Perhaps known already")).to_be_visible()
