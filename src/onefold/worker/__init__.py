"""The worker: one process, the only writer of people and conclusions."""

from onefold.worker.engine import Engine
from onefold.worker.main import run

__all__ = ["Engine", "run"]
