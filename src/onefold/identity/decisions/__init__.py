"""What humans decided about who is who: cut, join, pin, and the undo of each.

A decision is a row for good, keyed by identifiers. The doors write it and mark it `pending`; the
worker, who alone changes people, takes it up (`Resolver.decide`).
"""

from onefold.identity.decisions.book import Book
from onefold.identity.decisions.model import End, Kind, Said, Taken
from onefold.identity.decisions.store import (
    get,
    give_up,
    in_force,
    listed,
    next_pending,
    of_identifiers,
    say,
    taken,
    undo,
)

__all__ = [
    "Book", "End", "Kind", "Said", "Taken", "get", "give_up", "in_force", "listed", "next_pending",
    "of_identifiers", "say", "taken", "undo",
]  # fmt: skip
