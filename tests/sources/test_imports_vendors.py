"""The exports of other tools, by their header rows: what rows are, and where their columns go."""

import csv
from pathlib import Path

import pytest

from onefold.sources import imports
from onefold.sources.imports import detect, items, suggest

CASES: list[tuple[str, imports.Target, dict[str, tuple[str, str]]]] = [
    ("HubSpot contacts", "people", {
        "Record ID": ("1051", "external_ids.hubspot_contact_id"),
        "First Name": ("Ann", "traits.firstName"), "Last Name": ("Lee", "traits.lastName"),
        "Email": ("ann@acme.co", "email"), "Phone Number": ("+4930123", "traits.phone"),
        "Contact owner": ("Maya Lee", "traits.Contact_owner"),
        "Lifecycle Stage": ("Customer", "traits.Lifecycle_Stage"),
        "Create Date": ("2024-05-11 09:30", "timestamp"),
        "Associated Company": ("Acme GmbH", "account_id"),
    }),
    ("HubSpot deals", "deals", {
        "Record ID": ("9001", "external_id"), "Deal Name": ("Acme Pro", "name"),
        "Deal Stage": ("Closed Won", "stage"), "Pipeline": ("Sales Pipeline", "pipeline"),
        "Amount": ("48,000", "amount"), "Close Date": ("2024-06-30 10:00", "close_date"),
        "Deal owner": ("Maya Lee", "owner"), "Associated Company": ("Acme GmbH", "account"),
    }),
    ("HubSpot tickets", "tickets", {
        "Ticket ID": ("77", "external_id"), "Ticket name": ("Export fails", "subject"),
        "Ticket status": ("New", "status"), "Priority": ("High", "priority"),
        "Ticket description": ("It stops.", "content"),
        "Associated Company": ("Acme GmbH", "account"),
    }),
    ("Pipedrive people", "people", {
        "Person - ID": ("12", "external_ids.pipedrive_person_id"),
        "Person - Name": ("Ann Lee", "traits.name"),
        "Person - Organization": ("Acme GmbH", "account_id"),
        "Person - Email - Work": ("ann@acme.co", "email"),
        "Person - Phone - Mobile": ("+4930123", "traits.phone"),
    }),
    ("Pipedrive deals", "deals", {
        "Deal - ID": ("7", "external_id"), "Deal - Title": ("Acme Pro", "name"),
        "Deal - Value": ("48000", "amount"), "Deal - Currency of Value": ("EUR", "currency"),
        "Deal - Organization": ("Acme GmbH", "account"), "Deal - Stage": ("Proposal", "stage"),
        "Deal - Pipeline": ("Pipeline", "pipeline"), "Deal - Status": ("Won", "status"),
        "Deal - Owner": ("Maya Lee", "owner"), "Deal - Lost reason": ("", "reason"),
        "Deal - Expected close date": ("2024-06-30", "close_date"),
        "Person - Email": ("ann@acme.co", "email"),
    }),
    ("Pipedrive organizations", "companies", {
        "Organization - ID": ("3", ""), "Organization - Name": ("Acme GmbH", "name"),
        "Organization - Owner": ("Maya Lee", "owner"),
    }),
    ("Salesforce contacts", "people", {
        "Id": ("0035g00000AbCdEAAV", "external_ids.salesforce_contact_id"),
        "AccountId": ("0015g00000XyZaBAAV", "account_id"),
        "FirstName": ("Ann", "traits.firstName"), "LastName": ("Lee", "traits.lastName"),
        "Email": ("ann@acme.co", "email"), "Title": ("CTO", "traits.title"),
    }),
    ("Salesforce cases", "tickets", {
        "CaseNumber": ("00001026", "external_id"), "Subject": ("Export fails", "subject"),
        "AccountId": ("0015g00000XyZaBAAV", "account"), "Description": ("It stops.", "content"),
        "Status": ("New", "status"), "Priority": ("High", "priority"), "Origin": ("Web", "channel"),
    }),
    ("Zendesk tickets", "tickets", {
        "Id": ("35", "external_id"), "Subject": ("Export fails", "subject"),
        "Requester email": ("ann@acme.co", "email"), "Status": ("Open", "status"),
        "Priority": ("Normal", "priority"), "Assignee": ("Maya Lee", "owner"),
        "Tags": ("export", "tags"), "Via": ("Web", "channel"),
    }),
    ("Zendesk users", "people", {
        "id": ("70", "external_ids.zendesk_user_id"), "name": ("Ann Lee", "traits.name"),
        "email": ("ann@acme.co", "email"), "external_id": ("u1", "user_id"),
        "organization_id": ("9", "account_id"), "role": ("end-user", "traits.role"),
    }),
    ("Freshdesk tickets", "tickets", {
        "Ticket ID": ("35", "external_id"), "Subject": ("Export fails", "subject"),
        "Status": ("Open", "status"), "Priority": ("Low", "priority"),
        "Agent": ("Maya Lee", "owner"), "Email": ("ann@acme.co", "email"),
        "Company Name": ("Acme GmbH", "account"), "Source": ("Portal", "channel"),
    }),
    ("Stripe customers", "people", {
        "id": ("cus_9s6", "external_ids.stripe_customer_id"), "Email": ("ann@acme.co", "email"),
        "Name": ("Ann Lee", "traits.name"), "Created (UTC)": ("2024-05-11 09:30", "timestamp"),
    }),
    ("Zoho contacts", "people", {
        "Record Id": ("zcrm_55320001", "external_ids.zoho_contact_id"),
        "First Name": ("Ann", "traits.firstName"), "Last Name": ("Lee", "traits.lastName"),
        "Email": ("ann@acme.co", "email"), "Account Name": ("Acme GmbH", "account_id"),
    }),
    ("Attio people", "people", {
        "Record ID": ("b1f0c3de-8a5c-4b52-9a3c-11a0a1e3d9f2", "external_ids.attio_record_id"),
        "Email addresses": ("ann@acme.co", "email"), "Job title": ("CTO", "traits.title"),
    }),
    ("Mailchimp audience", "people", {
        "Email Address": ("ann@acme.co", "email"), "First Name": ("Ann", "traits.firstName"),
        "LEID": ("4711", "traits.LEID"), "EUID": ("ab12cd34ef", "external_ids.mailchimp_euid"),
    }),
    ("a list of one's own users", "people", {
        "id": ("u1", "user_id"), "email": ("ann@acme.co", "email"),
    }),
    ("an account sheet", "companies", {
        "Account Name": ("Acme GmbH", "name"), "Website": ("acme.co", "domain"),
        "Renewal Date": ("2026-12-31", ""), "MRR": ("400", ""),
    }),
    ("subscriptions", "subscriptions", {
        "Account": ("acme.co", "account"), "Plan": ("Pro", "plan"), "MRR": ("400", "mrr"),
        "Start Date": ("2026-01-01", "start_date"), "Renewal Date": ("2026-12-31", "renewal_date"),
    }),
]  # fmt: skip


@pytest.mark.parametrize(("name", "target", "columns"), CASES, ids=[c[0] for c in CASES])
def test_an_export_is_understood_by_its_header_and_values(
    name: str, target: imports.Target, columns: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "export.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerow([value for value, _ in columns.values()])
    sample = detect.look(path)
    assert suggest.target(sample) == target, name
    found = suggest.mapping(target, sample)
    assert {c: v.to for c, v in found.columns.items()} == {c: to for c, (_, to) in columns.items()}
    assert items.check(target, sample.columns, found) == []


def test_another_tools_id_is_an_identifier_of_that_tool_and_names_a_person_alone() -> None:
    ids = "external_ids.hubspot_contact_id"
    mapping = imports.Mapping({"Record ID": imports.Column(ids)})
    assert items.check("people", ["Record ID"], mapping) == []
    builder = items.Builder("people", mapping, "imp_1", 1_790_000_000_000)
    made = builder.item(imports.read.Record(1, 2, {"Record ID": "1051"}))
    assert isinstance(made, bytes)
    assert items.sent_of(made)["context"]["externalIds"] == [
        {"id": "1051", "type": "hubspot_contact_id", "collection": "users", "encoding": "none"}
    ]
    for wrong in ("external_ids.account_id", "external_ids.", "external_ids.Not A Name"):
        faults = items.check("people", ["x"], imports.Mapping({"x": imports.Column(wrong)}))
        assert faults, wrong


@pytest.mark.parametrize("text", ["name\nMüller\n", "name;ort\nJosé;Málaga\n", "name\nFrançois\n"])
def test_a_few_accents_are_read_as_western(text: str) -> None:
    assert text.encode("latin-1").decode(detect.encoding_of(text.encode("latin-1"))) == text
