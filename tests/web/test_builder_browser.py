"""A marketer builds an audience by mouse and keyboard, and reads why an account is in it."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from onefold import storage

from . import campaign
from .conftest import PASSWORD, World, drain
from .test_browser import _OVER, AXE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def world(server_url: str, template: str) -> Iterator[World]:
    name = f"onefold_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    url = psycopg.conninfo.make_conninfo(server_url, dbname=name)
    campaign.seed(url)
    yield World._make([url, 0, *[""] * (len(World._fields) - 2)])
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(base_url=address)
    found: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: found.append(str(error)))
    page.goto("/audiences/new")
    page.get_by_label("E-mail").fill("maya@x.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/audiences/new")
    yield page
    context.close()
    assert not found


def _add(page: Page, what: str, to: int = -1) -> None:
    page.locator(".grp-foot [data-add]").nth(to).click()
    page.keyboard.type(what)
    before = page.locator("[data-card]").count()
    page.keyboard.press("Enter")
    expect(page.locator("[data-card]")).not_to_have_count(before)


def _axe(page: Page) -> None:
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert not [(v["id"], v["nodes"][0]["html"][:200]) for v in found
                if v["impact"] in ("serious", "critical")]  # fmt: skip
    assert page.evaluate(_OVER) <= 0


def test_a_marketer_builds_the_audience_and_reads_why_an_account_is_in_it(
    page: Page, world: World
) -> None:
    _build(page)
    _axe(page)
    page.get_by_role("button", name="Create audience").click()
    page.wait_for_url("**/audiences/trial_going_cold")
    drain(world.url)
    with storage.connect(world.url) as conn:
        keys = conn.execute(
            "SELECT a.key FROM membership m JOIN account a ON a.id = m.entity_id ORDER BY 1"
        ).fetchall()
    assert tuple(key for (key,) in keys) == campaign.IN_IT
    page.reload()
    page.get_by_role("link", name="Why?").first.click()
    modal = page.locator("#modal")
    expect(modal).to_contain_text("North is in Trial, going cold")
    expect(modal).to_contain_text("Report Exported once in 7d")
    expect(modal).to_contain_text("Boss North")
    expect(modal.locator(".mark.no").first).to_be_attached()  # of the other person of the account
    page.goto("/audiences/trial_going_cold/why?id=account_id:ridge")
    expect(page.locator("main")).to_contain_text("Ridge is not in Trial, going cold")
    expect(page.locator("main")).to_contain_text("1 unresolved ticket")
    _axe(page)
    page.goto("/audiences/trial_going_cold")
    _axe(page)
    _same_by_api(page)


def _build(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("Trial, going cold")
    _add(page, "trait")
    page.keyboard.type("pla")
    expect(page.get_by_role("option", name="plan")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("trial")
    expect(page.locator("#size-n")).to_have_text("6")
    _add(page, "how often")
    page.keyboard.type("Report Exported")
    card = page.locator('[data-card="w.of.1"]')
    card.get_by_label("Comparison", exact=True).select_option("less_than")
    expect(card.get_by_label("Comparison", exact=True)).to_have_value("less_than")
    card.get_by_label("Number", exact=True).fill("3")
    card.get_by_label("How long", exact=True).fill("7")
    expect(page.locator("#size-n")).to_have_text("5")
    _add(page, "no open")
    _add(page, "people of")
    _add(page, "trait", 0)
    page.keyboard.type("role")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("admin")
    _add(page, "opened", 0)
    opened = page.locator('[data-card="w.of.3.node.0.of.1"]')
    opened.get_by_role("button", name="property").click()
    expect(opened.get_by_label("Property", exact=True)).to_be_focused()
    page.keyboard.type("campaign_name")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type(campaign.LAST_MAIL)
    expect(page.locator("#size-n")).to_have_text("2")
    expect(page.locator("#sentence")).to_have_text(
        "Accounts where plan is trial, Report Exported happened fewer than 3 times in the last 7 "
        "days, there is no open ticket, and for at least one of its people role is admin and Email "
        "Opened with campaign_name November news happened at least once in the last 7 days."
    )
    expect(page.locator("#size")).to_contain_text("Quill")


def _same_by_api(page: Page) -> None:
    answer = page.request.get("/api/audiences/trial_going_cold/members/account_id:north/why")
    assert answer.ok, answer.text()
    told = answer.json()
    assert (told["member"], told["holds"], told["ready"]) == (True, True, True)
    plan, exports, tickets, people = told["conditions"]["of"]
    assert plan["value"] is None or plan["value"] == "trial"
    assert plan["facts"][0]["properties"]["plan"] == "trial"
    assert exports["value"] == 1
    assert [f["name"] for f in exports["facts"]] == ["Report Exported"]
    assert exports["holds"]
    assert tickets["holds"]
    assert [m["holds"] for m in people["matching"]] == [True, False]
    role, mail = people["matching"][0]["conditions"]["of"]
    assert role["text"] == 'role is "admin"'
    assert mail["facts"][0]["properties"]["campaign_name"] == campaign.LAST_MAIL
    assert mail["changes_at"]


def test_a_removal_is_undone_and_text_and_cards_are_one(page: Page) -> None:
    _add(page, "trait")
    page.keyboard.type("plan")
    _add(page, "no open")
    page.locator('[data-card="w.of.0"]').get_by_label("Value", exact=True).fill("trial")
    page.keyboard.press("Alt+Backspace")
    expect(page.locator(".cond")).to_have_count(1)
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.locator(".cond")).to_have_count(2)
    expect(page.locator('[data-card="w.of.0"]').get_by_label("Value", exact=True)).to_have_value(
        "trial"
    )
    page.locator("[data-do=switch]").click()
    text = page.get_by_label("Definition as YAML or JSON")
    expect(text).to_have_value(
        "of: account\nwhere:\n  all:\n  - trait: plan\n    is: trial\n  - none:\n"
        "      tickets: {}\n"
    )
    text.fill("of: account\nwhere:\n  all:\n  - tarit: plan\n  - count: {evnt: A}\n")
    expect(page.locator("#line-notes")).to_contain_text("Line 4")
    expect(page.locator("#line-notes")).to_contain_text("Line 5")
    _axe(page)
    text.fill("of: account\nwhere:\n  not: {trait: plan, is: pro}\n")
    page.locator("[data-do=switch]").click()
    expect(page.locator(".not")).to_be_visible()
    page.set_viewport_size({"width": 360, "height": 740})
    _axe(page)
