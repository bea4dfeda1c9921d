"""What may become a fact: one rule that turns a log row's items into facts or refusals.

`admit` is pure and versioned by `HOME_RULE`: the same row always gives the same facts, so replay,
timelines and backfills all see what the worker saw.
"""

from onefold.governance.admit import HOME_RULE, KINDS, SKEW_MS, admit, admit_at

__all__ = ["HOME_RULE", "KINDS", "SKEW_MS", "admit", "admit_at"]
