"""Deals and leads in a real browser: the board by mouse and key, cells in place, conversion."""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import World
from .test_browser import _OVER, AXE, page, session
from .test_objects import Made, made

pytestmark = pytest.mark.browser
__all__ = ["made", "page", "session"]

PATHS = [
    "/deals", "/deals?view=board", "/deals/{deal}", "/deals/new", "/deals/{deal}/close?stage=lost",
    "/leads", "/leads/{lead}", "/leads/{lead}/convert", "/products", "/subscriptions",
    "/subscriptions/{subscription}", "/activities", "/activities/{activity}",
    "/reports/pipeline",
]  # fmt: skip


def _column(page: Page, name: str) -> Any:
    return page.locator(".board .col").filter(has=page.get_by_role("heading", name=name))


def _toast(page: Page, text: str) -> Any:
    return page.locator(".toast").filter(has_text=text)


def test_a_deal_is_moved_by_mouse_and_by_key_and_lost_with_a_reason(
    page: Page, world: World, made: Made
) -> None:
    page.goto("/deals?view=board")
    card = page.locator(f"#card-{made.deal}")
    first, second = (_column(page, n) for n in ("Appointment scheduled", "Qualified to buy"))
    expect(first.locator(f"#card-{made.deal}")).to_be_visible()
    card.drag_to(second)
    expect(second.locator(f"#card-{made.deal}")).to_be_visible()
    expect(second.locator("header")).to_contain_text("1,920")  # weighted, at 40 %
    expect(card.locator("a.row")).to_be_focused()
    page.keyboard.press("]")
    third = _column(page, "Presentation scheduled")
    expect(third.locator(f"#card-{made.deal}")).to_be_visible()
    expect(card.locator("a.row")).to_be_focused()
    page.keyboard.press("[")
    expect(second.locator(f"#card-{made.deal}")).to_be_visible()
    expect(card.locator("a.row")).to_be_focused()
    page.keyboard.press("l")
    expect(page.locator("#modal")).to_contain_text("Lose Forty seats")
    page.get_by_role("button", name="Lose deal").click()
    expect(page.locator("#modal")).to_be_visible()  # a reason is asked for
    page.get_by_label("Why?").fill("Price")
    page.get_by_role("button", name="Lose deal").click()
    lost = _column(page, "Closed lost")
    expect(lost.locator(f"#card-{made.deal}")).to_be_visible()
    expect(page.locator("#modal")).to_be_hidden()
    page.get_by_role("button", name="Undo").last.click()
    expect(second.locator(f"#card-{made.deal}")).to_be_visible()


def test_a_cell_is_edited_in_the_list_and_given_back(page: Page, made: Made) -> None:
    page.goto("/deals")
    cell = page.locator(f"#row-{made.deal} [data-cell=amount]")
    cell.get_by_role("button").click()
    field = cell.locator("input[name=amount]")
    expect(field).to_be_focused()
    field.fill("5150")
    page.keyboard.press("Enter")
    expect(cell).to_contain_text("5,150")
    page.get_by_role("button", name="Undo").click()
    expect(cell).to_contain_text("4,800")
    owner = page.locator(f"#row-{made.deal} [data-cell=owner_id]")
    owner.get_by_role("button").press("Enter")
    owner.locator("select").select_option(label="Maya")
    expect(owner).to_contain_text("Maya")
    cell.get_by_role("button").click()
    page.keyboard.press("Escape")
    expect(cell.get_by_role("button")).to_be_visible()


def test_a_lead_is_made_and_converted(page: Page, made: Made) -> None:
    page.goto("/leads")
    page.keyboard.press("c")
    dialog = page.locator("#modal")
    dialog.get_by_label("E-mail", exact=True).first.fill("flo@hooli.test")
    dialog.get_by_label("Company").first.fill("Hooli")
    dialog.get_by_role("button", name="Create lead").click()
    page.wait_for_url("**/leads/lead_*")
    page.get_by_role("link", name="Convert").click()
    expect(dialog).to_contain_text("A new account is made: Hooli")
    dialog.get_by_label("Amount").fill("900")
    dialog.get_by_role("button", name="Convert").click()
    page.wait_for_url("**/deals/deal_*")
    expect(page.locator(".tiles")).to_contain_text("900")
    expect(_toast(page, "Lead converted")).to_be_visible()


def test_a_view_is_saved_and_is_a_link(page: Page, made: Made) -> None:
    page.goto("/deals?amount_min=1000&sort=-amount")
    page.get_by_label("Save view").click()
    page.get_by_role("textbox", name="Name").fill("Big")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**saved=view_*")
    link = page.url
    page.goto("/deals")
    page.get_by_role("link", name="Big", exact=True).click()
    page.wait_for_url(link)
    expect(page.locator(".chip")).to_contain_text("at least")


def _shot(page: Page, name: str) -> None:
    folder = os.environ.get("ONEFOLD_SHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_pages_fit_a_phone(
    browser: Browser, session: Any, address: str, made: Made, theme: Any
) -> None:
    faults = []
    for width in (1280, 360):
        context = browser.new_context(
            storage_state=session, base_url=address, color_scheme=theme, bypass_csp=True,
            viewport={"width": width, "height": 800},
        )  # fmt: skip
        seen = context.new_page()
        for path in PATHS:
            seen.goto(path.format(**made._asdict()))
            name = path.strip("/").replace("/", "-").replace("{", "").replace("}", "")
            _shot(seen, f"{name.replace('?', '-')}-{theme}-{width}")
            if seen.evaluate(_OVER) > 0:
                faults.append((path, width, "is wider than the screen"))
            seen.add_script_tag(path=AXE)
            found = seen.evaluate("axe.run(document, {resultTypes: ['violations']})")
            faults += [
                (path, width, v["id"], [n["target"] for n in v["nodes"]][:3])
                for v in found["violations"]
            ]  # fmt: skip
        context.close()
    assert faults == [], "\n".join(map(str, faults))
