"""Whose word counts for a trait: rules as data, compiled to ranks, in versions.

A state keeps each source's latest word (profiles/fold.py), so a changed rule only has to choose
again among what is there; no fact is read again.
"""

from onefold.profiles.precedence.rules import (
    CRM,
    DEFAULT,
    EDITED,
    HAND,
    SYSTEM,
    Precedence,
    Rule,
    Rules,
    origin_of,
)

__all__ = [
    "CRM", "DEFAULT", "EDITED", "HAND", "SYSTEM", "Precedence", "Rule", "Rules", "origin_of",
]  # fmt: skip
