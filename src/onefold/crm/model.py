"""What the CRM's records look like to everybody else.

Ids are API ids (`con_4`), times ISO 8601 in UTC. A reference comes with the name to show for it.
"""

from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

T = TypeVar("T")


class Account(msgspec.Struct, frozen=True):
    """A customer company. `edited` names the fields set by hand: those win over facts.

    `health` is what signals.health_of answers, or None before its first evaluation.
    """

    id: str
    key: str
    name: str
    domain: str
    industry: str
    plan: str
    owner_id: str | None
    owner_name: str
    parent_id: str | None
    risk: str
    risk_reason: str
    edited: dict[str, Any]
    health: dict[str, Any] | None
    last_seen: str | None
    next_step: str
    next_step_at: str | None
    custom: dict[str, Any]
    version: int
    created_at: str
    updated_at: str


class Contact(msgspec.Struct, frozen=True):
    """A person the company works with. `name` is first and last name, else the e-mail."""

    id: str
    email: str
    first_name: str
    last_name: str
    name: str
    title: str
    phone: str
    lifecycle: str
    account_id: str | None
    account_name: str
    owner_id: str | None
    owner_name: str
    custom: dict[str, Any]
    version: int
    created_at: str
    updated_at: str
    archived_at: str | None


class Ticket(msgspec.Struct, frozen=True):
    """A request for help."""

    id: str
    subject: str
    content: str
    status: str
    priority: str
    category: str
    tags: list[str]
    channel: str
    contact_id: str | None
    contact_name: str
    account_id: str | None
    account_name: str
    owner_id: str | None
    owner_name: str
    custom: dict[str, Any]
    version: int
    created_at: str
    updated_at: str
    resolved_at: str | None
    external_id: str  # its id in the help desk or file that it came from, or ""


class Task(msgspec.Struct, frozen=True):
    """Something to do. `reasons` and `people` are there when a signal made it."""

    id: str
    subject: str
    body: str
    status: str
    priority: str
    kind: str
    due_at: str | None
    owner_id: str | None
    owner_name: str
    account_id: str | None
    account_name: str
    contact_id: str | None
    contact_name: str
    ticket_id: str | None
    deal_id: str | None
    deal_name: str
    lead_id: str | None
    lead_name: str
    remind_at: str | None
    signal_id: str | None
    reasons: list[dict[str, Any]]
    people: list[dict[str, Any]]
    outcome: str
    custom: dict[str, Any]
    version: int
    created_at: str
    updated_at: str
    done_at: str | None
    external_id: str


class Deal(msgspec.Struct, frozen=True):
    """A chance to sell. `amount` in units of `currency`; `amount_base` in the base currency.

    `edited` says who set each field, and when. `stage_at`: since when it is in its stage.
    """

    id: str
    name: str
    pipeline_id: str
    pipeline_name: str
    stage_id: str
    stage_name: str
    status: str
    probability: int
    forecast: str
    amount: float | None
    currency: str
    amount_base: float | None
    close_date: str | None
    closed_at: str | None
    stage_at: str
    stale: bool
    kind: str
    source: str
    reason: str
    reason_note: str
    description: str
    next_step: str
    next_step_at: str | None
    account_id: str | None
    account_name: str
    contact_id: str | None
    contact_name: str
    owner_id: str | None
    owner_name: str
    external_id: str
    custom: dict[str, Any]
    edited: dict[str, Any]
    version: int
    created_at: str
    updated_at: str
    archived_at: str | None


class Product(msgspec.Struct, frozen=True):
    """Something that is sold. `code` is unique among products that are not archived."""

    id: str
    name: str
    code: str
    description: str
    family: str
    price: float | None
    currency: str
    billing: str
    active: bool
    custom: dict[str, Any]
    version: int
    created_at: str
    updated_at: str
    archived_at: str | None


class Lead(msgspec.Struct, frozen=True):
    """Somebody who may become a customer. When converted, it names what it became."""

    id: str
    email: str
    first_name: str
    last_name: str
    name: str
    title: str
    phone: str
    company: str
    domain: str
    source: str
    status: str
    rating: str
    reason: str
    description: str
    next_step: str
    next_step_at: str | None
    owner_id: str | None
    owner_name: str
    contact_id: str | None
    contact_name: str
    account_id: str | None
    account_name: str
    deal_id: str | None
    converted_at: str | None
    external_id: str
    custom: dict[str, Any]
    edited: dict[str, Any]
    version: int
    created_at: str
    updated_at: str
    archived_at: str | None


class Subscription(msgspec.Struct, frozen=True):
    """What an account pays for: plan, seats, money a month, term and renewal."""

    id: str
    name: str
    status: str
    plan: str
    seats: int | None
    mrr: float | None
    currency: str
    mrr_base: float | None
    start_date: str | None
    renewal_date: str | None
    end_date: str | None
    term_months: int | None
    notice_days: int | None
    auto_renew: bool
    terms: str
    account_id: str | None
    account_name: str
    contact_id: str | None
    contact_name: str
    deal_id: str | None
    deal_name: str
    owner_id: str | None
    owner_name: str
    external_id: str
    custom: dict[str, Any]
    edited: dict[str, Any]
    version: int
    created_at: str
    updated_at: str
    archived_at: str | None


class Activity(msgspec.Struct, frozen=True):
    """A call, meeting, e-mail or note. `mentions`: users named in its text."""

    id: str
    kind: str
    subject: str
    body: str
    at: str
    minutes: int | None
    direction: str
    outcome: str
    location: str
    pinned: bool
    mentions: list[str]
    account_id: str | None
    account_name: str
    contact_id: str | None
    contact_name: str
    deal_id: str | None
    deal_name: str
    lead_id: str | None
    lead_name: str
    ticket_id: str | None
    owner_id: str | None
    owner_name: str
    external_id: str
    custom: dict[str, Any]
    version: int
    created_at: str
    updated_at: str
    archived_at: str | None


class User(msgspec.Struct, frozen=True):
    """Somebody who signs in. The password's hash never leaves the store."""

    id: str
    email: str
    name: str
    role: str
    enabled: bool
    created_at: str


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Rows of a list, and the cursor of the page after them; None on the last page."""

    rows: list[T]
    next: str | None


class TicketState(NamedTuple):
    """What definitions read of an unresolved ticket."""

    status: str
    tags: tuple[str, ...]
    priority: str
    category: str


Item = dict[str, Any]  # a fact of ours, as a Segment-spec track call
Row = dict[str, Any]  # a row as the store reads it: columns, plus names to show
