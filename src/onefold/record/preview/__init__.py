"""Definitions asked of history: how many somebody's draft would have now, or had on a past day.

`Population` keeps a DuckDB over the lake and the log's tail; `preview` asks it.
"""

from onefold.record.preview.answers import preview
from onefold.record.preview.population import Population

__all__ = ["Population", "preview"]
