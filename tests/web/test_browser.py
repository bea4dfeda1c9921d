"""The pages in a real browser: keys, palette, dialogs, Undo, the live stream; axe on each page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from onefold import log, storage
from onefold.kernel import clock
from onefold.web import render

from .conftest import PASSWORD, World

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"
PATHS = [
    "/", "/people", "/people/{person}", "/people/{person}?tab=activity",
    "/people/{person}?tab=identity", "/people/{person}/identity/decide?decision=same", "/accounts",
    "/accounts/{account}", "/tickets", "/tickets/{ticket}", "/tickets/new", "/tasks?view=open",
    "/tasks/{task}", "/audiences", "/audiences/exporters", "/audiences/exporters?tab=changes",
    "/audiences/exporters?tab=use", "/audiences/new", "/signals",
    "/signals/{signal}", "/sources", "/sources/{source}", "/sources/{source}?tab=install",
    "/sources/{source}/webhook", "/sources/{source}/webhook?kind=json",
    "/sources/{source}/transformation", "/sources/{source}/events", "/sources/{source}/refused",
    "/sources/{source}/ledger", "/sources/new", "/pulls", "/pulls/new", "/pulls/{pull}",
    "/pulls/{pull}/connection", "/imports", "/imports/new", "/plans", "/plans/new",
    "/destinations", "/settings", "/settings/identifiers", "/settings/identifiers/edit?name=email",
]  # fmt: skip


@pytest.fixture(scope="module")
def session(browser: Browser, address: str) -> Any:
    """The cookies of a log-in, made by hand once."""
    if "vendor/htmx.min.js" not in render.static_files():
        pytest.fail("The pages' scripts are missing. Run `make setup`.")
    context = browser.new_context(timezone_id="America/New_York")
    page = context.new_page()
    page.goto(f"{address}/people")
    page.get_by_label("E-mail").fill("maya@x.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/people")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(browser: Browser, session: Any, address: str) -> Iterator[Page]:
    """A page that fails its test on any script error or refused resource."""
    context = browser.new_context(
        storage_state=session, base_url=address, timezone_id="America/New_York"
    )
    found: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda said: found.append(said.text) if _matters(said) else None)
    yield page
    context.close()
    assert not found


_OVER = """
(() => {
  const [root, main] = [document.documentElement, document.querySelector("main")];
  return Math.max(root.scrollWidth - innerWidth, main.scrollWidth - main.clientWidth);
})()
"""


def _matters(said: Any) -> bool:
    """An error other than Chromium's note that a form was refused, which some tests want."""
    return said.type == "error" and "status of 400" not in said.text


def test_keys_walk_open_and_leave_a_list(page: Page, world: World) -> None:
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/people")
    page.keyboard.press("j")
    expect(page.locator("[data-row].cur")).to_have_count(1)
    page.keyboard.press("Space")
    expect(page.locator("#peek")).to_be_visible()
    expect(page.locator("#peek .record")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#peek")).to_be_hidden()
    page.keyboard.press("x")
    expect(page.locator(".float")).to_contain_text("1 selected")
    page.keyboard.press("Escape")
    expect(page.locator(".float")).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/people/per_*")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()


def test_the_palette_opens_finds_and_goes(page: Page, world: World) -> None:
    page.goto("/tickets")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    page.keyboard.type("ann lee")
    hit = page.locator(f'#palette a[href="/people/{world.person}"]')
    expect(hit).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/people/{world.person}")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_contain_text("Recent")
    page.keyboard.type(">new task")
    page.keyboard.press("Enter")
    expect(page.locator("#modal")).to_contain_text("Create task")
    expect(page.locator("#modal .sheet")).to_have_count(1)


def test_a_ticket_is_opened_solved_and_reopened_by_undo(page: Page) -> None:
    page.goto("/tickets")
    page.keyboard.press("c")
    page.get_by_label("Subject").fill("CSV loses a column")
    page.get_by_role("button", name="Open ticket").click()
    expect(page.locator("#modal .fault")).to_be_visible()  # nobody to answer is named
    page.get_by_label("Contact’s e-mail").fill("ann@acme.test")
    page.get_by_role("button", name="Open ticket").click()
    page.wait_for_url("**/tickets/tkt_*")
    expect(page.locator(".toast")).to_have_text("Ticket opened")
    page.keyboard.press("e")
    expect(page.locator(".subtabs .pill")).to_have_text("Solved")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".subtabs .pill")).to_have_text("Open")
    page.get_by_label("Priority").select_option("urgent")
    expect(page.locator(".subtabs")).to_contain_text("Urgent")


def test_a_ticket_is_answered_paused_and_opened_by_what_the_customer_says(
    page: Page, world: World
) -> None:
    page.goto(f"/tickets/{world.ticket}")
    page.keyboard.press("r")
    page.keyboard.type("Which browser?")
    page.get_by_label("Priority").select_option("high")  # what is typed outlives other changes
    expect(page.locator(".subtabs")).to_contain_text("High")
    expect(page.get_by_label("Message", exact=True)).to_have_value("Which browser?")
    page.get_by_label("Then").select_option("paused")
    page.get_by_label("Message", exact=True).press("Control+Enter")
    expect(page.locator(".thread li.out")).to_contain_text("Which browser?")
    expect(page.locator(".subtabs .pill").first).to_have_text("Paused")
    page.get_by_label("Message", exact=True).fill("Firefox")
    page.get_by_label("Kind").select_option("received")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".thread li").last).to_contain_text("Firefox")
    expect(page.locator(".subtabs .pill").first).to_have_text("Open")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".thread")).not_to_contain_text("Firefox")
    expect(page.locator(".subtabs .pill").first).to_have_text("Paused")


def test_a_task_is_ticked_off_on_home_and_taken_back(page: Page) -> None:
    page.goto("/")
    row = page.locator("li[id^=line-tsk]").first
    row.get_by_role("button").click()
    expect(page.locator("li.done")).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("li.done")).to_have_count(0)


def test_a_timeline_line_unfolds_in_place(page: Page, world: World) -> None:
    page.goto(f"/people/{world.person}?tab=activity")
    line = page.locator("details.ev", has_text="×14")
    line.locator("summary").first.click()
    expect(line.locator(".runs > li")).to_have_count(14)


def test_a_time_that_is_still_to_come_says_so(page: Page) -> None:
    page.goto("/")
    told = page.evaluate("""() => {
      const at = (s) => new Date(Date.now() + s * 1000).toISOString();
      const probe = (s) => `<time class="probe" data-ago datetime="${at(s)}">?</time>`;
      document.body.insertAdjacentHTML("beforeend", [310, 7300, -310].map(probe).join(""));
      document.dispatchEvent(new CustomEvent("htmx:after:swap", { detail: { ctx: {} } }));
      return [...document.querySelectorAll(".probe")].map((el) => el.textContent);
    }""")
    assert told == ["in 5 min", "in 2 h", "5 min ago"]


def test_times_are_in_the_viewers_zone(page: Page, world: World) -> None:
    page.goto(f"/people/{world.person}?tab=activity")
    title = page.locator("details.ev time").first.get_attribute("title") or ""
    assert "America/New_York" in title
    assert title.endswith("UTC")


def test_the_chart_is_drawn(page: Page, world: World) -> None:
    page.goto(f"/accounts/{world.account}")
    expect(page.locator(".chart canvas")).to_be_visible()


def test_the_theme_is_kept(page: Page) -> None:
    page.goto("/")
    page.get_by_text("Maya").click()
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.goto("/people")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_events_show_as_they_arrive_and_pause(page: Page, world: World) -> None:
    page.goto(f"/sources/{world.source}")
    state = page.locator("[data-live-state]")
    expect(state).to_have_text("Live")
    number = int(world.source.removeprefix("src_"))

    def send(name: str) -> None:
        body = f'{{"batch": [{{"type": "track", "userId": "ann", "event": "{name}"}}]}}'
        row = log.Row(number, "product", clock.now_ms(), 1, log.pack(body.encode()))
        with storage.connect(world.url) as conn:
            log.append(conn, [row])

    # The stream starts at the log's end as of its first look, so the first event may be before it.
    for i in range(100):
        send(f"Hello {i}")
        if page.locator(".stream li").count():
            break
        page.wait_for_timeout(200)
    expect(page.locator(".stream li").first).to_contain_text("Hello")
    page.get_by_role("button", name="Pause").click()
    expect(state).to_have_text("Paused")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(
    browser: Browser, session: Any, address: str, world: World, scheme: Any
) -> None:
    if not AXE.exists():
        pytest.fail("axe-core is missing. Run `make setup`.")
    context = browser.new_context(
        storage_state=session, base_url=address, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    faults = []
    for path in ["/login", *PATHS]:
        page.goto(path.format(**world._asdict()))
        page.add_script_tag(path=AXE)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        faults += [
            (path, fault["id"], fault["impact"], node["html"][:160])
            for fault in found["violations"]
            for node in fault["nodes"][:2]
        ]
    context.close()
    assert not faults, "\n".join(map(str, faults))


@pytest.mark.parametrize("width", [360, 720])
def test_no_page_is_wider_than_a_narrow_window(
    browser: Browser, session: Any, address: str, world: World, width: int
) -> None:
    context = browser.new_context(
        storage_state=session, base_url=address, viewport={"width": width, "height": 740}
    )
    page = context.new_page()
    wide = []
    for path in PATHS:
        page.goto(path.format(**world._asdict()))
        over = page.evaluate(_OVER)
        if over > 0:
            wide.append((path, over))
    context.close()
    assert not wide
