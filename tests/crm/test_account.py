"""Accounts: keys, what is edited by hand, risk."""

from typing import Any

import pytest

from onefold import crm, storage
from onefold.kernel import errors
from onefold.kernel.viewer import SYSTEM, Viewer

NOW = 1_796_000_000_000


def test_an_accounts_fact_is_at_home_at_its_key(
    conn: storage.Connection, rep: Viewer, facts: Any
) -> None:
    made = crm.accounts.create(
        conn, rep, {"key": "acme", "name": "Acmé", "domain": "https://www.Acme.com/about"}, NOW
    )
    (fact,) = facts()
    assert fact["event"] == "Account Created"
    assert fact["context"] == {"actor": rep.actor, "groupId": "acme"}
    assert made.domain == "acme.com"
    assert set(made.edited) == {"name", "domain"}
    assert made.edited["name"]["by"] == rep.actor
    assert crm.accounts.find(conn, rep, q="acme").rows == [made]


def test_without_a_key_an_account_gets_one(conn: storage.Connection, rep: Viewer) -> None:
    made = crm.accounts.create(conn, rep, {"name": "Beta"}, NOW)
    assert made.key == f"crm-{made.id[4:]}"
    with pytest.raises(errors.Invalid, match="a name or a key"):
        crm.accounts.create(conn, rep, {"plan": "pro"}, NOW)
    with pytest.raises(errors.Invalid, match="can't be changed"):
        crm.accounts.update(conn, rep, made.id, {"key": "other"}, NOW)


def test_a_key_that_is_taken_is_a_conflict_with_the_first(
    conn: storage.Connection, rep: Viewer
) -> None:
    first = crm.ensure_accounts(conn, ["acme"])["acme"]
    with pytest.raises(errors.Conflict, match=f"acc_{first}") as caught:
        crm.accounts.create(conn, rep, {"key": " acme "}, NOW)
    assert caught.value.current["key"] == "acme"


@pytest.mark.parametrize("domain", ["no domain", "acme", "-x.com", "a@b.co"])
def test_a_domain_is_a_domain(conn: storage.Connection, rep: Viewer, domain: str) -> None:
    with pytest.raises(errors.Invalid, match="domain"):
        crm.accounts.create(conn, rep, {"name": "Acme", "domain": domain}, NOW)


def test_risk_is_told_once_and_newer_numbers_are_not(
    conn: storage.Connection, rep: Viewer, facts: Any
) -> None:
    account = int(crm.accounts.create(conn, rep, {"key": "acme"}, NOW).id[4:])
    first = crm.set_risk(conn, SYSTEM, account, "warning", "fell 40 %", NOW)
    again = crm.set_risk(conn, SYSTEM, account, "warning", "fell 42 %", NOW + 1)
    worse = crm.set_risk(conn, SYSTEM, account, "critical", "fell 60 %", NOW + 2)
    calm = crm.set_risk(conn, SYSTEM, account, "", "", NOW + 3)
    assert [a.version for a in (first, again, worse, calm)] == [2, 2, 3, 4]
    assert again.risk_reason == "fell 42 %"
    assert crm.accounts.get(conn, rep, account) == calm
    assert [f["properties"]["changes"] for f in facts()[1:]] == [
        {"risk": ["", "warning"]}, {"risk": ["warning", "critical"]}, {"risk": ["critical", ""]},
    ]  # fmt: skip
    with pytest.raises(errors.Invalid, match="risk"):
        crm.set_risk(conn, SYSTEM, account, "awful", "", NOW)
    with pytest.raises(errors.Invalid, match="can be read, not set"):
        crm.accounts.update(conn, rep, account, {"risk": "warning"}, NOW)


def test_the_hot_columns_do_not_make_a_persons_edit_conflict(
    conn: storage.Connection, rep: Viewer
) -> None:
    made = crm.accounts.create(conn, rep, {"key": "acme"}, NOW)
    number = int(made.id[4:])
    crm.touch_accounts(conn, {number: NOW})
    crm.set_health(conn, {number: {"score": 80, "band": "green"}})
    after = crm.accounts.update(conn, rep, made.id, {"plan": "pro"}, NOW, expected_version=1)
    assert after.health == {"score": 80, "band": "green"}
    assert after.last_seen == "2026-11-30T00:53:20.000Z"
