"""The order of namespaces in a real browser: by the arrow keys on a handle, and by dragging."""

import pytest
from playwright.sync_api import Page, expect

from .test_browser import page, session

pytestmark = pytest.mark.browser
__all__ = ["page", "session"]


def names(page: Page) -> list[str]:
    return [box.input_value() for box in page.locator("[name=order]").all()]


def test_rows_move_by_keys_and_by_dragging(page: Page) -> None:
    page.goto("/settings/identifiers")
    before = names(page)
    save = page.get_by_role("button", name="Preview this order")
    expect(save).to_be_hidden()
    handle = page.get_by_role("button", name="Move email:")
    handle.focus()
    page.keyboard.press("ArrowUp")
    after = names(page)
    assert (after[1], after[2]) == ("email", before[1])
    expect(save).to_be_visible()
    expect(handle).to_be_focused()
    page.keyboard.press("ArrowDown")
    assert names(page) == before
    expect(save).to_be_hidden()
    page.get_by_role("button", name="Move phone:").drag_to(
        page.get_by_role("button", name="Move user_id:"), target_position={"x": 4, "y": 2}
    )
    assert names(page)[0] == "phone"
    save.click()
    page.wait_for_url("**/settings/identifiers/preview/*")
    expect(page.get_by_role("heading", name="Looking at every link")).to_be_visible()
