"""The unified record, as pages, API and assistants get it. Ids are API ids, times ISO 8601 UTC.

These are answers, built once and only read: typed dictionaries, so that a door sends them as they
are and a template reads them by name.
"""

from typing import Any, NotRequired, TypedDict


class IdentifierLine(TypedDict):
    """An identifier and when facts carried it, first and last."""

    namespace: str
    value: str
    first_seen: str | None
    last_seen: str | None


class TraitLine(TypedDict):
    """A value with its source's key (`crm` for edits in the CRM) and time."""

    value: Any
    source: str
    at: str


class AccountLink(TypedDict):
    """An account that a person is or was (`until`) in."""

    id: str
    name: str
    primary: bool
    key: str
    until: str | None
    role: str


class AudienceLink(TypedDict):
    """An audience that the person or account is in."""

    key: str
    since: str
    name: str


class Events(TypedDict):
    """How many facts, in all and by event name."""

    total: int
    by_name: dict[str, int]


class Owner(TypedDict):
    """The user who looks after an account."""

    id: str
    name: str
    email: str


class Touch(TypedDict):
    """A visit that a campaign brought: source, medium, name, click ids …"""

    at: str
    source: str
    campaign: dict[str, str]


class Touches(TypedDict):
    """The first and the last visit that a campaign brought."""

    first: Touch
    last: Touch


class TimelineItem(TypedDict):
    """One fact, or one audience change (kind `audience`), on a timeline.

    `person` says on an account's timeline who it was: id and name, or e-mail without one.
    """

    id: str
    at: str
    received_at: str
    kind: str
    name: str
    source: str
    category: str
    account: str | None
    identifier: str
    person: dict[str, str] | None
    properties: dict[str, Any]
    traits: dict[str, Any]


class Person(TypedDict):
    """A person. `merged_ids` are former ids that lead here.

    `merged_into` is the person's own id when a former one was asked for, else null.
    `recent_events`: only when asked for.
    """

    id: str
    merged_into: str | None
    identifiers: list[IdentifierLine]
    traits: dict[str, TraitLine]
    touches: Touches | None
    accounts: list[AccountLink]
    audiences: list[AudienceLink]
    events: Events
    first_seen: str | None
    last_seen: str | None
    merged_ids: list[str]
    name: str
    email: str
    title: str
    known: bool
    contacts: list[str]
    tickets: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    recent_events: NotRequired[list[TimelineItem]]


class PersonLink(TypedDict):
    """A person of an account, or who was in it (`until`); `rung` is what says so."""

    id: str
    name: str
    email: str
    last_seen: str | None
    role: str
    since: str | None
    until: str | None
    primary: bool
    rung: str
    confidence: float


class AccountName(TypedDict):
    """An account, as named elsewhere."""

    id: str
    key: str
    name: str


class Domain(TypedDict):
    """A domain that an account claims: who said so, whether it is the owner, who else claims it."""

    domain: str
    source: str
    owned: bool
    verdict: str
    others: list[AccountName]


class Child(TypedDict):
    """An account below another; `depth` 1 is its child."""

    id: str
    key: str
    name: str
    parent_id: str
    depth: int
    people: int
    open_tickets: int
    risk: str


class RollUp(TypedDict):
    """What an account and those below it add up to; a person in several counts once."""

    accounts: int
    people: int
    open_tickets: int


class UsageDay(TypedDict):
    """An account's day (UTC): events and distinct active people."""

    day: str
    events: int
    people: int


class Account(TypedDict):
    """An account. `people` are the newest seen, former ones last; `people_total` counts those in.

    `parents`: the account above it, then the one above that. `merged`: accounts that turned out to
    be this one; `merged_into` is its own id when one of those was asked for. `health` is signals'.
    """

    id: str
    identifiers: list[IdentifierLine]
    traits: dict[str, TraitLine]
    people: list[PersonLink]
    audiences: list[AudienceLink]
    events: Events
    first_seen: str | None
    last_seen: str | None
    health: Any
    owner: Owner | None
    key: str
    name: str
    domain: str
    industry: str
    plan: str
    risk: str
    risk_reason: str
    people_total: int
    made: str
    domains: list[Domain]
    parents: list[AccountName]
    children: list[Child]
    roll_up: RollUp
    merged: list[AccountName]
    merged_into: str | None
    usage: list[UsageDay]
    tickets: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    signals: list[dict[str, Any]]
    edited: dict[str, Any]
    version: int
    created_at: str
    updated_at: str
    recent_events: NotRequired[list[TimelineItem]]


class Timeline(TypedDict):
    """A page of a timeline, newest first; `next` is the cursor of the older page or None."""

    items: list[TimelineItem]
    next: str | None


class PersonRow(TypedDict):
    """A person in a list."""

    id: str
    name: str
    email: str
    title: str
    known: bool
    account: dict[str, str] | None
    first_seen: str | None
    last_seen: str | None


class AccountRow(TypedDict):
    """An account in a list."""

    id: str
    key: str
    name: str
    domain: str
    industry: str
    plan: str
    owner: Owner | None
    health: Any
    risk: str
    people: int
    last_seen: str | None
    version: int


class PeoplePage(TypedDict):
    """A page of people. `total` counts up to `limits.list_count_max`."""

    items: list[PersonRow]
    total: int
    next: str | None


class AccountsPage(TypedDict):
    """A page of accounts. `total` counts up to `limits.list_count_max`."""

    items: list[AccountRow]
    total: int
    next: str | None


class Member(TypedDict):
    """A person or account in an audience; `email` is empty for an account."""

    id: str
    name: str
    email: str
    since: str


class MembersPage(TypedDict):
    """A page of an audience's members."""

    items: list[Member]
    total: int
    next: str | None
