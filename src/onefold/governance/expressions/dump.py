"""A tree as text, with no more brackets than it needs. The inverse of `parse`."""

import json
import re

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
from onefold.governance.expressions.parse import BINDING, KEYWORDS

_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*", re.ASCII)
_NOT, _MINUS, _ATOM = 3, 7, 9


def dump(node: Node) -> str:
    """The text of an expression."""
    return _dump(node)[0]


def dump_path(path: Path) -> str:
    """The text of a field: `properties["a b"].c[0]`."""
    out = str(path.parts[0])
    for part in path.parts[1:]:
        if isinstance(part, int):
            out += f"[{part}]"
        elif _PLAIN.fullmatch(part) and part not in KEYWORDS:
            out += f".{part}"
        else:
            out += f"[{_text(part)}]"
    return out


def _dump(node: Node) -> tuple[str, int]:
    """The text and how tightly it binds."""
    match node:
        case Literal(value):
            return (_text(value) if isinstance(value, str) else json.dumps(value)), _ATOM
        case Items(items):
            return "[" + ", ".join(dump(i) for i in items) + "]", _ATOM
        case Path():
            return dump_path(node), _ATOM
        case Call(name, args):
            return f"{name}({', '.join(dump(a) for a in args)})", _ATOM
        case Not(of):
            return f"not {_within(of, _NOT)}", _NOT
        case Minus(of):
            return f"-{_within(of, _MINUS)}", _MINUS
        case Binary(op, left, right):
            binding = BINDING[op]
            # Comparisons do not chain, so both sides must bind more tightly.
            first = binding + 1 if binding == BINDING["=="] else binding
            return f"{_within(left, first)} {op} {_within(right, binding + 1)}", binding
    raise AssertionError(node)


def _within(node: Node, binding: int) -> str:
    text, own = _dump(node)
    return text if own >= binding else f"({text})"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
