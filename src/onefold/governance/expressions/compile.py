"""A tree as one closure over the event's tree: about 0.1 µs a node, and it never raises."""

from collections.abc import Callable, Mapping
from typing import Any

from onefold.governance.expressions.functions import FUNCTIONS, bounded, number_of, same, text_of
from onefold.governance.expressions.model import (
    Binary,
    Call,
    Items,
    Literal,
    Minus,
    Node,
    Not,
    Path,
)
from onefold.kernel import limits

Tree = Mapping[str, Any]
Run = Callable[[Tree], Any]


def compile(node: Node) -> Run:  # noqa: A001 - entered as `expressions.compile`
    """From an event (as sent, decoded) to the expression's value; null for what has none."""
    match node:
        case Literal(value):
            return lambda _: value
        case Items(items):
            runs = tuple(compile(i) for i in items)
            return lambda tree: [run(tree) for run in runs]
        case Path(parts):
            return _path(parts)
        case Not(of):
            run = compile(of)
            return lambda tree: run(tree) is not True
        case Minus(of):
            run = compile(of)
            return lambda tree: _minus(run(tree))
        case Call(name, args):
            return _call(name, args)
        case Binary():
            return _binary(node)
    raise AssertionError(node)


def _path(parts: tuple[str | int, ...]) -> Run:
    root = str(parts[0])
    if len(parts) == 1:
        return lambda tree: tree.get(root)
    if len(parts) == 2:
        leaf = parts[1]

        def two(tree: Tree) -> Any:
            inner = tree.get(root)
            return inner.get(leaf) if isinstance(inner, dict) else None

        return two

    def deep(tree: Tree) -> Any:
        found: Any = tree
        for part in parts:
            if isinstance(part, str) and isinstance(found, dict):
                found = found.get(part)
            elif isinstance(part, int) and isinstance(found, list) and part < len(found):
                found = found[part]
            else:
                return None
        return found

    return deep


def _call(name: str, args: tuple[Node, ...]) -> Run:
    function = FUNCTIONS[name]
    run = function.prepare(args) if function.prepare else function.run
    values = tuple(compile(a) for a in args)
    if len(values) == 1:
        first = values[0]
        return lambda tree: run(first(tree))
    return lambda tree: run(*[value(tree) for value in values])


def _binary(node: Binary) -> Run:
    left, right = compile(node.left), compile(node.right)
    match node.op:
        case "and":
            return lambda tree: left(tree) is True and right(tree) is True
        case "or":
            return lambda tree: left(tree) is True or right(tree) is True
        case "==":
            return lambda tree: same(left(tree), right(tree))
        case "!=":
            return lambda tree: not same(left(tree), right(tree))
        case "in":
            return _within(left, node.right, right)
        case "not in":
            inside = _within(left, node.right, right)
            return lambda tree: not inside(tree)
    run = _SUMS.get(node.op) or _ORDER[node.op]
    return lambda tree: run(left(tree), right(tree))


def _within(left: Run, node: Node, right: Run) -> Run:
    if isinstance(node, Items) and all(
        isinstance(i, Literal) and isinstance(i.value, str) for i in node.items
    ):
        known = frozenset(i.value for i in node.items if isinstance(i, Literal))

        def among(tree: Tree) -> bool:
            value = left(tree)
            return isinstance(value, str) and value in known

        return among

    def inside(tree: Tree) -> bool:
        items = right(tree)
        if not isinstance(items, list) or len(items) > limits.expression_items_max:
            return False
        value = left(tree)
        return any(same(item, value) for item in items)

    return inside


def _minus(value: Any) -> int | float | None:
    n = number_of(value)
    return None if n is None else bounded(-n)


def _add(a: Any, b: Any) -> Any:
    first, second = text_of(a), text_of(b)
    if first is not None and second is not None:
        whole = first + second
        return whole if len(whole) <= limits.expression_text_chars_max else None
    return _arithmetic(lambda x, y: x + y)(a, b)


def _arithmetic(run: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def on(a: Any, b: Any) -> Any:
        x, y = number_of(a), number_of(b)
        if x is None or y is None or bounded(x) is None or bounded(y) is None:
            return None
        try:
            return bounded(run(x, y))
        except (ZeroDivisionError, OverflowError):
            return None

    return on


def _compare(run: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def on(a: Any, b: Any) -> bool:
        if isinstance(a, str) and isinstance(b, str):
            return run(a, b)
        x, y = number_of(a), number_of(b)
        return x is not None and y is not None and run(x, y)

    return on


_SUMS: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": _arithmetic(lambda x, y: x - y),
    "*": _arithmetic(lambda x, y: x * y),
    "/": _arithmetic(lambda x, y: x / y),
    "%": _arithmetic(lambda x, y: x % y),
}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": _compare(lambda x, y: x < y),
    "<=": _compare(lambda x, y: x <= y),
    ">": _compare(lambda x, y: x > y),
    ">=": _compare(lambda x, y: x >= y),
}
