"""Activities: calls, meetings, e-mails and notes, on whatever they are about.

A user is mentioned in the text by `@` and their e-mail, the part before its `@`, or their name
without spaces: `@maya`, `@maya@acme.co`, `@MayaLee`. What fits no user, or several, is just text.
"""

import re
from collections.abc import Mapping
from typing import Any

from onefold.crm import fields, lists, store, users_store
from onefold.crm.contact import contacts
from onefold.crm.model import Activity, Row
from onefold.crm.records import Change, Kind, Records, Work
from onefold.kernel import clock, errors, ids, limits
from onefold.storage import Connection, fold_name

KINDS = ("call", "meeting", "email", "note")
DIRECTIONS = ("", "inbound", "outbound")
KIND = Kind(
    noun="activity",
    prefix="act",
    fields=(
        fields.Field("kind", "enum", options=KINDS),
        fields.Field("subject", chars_max=limits.record_subject_chars_max),
        fields.Field("body", "text", limits.record_text_chars_max, label="Text"),
        fields.Field("at", "time", label="When"),
        fields.Field("minutes", "number", most=100_000),
        fields.Field("direction", "enum", options=DIRECTIONS),
        fields.Field("outcome"),
        fields.Field("location"),
        fields.Field("pinned", "flag"),
        fields.Field("account_id", "ref", prefix="acc"),
        fields.Field("contact_id", "ref", prefix="con"),
        fields.Field("deal_id", "ref", prefix="deal"),
        fields.Field("lead_id", "ref", prefix="lead"),
        fields.Field("ticket_id", "ref", prefix="tkt"),
        fields.Field("owner_id", "ref", prefix="usr"),
        fields.Field("external_id", chars_max=limits.string_identifier_chars_max),
        fields.Field("email", "email", limits.email_chars_max, once=True, virtual=True),
    ),
    filters=(lists.Filter("mentions", "tag", "mentions", prefix="usr"),),
    told=(
        "kind", "subject", "body", "at", "minutes", "direction", "outcome", "mentions",
        "account_id", "contact_id", "deal_id", "lead_id", "ticket_id", "owner_id",
    ),
    sort="-at",
    plural="activities",
    unique=("external_id",),
    columns=("kind", "at", "account_id", "contact_id", "deal_id", "owner_id"),
    archives=True,
)  # fmt: skip
_MENTION = re.compile(r"(?<![\w@.])@([\w.+-]+(?:@[\w-]+(?:\.[\w-]+)+)?)")
_EVENTS = {"call": "Call Logged", "meeting": "Meeting Logged", "email": "Email Logged",
           "note": "Note Added"}  # fmt: skip


class Activities(Records[Activity]):
    """Commands on activities."""

    def _settle(
        self, work: Work, before: Row | None, columns: dict[str, Any]
    ) -> list[errors.Fault]:
        if columns.get("at") is None and (before is None or "at" in columns):
            columns["at"] = clock.to_datetime(work.now_ms)
        if before is None or "body" in columns:
            columns["mentions"] = _mentioned(work.conn, columns.get("body", ""))
        return []

    def _rules(self, columns: Mapping[str, Any], faulty: set[str]) -> list[errors.Fault]:
        faults = self._not_archived(columns)
        texts = ("subject", "body")
        if faulty.isdisjoint(texts) and not any(columns.get(n) for n in texts):
            faults.append(errors.Fault("subject", "is missing.", "Give a subject or a text."))
        return faults

    def _complete(self, work: Work, columns: dict[str, Any]) -> None:
        """Contact and account of what it is about; the contact by `email`, made if need be."""
        both = ("contact_id", "account_id")
        for noun in ("ticket", "deal", "lead"):
            about = columns.get(f"{noun}_id")
            row = store.read(work.conn, noun, about) if about else None
            for name in both if row is not None else ():
                if columns.get(name) is None and row is not None:
                    columns[name] = row[name]
        if columns.get("email") and columns.get("contact_id") is None:
            found = contacts.by_email(
                work.conn, work.viewer, columns["email"], work.now_ms,
                account_id=columns.get("account_id"), into=work.items,
            )  # fmt: skip
            columns["contact_id"] = ids.parse_id("con", found.id)
        if columns.get("contact_id") and columns.get("account_id") is None:
            contact = store.read(work.conn, "contact", columns["contact_id"])
            columns["account_id"] = contact["account_id"] if contact else None

    def _derived(self, change: Change) -> dict[str, Any]:
        after = change.after
        text = after.get("subject") or str(after.get("body", ""))[: limits.record_subject_chars_max]
        return {"subject_sort": fold_name(text)}

    def _event(self, before: Row | None, row: Row) -> str:
        return _EVENTS[row["kind"]] if before is None else "Activity Updated"


def names_in(text: str) -> list[str]:
    """What follows each `@`, in lower case, each once."""
    found = (m[1].rstrip(".-").lower() for m in _MENTION.finditer(text))
    return list(dict.fromkeys(found))[: limits.mentions_max]


def _mentioned(conn: Connection, text: str) -> list[int]:
    """Users named in a text; a name that fits several names nobody."""
    names = names_in(text or "")
    if not names:
        return []
    by_name: dict[str, set[int]] = {}
    for user in users_store.users(conn):
        if user["enabled"]:
            email = user["email"].lower()
            words = {email, email.partition("@")[0], user["name"].lower().replace(" ", "")}
            for word in words:
                by_name.setdefault(word, set()).add(user["id"])
    found = [by_name[n] for n in names if len(by_name.get(n, ())) == 1]
    return sorted(set().union(*found))


activities = Activities(KIND, Activity)
