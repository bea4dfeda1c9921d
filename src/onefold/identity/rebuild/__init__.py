"""Everybody grouped anew from the stored links, by DuckDB: to check the live grouping.

Connected components first, in SQL; f only for those where something may forbid a link. `solve` is f
on the rows of one component: `solve.frame` takes and gives data frames, for Spark's
`applyInPandas`, where one machine is too small.
"""

from onefold.identity.rebuild import solve
from onefold.identity.rebuild.store import Report, check

__all__ = ["Report", "check", "solve"]
