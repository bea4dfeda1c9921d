"""Subscriptions and contracts: what an account pays for, until when, on what terms.

Kept by hand, by import, or by the events of a billing system (record/billing.py), whose own id is
`external_id`; what a person sets by hand stays, as `edited` says.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from onefold.crm import fields, store
from onefold.crm.model import Row, Subscription
from onefold.crm.records import Change, Kind, Records, Work
from onefold.kernel import errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, fold_name

STATUSES = ("trial", "active", "past_due", "paused", "ended")
KIND = Kind(
    noun="subscription",
    prefix="sub",
    fields=(
        fields.Field("name", required=True),
        fields.Field("status", "enum", options=STATUSES),
        fields.Field("plan"),
        fields.Field("seats", "number"),
        fields.Field("mrr", "money", base="mrr_base", label="MRR"),
        fields.Field("currency", chars_max=3),
        fields.Field("start_date", "date"),
        fields.Field("renewal_date", "date"),
        fields.Field("end_date", "date"),
        fields.Field("term_months", "number", most=1_200),
        fields.Field("notice_days", "number", most=3_650),
        fields.Field("auto_renew", "flag"),
        fields.Field("terms", "text", limits.record_text_chars_max),
        fields.Field("account_id", "ref", prefix="acc"),
        fields.Field("contact_id", "ref", prefix="con"),
        fields.Field("deal_id", "ref", prefix="deal"),
        fields.Field("owner_id", "ref", prefix="usr"),
        fields.Field("external_id", chars_max=limits.string_identifier_chars_max),
    ),
    filters=(),
    told=(
        "name", "status", "plan", "seats", "mrr", "currency", "start_date", "renewal_date",
        "end_date", "account_id", "contact_id", "deal_id", "owner_id",
    ),
    sort="renewal",
    plural="subscriptions",
    unique=("external_id",),
    columns=("account_id", "status", "plan", "seats", "mrr", "renewal_date", "owner_id"),
    traced=True,
    archives=True,
)  # fmt: skip


EXTERNAL = """
SELECT id, external_ms, edited FROM subscription WHERE external_id = %s FOR NO KEY UPDATE
"""
TIE = "UPDATE subscription SET external_ms = %s WHERE id = %s"


class External(NamedTuple):
    """Our subscription's id, when the billing system's newest event taken up happened, and the
    fields that a person set by hand."""

    id: str
    at_ms: int | None
    by_hand: frozenset[str]


class Subscriptions(Records[Subscription]):
    """Commands on subscriptions."""

    def by_external(self, conn: Connection, viewer: Viewer, external_id: str) -> External | None:
        """The subscription that this one of a billing system is, held."""
        viewer.must_write()
        row = conn.execute(EXTERNAL, (external_id,)).fetchone()
        if row is None:
            return None
        by_hand = (n for n, e in row[2].items() if not str(e.get("by")).startswith("system:"))
        return External(ids.api_id("sub", row[0]), row[1], frozenset(by_hand))

    def tie(self, conn: Connection, record_id: str, at_ms: int) -> None:
        """Say how far the billing system's events were taken up."""
        conn.execute(TIE, (at_ms, ids.parse_id("sub", record_id)))

    def _rules(self, columns: Mapping[str, Any], faulty: set[str]) -> list[errors.Fault]:
        faults = self._not_archived(columns)
        start, end = columns.get("start_date"), columns.get("end_date")
        if start and end and end < start and faulty.isdisjoint(("start_date", "end_date")):
            faults.append(errors.Fault("end_date", "is before the start.", "Check both days."))
        return faults

    def _complete(self, work: Work, columns: dict[str, Any]) -> None:
        """The account and contact of its deal, the account of its contact."""
        for noun, taken in (("deal", ("account_id", "contact_id")), ("contact", ("account_id",))):
            about = columns.get(f"{noun}_id")
            row = store.read(work.conn, noun, about) if about else None
            if row is not None:
                for name in taken:
                    columns.setdefault(name, row[name])

    def _derived(self, change: Change) -> dict[str, Any]:
        columns: dict[str, Any] = {"name_sort": fold_name(change.after["name"])}
        ended = change.changed.get("status") == "ended"
        if ended and not change.after.get("end_date"):
            columns["end_date"] = change.now.date()
        return columns

    def _event(self, before: Row | None, row: Row) -> str:
        # Billing systems' own facts are called `Subscription …`; these are the record's.
        if before is None:
            return "Contract Created"
        if before["status"] != row["status"] and row["status"] == "ended":
            return "Contract Ended"
        later = before["renewal_date"] and row["renewal_date"]
        renewed = later and row["renewal_date"] > before["renewal_date"]
        return "Contract Renewed" if renewed else "Contract Updated"


subscriptions = Subscriptions(KIND, Subscription)
