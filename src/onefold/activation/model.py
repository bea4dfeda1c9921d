"""What leaves, where to, and what became of it.

Ids are API ids (`dst_1`, `dlv_7`), times ISO 8601 in UTC, except in the types that only the
deliverer sees (`Job`, `Outcome`, `Batch`).
"""

import re
from typing import Any, Literal

import msgspec

from onefold.storage import fold_name

EntityKind = Literal["person", "account"]
Status = Literal["pending", "sent", "failed"]
_GAPS = re.compile(r"[^a-z0-9]+")


class AudienceChange(msgspec.Struct, frozen=True):
    """Somebody entered or left an audience.

    entity_id    API id of the person or account
    home         the identifier that the outcome's fact goes to: `user_id:u1`; "" for none
    identifiers  `[{"namespace", "value"}]`
    traits       values by name, as they are now
    """

    audience_key: str
    audience_name: str
    entity_kind: EntityKind
    entity_id: str
    entered: bool
    at_ms: int
    home: str
    identifiers: list[dict[str, str]]
    traits: dict[str, Any]


class Capabilities(msgspec.Struct, frozen=True):
    """What a kind of destination can do; callers ask this, never the kind's name.

    entities       whose changes it takes
    in_flight_max  requests under way at once, each with one change
    secret         whether it has a secret of ours, shown once when it is made
    """

    kind: str
    title: str
    entities: tuple[EntityKind, ...]
    in_flight_max: int
    secret: bool


class Destination(msgspec.Struct, frozen=True):
    """A place that changes are sent to. Its secret is never in here.

    `audiences`: keys of the audiences whose changes it receives. `disabled_reason`: why it is not
    `enabled`, when the deliverer turned it off.
    """

    id: str
    key: str
    name: str
    kind: str
    url: str
    audiences: list[str]
    enabled: bool
    disabled_reason: str
    created_by: str
    created_at: str
    version: int


class Delivery(msgspec.Struct, frozen=True):
    """One change on its way to one destination. `answer` is the last one, shortened.

    `next_at` is when it is tried next, while `status` is pending; `message_id` is the `webhook-id`.
    """

    id: str
    message_id: str
    destination_id: str
    destination_name: str
    status: Status
    attempts: int
    answer: str
    type: str
    audience: str
    entity: str
    payload: dict[str, Any]
    created_at: str
    next_at: str | None
    done_at: str | None


class Deliveries(msgspec.Struct, frozen=True):
    """A page of deliveries, newest first, and the cursor of the next; None on the last."""

    rows: list[Delivery]
    next: str | None


class Job(msgspec.Struct, frozen=True):
    """An outbox row that the deliverer has claimed. `attempts` counts this one."""

    id: int
    message_id: str
    home: str
    payload: dict[str, Any]
    attempts: int
    created_ms: int


class Batch(msgspec.Struct, frozen=True):
    """Claimed rows of one destination, with what is needed to send them."""

    kind: str
    key: str
    config: dict[str, Any]
    jobs: list[Job]


class Request(msgspec.Struct, frozen=True):
    """One HTTP request, ready to be sent by POST."""

    url: str
    headers: dict[str, str]
    body: bytes


class Verdict(msgspec.Struct, frozen=True):
    """What an answer means. `after_ms`: the receiver asks to be left alone that long.

    `gone`: the receiver asks never to be called again.
    """

    status: Literal["sent", "retry", "failed"]
    answer: str
    after_ms: int = 0
    gone: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """A job's verdict, and when to try again if that is what it says."""

    job: Job
    destination_id: int
    destination_key: str
    verdict: Verdict
    next_ms: int = 0


def slug(name: str) -> str:
    """A key from a name: `Mail tool (EU)` is `mail-tool-eu`; `destination` when nothing is left."""
    return _GAPS.sub("-", fold_name(name)).strip("-")[:80] or "destination"
