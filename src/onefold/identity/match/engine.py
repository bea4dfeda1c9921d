"""The whole of matching: features, candidates, training, scores, clusters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from onefold.identity.match import block, cluster, estimate, features, plan
from onefold.identity.match.columns import Recognised, Table, organisation_rows
from onefold.identity.match.compare import Pairs
from onefold.identity.match.model import Comparison, Feature, Floats, Ints, Levels, Model, Records

LINK_BITS = 0.5  # mean weight from which records are one
REVIEW_BITS = -5.0  # from here to LINK_BITS a person should look
CLIP_BITS = (-12.0, 12.0)  # one pair says no more than this in a cluster's mean
KEEP_BITS = -30.0  # weaker pairs are forgotten
PASSES = 2
TF_HELD_BY = 200.0  # entities' worth of the average frequency in each value's own


@dataclass(frozen=True)
class Scored:
    """Candidate pairs with their weights in bits (prior included) and gammas."""

    pairs: Pairs
    bits: Floats
    gammas: Levels


@dataclass(frozen=True)
class Matching:
    """What came out: a cluster number a row, the model, the pairs of the middle zone."""

    clusters: Ints
    model: Model
    scored: Scored
    records: Records

    def zone(self, low: float, high: float) -> int:
        """Number of pairs with a weight in [low, high)."""
        return int(((self.scored.bits >= low) & (self.scored.bits < high)).sum())


def match(table: Table, seen: Recognised, seed: int = 1) -> Matching:
    """Match the rows of one kind."""
    records = features.build(table, seen)
    return match_records(records, seed)


def match_records(records: Records, seed: int = 1) -> Matching:
    """Match records already made comparable: train twice, the second time knowing the clusters."""
    planned = plan.plan(records)
    whole, first, of_row = _distinct(records)
    if not planned or len(first) < 2:
        model = Model(records.kind, tuple(p.comparison for p in planned), 0.5)
        empty = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        none = Scored(empty, np.zeros(0), np.zeros((0, len(planned)), dtype=np.int8))
        return Matching(first[of_row] if len(first) else of_row, model, none, records)
    rng = np.random.default_rng(seed)
    pairs = block.candidates(whole)
    found = estimate.gammas(planned, whole, pairs)
    drawn_pairs = estimate.random_pairs(whole.count, rng)
    comparisons = tuple(one.comparison for one in planned)
    drawn = estimate.patterns(estimate.gammas(planned, whole, drawn_pairs), comparisons)
    seen = estimate.patterns(found, comparisons)
    labels = np.arange(whole.count)
    for _ in range(PASSES):
        trained, prior = estimate.train(comparisons, seen, drawn, whole.count)
        model = Model(records.kind, trained, prior, _frequencies(whole, trained, labels))
        bits = score(model, whole, pairs, found)
        keep = bits > KEEP_BITS
        near = (pairs[0][keep], pairs[1][keep])
        labels = cluster.agglomerate(whole.count, near, np.clip(bits[keep], *CLIP_BITS), LINK_BITS)
    back = Scored((first[near[0]], first[near[1]]), bits[keep], found[keep])
    return Matching(first[labels][of_row], model, back, records)


def _distinct(records: Records) -> tuple[Records, Ints, Ints]:
    """Records that differ in something; (they, the first row of each, which each row is)."""
    if not records.features:
        return records, np.zeros(0, dtype=np.int64), np.arange(records.count)
    stacked = np.stack([feature.codes for feature in records.features.values()], axis=1)
    if "name_tokens" in records.extra:
        stacked = np.hstack([stacked, records.extra["name_tokens"]])
    _, first, of_row = np.unique(stacked, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")  # in the file's order
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    first, of_row = first[order], place[of_row.ravel()]
    empty = (stacked[first] < 0).all(axis=1)
    if empty.any():  # rows that say nothing are each their own
        of_row, first = _apart(of_row, first, int(np.flatnonzero(empty)[0]))
    picked = {n: Feature(f.codes[first], f.values) for n, f in records.features.items()}
    extra = {
        name: value[first]
        if isinstance(value, np.ndarray) and len(value) == records.count
        else value
        for name, value in records.extra.items()
    }
    return Records(records.kind, len(first), picked, extra), first, of_row


def _apart(of_row: Ints, first: Ints, empty: int) -> tuple[Ints, Ints]:
    rows = np.flatnonzero(of_row == empty)[1:]
    of_row = of_row.copy()
    of_row[rows] = len(first) + np.arange(len(rows))
    return of_row, np.concatenate([first, rows])


def _frequencies(
    records: Records, comparisons: Sequence[Comparison], labels: Ints
) -> dict[str, dict[str, float]]:
    """Share of the entities (not rows) that hold each value, for features whose rarity counts."""
    out: dict[str, dict[str, float]] = {}
    for name, chance in {one.feature: one.levels[-1].u for one in comparisons}.items():
        feature = records.features[name]
        there = feature.codes >= 0
        width = int(labels.max(initial=0)) + 1
        once = np.unique(feature.codes[there].astype(np.int64) * width + labels[there])
        counts = np.bincount(once // width, minlength=len(feature.values))
        # how many hold it besides the two that are compared: what only they hold is as rare as can
        # be; and in a small file a value is not common because three of ten rows have it
        others = np.maximum(counts - 2, 0)
        shares = (others + TF_HELD_BY * chance) / (len(once) + TF_HELD_BY)
        shares = np.maximum(shares, min(chance, 1 / max(len(once), 1)))
        out[name] = dict(zip(feature.values, shares.tolist(), strict=True))
    return out


def score(model: Model, records: Records, pairs: Pairs, found: Levels) -> Floats:
    """Weights of the pairs in bits: prior, levels, and how common the agreeing values are.

    Together no more than `estimate.summed` allows for people of one place.
    """
    columns = [one.weights()[found[:, n] + 1] for n, one in enumerate(model.comparisons)]
    for column, comparison in enumerate(model.comparisons):
        shares = comparison.tf_shares()
        tf = model.frequencies.get(comparison.feature)
        if not shares.any() or not tf:
            continue
        feature = records.features[comparison.feature]
        frequency = np.array([tf.get(value, 0.0) for value in feature.values] + [0.0])
        at = np.flatnonzero(shares[found[:, column] + 1] > 0)
        common = np.maximum(
            frequency[feature.codes[pairs[0][at]]], frequency[feature.codes[pairs[1][at]]]
        )
        adjusted = _adjustment(comparison.levels[-1].u, common) * shares[found[at, column] + 1]
        columns[column][at] += adjusted
    return estimate.summed(model.comparisons, found, columns, model.prior_weight())


def _adjustment(average: float, common: Floats) -> Floats:
    """Bits by which a value's own frequency differs from the average chance of agreement."""
    known = common > 0
    return np.where(known, np.log2(max(average, 1e-8) / np.where(known, common, 1.0)), 0.0)


def match_mixed(table: Table, seen: Recognised, seed: int = 1) -> list[tuple[Ints, Matching]]:
    """Match a table; one of both kinds is split, and each kind matched by itself."""
    if seen.kind != "mixed":
        return [(np.arange(table.count), match(table, seen, seed))]
    companies = np.array(organisation_rows(table, seen.roles), dtype=bool)
    out = []
    for kind, chosen in (("person", ~companies), ("organisation", companies)):
        rows = np.flatnonzero(chosen)
        if len(rows):
            part = Table(table.names, [[cells[r] for r in rows] for cells in table.cells])
            out.append((rows, match(part, Recognised(seen.roles, kind, seen.day_first), seed)))
    return out
