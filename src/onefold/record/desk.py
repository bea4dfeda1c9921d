"""Tickets of another help desk, kept as ours by its events.

A fact about a ticket (`Ticket Opened`, `Conversation Closed`, … of a support source, with a
`ticket_id` or `conversation_id`) opens the ticket here, changes or resolves it: so its tags mute
campaigns, agents see the lead-up, and definitions read it like any other. Events may come late or
in any order; one that is older than what was taken up changes nothing. What people change here
stays until the help desk says otherwise; nothing is sent back to it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from onefold import crm, identity, profiles
from onefold.crm.ticket import CATEGORIES, CHANNELS, PRIORITIES, STATUSES
from onefold.kernel import ids, limits
from onefold.kernel.facts import Fact
from onefold.kernel.viewer import Viewer
from onefold.profiles import dirty
from onefold.record import store, words
from onefold.storage import Connection

_IDS = ("ticket_id", "conversation_id")
_NOUNS = ("Ticket ", "Conversation ")
# What an event's name says of the ticket's status; others say it in a property, or not at all.
_STATUS = {
    "Opened": "open", "Reopened": "open", "Restored": "open", "Unsnoozed": "open",
    "Replied": "open", "Snoozed": "paused", "Solved": "resolved", "Closed": "resolved",
    "Deleted": "resolved", "Merged": "resolved", "Marked As Spam": "resolved",
}  # fmt: skip
_CHOICES = {"priority": PRIORITIES, "channel": CHANNELS, "category": CATEGORIES}


class Told(msgspec.Struct, frozen=True):
    """What one event says of a ticket: API values of those fields it names."""

    external_id: str
    values: dict[str, Any]


def concerns(fact: Fact) -> bool:
    """Whether a fact is about a ticket of another help desk."""
    return (
        fact.category == "support"
        and fact.kind == "track"
        and fact.name.startswith(_NOUNS)
        and any(fact.properties.get(name) not in (None, "") for name in _IDS)
    )


def told(fact: Fact) -> Told:
    """What a fact that `concerns` a ticket says of it. Pure."""
    found = fact.properties
    external = next(str(found[n]) for n in _IDS if found.get(n) not in (None, ""))
    values: dict[str, Any] = {}
    subject = _text(found, "subject", "title")
    if subject:
        values["subject"] = subject[: limits.record_subject_chars_max]
    content = _text(found, "content", "description", "body")
    if content:
        values["content"] = content[: limits.record_text_chars_max]
    status = _STATUS.get(fact.name.partition(" ")[2]) or _status(found)
    if status:
        values["status"] = status
    for name, choices in _CHOICES.items():
        said = _text(found, *(("type",) if name == "category" else ()), name)
        if said and (ours := words.ours("ticket", name, said)) in choices:
            values[name] = ours
    tags = found.get("tags")
    if isinstance(tags, list):
        kept = (str(t)[: limits.record_tag_chars_max] for t in tags if isinstance(t, str | int))
        values["tags"] = [t for t in dict.fromkeys(kept) if t.strip()][: limits.record_tags_max]
    return Told(external[: limits.string_identifier_chars_max], values)


def _status(found: Mapping[str, Any]) -> str | None:
    said = _text(found, "status", "state", "ticket_state")
    ours = words.ours("ticket", "status", said) if said else None
    return ours if ours in STATUSES else None


def _text(found: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        value = found.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None


def carry(conn: Connection, viewer: Viewer, fact: Fact, now_ms: int) -> bool:
    """Take a fact up into its ticket; false when nobody is known whom it could be about.

    The caller commits next: what this tells the log is the last statement.
    """
    said = told(fact)
    about = _about(conn, viewer, fact)
    items: list[crm.Item] = []
    row = crm.external.held(conn, viewer, fact.source_id, said.external_id)
    if row is None:
        if not about:
            return False
        values = {"subject": f"#{said.external_id}", **about, **said.values}
        ticket = crm.tickets.create(conn, viewer, values, now_ms, into=items)
        crm.external.tie(conn, viewer, ticket.id, fact.source_id, said.external_id, fact.at_ms)
    elif fact.at_ms >= row.at_ms:
        ticket = crm.tickets.get(conn, viewer, row.ticket_id)
        missing = {n: v for n, v in about.items() if n != "email" and not getattr(ticket, n)}
        values = {**missing, **said.values}
        crm.tickets.update(conn, viewer, row.ticket_id, values, now_ms, into=items)
        crm.external.tie(conn, viewer, row.ticket_id, fact.source_id, said.external_id, fact.at_ms)
    else:
        return True
    _mark(conn, viewer, crm.tickets.get(conn, viewer, ticket.id))
    # The help desk's own fact says it already; only what else was made is told.
    crm.append(conn, [i for i in items if not i["messageId"].startswith("crm-ticket-")], now_ms)
    return True


def _about(conn: Connection, viewer: Viewer, fact: Fact) -> dict[str, Any]:
    """The contact or address, and the account, that a fact's ticket is about."""
    out: dict[str, Any] = {}
    person = identity.person_of(conn, viewer, fact.home.namespace, fact.home.value)
    contacts = identity.contacts_of(conn, viewer, [person]).get(person, []) if person else []
    emails = [i.value for i in fact.identifiers if i.namespace == "email"]
    if person is not None:
        known = identity.values_of(conn, viewer, [person]).get(person, [])
        emails += [value for namespace, value in known if namespace == "email"]
    if contacts:
        out["contact_id"] = ids.api_id("con", contacts[0])
    elif emails:
        out["email"] = emails[0]
    account = crm.accounts_by_key(conn, [fact.account]).get(fact.account) if fact.account else None
    if account is None and person is not None:
        account = store.primary_account(conn, person)
    if account is not None:
        out["account_id"] = ids.api_id("acc", account)
    return out


def _mark(conn: Connection, viewer: Viewer, ticket: crm.Ticket) -> None:
    """Whoever the ticket is about is concluded again, as after a change of our own."""
    marks = dirty.Marks()
    if ticket.contact_id is not None:
        number = str(ids.parse_id("con", ticket.contact_id))
        person = identity.person_of(conn, viewer, "contact", number)
        if person is not None:  # else the contact's own fact, just made, marks it
            marks.add(dirty.PERSON, person, dirty.CRM)
    if ticket.account_id is not None:
        marks.add(dirty.ACCOUNT, ids.parse_id("acc", ticket.account_id), dirty.CRM)
    profiles.store.put_marks(conn, marks)
