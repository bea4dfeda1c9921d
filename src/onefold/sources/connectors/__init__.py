"""Connectors nobody here writes: Singer taps and Airbyte sources, run as processes.

`setup` adds, configures, chooses and starts; `run` is the task of the process `jobs`, which does
what `prepare` and `reading` say; `messages` reads the two protocols, `suggest` and `rows` turn rows
into items or records; `process` holds the child. CRM records are written by record/connecting.py.
"""

from onefold.sources.connectors import (
    drive,
    hidden,
    install,
    messages,
    prepare,
    process,
    reading,
    rows,
    run,
    setup,
    store,
    suggest,
)
from onefold.sources.connectors.model import PROTOCOLS, Connector, Counts, Plan, Run, Stream

__all__ = [
    "PROTOCOLS", "Connector", "Counts", "Plan", "Run", "Stream", "drive", "hidden", "install",
    "messages", "prepare", "process", "reading", "rows", "run", "setup", "store", "suggest",
]  # fmt: skip
