"""Matching without labels: which records of a file are the same person or organisation.

    table, source = match.files.read(path)
    seen = match.columns.recognise(table)
    for rows, matching in match.engine.match_mixed(table, seen): ...

Features (`features.py`), candidates (`block.py`), comparisons (`compare.py`, `plan.py`), training
by EM (`estimate.py`), scores and clusters (`engine.py`, `cluster.py`). Nothing here needs a server.
"""

from onefold.identity.match import (
    columns,
    engine,
    explain,
    features,
    files,
    headers,
    measure,
    splink,
)
from onefold.identity.match.model import Comparison, Level, Model, Records

__all__ = [
    "Comparison",
    "Level",
    "Model",
    "Records",
    "columns",
    "engine",
    "explain",
    "features",
    "files",
    "headers",
    "measure",
    "splink",
]
