"""Why somebody is in an audience or not: every condition, its value, the facts behind it."""

from onefold.record.why.why import Condition, Fact, Matching, Why, why

__all__ = ["Condition", "Fact", "Matching", "Why", "why"]
