"""The frozen types of the review queue."""

from typing import Any

import msgspec

from onefold.identity.likeness import Step
from onefold.kernel.facts import Identifier


class Proposal(msgspec.Struct, frozen=True):
    """A pair that was weighed, the person with the smaller id first.

    status  open, joined or barred; `reason`: why f would not have it
    why     the numbers that `impact` is made of
    """

    a_person: int
    b_person: int
    a: Identifier
    b: Identifier
    status: str
    bits: float
    chance: float
    impact: float
    rank: float
    pattern: str
    steps: list[Step]
    why: dict[str, float]
    model_id: int
    reason: str = ""
    decision_id: int | None = None


class Candidate(msgspec.Struct, frozen=True):
    """A pair as it is kept.

    status  open: waits for an answer. same, different: answered. joined: without asking, above the
            threshold. settled: facts or a decision elsewhere answered it. barred: f would not join
            the two (`reason`: the limit or rule), so nobody is asked
    batch   of answers given at once: the id of the first of them
    """

    id: int
    a_person: int
    b_person: int
    a: Identifier
    b: Identifier
    status: str
    bits: float
    chance: float
    impact: float
    rank: float
    pattern: str
    steps: list[Any]
    why: dict[str, float]
    reason: str
    model_id: int
    assignee_id: int | None
    decision_id: int | None
    batch: int | None
    actor: str
    actor_name: str
    found_ms: int
    done_ms: int | None
