"""Converting a lead: to a contact, an account and a deal; and taking that back.

Who the lead is already is asked of the CRM and of the identity engine: a contact with the address,
or one that the person behind the address is; that contact's account, the account that the ladder
puts the person in, the one that claims the domain, the one of that name. What is found is used,
never doubled; its empty fields are filled, and nothing is overwritten.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from onefold import crm, identity
from onefold.kernel import clock, errors, ids
from onefold.kernel.viewer import Viewer
from onefold.record import domains, refs, store
from onefold.storage import Connection

_FILLED = ("first_name", "last_name", "title", "phone")
_COMPANY_VERDICTS = ("", "own", "allowed")  # a domain that may say whose somebody is


class Found(msgspec.Struct, frozen=True):
    """A record that a lead may be, and why: `email`, `person`, `contact`, `domain`, `name`."""

    id: str
    name: str
    why: str


class Matches(msgspec.Struct, frozen=True):
    """What a lead would be converted to; null: a new one is made. `others` are open leads."""

    contact: Found | None
    account: Found | None


class Converted(msgspec.Struct, frozen=True):
    """A lead and what it became. `made`: ids of what was not there before."""

    lead: crm.Lead
    contact: crm.Contact
    account: crm.Account | None
    deal: crm.Deal | None
    made: list[str]


class Conversion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to convert. `contact_id` and `account_id` null: what matches, else a new one.

    `new_contact`, `new_account`: make one whatever matches. `deal`: its fields, or null for none;
    without a name it gets the company's.
    """

    contact_id: str | None = None
    account_id: str | None = None
    new_contact: bool = False
    new_account: bool = False
    deal: dict[str, Any] | None = None
    expected_version: int | None = None


def matches(conn: Connection, viewer: Viewer, lead_id: str) -> Matches:
    """Who a lead is already, as far as is known. Raises `NotFound`."""
    lead = crm.leads.get(conn, viewer, lead_id)
    person = identity.person_of(conn, viewer, "email", lead.email) if lead.email else None
    contact = _contact(conn, viewer, lead, person)
    return Matches(contact, _account(conn, viewer, lead, person, contact))


def _contact(conn: Connection, viewer: Viewer, lead: crm.Lead, person: int | None) -> Found | None:
    if lead.email:
        same = crm.undo.contacts_by_email(conn, viewer, [lead.email]).get(lead.email)
        if same is not None:
            found = crm.contacts.get(conn, viewer, same)
            return Found(found.id, found.name, "email")
    if person is None:
        return None
    for number in identity.contacts_of(conn, viewer, [person]).get(person, []):
        try:
            found = crm.contacts.get(conn, viewer, number)
        except errors.NotFound:
            continue
        if found.archived_at is None:
            return Found(found.id, found.name, "person")
    return None


def _account(
    conn: Connection, viewer: Viewer, lead: crm.Lead, person: int | None, contact: Found | None
) -> Found | None:
    if contact is not None:
        of = crm.contacts.get(conn, viewer, contact.id)
        if of.account_id:
            return Found(of.account_id, of.account_name, "contact")
    primary = store.primary_account(conn, person) if person is not None else None
    if primary is not None:
        return _found(conn, viewer, primary, "person")
    for text in filter(None, (lead.domain, lead.email.partition("@")[2])):
        try:
            answer = domains.ask(conn, viewer, text)
        except errors.Invalid:
            continue
        if answer["owner"] and answer["verdict"] in _COMPANY_VERDICTS:
            row = store.account(conn, refs.account(answer["owner"]))
            if row is not None:
                return _found(conn, viewer, row["id"], "domain")
    if lead.company:
        like = crm.undo.accounts_like(conn, viewer, [lead.company]).get(lead.company)
        if like is not None:
            return _found(conn, viewer, like, "name")
    return None


def _found(conn: Connection, viewer: Viewer, account_id: int, why: str) -> Found:
    account = crm.accounts.get(conn, viewer, account_id)
    return Found(account.id, account.name, why)


class _Steps:
    """What a conversion made and changed, in order, so that it can be taken back."""

    def __init__(self, conn: Connection, viewer: Viewer, now_ms: int) -> None:
        self.conn, self.viewer, self.now_ms = conn, viewer, now_ms
        self.items: list[crm.Item] = []
        self.rows: list[tuple[str, int, Mapping[str, Any] | None]] = []

    def make(self, noun: str, values: Mapping[str, Any]) -> Any:
        """A new record."""
        room = crm.objects.ALL[noun]
        made = room.create(self.conn, self.viewer, values, self.now_ms, into=self.items)
        self.rows.append((noun, ids.parse_id(room.kind.prefix, made.id), None))
        return made

    def fill(self, noun: str, record: Any, values: Mapping[str, Any]) -> Any:
        """The empty fields of a record that is there."""
        room = crm.objects.ALL[noun]
        empty = {n: v for n, v in values.items() if v and not getattr(record, n)}
        row_id = ids.parse_id(room.kind.prefix, record.id)
        before = crm.undo.snapshot(self.conn, self.viewer, noun, row_id)
        self.rows.append((noun, row_id, before))
        if not empty:
            return record
        return room.update(self.conn, self.viewer, record.id, empty, self.now_ms, into=self.items)

    def journal(self) -> list[dict[str, Any]]:
        """Noun, id, row before, and version now of each."""
        out = []
        for noun, row_id, before in self.rows:
            now = crm.undo.snapshot(self.conn, self.viewer, noun, row_id)
            kept = None if before is None else msgspec.to_builtins(dict(before))
            changed = before is None or now["version"] != before["version"]
            if changed:
                version = now["version"]
                out.append({"noun": noun, "id": row_id, "before": kept, "version": version})
        return out


def convert(
    conn: Connection, viewer: Viewer, lead_id: str, asked: Conversion, now_ms: int
) -> Converted:
    """Make a contact, an account and, if wanted, a deal of a lead; or use those there are.

    Raises `Invalid`, `NotFound`, and `Conflict` when the lead was changed or is converted.
    """
    viewer.must_write()
    row = crm.leads.held(conn, lead_id, asked.expected_version)
    lead = crm.leads.get(conn, viewer, row["id"])
    if lead.converted_at is not None:
        raise errors.Conflict(f"`{lead.id}` is converted already.", msgspec.to_builtins(lead))
    known = matches(conn, viewer, lead.id)
    steps = _Steps(conn, viewer, now_ms)
    account = _to_account(steps, lead, asked, known)
    contact = _to_contact(steps, lead, asked, known, account)
    if account is None and contact.account_id:
        account = crm.accounts.get(conn, viewer, contact.account_id)
    deal = None
    if asked.deal is not None:
        values = {"name": lead.company or lead.name, "source": lead.source, **asked.deal}
        values |= {"contact_id": contact.id, "account_id": account.id if account else None}
        values.setdefault("owner_id", lead.owner_id)
        deal = steps.make("deal", values)
    journal = steps.journal()
    columns = {
        "status": "converted", "converted_at": clock.to_datetime(now_ms),
        "contact_id": ids.parse_id("con", contact.id),
        "account_id": ids.parse_id("acc", account.id) if account else None,
        "deal_id": ids.parse_id("deal", deal.id) if deal else None,
        "conversion": {"status": row["status"], "rows": journal},
    }  # fmt: skip
    found = crm.leads.became(conn, viewer, row, columns, now_ms, steps.items)
    crm.append(conn, steps.items, now_ms)
    prefix = crm.custom.OBJECTS
    made = [ids.api_id(prefix[j["noun"]], j["id"]) for j in journal if j["before"] is None]
    contact = crm.contacts.get(conn, viewer, contact.id)
    return Converted(found, contact, account, deal, made)


def _to_account(
    steps: _Steps, lead: crm.Lead, asked: Conversion, known: Matches
) -> crm.Account | None:
    chosen = asked.account_id or (
        known.account.id if known.account and not asked.new_account else None
    )
    if chosen:
        there = crm.accounts.get(steps.conn, steps.viewer, chosen)
        return steps.fill("account", there, {"owner_id": lead.owner_id}) if there else None
    domain = lead.domain
    if not (lead.company or domain):
        return None  # a person of no company that we know
    values = {"name": lead.company or domain, "domain": domain, "owner_id": lead.owner_id}
    made: crm.Account = steps.make("account", values)
    return made


def _to_contact(
    steps: _Steps, lead: crm.Lead, asked: Conversion, known: Matches, account: crm.Account | None
) -> crm.Contact:
    chosen = asked.contact_id or (
        known.contact.id if known.contact and not asked.new_contact else None
    )
    values: dict[str, Any] = {name: getattr(lead, name) for name in _FILLED}
    values |= {"account_id": account.id if account else None, "owner_id": lead.owner_id}
    if chosen:
        there = crm.contacts.get(steps.conn, steps.viewer, chosen)
        found: crm.Contact = steps.fill("contact", there, {"email": lead.email, **values})
        return found
    if not (lead.email or lead.first_name or lead.last_name):
        values["first_name"] = lead.company
    made: crm.Contact = steps.make("contact", {"email": lead.email, **values})
    return made


def take_back(
    conn: Connection,
    viewer: Viewer,
    lead_id: str,
    now_ms: int,
    *,
    expected_version: int | None = None,
) -> tuple[crm.Lead, list[str]]:
    """Undo a conversion: what it made goes, what it filled is as before, the lead is open again.

    Also answers what was kept, and why: records that somebody changed since, or that others use.
    Raises `Conflict` for a lead that is not converted.
    """
    viewer.must_write()
    row = crm.leads.held(conn, lead_id, expected_version)
    if row["converted_at"] is None:
        raise errors.Conflict(f"`{ids.api_id('lead', row['id'])}` is not converted.")
    done = row["conversion"]
    items: list[crm.Item] = []
    columns = {
        "status": done["status"], "converted_at": None, "conversion": None, "contact_id": None,
        "account_id": None, "deal_id": None,
    }  # fmt: skip
    lead = crm.leads.became(conn, viewer, row, columns, now_ms, items)
    kept = []
    for step in reversed(done["rows"]):
        why = _undo(conn, viewer, step, now_ms, items)
        if why:
            shown = ids.api_id(crm.custom.OBJECTS[step["noun"]], step["id"])
            kept.append(f"{shown}: {why}")
    crm.append(conn, items, now_ms)
    return lead, kept


def _undo(
    conn: Connection, viewer: Viewer, step: Mapping[str, Any], now_ms: int, items: list[crm.Item]
) -> str:
    """Take one step back; why not, when it stays.

    What the conversion made and facts have met by now is put away, not deleted: people and
    timelines point to it.
    """
    noun, row_id = step["noun"], step["id"]
    now = crm.undo.snapshot(conn, viewer, noun, row_id)
    if not now:
        return ""
    if now["version"] != step["version"]:
        return "it was changed since"
    if step["before"] is not None:
        return crm.undo.undo(conn, viewer, noun, row_id, step["before"], step["version"])[1]
    if user := crm.undo.used(conn, noun, row_id):
        return f"{user} refers to it"
    room = crm.objects.ALL[noun]
    if room.kind.archives:
        links = {n: None for n in ("account_id", "contact_id") if now.get(n) is not None}
        room.update(conn, viewer, row_id, links, now_ms, into=items)
        room.archive(conn, viewer, row_id, now_ms, into=items)
        return ""
    if store.has_people(conn, row_id):
        return "people are in it"
    return crm.undo.undo(conn, viewer, noun, row_id, None, step["version"])[1]
