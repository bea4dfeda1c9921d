"""Accounts on the pages: why somebody is in one, by hand and undone; domains; lead matching."""

import re

from .conftest import Pages, World, drain


def test_a_persons_accounts_say_why_and_are_cut_and_undone(pages: Pages, world: World) -> None:
    tab = f"/people/{world.person}?tab=accounts"
    text = pages.get(tab)
    assert "A tool named the account by its id." in text
    cut = {"decision": "not_member", "person": world.person, "account": world.account}
    assert pages.send("/account-decisions", **cut, back=tab).status_code == 303
    drain(world.url)
    text = pages.get(tab)
    assert "In no account." in text
    number = re.search(r"/account-decisions/(acd_\d+)/undo", text)
    assert number
    pages.send(f"/account-decisions/{number[1]}/undo", back=tab)
    drain(world.url)
    text = pages.get(tab)
    assert "Undone by Maya" in text
    assert "A tool named the account by its id." in text


def test_an_accounts_company_tab_takes_domains_and_a_parent(pages: Pages, world: World) -> None:
    tab = f"/accounts/{world.account}?tab=company"
    add = {"decision": "domain", "account": world.account, "domain": "www.acme-group.com"}
    pages.send("/account-decisions", **add, back=tab)
    drain(world.url)
    assert "acme-group.com" in pages.get(tab)
    answer = pages.send(f"/accounts/{world.account}/parent", parent="nobody-has-this")
    assert answer.status_code == 303
    people = pages.get(f"/accounts/{world.account}?tab=people")
    assert "is in this account" in people


def test_the_list_of_domains_is_an_admins_and_comes_first(
    pages: Pages, reader: Pages, world: World
) -> None:
    assert "Nothing yet. Add agencies" in pages.get("/settings/domains")
    pages.send("/settings/domains", domain="agency.com", verdict="shared", note="An agency")
    assert "An agency" in pages.get("/settings/domains")
    assert "puts nobody in an account" in pages.get("/settings/domains?q=zoe@mail.agency.com")
    assert "It puts nobody" in pages.get("/settings/domains?q=gmail.com")
    wrong = pages.send("/settings/domains", domain="no domain", verdict="shared")
    assert wrong.status_code == 400
    assert "is no domain" in wrong.text
    assert reader.ask("POST", "/settings/domains", data={"domain": "x.com"}).status_code == 403
    pages.send("/settings/domains/drop", domain="agency.com")
    assert "An agency" not in pages.get("/settings/domains")


def test_lead_matching_says_that_nothing_waits(pages: Pages) -> None:
    assert "Nothing to judge." in pages.get("/accounts/proposals")
