"""What a matching model is: comparisons, their levels, and what each level is worth.

A level's *gamma* is its number: -1 says that a value is missing, 0 that the values differ, and the
highest gamma is full agreement. `m` is how often pairs of the same entity show a level, `u` how
often pairs of different entities do; the weight of a level is log2(m / u). A level may be adjusted
for how common the value itself is (`tf`): agreeing on Smith says less than on Featherstone.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Levels = NDArray[np.int8]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NULL = -1
WEIGHT_MAX = 24.0  # of one level, in bits: no single agreement is proof
M_MIN = 1e-5
U_MIN = 1e-8


@dataclass(frozen=True)
class Level:
    """One outcome of a comparison."""

    label: str
    m: float
    u: float
    tf: float = 0.0  # share of the term-frequency adjustment that applies, 0 to 1


@dataclass(frozen=True)
class Comparison:
    """One thing that is compared; `levels[g]` is the level of gamma `g`."""

    name: str
    feature: str  # whose value's frequency counts
    levels: tuple[Level, ...]

    def weights(self) -> Floats:
        """Bits for gammas -1 (missing: nothing is known, so nothing is added), 0, 1, …"""
        m = np.array([max(level.m, M_MIN) for level in self.levels])
        u = np.array([max(level.u, U_MIN) for level in self.levels])
        return np.concatenate([[0.0], np.clip(np.log2(m / u), -WEIGHT_MAX, WEIGHT_MAX)])

    def tf_shares(self) -> Floats:
        """Share of the term-frequency adjustment for gammas -1, 0, 1, …"""
        return np.array([0.0, *(level.tf for level in self.levels)])


@dataclass(frozen=True)
class Model:
    """A trained model: all that is needed to score a pair of records of its kind."""

    kind: str
    comparisons: tuple[Comparison, ...]
    prior: float  # probability that two records taken at random are one entity
    frequencies: dict[str, dict[str, float]] = field(default_factory=dict)  # feature → value → tf

    def prior_weight(self) -> float:
        """The prior in bits."""
        return float(np.log2(self.prior / (1 - self.prior)))


@dataclass(frozen=True)
class Feature:
    """One column made comparable: `values[codes[i]]` is record i's value, code -1 is missing."""

    codes: Codes
    values: list[str]

    def text(self, row: int) -> str | None:
        """The value of a record."""
        code = int(self.codes[row])
        return None if code < 0 else self.values[code]


@dataclass
class Records:
    """All records made comparable. `extra` holds arrays that comparisons share (token tables)."""

    kind: str
    count: int
    features: dict[str, Feature]
    extra: dict[str, Any] = field(default_factory=dict)


def factorise(values: list[str | None]) -> Feature:
    """Number the distinct values of a column; blank is missing."""
    known: dict[str, int] = {}
    codes = np.full(len(values), -1, dtype=np.int32)
    for row, value in enumerate(values):
        if value:
            codes[row] = known.setdefault(value, len(known))
    return Feature(codes, list(known))
