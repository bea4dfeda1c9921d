"""The frozen types of identifier rules as data."""

from typing import Any

import msgspec

from onefold.identity.rules import Kind


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A namespace: what values of it can say (identity/rules.py), and how they are read.

    form    the normal form of its values (kernel/forms.py); region: of numbers without a country
    types   other names that it has in `context.externalIds`
    traits  traits of a person that carry it
    """

    name: str
    kind: Kind = "person"
    priority: int = 80
    limit: int | None = 5
    window_days: int | None = None
    hub: int | None = None
    verified: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    form: str = "text"
    region: str = ""
    types: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()


class Version(msgspec.Struct, frozen=True):
    """A set of rows that was in force from some time on.

    from_seq  the first log row admitted by it; None: it waits for the worker
    done      identifiers up to this id are grouped by it, `upto` is the last to do
    changed   people whose identifiers the replay changed
    """

    id: int
    from_seq: int | None
    back_to: int | None
    reason: str
    actor: str
    actor_name: str
    at_ms: int
    taken_ms: int | None
    done: int
    upto: int
    done_ms: int | None
    changed: int

    @property
    def percent(self) -> int:
        """How far its replay is."""
        if self.done_ms is not None:
            return 100
        return min(99, self.done * 100 // self.upto) if self.upto else 0


class Preview(msgspec.Struct, frozen=True):
    """What a proposed set would do, counted over the links that are stored.

    people       looked at
    merged       who would become part of another; split: who would come apart; moved: who would
                 give an identifier to another person, or get one
    identifiers  that would belong to another person than now
    examples     {"what", "people", "before", "after", "why"} (preview.py)
    """

    id: int
    base: int
    rules: list[Row]
    status: str
    actor: str
    actor_name: str
    at_ms: int
    done: int
    upto: int
    people: int
    merged: int
    split: int
    moved: int
    identifiers: int
    examples: list[dict[str, Any]]
    error: str
    done_ms: int | None
    back_to: int | None = None

    @property
    def percent(self) -> int:
        """How much of the links is looked at."""
        if self.status == "done":
            return 100
        return min(99, self.done * 100 // self.upto) if self.upto else 0
