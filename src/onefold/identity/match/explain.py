"""Why a pair has its score: the prior and each comparison's bits, which add up to it."""

from dataclasses import dataclass

import numpy as np

from onefold.identity.match import engine, estimate, plan
from onefold.identity.match.model import Model, Records


@dataclass(frozen=True)
class Step:
    """One bar of the waterfall."""

    name: str
    left: str | None
    right: str | None
    outcome: str
    bits: float


def waterfall(model: Model, records: Records, left: int, right: int) -> list[Step]:
    """The prior, then a step a comparison; the bits of all steps sum to the pair's score."""
    pairs = (np.array([left]), np.array([right]))
    found = estimate.gammas(plan.plan(records), records, pairs)
    steps = [Step("prior", None, None, "two records at random", model.prior_weight())]
    for column, one in enumerate(model.comparisons):
        gamma = int(found[0, column])
        alone = Model(model.kind, (one,), 0.5, model.frequencies)
        bits = float(engine.score(alone, records, pairs, found[:, [column]])[0])
        feature = records.features[one.feature]
        outcome = "missing" if gamma < 0 else one.levels[gamma].label
        steps.append(Step(one.name, feature.text(left), feature.text(right), outcome, bits))
    less = float(engine.score(model, records, pairs, found)[0]) - sum(step.bits for step in steps)
    if less < -0.001:
        steps.append(Step("place", None, None, "shared by more than one", less))
    return steps
