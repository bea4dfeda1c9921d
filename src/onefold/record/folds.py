"""A leaf of the definitions as the fold of profiles takes it: the two rooms meet here."""

from onefold import audiences
from onefold.profiles.fold import LeafFold


def fold_of(leaf: audiences.Leaf, leaf_id: int, definitions: frozenset[int]) -> LeafFold:
    """How a leaf folds, as `profiles.fold` takes it."""
    rule = audiences.Folding(leaf)
    return LeafFold(
        id=leaf_id,
        key=leaf.key,
        shared=leaf.by_day,
        size_ms=rule.size_ms if rule.is_short else 0,
        keep=rule.keep,
        match=leaf.match if leaf.where else None,
        definitions=definitions,
        rule=None if rule.is_short else rule,
    )
