"""Transformations: an ordered list of steps that mend a source's items before they are admitted.

`parse` and `dump` are each other's inverse; `compile` gives what admission runs. Pure: the same
item and steps always give the same item. Told in docs/reference/transformations.md.
"""

from onefold.governance.transforms.compile import Compiled, compile  # noqa: A004
from onefold.governance.transforms.model import DOES, Step, Transformation
from onefold.governance.transforms.parse import dump, parse

__all__ = ["DOES", "Compiled", "Step", "Transformation", "compile", "dump", "parse"]
