"""A small language over one event: `event == "Report Exported" and properties.rows > 100`.

It has no loops, no state and no way out, and every operation is total: what cannot be computed is
null, so an expression never fails on an event. `parse` and `dump` are each other's inverse;
`compile` gives a closure. Told in docs/reference/transformations.md.
"""

from onefold.governance.expressions.compile import compile  # noqa: A004 - `expressions.compile(…)`
from onefold.governance.expressions.dump import dump, dump_path
from onefold.governance.expressions.functions import FUNCTIONS
from onefold.governance.expressions.model import Node, Path, paths
from onefold.governance.expressions.parse import ROOTS, WrongExpression, parse, parse_path

__all__ = [
    "FUNCTIONS", "ROOTS", "Node", "Path", "WrongExpression", "compile", "dump", "dump_path",
    "parse", "parse_path", "paths",
]  # fmt: skip
