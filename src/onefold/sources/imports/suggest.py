"""Where a file's columns probably go: by their headers, in many languages, and by their values."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib import resources
from typing import Any

import yaml

from onefold.sources.imports import values, vendors
from onefold.sources.imports.model import (
    FIELDS,
    IDS,
    OPEN,
    TIMES,
    WITH_IDS,
    As,
    Column,
    Mapping,
    Sample,
    Target,
)
from onefold.storage import fold_name

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_WORDS = re.compile(r"[^\w]+|_")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PREFIXES = ("property", "properties", "hs", "primary", "associated", "requester", "custom")
_NOISE = re.compile(r"^_?(?:fivetran|airbyte|sdc|dlt)[_ ]|^_(?:synced|deleted)", re.IGNORECASE)
_DOMAIN = re.compile(r"(?:https?://)?(?:[\w-]+\.)+[a-z]{2,}(?:/.*)?", re.IGNORECASE)

_NAMES: dict[str, str] = yaml.safe_load(
    resources.files(__package__).joinpath("headers.yaml").read_text(encoding="utf-8")
)
# Fields that a company's name goes to.
_COMPANY = {
    "people": ("account_id",), "events": ("account_id",), "contacts": ("account",),
    "tickets": ("account",), "tasks": ("account",), "deals": ("account",),
    "subscriptions": ("account",), "activities": ("account",), "leads": ("company",),
    "accounts": ("name",), "companies": ("name",),
}  # fmt: skip
_TICKET_WORDS = {
    "requester",
    "requesterid",
    "submitterid",
    "viachannel",
    "ticketid",
    "ticketnumber",
    "satisfactionrating",
    "ticketpriority",
    "ticketstatus",
    "casenumber",
}
_TASK_WORDS = {"duedate", "dueat", "activitydate", "tasktype", "tasksubtype"}
# Headers that only one kind of record has.
_TELLING: dict[Target, set[str]] = {
    "deals": {
        "dealname",
        "dealtitle",
        "dealstage",
        "dealvalue",
        "dealid",
        "opportunityname",
        "stagename",
        "opportunityid",
        "forecastcategory",
        "closedate",
        "expectedclosedate",
        "dealpipelinestageid",
    },
    "leads": {
        "leadstatus",
        "leadname",
        "leadid",
        "isconverted",
        "convertedcontactid",
        "leadrating",
    },
    "subscriptions": {"mrr", "currentperiodend", "renewaldate", "subscriptionstatus"},
    "tickets": {
        "ticketname",
        "ticketstatus",
        "ticketpriority",
        "ticketdescription",
        "ticketid",
        "casenumber",
    },
    "products": {"sku", "productcode", "productname", "unitprice"},
    "activities": {
        "activitytype",
        "calldirection",
        "callduration",
        "meetingoutcome",
        "calloutcome",
    },
}
_OF_ACCOUNTS = {"mrr", "renewaldate"}
_COMPANY_WORDS = {"accountname", "companyname", "organizationname", "account", "company"}
_PERSON_WORDS = {"email", "emailaddress", "firstname", "lastname", "event", "eventname"}
_EVENT_WORDS = {"event", "eventname", "eventtype"}
_FLAGS = ("true", "false", "0", "1")
_BY_END = ("email", "phone")
_SYNONYMS = {field: tuple(names.split()) for field, names in _NAMES.items()}
# Traits by the names of the Segment spec.
_TRAITS = {
    "first_name": "firstName", "last_name": "lastName", "name": "name", "title": "title",
    "phone": "phone", "domain": "domain", "industry": "industry", "plan": "plan",
}  # fmt: skip
_TRAITS_OF = {
    "people": ("first_name", "last_name", "name", "title", "phone"),
    "accounts": ("name", "domain", "industry", "plan"),
}


def mapping(target: Target, sample: Sample) -> Mapping:
    """A proposal for every column of the sample."""
    taken: dict[str, str] = {}
    heads = vendors.shown(sample.columns)
    own = _own_ids(target, sample)
    fields = (*FIELDS[target], *_TRAITS_OF.get(target, ()))
    if "user_id" in fields and any(normal(h) == "id" for h in heads.values()):
        order = {"user_id": 0}  # a row's own id, before any other use of it
    else:
        order = {}
    scored = sorted(
        (
            (-score, order.get(field, 1), n, field, column)
            for n, column in enumerate(sample.columns)
            for field in (() if column in own else fields)
            if (score := _best(target, field, column, heads[column], _values(sample, column))) > 0
        ),
        key=lambda found: found[:3],
    )
    for *_, field, column in scored:
        if field not in taken.values() and column not in taken:
            taken[column] = field
    columns = {c: _column(target, c, taken.get(c, ""), _values(sample, c)) for c in sample.columns}
    for column, namespace in own.items():
        if namespace:
            columns[column] = Column(f"{IDS}.{namespace}")
    constants = {}
    if target == "events" and "event" not in taken.values():
        constants["event"] = "Imported"
    return Mapping(columns, constants)


def _own_ids(target: Target, sample: Sample) -> dict[str, str]:
    """Columns with another tool's ids of people, each namespace once; "" for an unknown tool."""
    if target == "companies":  # a number that another tool gave is no key of ours
        return {c: "" for c in sample.columns if vendors.is_number_elsewhere(c)}
    if target not in WITH_IDS:
        return {}
    heads = frozenset(_whole(c) for c in sample.columns)
    out: dict[str, str] = {}
    for column in sample.columns:
        texts = [str(v) for v in _values(sample, column)]
        found = vendors.person_id(column, texts, heads, _whole)
        if found is not None:
            out[column] = found if found not in out.values() else ""
    return out


def target(sample: Sample) -> Target:
    """What the file is most likely about."""
    return vendors.about(sample.columns) or _target(sample)


def _target(sample: Sample) -> Target:
    heads = {shown for c in sample.columns for shown in (normal(c), _whole(c))}

    def has(*fields: str) -> bool:
        return any(not heads.isdisjoint(_SYNONYMS[field]) for field in fields)

    telling = {of: len(heads & words) for of, words in _TELLING.items()}
    said = heads & _TELLING["subscriptions"]
    terms = has("plan", "start_date", "status", "seats")
    if said <= _OF_ACCOUNTS and (has("domain", "industry") or not terms):
        telling["subscriptions"] = 0  # an account may well say when its contract ends
    most = max(telling, key=lambda of: telling[of])
    if telling[most] > 1 or (telling[most] and not heads & _PERSON_WORDS):
        return most
    if "subject" in heads and heads & _TICKET_WORDS:
        return "tickets"
    if "subject" in heads and heads & _TASK_WORDS:
        return "tasks"
    if "subject" in heads or (has("priority") and has("content") and has("status")):
        return "tickets"
    if heads & _EVENT_WORDS and has("timestamp"):
        return "events"
    if has("email") or (has("first_name") and has("last_name")):
        return "people"
    if has("domain", "industry") or heads & _COMPANY_WORDS:
        return "accounts" if has("account_id") else "companies"
    return "people"


def normal(header: str) -> str:
    """A header without case, accents, separators, and the prefixes of exports."""
    text = fold_name(_CAMEL.sub(" ", header))
    parts = [p for p in _WORDS.split(text) if p]
    while len(parts) > 1 and parts[0] in _PREFIXES:
        parts = parts[1:]
    if len(parts) > 1 and parts[-1] in ("c", "utc"):  # Salesforce's custom fields, Stripe's times
        parts = parts[:-1]
    return "".join(parts)


def _whole(header: str) -> str:
    return "".join(p for p in _WORDS.split(fold_name(_CAMEL.sub(" ", header))) if p)


def _best(target: Target, field: str, column: str, head: str, found: Sequence[Any]) -> int:
    """The score of a header as it is meant, or as it stands: `Deal - Title` is a deal's name."""
    score = _score(target, field, head, found)
    return score if head == column else max(score, _score(target, field, column, found))


def _score(target: Target, field: str, column: str, found: Sequence[Any]) -> int:
    if _NOISE.search(column):
        return 0
    score = _by_header(field, column)
    if field in _COMPANY.get(target, ()):
        score = max(score, _by_header("company", column) - 5)
    if field == "account_id" and target != "accounts" and normal(column) == "id":
        return 0
    texts = [str(v) for v in found]
    emails = sum(bool(_EMAIL.fullmatch(t.strip())) for t in texts)
    if field == "email" and texts:
        if emails * 2 > len(texts):
            return max(score, 40) + 10
        return score - 15 if score else 0
    if emails and emails * 2 > len(texts) and field not in ("user_id", "owner", "account_id"):
        return 0
    return 0 if texts and _unlike(field, texts) else score


def _unlike(field: str, texts: Sequence[str]) -> bool:
    """Are these no values of the field, whatever the header says?"""
    if field in TIMES:
        return not values.time_kind(texts, mostly=True)  # a few are faults of their rows
    if field in ("status", "stage"):
        return all(t.lower() in _FLAGS for t in texts)  # that it is closed says not how
    return field == "domain" and not all(_DOMAIN.fullmatch(t.strip()) for t in texts)


def _by_header(field: str, column: str) -> int:
    """100 and down for a known name, 30 for one that ends in a known one."""
    text = normal(column)
    if text == "id":
        return 70 if field in ("user_id", "account_id", "key", "external_id") else 0
    whole = _whole(column)
    names = _SYNONYMS.get(field, ())
    for shown in (text, whole):
        if shown in names:
            return 100 - min(names.index(shown), 60)
    ends = field in _BY_END and any(len(name) > 4 and text.endswith(name) for name in names)
    return 30 if ends else 0


def _column(target: Target, column: str, field: str, found: Sequence[Any]) -> Column:
    if _NOISE.search(column):
        return Column()
    if field in FIELDS[target]:
        kind: As = "text"
        if field in TIMES:
            kind = values.time_kind([str(v) for v in found], mostly=True) or "time"
        return Column(field, kind)
    if target not in OPEN:
        return Column()
    name = _TRAITS[field] if field else slug(column)
    return Column(f"{OPEN[target]}.{name}", values.kind_of(found) if not field else "text")


def slug(column: str) -> str:
    """A column's name as the name of a trait or property."""
    text = column.removeprefix("property_").removeprefix("properties.")
    return "_".join(p for p in re.split(r"[^\w]+", text.strip()) if p)[:100] or "value"


def _values(sample: Sample, column: str) -> list[Any]:
    found: Iterable[Any] = (row.get(column) for row in sample.rows)
    return [v for v in found if v is not None and v != "" and not isinstance(v, datetime)] or [
        v for v in (row.get(column) for row in sample.rows) if isinstance(v, datetime)
    ]
