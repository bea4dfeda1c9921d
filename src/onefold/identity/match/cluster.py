"""Guarded agglomeration: clusters grow by the strongest mean link, and only while they cohere.

Two clusters join when the mean weight of the known pairs between them is high enough and enough of
the possible pairs are known. One strong pair between two clusters that otherwise differ does not
join them, as connected components would. Pairs in `apart` never end in one cluster.
"""

import heapq
from collections.abc import Iterable

import numpy as np

from onefold.identity.match.compare import Pairs
from onefold.identity.match.model import Bools, Floats, Ints

SHARE_MIN = 0.1  # of the possible pairs between two clusters that must be known


def agglomerate(
    count: int, pairs: Pairs, bits: Floats, link: float, apart: Iterable[tuple[int, int]] = ()
) -> Ints:
    """Number of each row's cluster: its first row. `bits` below 0 are evidence against."""
    near = _within(count, pairs, bits >= link)
    state = _State(count, (pairs[0][near], pairs[1][near]), bits[near], apart)
    heap = [
        (-total / known, a, b, known)
        for a in range(count)
        for b, (total, known) in state.links[a].items()
        if a < b and total / known >= link
    ]
    heapq.heapify(heap)
    while heap:
        negative, a, b, known = heapq.heappop(heap)
        if not state.current(a, b, negative, known):
            continue
        if known < SHARE_MIN * state.size[a] * state.size[b] or b in state.apart[a]:
            continue
        for other, total, number in state.join(a, b):
            if total / number >= link:
                low, high = min(state.kept, other), max(state.kept, other)
                heapq.heappush(heap, (-total / number, low, high, number))
    return state.labels()


def _within(count: int, pairs: Pairs, strong: Bools) -> Bools:
    """Pairs inside what strong ones connect: no others can come to lie in one cluster."""
    low, high = pairs[0][strong], pairs[1][strong]
    first = np.arange(count)
    while True:
        new = first.copy()
        least = np.minimum(first[low], first[high])
        np.minimum.at(new, first[low], least)
        np.minimum.at(new, first[high], least)
        new = new[new]
        if (new == first).all():
            return np.asarray(first[pairs[0]] == first[pairs[1]])
        first = new


class _State:
    """Clusters under way: hot-path state, changed in place."""

    def __init__(
        self, count: int, pairs: Pairs, bits: Floats, apart: Iterable[tuple[int, int]]
    ) -> None:
        self.size = [1] * count
        self.into = list(range(count))
        self.links: list[dict[int, tuple[float, int]]] = [{} for _ in range(count)]
        self.apart: list[set[int]] = [set() for _ in range(count)]
        self.kept = 0
        rows = zip(pairs[0].tolist(), pairs[1].tolist(), bits.tolist(), strict=True)
        for a, b, weight in rows:
            self.links[a][b] = self.links[b][a] = (weight, 1)
        for a, b in apart:
            self.apart[a].add(b)
            self.apart[b].add(a)

    def current(self, a: int, b: int, negative: float, known: int) -> bool:
        """Whether a heap entry still describes two living clusters."""
        if self.into[a] != a or self.into[b] != b:
            return False
        found = self.links[a].get(b)
        return found is not None and found[1] == known and -found[0] / found[1] == negative

    def join(self, a: int, b: int) -> list[tuple[int, float, int]]:
        """Put the cluster with fewer links into the other; the links that changed."""
        if len(self.links[a]) < len(self.links[b]):
            a, b = b, a
        self.kept = a
        self.into[b] = a
        self.size[a] += self.size[b]
        del self.links[a][b], self.links[b][a]
        changed = []
        for other, (total, known) in self.links[b].items():
            del self.links[other][b]
            old = self.links[a].get(other)
            new = (total, known) if old is None else (total + old[0], known + old[1])
            self.links[a][other] = self.links[other][a] = new
            changed.append((other, *new))
        for other in self.apart[b]:
            self.apart[other].discard(b)
            self.apart[other].add(a)
        self.apart[a] |= self.apart[b]
        self.links[b] = {}
        # those that only the larger one had keep their mean but not their share of known pairs
        return changed

    def labels(self) -> Ints:
        """The first row of each row's cluster."""
        roots = np.arange(len(self.into))
        for row in range(len(self.into)):
            root = row
            while self.into[root] != root:
                root = self.into[root]
            self.into[row] = root
            roots[row] = root
        first = np.full(len(roots), len(roots))
        np.minimum.at(first, roots, np.arange(len(roots)))
        return np.asarray(first[roots], dtype=np.int64)
