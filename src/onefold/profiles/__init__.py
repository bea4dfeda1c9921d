"""Profiles: fragments' states, their fold and merge, the views and timelines made of them."""

from onefold.profiles import dirty, fold, merge, precedence, store
from onefold.profiles.model import PersonView, State, TimelineFact, Touch, Trait
from onefold.profiles.reads import (
    account,
    account_fragments,
    account_states,
    account_timeline,
    facts_of,
    names_of,
    people,
    person,
    states_of,
    timeline,
    timeline_fact,
    usage_by_day,
)

__all__ = [
    "PersonView", "State", "TimelineFact", "Touch", "Trait", "account", "account_fragments",
    "account_states", "account_timeline", "dirty", "facts_of", "fold", "merge", "names_of",
    "people", "person", "precedence", "states_of", "store", "timeline", "timeline_fact",
    "usage_by_day",
]  # fmt: skip
