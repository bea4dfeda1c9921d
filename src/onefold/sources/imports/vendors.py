"""Whose rows a file holds: the ids that other tools give to people, and the headers they write.

A tool's own id is no user id of ours: numbers of two tools are the same for strangers. It becomes
an identifier of that tool (`external_ids.hubspot_contact_id`), named as the tool's webhooks name
it, so that both meet. An id whose tool nobody can tell stays a trait, which joins nobody.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence

from onefold.sources.imports.model import Target

# Pipedrive's exports put the object in front: `Person - Email - Work`, `Deal - Organization`.
_OBJECT = re.compile(
    r"(person|people|contact|deal|organi[sz]ation|company|lead|activity|product|ticket|task|"
    r"subscription|account)\s+[-\u2013]\s+(.+)",
    re.IGNORECASE | re.DOTALL,
)
_ADDRESS = re.compile(
    r"(e-?mail|phone)\s+[-\u2013]\s+(?:work|home|other|mobile|main)", re.IGNORECASE
)
_TARGETS: dict[str, Target] = {
    "person": "people", "people": "people", "contact": "contacts", "deal": "deals",
    "organization": "companies", "organisation": "companies", "company": "companies",
    "account": "accounts", "lead": "leads", "activity": "activities", "product": "products",
    "ticket": "tickets", "task": "tasks", "subscription": "subscriptions",
}  # fmt: skip
_COMPANIES = ("organization", "organisation", "company", "account")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# Ids that say themselves whose they are.
_SHAPES = (
    ("salesforce_contact_id", re.compile(r"003[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?")),
    ("salesforce_lead_id", re.compile(r"00Q[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?")),
    ("salesforce_user_id", re.compile(r"005[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?")),
    ("stripe_customer_id", re.compile(r"cus_\w+")),
    ("close_contact_id", re.compile(r"cont_\w+")),
    ("zoho_contact_id", re.compile(r"zcrm_\d+")),
)
_OWN = frozenset(("id", "recordid", "contactid", "personid", "customerid", "userid", "hsobjectid"))
_UNSURE = frozenset(("recordid", "contactid", "personid", "hsobjectid", "vid"))
_HUBSPOT = frozenset((
    "hsobjectid", "vid", "recordidcontact", "hubspotid", "hubspotcontactid", "contactvid",
))  # fmt: skip


def shown(columns: Sequence[str]) -> dict[str, str]:
    """Headers as they are meant: without the object that the file is about in front of each."""
    found = {c: match for c in columns if (match := _OBJECT.fullmatch(c.strip()))}
    counts = Counter(match[1].lower() for match in found.values())
    about = counts.most_common(1)[0][0] if counts else ""
    out = {}
    for column in columns:
        text = column
        match = found.get(column)
        if match is not None:
            said, rest = match[1].lower(), match[2]
            if said == about:
                text = rest
            elif said in _COMPANIES and rest.strip().lower() == "name":
                text = "Company name"
        address = _ADDRESS.fullmatch(text.strip())
        out[column] = address[1] if address else text
    return out


def about(columns: Sequence[str]) -> Target | None:
    """What rows are, where the headers say it in front of most of them."""
    found = [m[1].lower() for c in columns if (m := _OBJECT.fullmatch(c.strip()))]
    if len(found) * 2 <= len(columns):
        return None
    return _TARGETS.get(Counter(found).most_common(1)[0][0])


def is_number_elsewhere(column: str) -> bool:
    """Whether this is a tool's own id of a company: `Organization - ID`, `Record ID`."""
    match = _OBJECT.fullmatch(column.strip())
    own = match[2] if match is not None else column
    return own.strip().lower() in (("id",) if match is not None else ("record id",))


def person_id(
    column: str, texts: Sequence[str], heads: frozenset[str], whole: Callable[[str], str]
) -> str | None:
    """The namespace of a tool's own id of a person; "" for a tool's id of nobody knows which.

    None: this is no such column. `heads`: the file's headers; `whole`: a header without separators.
    """
    head = whole(column)
    if head == "euid" and "leid" in heads:
        return "mailchimp_euid"
    numbers = bool(texts) and all(t.strip().isdecimal() for t in texts)
    if head in _HUBSPOT or (head == "recordid" and numbers):
        return "hubspot_contact_id"
    if head == "personid" and column.strip().lower().startswith("person -"):
        return "pipedrive_person_id"
    if head not in _OWN:
        return None
    if namespace := _by_shape(texts):
        return namespace
    if head == "recordid" and texts and all(_UUID.fullmatch(t.strip().lower()) for t in texts):
        return "attio_record_id"
    if head == "id":
        return _bare(heads, numbers=numbers)
    return "" if head in _UNSURE else None


def _by_shape(texts: Sequence[str]) -> str:
    """The namespace of ids that say themselves whose they are."""
    for namespace, shape in _SHAPES:
        if texts and all(shape.fullmatch(t.strip()) for t in texts):
            return namespace
    return ""


def _bare(heads: frozenset[str], *, numbers: bool) -> str | None:
    """An `id` without more, by the company it keeps."""
    if any(h.startswith("propertyhs") for h in heads) or "propertyemail" in heads:
        return "hubspot_contact_id"
    if heads & {"reportstoid", "systemmodstamp"}:
        return "salesforce_contact_id"
    if numbers and {"organizationid", "role"} <= heads:
        return "zendesk_user_id"
    if "externalid" not in heads:
        return None  # a list of one's own users has ids of its own
    return "intercom_contact_id" if heads & {"workspaceid", "hasharbounced"} else ""
