"""How alike known people are: what is compared of each, the model, and pairs with their weights.

A record is a known person with the fields that CRM, billing, imports and products tell. `keys` are
hashes of what two records may share; a model trained without labels (`match`) says what agreement
in a field is worth; `score` weighs pairs against it. Whether a pair is one person is decided
elsewhere (`review`).
"""

from onefold.identity.likeness import fields, keys, score, store, train
from onefold.identity.likeness.model import Learnt, Made, Pair, Record, Run, Setting, Step

__all__ = [
    "Learnt", "Made", "Pair", "Record", "Run", "Setting", "Step", "fields", "keys", "score",
    "store", "train",
]  # fmt: skip
