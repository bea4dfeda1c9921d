"""Connectors nobody here writes: Singer taps and Airbyte sources, run as processes.

`setup` adds, configures, discovers and starts; `run` is the task of the process `jobs`; `messages`
reads the two protocols; `rows` turns rows into items; `process` holds the child.
"""

from onefold.sources.connectors import drive, hidden, messages, rows, run, setup, store
from onefold.sources.connectors.model import PROTOCOLS, TARGETS, Connector, Plan, Run, Stream

__all__ = [
    "PROTOCOLS", "TARGETS", "Connector", "Plan", "Run", "Stream", "drive", "hidden", "messages",
    "rows", "run", "setup", "store",
]  # fmt: skip
