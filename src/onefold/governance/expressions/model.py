"""The tree of an expression. Frozen; numbers are never negative (that is `Minus` of one)."""

from collections.abc import Iterator

import msgspec

Scalar = str | int | float | bool | None


class Literal(msgspec.Struct, frozen=True, tag=True):
    """A constant."""

    value: Scalar


class Items(msgspec.Struct, frozen=True, tag=True):
    """`["a", "b"]`: a list of constants or of anything else."""

    items: tuple["Node", ...]


class Path(msgspec.Struct, frozen=True, tag=True):
    """`properties.products[0].name`: keys and, for lists, numbers from 0."""

    parts: tuple[str | int, ...]


class Not(msgspec.Struct, frozen=True, tag=True):
    """`not …`."""

    of: "Node"


class Minus(msgspec.Struct, frozen=True, tag=True):
    """`-…`."""

    of: "Node"


class Binary(msgspec.Struct, frozen=True, tag=True):
    """Two sides and an operator of `parse.LEVELS`."""

    op: str
    left: "Node"
    right: "Node"


class Call(msgspec.Struct, frozen=True, tag=True):
    """A function of `functions.FUNCTIONS` with its arguments."""

    name: str
    args: tuple["Node", ...]


Node = Literal | Items | Path | Not | Minus | Binary | Call


def children(node: Node) -> tuple[Node, ...]:
    """The parts of a node."""
    match node:
        case Items(items):
            return items
        case Not(of) | Minus(of):
            return (of,)
        case Binary(_, left, right):
            return (left, right)
        case Call(_, args):
            return args
    return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += children(one)


def paths(node: Node) -> Iterator[Path]:
    """The fields that an expression reads."""
    return (n for n in walk(node) if isinstance(n, Path))
