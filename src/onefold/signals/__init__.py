"""Signals: interpreted changes worth acting on, and the health of accounts.

`evaluate` opens, updates and resolves usage-drop signals and says what it did; the worker turns
that into risk fields and tasks. `health_of` answers what `account.health` holds.
"""

from onefold.signals.cases import OUTCOMES, close, count, count_open, find, get
from onefold.signals.evaluate import evaluate, health_of
from onefold.signals.model import AccountUsage, Change, Page, PersonUsage, Signal, Use
from onefold.signals.store import usage_of

__all__ = [
    "OUTCOMES", "AccountUsage", "Change", "Page", "PersonUsage", "Signal", "Use", "close", "count",
    "count_open", "evaluate", "find", "get", "health_of", "usage_of",
]  # fmt: skip
