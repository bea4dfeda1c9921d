"""Pairs of people that may be one: those waiting for an answer, and what became of the others.

An answer is a decision (`decisions`), so it outlives replays and merges; what is kept here is the
question: the two people by identifier, their likeness as it was weighed, and who was asked.
"""

from onefold.identity.review import store
from onefold.identity.review.model import Candidate, Proposal

__all__ = ["Candidate", "Proposal", "store"]
