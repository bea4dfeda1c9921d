"""Tracking plans: what each call should look like, and what becomes of one that does not.

`parse` takes our own form and those of Segment and RudderStack; `dump` and `exchange.export` give
them back. `Compiled.judge` is what admission asks. Told in docs/reference/tracking-plans.md.
"""

from onefold.governance.plans import diff, exchange, infer
from onefold.governance.plans.judge import Compiled, Found, Verdict
from onefold.governance.plans.model import TYPES, UNPLANNED, VIOLATIONS, Plan, Rule, Violation
from onefold.governance.plans.parse import dump, parse

__all__ = [
    "TYPES", "UNPLANNED", "VIOLATIONS", "Compiled", "Found", "Plan", "Rule", "Verdict", "Violation",
    "diff", "dump", "exchange", "infer", "parse",
]  # fmt: skip
