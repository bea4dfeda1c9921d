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
    account_id: str | None
    account_name: str
    owner_id: str | None
    owner_name: str
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
    version: int
    created_at: str
    updated_at: str
    resolved_at: str | None
    external_id: str | None  # another help desk's own, when its events keep this ticket


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
    signal_id: str | None
    reasons: list[dict[str, Any]]
    people: list[dict[str, Any]]
    outcome: str
    version: int
    created_at: str
    updated_at: str
    done_at: str | None


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
