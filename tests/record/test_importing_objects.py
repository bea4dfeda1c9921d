"""Deals, leads, products, subscriptions and activities from files, as other CRMs export them."""

import pytest

from onefold import crm
from onefold.kernel.viewer import SYSTEM
from onefold.record import import_crm, importing
from onefold.sources import imports
from onefold.sources.imports import detect, suggest, values
from onefold.storage import Connection
from tests.record.company import NOW, Company
from tests.record.test_importing import Desk, desk

__all__ = ["desk"]

PIPEDRIVE = (
    (
        "Deal - ID;Deal - Title;Deal - Value;Deal - Currency of Value;Deal - Stage;Deal - Status;"
        "Deal - Organization;Deal - Expected close date;Deal - Deal created"
    ),
    "7;Zwölf Plätze;1.200,50;EUR;Contract Sent;Open;Müller & Söhne;2026-12-24;2026-01-02 10:11:12",
    "8;Old one;900;EUR;;Won;acme;2026-02-01;2026-01-02 10:11:12",
    "9;Lost one;;EUR;;Lost;acme;;",
)
HUBSPOT = (
    (
        "Record ID,Deal Name,Deal Stage,Pipeline,Amount,Close Date,Deal Type,Deal owner,"
        "Associated Company"
    ),
    '11,Forty seats,closedwon,Sales,"$48,000",11/30/2026 14:05,newbusiness,maya@x.test,Acme Ltd',
    "12,Other,Somewhere else,Sales,1,,,,",
)


@pytest.mark.parametrize(
    ("lines", "target", "some"),
    [
        (PIPEDRIVE, "deals",
         {"Deal - ID": "external_id", "Deal - Title": "name", "Deal - Value": "amount",
          "Deal - Currency of Value": "currency", "Deal - Stage": "stage",
          "Deal - Status": "status", "Deal - Organization": "account",
          "Deal - Expected close date": "close_date", "Deal - Deal created": "created_at"}),
        (HUBSPOT, "deals",
         {"Record ID": "external_id", "Deal Name": "name", "Deal Stage": "stage",
          "Pipeline": "pipeline", "Amount": "amount", "Close Date": "close_date",
          "Deal Type": "kind", "Deal owner": "owner", "Associated Company": "account"}),
        ((("Opportunity ID,Opportunity Name,Stage,Amount,Close Date,Probability (%),Lead Source,"
          "Account Name,Opportunity Owner"), "006,Big,Prospecting,12,1/2/2026,10,Web,Acme,Maya"),
         "deals",
         {"Opportunity ID": "external_id", "Opportunity Name": "name", "Stage": "stage",
          "Close Date": "close_date", "Lead Source": "source", "Account Name": "account"}),
        (("Lead ID,First Name,Last Name,Company / Account,Email,Lead Status,Lead Source,Rating",
          "00Q,Flo,Wu,Hooli,flo@hooli.test,Open - Not Contacted,Web,Hot"), "leads",
         {"Lead ID": "external_id", "First Name": "first_name", "Last Name": "last_name",
          "Company / Account": "company", "Email": "email", "Lead Status": "status",
          "Lead Source": "source", "Rating": "rating"}),
        (("Product Code,Product Name,List Price,Active", "A1,Seat,12.50,true"), "products",
         {"Product Code": "code", "Product Name": "name", "List Price": "price",
          "Active": "active"}),
        (("Activity type,Subject,Activity date,Duration (minutes),Call outcome,Email",
          "Phone call,Intro,2026-03-04 10:00,30,Connected,ann@acme.co"), "activities",
         {"Activity type": "kind", "Subject": "subject", "Activity date": "at",
          "Duration (minutes)": "minutes", "Call outcome": "outcome", "Email": "email"}),
        (("Subscription ID,Plan,MRR,Renewal date,Company", "s1,Pro,$99,2027-01-01,acme"),
         "subscriptions",
         {"Subscription ID": "external_id", "Plan": "plan", "MRR": "mrr",
          "Renewal date": "renewal_date", "Company": "account"}),
    ],
)  # fmt: skip
def test_files_of_other_crms_are_recognised(
    lines: tuple[str, ...], target: imports.Target, some: dict[str, str], desk: Desk
) -> None:
    path = desk.folder / "g.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sample = detect.look(path)
    assert suggest.target(sample) == target
    found = suggest.mapping(target, sample)
    assert {name: found.columns[name].to for name in some} == some


@pytest.mark.parametrize(
    ("said", "number", "code"),
    [
        ("1200", "1200", ""), ("1,200.50", "1200.50", ""), ("1.200,50 €", "1200.50", "EUR"),
        ("€ 12,5", "12.5", "EUR"), ("$48,000", "48000", ""), ("USD 1 200", "1200", "USD"),
        ("(1,200)", "-1200", ""), ("-3.5", "-3.5", ""), ("1'200.00 CHF", "1200.00", "CHF"),
        ("1.200.000", "1200000", ""), ("£0.99", "0.99", "GBP"), ("many", "many", ""),
        ("12 or 13", "12 or 13", ""), ("", "", ""),
    ],
)  # fmt: skip
def test_sums_of_money_are_read_as_people_write_them(said: str, number: str, code: str) -> None:
    assert values.amount(said) == (number, code)


def test_deals_come_with_stage_sum_company_and_are_found_again(
    conn: Connection, desk: Desk
) -> None:
    Company(conn)
    crm.currencies.put(conn, SYSTEM, "USD", {"EUR": 1.1}, NOW)
    done = desk.load("deals", *PIPEDRIVE)
    assert (done.status, done.created, done.refused, done.faults) == ("done", 3, 0, [])
    found = {d.name: d for d in crm.deals.find(conn, SYSTEM, {}).rows}
    open_ = found["Zwölf Plätze"]
    assert (open_.amount, open_.currency, open_.stage_name) == (1200.5, "EUR", "Contract sent")
    assert (open_.account_name, open_.close_date) == ("Müller & Söhne", "2026-12-24")
    assert open_.created_at.startswith("2026-01-02T10:11:12")
    assert (found["Old one"].status, found["Old one"].closed_at[:10]) == ("won", "2026-02-01")
    assert found["Lost one"].status == "lost"
    again = desk.load("deals", PIPEDRIVE[0], PIPEDRIVE[1].replace("1.200,50", "1.300,00"))
    assert (again.created, again.matched) == (0, 1)
    assert crm.deals.get(conn, SYSTEM, open_.id).amount == 1300
    for one in (again, done):
        importing.revert(conn, SYSTEM, one.id)
        conn.commit()
        importing.take_back(desk.running, one.id)
    assert crm.deals.find(conn, SYSTEM, {}).rows == []


def test_what_is_refused_says_the_stages_there_are_and_the_preview_says_it_first(
    conn: Connection, desk: Desk
) -> None:
    Company(conn)
    crm.users.create(conn, SYSTEM, "maya@x.test", "Maya", "member", "correct horse battery", NOW)
    draft = desk.draft("deals", *HUBSPOT)
    seen = importing.preview(conn, SYSTEM, draft)
    assert (seen.created, seen.refused, len(seen.faults)) == (1, 1, 1)
    assert crm.deals.find(conn, SYSTEM, {}).rows == []
    done = desk.run(draft)
    (fault,) = done.faults
    assert (fault.line, fault.column, fault.value) == (3, "Deal Stage", "Somewhere else")
    assert "Contract sent" in fault.remedy
    (deal,) = crm.deals.find(conn, SYSTEM, {}).rows
    assert (deal.status, deal.amount, deal.kind) == ("won", 48_000, "new_business")
    assert (deal.owner_name, deal.close_date) == ("Maya", "2026-11-30")


def test_leads_activities_products_and_subscriptions(conn: Connection, desk: Desk) -> None:
    Company(conn)
    done = desk.load(
        "leads",
        "Name,Email,Company,Lead Status,Website",
        "Flo Wu,flo@hooli.test,Hooli,Working - Contacted,https://www.hooli.test/x",
        "Flo W,FLO@hooli.test,Hooli GmbH,Converted,",
    )
    assert (done.created, done.matched, done.refused) == (1, 1, 0)
    (lead,) = crm.leads.find(conn, SYSTEM, {}).rows
    assert (lead.company, lead.status, lead.domain) == ("Hooli GmbH", "qualified", "hooli.test")
    done = desk.load(
        "activities",
        "activity type,subject,at,minutes,email,company,id",
        "Phone call,Intro,2026-03-04 10:00,30,ann@acme.co,acme,a1",
    )
    assert (done.created, done.faults) == (1, [])
    (call,) = crm.activities.find(conn, SYSTEM, {}).rows
    assert (call.kind, call.minutes, call.account_name) == ("call", 30, "acme")
    assert call.at.startswith("2026-03-04T10:00")
    done = desk.load("products", "sku,product name,unit price", "A1,Seat,12.50", "A1,Seat,13")
    assert (done.created, done.matched) == (1, 1)
    done = desk.load(
        "subscriptions",
        "id,plan,mrr,renewal date,company,status",
        "s1,Pro,$99,2027-01-01,acme,Canceled",
    )
    assert (done.created, done.faults) == (1, [])
    (held,) = crm.subscriptions.find(conn, SYSTEM, {"status": "ended"}).rows
    assert (held.name, held.mrr, held.renewal_date) == ("Pro", 99, "2027-01-01")


@pytest.mark.parametrize(
    ("said", "percent"), [("40", "40"), ("40 %", "40"), ("0.4", "40"), ("1.0", "100"), ("x", "x")]
)
def test_a_probability_may_be_a_fraction(said: str, percent: str) -> None:
    assert import_crm._percent(said) == percent


def test_tickets_and_tasks_are_found_again_by_their_ids_elsewhere(
    conn: Connection, desk: Desk
) -> None:
    Company(conn)
    head = "Id,Subject,Status,Requester email,Created at,Solved at"
    first = "35,Export broken,Open,Ann Lee <ann@acme.co>,2026-01-02 10:00,"
    solved = "36,Old,Solved,ann@acme.co; bo@acme.co,2026-01-02 10:00,2026-01-03 11:00"
    done = desk.load("tickets", head, first, solved)
    assert (done.created, done.refused) == (2, 0)
    done = desk.load("tickets", head, first.replace("Open", "Pending"), solved)
    assert (done.created, done.matched, done.unchanged) == (0, 1, 1)
    by_subject = {t.subject: t for t in crm.tickets.find(conn, SYSTEM, {}).rows}
    assert by_subject["Export broken"].status == "paused"
    assert by_subject["Export broken"].created_at.startswith("2026-01-02T10:00")
    assert (by_subject["Old"].resolved_at or "").startswith("2026-01-03T11:00")
    assert {t.contact_name for t in by_subject.values()} == {"ann@acme.co"}
    for _ in range(2):
        done = desk.load("tasks", "Task ID,Task Subject,Due date", "9,Call Ann,2026-02-03")
    assert (done.created, done.unchanged) == (0, 1)


def test_an_address_is_looked_for_in_no_time_in_what_has_none() -> None:
    assert values.address("x" * 100_000) is None
    assert values.address("x" * 100_000 + "@") is None
    assert values.address('"Lee, Ann" <ann@mail.acme.co>') == "ann@mail.acme.co"
