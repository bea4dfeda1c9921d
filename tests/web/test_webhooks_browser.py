"""The page of a source's webhook in a real browser: the preview follows what is typed."""

import os

import pytest
from playwright.sync_api import Page, expect

from .conftest import World
from .hooks import ORDER, source
from .test_browser import page, session  # noqa: F401 - fixtures

pytestmark = pytest.mark.browser


def test_the_preview_follows_what_is_typed(page: Page, world: World) -> None:  # noqa: F811
    made = source(world, "Typed", ORDER)
    page.goto(f"/sources/{made.api_id}/webhook")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("order.paid")
    page.get_by_label("Names").fill("order.paid = Order Completed")
    expect(preview).to_contain_text("Order Completed")
    page.get_by_label("E-mail").fill("nobody.mail")
    expect(preview).to_contain_text("Would be refused")
    page.get_by_label("E-mail").fill("buyer.mail")
    expect(preview).to_contain_text("email:ann@acme.test")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**/sources/{made.api_id}/webhook")
    expect(page.get_by_label("Names")).to_have_value("order.paid = Order Completed")

    if os.environ.get("SHOTS"):
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": 1280, "height": 1500})
            page.screenshot(path=f"/tmp/b/{theme}.png")
        page.set_viewport_size({"width": 360, "height": 1500})
        page.screenshot(path="/tmp/b/narrow.png")
        page.set_viewport_size({"width": 1280, "height": 1000})
        page.goto(f"/sources/{made.api_id}/webhook?kind=hmac")
        expect(preview).to_contain_text("refused")
        page.locator(".record .centre").evaluate("e => e.scrollTop = 9999")
        page.screenshot(path="/tmp/b/hmac.png", full_page=True)
