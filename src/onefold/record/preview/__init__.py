"""Definitions asked of history: how many somebody's draft would have now, or had on a past day.

`Population` keeps a DuckDB over the lake and the log's tail; `preview` and `backtest` ask it.
"""

from onefold.record.preview.answers import backtest, preview
from onefold.record.preview.population import Population

__all__ = ["Population", "backtest", "preview"]
