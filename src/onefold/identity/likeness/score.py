"""Weighing pairs of records against a stored model.

Records come a chunk at a time, so a chunk may lack fields that the model knows, and hold values
that it does not: comparisons that do not apply say nothing, and unknown values count as rare.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np

from onefold.identity.likeness.model import Pair, Step
from onefold.identity.match import Model, engine, estimate, plan
from onefold.identity.match.model import Comparison, Records


def weigh(model: Model, records: Records, pairs: Collection[tuple[int, int]]) -> list[Pair]:
    """The weights of pairs of rows, prior included."""
    if not pairs:
        return []
    planned, part = _applied(model, records)
    both = np.array(sorted(pairs), dtype=np.int64)
    sides = (both[:, 0], both[:, 1])
    if not planned:
        bits = np.full(len(both), model.prior_weight())
    else:
        bits = engine.score(part, records, sides, estimate.gammas(planned, records, sides))
    return [Pair(int(a), int(b), float(w)) for (a, b), w in zip(both, bits, strict=True)]


def waterfalls(
    model: Model, records: Records, pairs: Sequence[tuple[int, int]]
) -> list[list[Step]]:
    """Of each pair of rows the prior and a step a comparison; their bits sum to its weight."""
    planned, part = _applied(model, records)
    prior = Step("prior", None, None, "two records at random", round(model.prior_weight(), 3))
    out = [[prior] for _ in pairs]
    if not pairs or not planned:
        return out
    both = np.array(pairs, dtype=np.int64)
    sides = (both[:, 0], both[:, 1])
    gammas = estimate.gammas(planned, records, sides)
    for column, one in enumerate(part.comparisons):
        alone = replace(part, comparisons=(one,), prior=0.5)
        bits = engine.score(alone, records, sides, gammas[:, [column]])
        feature = records.features[one.feature]
        for steps, (a, b), gamma, weight in zip(out, pairs, gammas[:, column], bits, strict=True):
            said = "missing" if gamma < 0 else one.levels[int(gamma)].label
            step = Step(one.name, feature.text(a), feature.text(b), said, round(float(weight), 3))
            steps.append(step)
    for steps, whole in zip(out, engine.score(part, records, sides, gammas), strict=True):
        less = round(float(whole) - sum(step.bits for step in steps), 3)
        if less < -0.01:
            steps.append(Step("place", None, None, "shared by more than one", less))
    return out


def chance(bits: float) -> float:
    """A weight as a probability."""
    return float(estimate.probability(np.array([bits]))[0])


def uncertainty(probability: float) -> float:
    """How much an answer would tell, 0 to 1: the entropy of a coin with that chance."""
    if not 0 < probability < 1:
        return 0.0
    other = 1 - probability
    return float(-(probability * np.log2(probability) + other * np.log2(other)))


def pattern(steps: Iterable[Step]) -> str:
    """How a pair agrees, without the values: pairs with the same one can be answered together."""
    return "; ".join(
        f"{s.name} {s.outcome}" for s in steps if s.name != "prior" and s.outcome != "missing"
    )


def _applied(model: Model, records: Records) -> tuple[tuple[plan.Planned, ...], Model]:
    """What of the model applies to the records, in the order in which they are compared."""
    known = {one.name: one for one in model.comparisons}
    planned = tuple(
        one
        for one in plan.plan(records)
        if one.comparison.name in known
        and len(known[one.comparison.name].levels) == len(one.comparison.levels)
    )
    comparisons = tuple(known[one.comparison.name] for one in planned)
    return planned, replace(
        model, comparisons=comparisons, frequencies=_frequencies(model, comparisons, records)
    )


def _frequencies(
    model: Model, comparisons: Sequence[Comparison], records: Records
) -> dict[str, dict[str, float]]:
    out: dict[str, dict[str, float]] = {}
    for name in {one.feature for one in comparisons}:
        known = model.frequencies.get(name)
        if known and name in records.features:
            rarest = known.get("", min(known.values()))
            out[name] = {v: known.get(v, rarest) for v in records.features[name].values}
    return out
