"""The fact: one thing that happened, as every floor above the log sees it.

A fact is what `governance.admit` makes of one item of one log row. It never belongs to a person:
it has a home identifier, chosen by `home_of`, person-kind before device.
"""

from typing import Any, NamedTuple

import msgspec

POSITION_BITS = 16
OURS = frozenset(("crm", "system"))  # categories of what we did, not the customer


class Identifier(NamedTuple):
    """A namespace and a value: `("user_id", "u1")`. Written `user_id:u1`."""

    namespace: str
    value: str

    def __str__(self) -> str:
        return f"{self.namespace}:{self.value}"


class Fact(msgspec.Struct, frozen=True, gc=False):
    """One event, normalised.

    pos          seq << 16 | index in the log row; unique, in commit order
    source_id    `source.id`; 0 for the CRM and the system itself
    category     of its source: product, website, billing, support, email, crm or system
    kind         track, identify, page, screen, group or alias
    name         a track call's event; else Page Viewed, Screen Viewed, Identify, Group, Alias
    at_ms        when it happened: timestamp corrected for clock skew, never after `received_ms`
    received_ms  when the collector took it
    home         the identifier whose fragment keeps it
    identifiers  every person or device identifier on it, `home` included, in priority order
    account      the account key that the event itself names (groupId, context.groupId), or None
    traits       person traits (identify, context.traits) or, for a group call, account traits
    properties   of the event, as sent
    campaign     what brought the person here (governance/campaign.py), or None
    """

    pos: int
    source_id: int
    category: str
    kind: str
    name: str
    at_ms: int
    received_ms: int
    message_id: str
    home: Identifier
    identifiers: tuple[Identifier, ...]
    account: str | None
    traits: dict[str, Any]
    properties: dict[str, Any]
    campaign: dict[str, str] | None = None


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """An item that could not become a fact, kept with its reason so that it can be replayed."""

    pos: int
    source_id: int
    received_ms: int
    code: str
    field: str
    problem: str
    remedy: str
    raw: bytes


class Filtered(msgspec.Struct, frozen=True, gc=False):
    """An item that a rule of its source keeps out, on purpose: counted, and kept in the log only.

    rule  which one, as people find it: `transformation: step 2`, `plan product: unplanned event`
    """

    pos: int
    source_id: int
    received_ms: int
    rule: str


Admitted = Fact | Refusal | Filtered


def position(seq: int, index: int) -> int:
    """The place of item `index` of log row `seq`."""
    return seq << POSITION_BITS | index


def split_position(pos: int) -> tuple[int, int]:
    """The log row and the index in it."""
    return pos >> POSITION_BITS, pos & ((1 << POSITION_BITS) - 1)
