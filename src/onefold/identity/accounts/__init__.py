"""Which account a person belongs to, and why: the ladder.

`clues.of` says what of a person points to an account, `claims.of` what an account can be found by,
`ladder.climb` decides. All three are pure; the worker asks them when a clue, a claim or a decision
changed, never for each fact.
"""

from onefold.identity.accounts import claims, clues, decisions, domains, model, names, reads, store
from onefold.identity.accounts.decisions import Book
from onefold.identity.accounts.directory import STRENGTH, Directory
from onefold.identity.accounts.ladder import climb
from onefold.identity.accounts.model import Claim, Clue, Ladder, Membership, Read, Rung, Said

__all__ = [
    "STRENGTH", "Book", "Claim", "Clue", "Directory", "Ladder", "Membership", "Read", "Rung",
    "Said", "claims", "climb", "clues", "decisions", "domains", "model", "names", "reads", "store",
]  # fmt: skip
