"""What a step is. One flat type, as it is written; `parse` sees that its fields fit together."""

from typing import Any

import msgspec

DOES = ("rename", "map", "drop", "hash", "set", "filter")
TYPES = ("track", "identify", "page", "screen", "group", "alias")
SCALARS = ("type", "event", "userId", "anonymousId", "groupId", "previousId")
OBJECTS = ("properties", "traits", "context")


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step.

    do          rename, map, drop, hash, set or filter
    field       what it works on, `properties.plan`; empty for a filter or a drop of whole events
    event, to   rename: the former event name (or `field`), and what it is called from then on
    values      map: from the value as text to the new one
    otherwise   map: `keep`, `drop`, or `{"value": …}` for what `values` does not name
    value       set: a constant
    expression  set: computed from the event
    types       only calls of these types; none: all
    events      only events of these names; none: all
    when        only where this expression is true (filter: what is kept)
    note        for people
    """

    do: str
    field: str = ""
    event: str = ""
    to: str = ""
    values: dict[str, Any] = {}
    otherwise: Any = "keep"
    value: Any = msgspec.UNSET
    expression: str = ""
    types: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    when: str = ""
    note: str = ""


class Transformation(msgspec.Struct, frozen=True):
    """Steps, in the order in which they run."""

    steps: tuple[Step, ...] = ()
