"""The frozen types of decisions."""

from typing import Any, Literal, NamedTuple

import msgspec

from onefold.kernel.facts import Identifier

Kind = Literal["same", "not_same", "pin", "match"]


class End(NamedTuple):
    """What a decision speaks of: an identifier, and for a device the moment of the chapter meant.

    `at_ms` is 0 for everything that is not a device.
    """

    identifier: Identifier
    at_ms: int = 0


class Said(msgspec.Struct, frozen=True):
    """A decision.

    kind        same: one person. not_same: different people. pin: as `same`, said of two that are
                together already, so that nothing newer takes them apart. match: as `same`, said by
                likeness above a threshold that a human switched on; links and limits outrank it
    undone_ms   when somebody took it back, or None
    replaced_by a later decision on the same two ends, or None
    pending     the worker has not taken the latest change of it up yet
    suppressed  why f cannot follow it, or None
    outcome     what taking it up changed: {action, person, other} for each entry of the journal
    """

    id: int
    kind: Kind
    a: End
    b: End
    reason: str
    actor: str
    actor_name: str
    at_ms: int
    undone_by: str | None = None
    undone_by_name: str | None = None
    undone_reason: str | None = None
    undone_ms: int | None = None
    replaced_by: int | None = None
    pending: bool = True
    taken_ms: int | None = None
    suppressed: str | None = None
    outcome: list[dict[str, Any]] = []

    @property
    def same(self) -> bool:
        """Whether it holds its ends together; else it keeps them apart."""
        return self.kind != "not_same"

    @property
    def in_force(self) -> bool:
        """Whether it counts."""
        return self.undone_ms is None and self.replaced_by is None

    def other(self, identifier: Identifier) -> End:
        """The end that is not this identifier; of two chapters of one device, the second."""
        return self.b if self.a.identifier == identifier else self.a


class Taken(msgspec.Struct, frozen=True):
    """A decision that the worker took up, and the people whom that changed."""

    said: Said
    regrouped: set[int]
