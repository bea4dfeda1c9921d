"""The frozen types of likeness."""

from typing import Any, NamedTuple

import msgspec

from onefold.identity.match import Model
from onefold.kernel.facts import Identifier


class Setting(msgspec.Struct, frozen=True):
    """What people chose, and how far the work has come.

    certain_from  chance from which two are joined without asking, or None: never
    review_from   chance from which people are asked
    retrain_days  days between full runs, each with a new model; 0: only when asked
    assignee_id   who gets new pairs, or None
    look_ms       changes are not looked for before that time
    """

    enabled: bool
    certain_from: float | None
    review_from: float
    retrain_days: int
    assignee_id: int | None
    version: int
    changed_by: str
    changed_ms: int | None
    model_id: int | None
    seen_ms: int
    seen_journal: int
    seen_decision: int
    look_ms: int


class Made(msgspec.Struct, frozen=True):
    """A stored model without its numbers. `records` it was trained on, of `of_all` known people."""

    id: int
    origin: str
    digest: str
    records: int
    of_all: int
    made_by: str
    made_ms: int


class Learnt(msgspec.Struct, frozen=True):
    """A stored model with its numbers."""

    made: Made
    model: Model


class Run(msgspec.Struct, frozen=True):
    """A pass over the records: `full`, all of them with a new model; `weigh`, all with the one in
    force; or what `changed`.

    phase    gather, train, score or settle
    total    records to score; `done` of them are; `pairs` were weighed
    proposed, joined, barred  pairs that people are asked about, that were joined, that f forbids
    """

    id: int
    kind: str
    status: str
    phase: str
    at_person: int
    total: int
    done: int
    pairs: int
    proposed: int
    joined: int
    barred: int
    model_id: int | None
    asked_by: str
    asked_ms: int
    started_ms: int | None
    done_ms: int | None
    error: str


class Record(msgspec.Struct, frozen=True):
    """A known person as it is compared.

    anchor  the strongest identifier, which a decision on the person names
    fields  name → text, of `fields.ROLES`
    names   different names that the person's identifiers carry
    impact  how much depends on who this is; `why`: the numbers it is made of
    """

    person_id: int
    anchor: Identifier
    fields: dict[str, str]
    names: list[str]
    impact: float
    why: dict[str, float]


class Step(msgspec.Struct, frozen=True):
    """A comparison of a pair: the two values as compared, how they agree, what that weighs."""

    name: str
    left: str | None
    right: str | None
    outcome: str
    bits: float


class Pair(NamedTuple):
    """Two records, by row, with their weight in bits, prior included."""

    a: int
    b: int
    bits: float


Json = dict[str, Any]
