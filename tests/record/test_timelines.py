"""Timelines: facts and audience changes in one order, every page, nothing lost or shown twice."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold import audiences, crm, record
from onefold.kernel import errors
from onefold.kernel.viewer import SYSTEM
from onefold.record import timelines
from tests.record.company import NOW, Company, group, identify, page, track

DAY = 86_400_000


def pages(company: Company, ref: str, limit: int) -> list[str]:
    """Ids of every item, page by page."""
    out: list[str] = []
    before = None
    for _ in range(300):
        found = record.timeline(company.conn, SYSTEM, ref, before, limit)
        assert len(found["items"]) <= limit
        out += [item["id"] for item in found["items"]]
        before = found["next"]
        if before is None:
            return out
    raise AssertionError("the timeline does not end")


def test_a_timeline_begins_with_the_anonymous_visits(company: Company) -> None:
    company.send(page("d1"), at_ms=NOW - DAY)
    company.send(identify("u1", "d1"), track("u1", "Report Exported", "acme", format="pdf"))
    company.work()
    items = record.timeline(company.conn, SYSTEM, "user_id:u1")["items"]
    assert [i["name"] for i in items] == ["Report Exported", "Identify", "Page Viewed"]
    newest = items[0]
    assert newest["properties"] == {"format": "pdf"}
    assert (newest["source"], newest["category"], newest["account"]) == (
        "product",
        "product",
        "acme",
    )
    assert newest["identifier"] == "user_id:u1"
    assert items[-1]["identifier"] == "anonymous_id:d1"


def test_an_accounts_timeline_holds_its_people_and_itself(company: Company) -> None:
    company.send(group("u1", "acme"), group("u2", "acme"), track("u3", "Elsewhere", "other"))
    company.work()
    made = record.account(company.conn, SYSTEM, "account_id:acme", NOW)["id"]
    crm.accounts.update(company.conn, SYSTEM, made, {"industry": "Ships"}, NOW)
    company.conn.commit()
    company.work()
    for ref in ("account_id:acme", made):
        items = record.timeline(company.conn, SYSTEM, ref)["items"]
        assert len(items) == 3
        assert {i["category"] for i in items} == {"product", "crm"}
        people = [i["person"] and i["person"]["id"] for i in items]
        assert people[0] is None  # the account's own
        assert set(people[1:]) == {
            f"per_{record.resolve_person(company.conn, SYSTEM, f'user_id:{u}')}"
            for u in ("u1", "u2")
        }


def test_changes_of_audience_stand_above_the_fact_that_caused_them(company: Company) -> None:
    definition = {"of": "person", "where": {"count": {"event": "Report Exported"}, "at_least": 1}}
    audiences.create(company.conn, SYSTEM, "exporters", "Exporters", definition)
    company.conn.commit()
    company.work()
    company.work(NOW + 200)
    company.send(track("u1", "Report Exported", "acme"), at_ms=NOW)
    company.work(NOW + 400)
    items = record.timeline(company.conn, SYSTEM, "user_id:u1")["items"]
    assert [i["kind"] for i in items] == ["audience", "track"]
    assert items[0]["name"] == "Entered Exporters"
    assert items[0]["properties"]["audience"] == "exporters"
    assert items[0]["properties"]["entered"] is True
    person = record.person(company.conn, SYSTEM, "user_id:u1")
    assert [a["key"] for a in person["audiences"]] == ["exporters"]
    assert person["audiences"][0]["since"] == items[0]["at"]


def test_pages_of_any_size_show_every_item_once_in_order(company: Company) -> None:
    for i in range(12):
        company.send(*[track("u1", f"E{i}") for _ in range(5)], at_ms=NOW - (i % 4) * DAY)
    company.work()
    person_id = record.resolve_person(company.conn, SYSTEM, "user_id:u1")
    audience = company.conn.execute(
        "INSERT INTO audience (key, name, of, definition, created_by)"
        " VALUES ('a', 'A', 'person', '{}', 'x') RETURNING id"
    ).fetchone()
    assert audience
    for i in range(15):
        company.conn.execute(
            "INSERT INTO membership_change (audience_id, entity_id, entered, at_ms, why)"
            " VALUES (%s, %s, %s, %s, %s)",
            (audience[0], person_id, i % 2 == 0, NOW - (i % 5) * DAY // 2, json.dumps([])),
        )
    everything = pages(company, "user_id:u1", 200)
    assert len(everything) == len(set(everything)) == 75
    for size in (1, 2, 7, 74, 75, 76):
        assert pages(company, "user_id:u1", size) == everything


@given(st.text(max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_cursor_is_understood_or_refused(text: str) -> None:
    fields = ["before"]
    try:
        facts, changes = timelines._bounds(text)
        fields = []
    except errors.Invalid as error:
        found = [f.field for f in error.faults]
    else:
        found = [name for name in (*facts, *changes) if abs(name) > 2**62]
    assert found == fields


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_a_page_has_a_limit(company: Company, limit: int) -> None:
    company.send(page("d1"))
    company.work()
    with pytest.raises(errors.Invalid):
        record.timeline(company.conn, SYSTEM, "anonymous_id:d1", None, limit)


def test_an_accounts_timeline_leaves_out_what_its_people_did_elsewhere(company: Company) -> None:
    company.send(group("u1", "acme"), group("u1", "other"))
    company.send(
        track("u1", "Here", "acme"), track("u1", "There", "other"), track("u1", "Anywhere")
    )
    company.work()
    found = record.timeline(company.conn, SYSTEM, "account_id:acme")["items"]
    assert {i["name"] for i in found} == {"Group", "Here", "Anywhere"}
    assert len(found) == 3
