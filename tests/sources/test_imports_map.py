"""Where columns go: proposals from headers and values, and rows as items."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from onefold.kernel import errors
from onefold.sources import imports
from onefold.sources.imports import detect, items, suggest, values
from onefold.sources.imports.read import Record

AT = 1_790_000_000_000
CRM = Path(os.environ.get("ONEFOLD_DATASETS", "../shared/data")) / "crm"


def _suggest(tmp_path: Path, target: imports.Target, *lines: str) -> dict[str, str]:
    path = tmp_path / "f.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = suggest.mapping(target, detect.look(path))
    return {name: column.to for name, column in found.columns.items()}


@pytest.mark.parametrize(
    "header",
    [
        "User ID,E-mail,First Name,Last Name",
        "userId,emailAddress,firstName,lastName",
        "external_id,email_address,given_name,family_name",
        "Kundennummer,E-Mail-Adresse,Vorname,Nachname",
        "identifiant,Adresse e-mail,Prénom,Nom de famille",
        "id usuario,Correo electrónico,Nombre,Apellidos",
        "customer_id,邮箱,名,姓",
        "uid,электронная почта,Имя,Фамилия",
    ],
)
def test_people_are_recognised_in_many_languages(tmp_path: Path, header: str) -> None:
    found = _suggest(tmp_path, "people", header, "u1,ann@acme.co,Ann,Lee", "u2,bo@acme.co,Bo,Wu")
    assert list(found.values()) == ["user_id", "email", "traits.firstName", "traits.lastName"]


def test_a_few_wrong_dates_are_faults_of_their_rows_and_do_not_hide_the_column(
    tmp_path: Path,
) -> None:
    rows = ("A,u1,2026-01-02", "B,u1,soon", "C,u1,2026-01-03T10:00:00+02:00")
    found = _suggest(tmp_path, "events", "event,user_id,timestamp", *rows)
    assert found["timestamp"] == "timestamp"
    found = _suggest(tmp_path, "events", "event,user_id,time", "A,u1,soon", "B,u1,later")
    assert found["time"] != "timestamp"


def test_values_tell_what_a_header_does_not(tmp_path: Path) -> None:
    found = _suggest(tmp_path, "people", "a,b,seats", "ann@acme.co,x,3", "bo@acme.co,y,4")
    assert found == {"a": "email", "b": "traits.b", "seats": "traits.seats"}


@pytest.mark.parametrize(
    ("file", "target", "some"),
    [
        ("dbt_hubspot/contact_data.csv", "contacts",
         {"property_email": "email", "property_firstname": "first_name",
          "property_lastname": "last_name", "property_jobtitle": "title",
          "property_company": "account", "_fivetran_synced": ""}),
        ("dbt_hubspot/company_data.csv", "companies",
         {"id": "key", "property_name": "name", "property_industry": "industry"}),
        ("dbt_hubspot/ticket_data.csv", "tickets",
         {"property_subject": "subject", "property_content": "content",
          "property_hs_ticket_priority": "priority"}),
        ("dbt_salesforce/sf_contact_data.csv", "people",
         {"id": "external_ids.salesforce_contact_id", "email": "email", "account_id": "account_id",
          "reports_to_id": "traits.reports_to_id", "first_name": "traits.firstName",
          "mobile_phone": "traits.mobile_phone"}),
        ("dbt_salesforce/sf_account_data.csv", "accounts",
         {"id": "account_id", "name": "traits.name", "industry": "traits.industry"}),
        ("dbt_salesforce/sf_task_data.csv", "tasks",
         {"subject": "subject", "activity_date": "due_at", "priority": "priority"}),
        ("dbt_zendesk/user_data.csv", "people",
         {"email": "email", "name": "traits.name", "created_at": "timestamp"}),
        ("dbt_zendesk/ticket_data.csv", "tickets",
         {"subject": "subject", "description": "content", "status": "status",
          "priority": "priority", "via_channel": "channel"}),
        ("dbt_intercom/contact_history_data.csv", "people",
         {"external_id": "user_id", "email": "email", "name": "traits.name"}),
        ("dbt_stripe/customer_data.csv", "people",
         {"id": "external_ids.stripe_customer_id", "email": "email", "created": "timestamp",
          "name": "traits.name"}),
    ],
)  # fmt: skip
def test_the_exports_of_known_tools_are_understood(
    file: str, target: imports.Target, some: dict[str, str], tmp_path: Path
) -> None:
    path = CRM / file
    if not path.exists():  # the sets are not part of the repository: their headers alone then
        path = tmp_path / "f.csv"
        with path.open("w", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow(some)
            writer.writerow(["1577836800" if to in ("timestamp", "due_at") else "x" for to in
                             some.values()])  # fmt: skip
    found = suggest.mapping(target, detect.look(path))
    assert {name: found.columns[name].to for name in some} == some


@pytest.mark.parametrize(
    ("value", "kind", "iso"),
    [
        ("2026-11-23T17:00:00Z", "time", "2026-11-23T17:00:00.000Z"),
        ("2026-11-23 17:00", "time", "2026-11-23T17:00:00.000Z"),
        ("2026-11-23", "time", "2026-11-23T00:00:00.000Z"),
        ("2022-04-14 4:30:42", "time", "2022-04-14T04:30:42.000Z"),
        ("2023-11-11 08:18:16.519000 UTC", "time", "2023-11-11T08:18:16.519Z"),
        ("1700000000", "time", "2023-11-14T22:13:20.000Z"),
        (1_700_000_000_000, "time", "2023-11-14T22:13:20.000Z"),
        ("3.4.2026 9:30", "time", "2026-04-03T09:30:00.000Z"),
        ("3/4/2026", "dmy", "2026-04-03T00:00:00.000Z"),
        ("3/4/2026 1:30 PM", "mdy", "2026-03-04T13:30:00.000Z"),
        ("Nov 23, 2026", "time", "2026-11-23T00:00:00.000Z"),
    ],
)
def test_times_are_read_in_the_forms_that_tools_write(
    value: Any, kind: imports.model.As, iso: str
) -> None:
    assert values.convert(value, kind) == iso


@pytest.mark.parametrize(
    ("value", "kind"),
    [("abc", "number"), ("1,2,3", "number"), ("maybe", "boolean"), ("yesterday", "time"),
     ("31/31/2026", "dmy"), ("{", "json")],
)  # fmt: skip
def test_a_value_that_does_not_fit_says_what_to_do(value: str, kind: imports.model.As) -> None:
    with pytest.raises(values.Unfit) as caught:
        values.convert(value, kind)
    assert caught.value.remedy


def _item(target: imports.Target, columns: dict[str, Any], row: dict[str, Any]) -> Any:
    mapping = imports.Mapping(
        {n: c if isinstance(c, imports.Column) else imports.Column(c) for n, c in columns.items()}
    )
    assert items.check(target, columns, mapping) == []
    made = items.Builder(target, mapping, "imp_4", AT).item(Record(7, 8, row))
    return made if isinstance(made, imports.RowFault) else json.loads(made)


def test_a_row_becomes_an_item_named_after_its_import_and_number() -> None:
    columns = {"id": "user_id", "mail": "email", "co": "account_id",
               "n": imports.Column("traits.seats", "number"), "note": ""}  # fmt: skip
    row = {"id": " u1 ", "mail": "ann@acme.co", "co": "acme", "n": "1,500", "note": "x"}
    assert _item("people", columns, row) == {
        "type": "identify", "messageId": "imp_4:7", "userId": "u1",
        "traits": {"seats": 1500, "email": "ann@acme.co"}, "context": {"groupId": "acme"},
        "timestamp": "2026-09-21T14:13:20.000Z",
    }  # fmt: skip
    fault = _item("people", columns, {**row, "n": "many"})
    assert (fault.line, fault.column, fault.value) == (8, "n", "many")


def test_a_mapping_is_checked_as_a_whole() -> None:
    mapping = imports.Mapping(
        {"a": imports.Column("first_nam"), "b": imports.Column("email"),
         "c": imports.Column("email"), "gone": imports.Column("traits.x")}
    )  # fmt: skip
    told = [str(f) for f in items.check("events", ["a", "b", "c"], mapping)]
    assert len(told) == 4
    assert any("gone" in t for t in told)
    assert any("as `b` does" in t for t in told)
    assert any("`event`" in t for t in told)
    assert isinstance(errors.Invalid(*items.check("events", [], mapping)).faults, tuple)


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("id,subject,requester_id,status,due_at", "tickets"),
        ("Case Number,Subject,Status,Priority", "tickets"),
        ("subject,due date,status", "tasks"),
        ("name,stage name,is closed,is won,close date", "deals"),
        ("email,first name,last name,close date", "people"),
    ],
)
def test_what_rows_are_is_told_by_their_headers(
    header: str, target: imports.Target, tmp_path: Path
) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"{header}\n{','.join('x' for _ in header.split(','))}\n", encoding="utf-8")
    assert suggest.target(detect.look(path)) == target


def test_that_a_deal_is_closed_is_no_status_of_it(tmp_path: Path) -> None:
    found = _suggest(tmp_path, "deals", "name,is_closed,is_won", "A,TRUE,FALSE", "B,false,false")
    assert found == {"name": "name", "is_closed": "", "is_won": ""}
