"""Pulls: tables of PostgreSQL, MySQL, SQLite and DuckDB, and folders of Parquet files, by SQL.

`setup` says where and what is read; `reader` opens it, read-only; `sql` makes the statements;
`cells` reads values; `names` tells rows that are new from those that are in. Running a pull is in
record/pulling.py, because it also writes CRM rows.
"""

from onefold.sources.pulls import cells, names, reader, setup, sql, store
from onefold.sources.pulls.model import (
    FILES,
    KINDS,
    SERVERS,
    TLS,
    Field,
    Known,
    Place,
    Position,
    Pull,
    Run,
    Table,
)

__all__ = [
    "FILES", "KINDS", "SERVERS", "TLS", "Field", "Known", "Place", "Position", "Pull", "Run",
    "Table", "cells", "names", "reader", "setup", "sql", "store",
]  # fmt: skip
