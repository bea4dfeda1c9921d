"""How good a partition is against the truth: pairwise, B³, and over-merging."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from onefold.identity.match.model import Floats, Ints


@dataclass(frozen=True)
class Quality:
    """Precision, recall and F1 over pairs and over records (B³), and clusters of several people."""

    precision: float
    recall: float
    f1: float
    b3_precision: float
    b3_recall: float
    b3: float
    over_merged: int  # clusters that hold more than one true entity
    entities_max: int  # true entities in the worst of them


def numbered(labels: Sequence[Hashable]) -> Ints:
    """Labels as numbers from 0."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(label, len(known)) for label in labels], dtype=np.int64)


def quality(found: Sequence[Hashable], truth: Sequence[Hashable]) -> Quality:
    """Compare two partitions of the same records. Partitions without any pair agree fully."""
    a, b = numbered(found), numbered(truth)
    width = int(b.max(initial=0)) + 1
    cells, inverse, both = np.unique(a * width + b, return_inverse=True, return_counts=True)
    size_a, size_b = np.bincount(a), np.bincount(b)
    hit, said, true = (_pairs(x) for x in (both, size_a, size_b))
    precision, recall = _ratio(hit, said), _ratio(hit, true)
    shared = both[inverse].astype(np.float64)
    b3p, b3r = float((shared / size_a[a]).mean()), float((shared / size_b[b]).mean())
    entities = np.bincount(cells // width)
    return Quality(
        precision, recall, _f1(precision, recall), b3p, b3r, _f1(b3p, b3r),
        int((entities > 1).sum()), int(entities.max(initial=0)),
    )  # fmt: skip


def _pairs(sizes: Ints) -> float:
    counts: Floats = sizes.astype(np.float64)
    return float((counts * (counts - 1) / 2).sum())


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
