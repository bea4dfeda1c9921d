"""Files and tables to facts: reading, mapping, and the records of imports.

`detect.look(path)` says how a file is read and what is in it; `suggest.mapping` proposes where its
columns go; `items.Builder` turns a row into an item of the Segment spec or CRM values, or faults.
Running an import is in record/imports.py, because it also writes CRM rows.
"""

from onefold.sources.imports import detect, items, read, store, suggest, values
from onefold.sources.imports.model import (
    CRM_TARGETS,
    FACT_TARGETS,
    TARGETS,
    Column,
    Format,
    Import,
    Mapping,
    RowFault,
    Sample,
    Target,
)

__all__ = [
    "CRM_TARGETS", "FACT_TARGETS", "TARGETS", "Column", "Format", "Import", "Mapping", "RowFault",
    "Sample", "Target", "detect", "items", "read", "store", "suggest",
    "values",
]  # fmt: skip
