"""Usage as rules see it, and signals as everybody else does. Days are days since 1970 UTC."""

from typing import Any, Literal, NamedTuple

import msgspec

Severity = Literal["warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("warning", "critical")
Reason = Literal["core_events", "active_users", "quiet"]
REASONS: tuple[Reason, ...] = ("core_events", "active_users", "quiet")  # the telling one first


class PersonUsage(NamedTuple):
    """One person's core events in an account: parallel `days` (rising) and `counts`.

    `person_id` 0 stands for events that name the account and no person.
    """

    person_id: int
    days: tuple[int, ...]
    counts: tuple[int, ...]


class AccountUsage(msgspec.Struct, frozen=True):
    """The daily series of an account. `first_day` is when it was first seen."""

    account_id: int
    first_day: int
    people: tuple[PersonUsage, ...]


class Use(NamedTuple):
    """What one person did of one event on one day."""

    person_id: int
    event: str
    day: int
    n: int


class Change(msgspec.Struct, frozen=True):
    """What one evaluation did to one account's signal.

    `subject` is a task's; `reasons` are `{"text", "value"?}`; `people` `{"person_id", "text"}`.
    """

    account_id: int
    signal_id: int
    action: Literal["opened", "updated", "resolved"]
    severity: Severity
    subject: str
    reasons: list[dict[str, Any]]
    people: list[dict[str, Any]]


class Signal(msgspec.Struct, frozen=True):
    """A signal as the API shows it: ids as API ids, times in ISO 8601.

    `headline` is the first of `reasons`; `people` are `{"ref": "per_12", "text", "before",
    "after"}`; the owner is the account's; `baseline` is what it did before, frozen at opening.
    """

    id: str
    kind: str
    reason: str
    account_id: str
    account_name: str
    owner_id: str | None
    owner_name: str
    status: str
    severity: str
    headline: str
    reasons: list[dict[str, Any]]
    people: list[dict[str, Any]]
    evidence: dict[str, Any]
    baseline: float
    fired: int
    opened_at: str
    last_fired_at: str
    resolved_at: str | None
    outcome: str
    version: int


class Page(msgspec.Struct, frozen=True):
    """Rows of the list, newest firing first, and the cursor of the page after them."""

    rows: list[Signal]
    next: str | None
