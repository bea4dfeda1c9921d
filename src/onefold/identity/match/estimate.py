"""Training without labels: expectation maximisation on the counts of comparison patterns.

`u` comes from pairs drawn at random and exact frequencies, with the matches among them taken out;
`m` and the prior from the candidates. Pairs that were not candidates count as different, so the
prior is one over all pairs. Everything starts from, and is held by, the values of plan.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from onefold.identity.match.compare import Pairs
from onefold.identity.match.model import Bools, Comparison, Floats, Ints, Levels, Records
from onefold.identity.match.plan import Planned

RANDOM_PAIRS = 400_000
ROUNDS_MAX = 40
M_HELD_BY = 12.0  # pairs that the starting m weighs as much as
U_HELD_BY = 400.0
RECORDS_AS_IF = 60  # a file of a few rows is an excerpt of a larger world
LASTING = ("given", "surname", "company", "dob")
# Without this bound on how often what lasts a life differs for one entity, training takes
# households, or in a file without duplicates namesakes, for the entities.
DIFFERENT_TIMES = 3.0  # the starting m
# People of one household or office share address, phone, inbox, often the surname: all of that
# together says no more than that they are of one place. From there on only what is somebody's own
# tells whether they are one: bits that a place is worth at most.
PLACE_BITS = {"person": 2.0, "organisation": 4.0}
OWN = {
    "person": ("given", "middle", "dob", "id", "gender", "occupation"),
    "organisation": ("company", "id", "legal_form"),
}
SURNAME_BITS = 2.0  # of a shared surname, beyond the place
DIFFERENT_BITS = -4.0  # of each of two or more differences in what lasts, at least
MATCHES_PER_RECORD = 0.3  # expected before anything is seen
MATCHES_PER_RECORD_MIN = 0.02  # else what is alike only in part is never found


@dataclass(frozen=True)
class Patterns:
    """Distinct rows of gammas and how many pairs show each."""

    gammas: Levels  # (patterns, comparisons)
    counts: Floats
    of_pair: Ints  # which pattern each pair shows


def gammas(planned: tuple[Planned, ...], records: Records, pairs: Pairs) -> Levels:
    """Gammas of all comparisons for the pairs: shape (pairs, comparisons)."""
    return np.stack([one.run(records, pairs) for one in planned], axis=1)


def patterns(found: Levels, comparisons: tuple[Comparison, ...]) -> Patterns:
    """Count the distinct rows."""
    code = np.zeros(len(found), dtype=np.int64)
    for column, comparison in enumerate(comparisons):
        width = len(comparison.levels) + 1
        if code.max(initial=0) > 2**62 // width:
            code = np.unique(code, return_inverse=True)[1].astype(np.int64)
        code = code * width + (found[:, column] + 1)
    _, first, inverse, counts = np.unique(
        code, return_index=True, return_inverse=True, return_counts=True
    )
    return Patterns(found[first], counts.astype(np.float64), inverse.astype(np.int64))


def random_pairs(count: int, rng: np.random.Generator) -> Pairs:
    """Pairs of different rows: all of them in a small file, else a sample."""
    if count * (count - 1) // 2 <= RANDOM_PAIRS:
        left, right = np.triu_indices(count, 1)
        return left.astype(np.int64), right.astype(np.int64)
    left = rng.integers(0, count, RANDOM_PAIRS)
    right = (left + rng.integers(1, count, RANDOM_PAIRS)) % count
    return left.astype(np.int64), right.astype(np.int64)


def bits_of(comparisons: tuple[Comparison, ...], found: Levels, prior: float) -> Floats:
    """Weights of gammas, the prior's bits included, without frequencies."""
    columns = [one.weights()[found[:, n] + 1] for n, one in enumerate(comparisons)]
    return summed(comparisons, found, columns, prior)


def summed(
    comparisons: tuple[Comparison, ...], found: Levels, columns: Sequence[Floats], prior: float
) -> Floats:
    """The prior and each comparison's bits; together no more than a shared place allows."""
    names = [one.name for one in comparisons]
    kind = "person" if {"given", "surname"} & set(names) else "organisation"
    total = prior + sum(columns, np.zeros(len(columns[0]) if columns else 0))
    own = [n for n, name in enumerate(names) if name.rstrip("_0123456789") in OWN[kind]]
    if not own or len(own) == len(names):
        return np.asarray(total)
    apart = np.stack([_apart(name, found[:, n]) for n, name in enumerate(names)], axis=1)
    several = apart.sum(axis=1) > 1
    most = np.full(len(total), PLACE_BITS[kind])
    for n, name in enumerate(names):
        if n in own or name == "surname":
            bits = np.minimum(columns[n], SURNAME_BITS) if name == "surname" else columns[n]
            most += np.where(apart[:, n] & several, np.minimum(bits, DIFFERENT_BITS), bits)
    return np.asarray(np.minimum(total, most))


def _apart(name: str, gamma: Levels) -> Bools:
    """Where something that lasts differs; dates that share their year alone differ as well."""
    if name not in LASTING:
        return np.zeros(len(gamma), dtype=np.bool_)
    return np.asarray((gamma >= 0) & (gamma <= (name == "dob")))


def probability(bits: Floats) -> Floats:
    """Posterior probability of a weight that includes the prior."""
    return np.asarray(1.0 / (1.0 + np.exp2(-np.clip(bits, -60, 60))))


def train(
    comparisons: tuple[Comparison, ...], seen: Patterns, drawn: Patterns, count: int
) -> tuple[tuple[Comparison, ...], float]:
    """Comparisons with the file's m and u, and the prior."""
    all_pairs = count * (max(count, RECORDS_AS_IF) - 1) / 2
    matches = MATCHES_PER_RECORD * count
    start = comparisons
    comparisons = tuple(_chances(one, drawn, n) for n, one in enumerate(comparisons))
    for _ in range(ROUNDS_MAX):
        prior = min(max(matches / all_pairs, 1e-12), 0.5)
        bits = float(np.log2(prior / (1 - prior)))
        sure = probability(bits_of(comparisons, seen.gammas, bits)) * seen.counts
        other = (1 - probability(bits_of(comparisons, drawn.gammas, bits))) * drawn.counts
        comparisons = tuple(
            _updated(one, seen.gammas[:, n], sure, drawn.gammas[:, n], other, first)
            for n, (one, first) in enumerate(zip(comparisons, start, strict=True))
        )
        new = (float(sure.sum()) * count + matches * 2) / (count + 2)
        new = max(new, MATCHES_PER_RECORD_MIN * count)
        if abs(new - matches) < 1e-4 * max(matches, 1.0):
            break
        matches = new
    return comparisons, min(max(matches / all_pairs, 1e-12), 0.5)


def _chances(one: Comparison, drawn: Patterns, column: int) -> Comparison:
    """A comparison with the chances that the file's own pairs show, the few matches among them too.

    What is usual elsewhere may be far from them, and training that begins there may stay there.
    """
    u = _shares(drawn.gammas[:, column], drawn.counts, [x.u for x in one.levels], U_HELD_BY)
    levels = (replace(level, u=float(u[n])) for n, level in enumerate(one.levels))
    return replace(one, levels=tuple(levels))


def _updated(one: Comparison, match_gamma: Levels, sure: Floats, other_gamma: Levels,
             other: Floats, first: Comparison) -> Comparison:  # fmt: skip
    m = _shares(match_gamma, sure, [level.m for level in first.levels], M_HELD_BY)
    if one.name in LASTING and m[0] > (most := DIFFERENT_TIMES * first.levels[0].m):
        m = np.concatenate([[most], m[1:] * (1 - most) / m[1:].sum()])
    u = _shares(other_gamma, other, [level.u for level in first.levels], U_HELD_BY)
    if one.name == "company":
        # Companies seldom share a name, so a closer likeness never says less; where it seems to, it
        # is because matches were taken for chance. (People of one place do share much else.)
        u = np.minimum(u, m / np.maximum.accumulate(m / u))
    levels = tuple(
        replace(level, m=float(m[n]), u=float(u[n])) for n, level in enumerate(one.levels)
    )
    return replace(one, levels=levels)


def _shares(gamma: Levels, amounts: Floats, start: list[float], held: float) -> Floats:
    counts = np.bincount(gamma[gamma >= 0], amounts[gamma >= 0], minlength=len(start))
    total = counts + held * np.array(start)
    return np.asarray(total / total.sum())
