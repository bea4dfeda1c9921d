"""History as Iceberg tables: every fact, and extracts of who is who, for any engine to read.

One process writes (`record/history.py`, in the process `jobs`), everyone reads a snapshot's files.
"""

from onefold.lake import keep, model, query, rows, store
from onefold.lake.store import Lake, Size

__all__ = ["Lake", "Size", "keep", "model", "query", "rows", "store"]
