"""What a tracking plan is: a JSON Schema for each call, and what happens to items that break it."""

from typing import Any

import msgspec

UNPLANNED = ("flag", "quarantine", "drop")
VIOLATIONS = ("flag", "quarantine", "drop_properties")
TYPES = ("track", "identify", "group", "page", "screen", "common")
PART = {
    "track": "properties", "page": "properties", "screen": "properties",
    "identify": "traits", "group": "traits",
}  # fmt: skip


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call of the plan.

    type         track, identify, group, page, screen; common holds for all of them
    event        a track call's event; empty for the others
    schema       JSON Schema of the whole message: `{"properties": {"properties": …}}`
    description  for people
    violations   flag, quarantine or drop_properties; empty: what the plan says
    labels       kept for an export back to where the plan came from
    """

    type: str
    event: str = ""
    schema: dict[str, Any] = {}
    description: str = ""
    violations: str = ""
    labels: dict[str, str] = {}


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tracking plan. `unplanned_events`: flag, quarantine or drop."""

    name: str
    description: str = ""
    unplanned_events: str = "flag"
    violations: str = "flag"
    rules: tuple[Rule, ...] = ()


class Violation(msgspec.Struct, frozen=True):
    """One thing wrong with one item.

    path    where: `properties.products.*.price`; empty when it is the event itself
    kind    unplanned, or the keyword that was broken: required, type, enum, format, …
    problem what is wrong, without the value
    action  what the plan says: flag, quarantine or drop
    """

    pos: int
    source_id: int
    received_ms: int
    plan_id: int
    event: str
    path: str
    kind: str
    problem: str
    action: str
