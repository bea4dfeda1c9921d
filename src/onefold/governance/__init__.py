"""What may become a fact: the rules that turn a log row's items into facts or refusals.

`admit` is pure, versioned by `HOME_RULE` and by the log row from which each source's rules hold:
the same row always gives the same facts, so replay, timelines and backfills all see what the
worker saw. `load` gives the rules in force; the worker lets changes hold by `take_up`.
"""

from onefold.governance import audit, expressions, plans, suppression, transforms, trials
from onefold.governance.admit import HOME_RULE, KINDS, SKEW_MS, admit, admit_at, said_ms
from onefold.governance.plans import store as plan_store
from onefold.governance.plans import violations
from onefold.governance.rules import NO_RULES, Rules, trial
from onefold.governance.store import current, load, revision, secret, take_up
from onefold.governance.transforms import store as transform_store
from onefold.governance.trials import foresee

__all__ = [
    "HOME_RULE", "KINDS", "NO_RULES", "SKEW_MS", "Rules", "admit", "admit_at", "audit", "current",
    "expressions", "foresee", "load", "plan_store", "plans", "revision", "said_ms", "secret",
    "suppression", "take_up", "transform_store", "transforms", "trial", "trials", "violations",
]  # fmt: skip
