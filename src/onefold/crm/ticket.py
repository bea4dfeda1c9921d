"""Tickets: requests for help. While one is unresolved, definitions see its tags and priority."""

from collections.abc import Mapping
from typing import Any

from onefold.crm import fields, lists, store
from onefold.crm.contact import contacts
from onefold.crm.model import Row, Ticket
from onefold.crm.records import Change, Kind, Records, Work
from onefold.kernel import errors, ids, limits
from onefold.storage import fold_name

STATUSES = ("open", "paused", "resolved")
PRIORITIES = ("low", "medium", "high", "urgent")
CATEGORIES = ("product_issue", "billing_issue", "feature_request", "general_inquiry")
CHANNELS = ("chat", "email", "form", "phone")
KIND = Kind(
    noun="ticket",
    prefix="tkt",
    fields=(
        fields.Field("subject", chars_max=limits.record_subject_chars_max, required=True),
        fields.Field("content", "text", limits.record_text_chars_max),
        fields.Field("status", "enum", options=STATUSES),
        fields.Field("priority", "enum", options=PRIORITIES),
        fields.Field("category", "enum", options=CATEGORIES),
        fields.Field("tags", "tags"),
        fields.Field("channel", "enum", options=CHANNELS),
        fields.Field("email", "email", limits.email_chars_max, once=True, virtual=True),
        fields.Field("contact_id", "ref", prefix="con"),
        fields.Field("account_id", "ref", prefix="acc"),
        fields.Field("owner_id", "ref", prefix="usr"),
        fields.Field(
            "external_id", chars_max=limits.string_identifier_chars_max, once=True,
            label="Id elsewhere",
        ),
        fields.Field("created_at", "time", once=True, label="Opened"),
        fields.Field("resolved_at", "time", once=True),
    ),
    filters=(lists.Filter("tag", "tag", "tags"),),
    told=(
        "subject", "status", "priority", "category", "tags", "channel", "contact_id", "account_id",
        "owner_id",
    ),
    sort="-updated",
    plural="tickets",
    unique=("external_id",),
    columns=("status", "priority", "contact_id", "account_id", "owner_id", "updated_at"),
)  # fmt: skip


class Tickets(Records[Ticket]):
    """Commands on tickets."""

    def _rules(self, columns: Mapping[str, Any], faulty: set[str]) -> list[errors.Fault]:
        if columns.get("email") and columns.get("contact_id"):
            return [errors.Fault("email", "and `contact_id` are both given.", "Send one of them.")]
        about = ("contact_id", "account_id", "email")
        if faulty.isdisjoint(about) and not any(columns.get(n) for n in about):
            return [
                errors.Fault(
                    "contact_id", "is missing.", "Give a contact, an `email` or an account."
                )
            ]
        return []

    def _complete(self, work: Work, columns: dict[str, Any]) -> None:
        if columns.get("email"):
            found = contacts.by_email(
                work.conn, work.viewer, columns["email"], work.now_ms,
                account_id=columns.get("account_id"), into=work.items,
            )  # fmt: skip
            columns["contact_id"] = ids.parse_id("con", found.id)
        if columns.get("contact_id") and "account_id" not in columns:
            contact = store.read(work.conn, "contact", columns["contact_id"])
            columns["account_id"] = contact["account_id"] if contact else None

    def _derived(self, change: Change) -> dict[str, Any]:
        columns: dict[str, Any] = {"subject_sort": fold_name(change.after["subject"])}
        if "status" in change.changed:
            resolved = change.changed["status"] == "resolved"
            said = change.changed.get("resolved_at")  # of one that was resolved elsewhere
            columns["resolved_at"] = (said or change.now) if resolved else None
        return columns

    def _event(self, before: Row | None, row: Row) -> str:
        if before is None:
            return "Ticket Opened"
        if row["status"] == before["status"]:
            return "Ticket Updated"
        if row["status"] == "resolved":
            return "Ticket Solved"
        return "Ticket Reopened" if before["status"] == "resolved" else "Ticket Updated"


tickets = Tickets(KIND, Ticket)
