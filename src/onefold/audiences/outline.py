"""Every condition of a definition, whether it holds, what is so, and until when.

`explain` tells what decides; this tells all, in the shape of the tree, for pages and programs. The
lines keep their nodes, so that facts can be found for them.
"""

from typing import Any

import msgspec

from onefold.audiences import prose
from onefold.audiences.evaluate import compile_node
from onefold.audiences.explain import tell
from onefold.audiences.model import All, Member, Node, Not, Subject
from onefold.audiences.model import Any as AnyOf


class Line(msgspec.Struct):
    """One condition.

    join       all, any, none or not; empty for one that asks something itself
    asked      what was asked, in words; `text` what is so
    since      where the state tells it; `until`: when time alone may change it next, in ms
    of         the conditions below
    """

    node: Node
    join: str
    asked: str
    holds: bool
    text: str = ""
    value: Any = None
    since: str | None = None
    until_ms: int | None = None
    of: list["Line"] = []


def outline(node: Node, subject: Subject, now_ms: int) -> Line:
    """The condition for this subject, with all below it."""
    if isinstance(node, All | AnyOf):
        below = [outline(n, subject, now_ms) for n in node.of]
        join = "all" if isinstance(node, All) else "any"
        holds = (all if join == "all" else any)(line.holds for line in below)
        return Line(node, join, prose.phrase(node), holds, of=below)
    if isinstance(node, Not):
        inner = outline(node.node, subject, now_ms)
        if inner.join == "any":
            return Line(node, "none", prose.phrase(node), not inner.holds, of=inner.of)
        return Line(node, "not", prose.phrase(node), not inner.holds, of=[inner])
    if isinstance(node, Member) and node.where is not None:
        inner = outline(node.where, subject, now_ms)
        return Line(node, "all", prose.phrase(node), inner.holds, of=[inner])
    holds, next_ms = compile_node(node)(subject, now_ms)
    told = tell(node, subject, now_ms)
    return Line(
        node, "", prose.phrase(node), holds, told["text"], told.get("value"), told.get("since"),
        next_ms,
    )  # fmt: skip
