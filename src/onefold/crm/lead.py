"""Leads: people who may become customers, until they are converted or turn out not to.

A lead's facts carry its e-mail, so they are on the timeline of whoever that address belongs to.
Converting is in record/leads.py, which asks the identity engine who the lead is already.
"""

from collections.abc import Mapping
from typing import Any

from psycopg import errors as pg

from onefold.crm import fields, store
from onefold.crm.contact import name_of
from onefold.crm.model import Item, Lead, Row
from onefold.crm.records import Change, Kind, Records
from onefold.kernel import errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, fold_name

STATUSES = ("new", "attempting", "connected", "qualified", "unqualified", "converted")
RATINGS = ("", "hot", "warm", "cold")
OPEN = STATUSES[:4]
KIND = Kind(
    noun="lead",
    prefix="lead",
    fields=(
        fields.Field("email", "email", limits.email_chars_max, label="E-mail"),
        fields.Field("first_name"),
        fields.Field("last_name"),
        fields.Field("title"),
        fields.Field("phone"),
        fields.Field("company"),
        fields.Field("domain", "domain"),
        fields.Field("source"),
        fields.Field("status", "enum", options=STATUSES),
        fields.Field("rating", "enum", options=RATINGS),
        fields.Field("reason"),
        fields.Field("description", "text", limits.record_text_chars_max),
        fields.Field("next_step"),
        fields.Field("next_step_at", "date", label="Next step on"),
        fields.Field("owner_id", "ref", prefix="usr"),
        fields.Field("external_id", chars_max=limits.string_identifier_chars_max),
        fields.Field("created_at", "time", once=True),
    ),
    filters=(),
    told=(
        "email", "first_name", "last_name", "title", "company", "source", "status", "rating",
        "reason", "contact_id", "account_id", "deal_id", "owner_id",
    ),
    sort="-updated",
    plural="leads",
    unique=("email", "external_id"),
    columns=("company", "email", "status", "rating", "next_step_at", "owner_id", "updated_at"),
    traced=True,
    archives=True,
)  # fmt: skip
_TRAITS = {"email": "email", "first_name": "firstName", "last_name": "lastName", "title": "title",
           "phone": "phone"}  # fmt: skip


class Leads(Records[Lead]):
    """Commands on leads."""

    def held(self, conn: Connection, record_id: str, expected_version: int | None) -> Row:
        """A lead's row, held until the transaction ends."""
        row = self._held(conn, record_id, expected_version)
        faults = self._not_archived(row)
        if faults:
            raise errors.Invalid(*faults)
        return row

    def became(
        self,
        conn: Connection,
        viewer: Viewer,
        before: Row,
        columns: Mapping[str, Any],
        now_ms: int,
        into: list[Item],
    ) -> Lead:
        """Write what a held lead was converted to, or that it is a lead again."""
        return self._write(conn, viewer, before, columns, now_ms, into)

    def _rules(self, columns: Mapping[str, Any], faulty: set[str]) -> list[errors.Fault]:
        if columns.get("archived_at") is not None:
            return self._not_archived(columns)
        if columns.get("status") == "converted":
            if columns.get("converted_at") is not None:
                remedy = "Change what it became, or take the conversion back first."
                return [errors.Fault("id", "is converted.", remedy)]
            return [errors.Fault("status", "is not set like this.", "Convert the lead.")]
        names = ("email", "first_name", "last_name", "company")
        if faulty.isdisjoint(names) and not any(columns.get(n) for n in names):
            remedy = "A lead needs an e-mail, a name or a company."
            return [errors.Fault("email", "is missing.", remedy)]
        return []

    def _derived(self, change: Change) -> dict[str, Any]:
        columns: dict[str, Any] = {"name_sort": fold_name(_name(change.after))}
        opened = change.changed.get("status") in OPEN and change.before is not None
        if opened and change.before is not None and change.before["status"] == "unqualified":
            columns["reason"] = change.changed.get("reason", "")
        return columns

    def _save(self, conn: Connection, before: Row, columns: Mapping[str, Any]) -> None:
        try:
            with conn.transaction():
                super()._save(conn, before, columns)
        except pg.UniqueViolation:
            raise self._taken(conn, {**before, **columns}) from None

    def _taken(self, conn: Connection, columns: Mapping[str, Any]) -> errors.Conflict:
        for name in self.kind.unique:
            value = columns.get(name)
            first = store.by_unique(conn, "lead", name, value) if value else None
            if first is not None:
                row = self._row(conn, first)
                return errors.Conflict(
                    f"`{ids.api_id('lead', first)}` ({_name(row)}) has the same {name}. "
                    "Work on that lead, or close it first.",
                    self._current(row),
                )
        return errors.Conflict("The lead is changing just now. Try again.")

    def _shown(self, row: Row) -> dict[str, Any]:
        return {"name": _name(row)}

    def _event(self, before: Row | None, row: Row) -> str:
        if before is None:
            return "Lead Created"
        if before["status"] == row["status"]:
            return "Lead Updated"
        if row["status"] == "converted":
            return "Lead Converted"
        if row["status"] == "unqualified":
            return "Lead Disqualified"
        over = before["status"] in ("converted", "unqualified")
        return "Lead Reopened" if over else "Lead Updated"

    def _traits(self, row: Row) -> dict[str, str]:
        return {trait: row[column] for column, trait in _TRAITS.items() if row[column]}


def _name(columns: Mapping[str, Any]) -> str:
    """First and last name, else the e-mail, else the company."""
    return name_of(columns) or str(columns.get("company", ""))


leads = Leads(KIND, Lead)
