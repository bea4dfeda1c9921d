"""Text to tree, by precedence climbing over a flat list of tokens; both bounded.

| binds | operators                                   |
| ----- | ------------------------------------------- |
| 1     | or                                          |
| 2     | and                                         |
| 3     | not                                         |
| 4     | == != < <= > >= in, not in (do not chain)   |
| 5     | + -                                         |
| 6     | * / %                                       |
| 7     | - before a value                            |
"""

import difflib
import json
import math
import re
from typing import NamedTuple

from onefold.governance.expressions.functions import FUNCTIONS
from onefold.governance.expressions.model import (
    Binary,
    Call,
    Items,
    Literal,
    Minus,
    Node,
    Not,
    Path,
    walk,
)
from onefold.kernel import limits

ROOTS = (
    "type", "event", "messageId", "userId", "anonymousId", "groupId", "previousId", "timestamp",
    "properties", "traits", "context",
)  # fmt: skip
CONSTANTS = {"true": True, "false": False, "null": None}
KEYWORDS = frozenset(("and", "or", "not", "in", *CONSTANTS))
BINDING = {
    "or": 1, "and": 2, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "in": 4, "not in": 4,
    "+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}  # fmt: skip
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<name>[A-Za-z_$][A-Za-z0-9_$]*)
    | (?P<sign>==|!=|<=|>=|&&|\|\||[-+*/%<>()\[\],.!=])
    | (?P<end>$)
    )""",
    re.ASCII | re.VERBOSE | re.DOTALL,
)
_QUOTES = re.compile(r"""\\.|\"""", re.DOTALL)
_SWAPPED = {'"': '\\"', "\\'": "'"}  # from single quotes to double ones
_ALIASES = {"&&": "and", "||": "or", "!": "not", "=": "=="}


class WrongExpression(ValueError):
    """A text that is no expression: what is wrong, where, and what to write instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem} {remedy}")


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse(text: str) -> Node:
    """The tree of an expression. Raises `WrongExpression`."""
    reader = _Reader(text)
    found = reader.expression(0)
    reader.must_end()
    size = sum(1 for _ in walk(found))
    if size > limits.expression_nodes_max:
        raise WrongExpression(
            f"has {size} parts; at most {limits.expression_nodes_max} are taken.",
            "Split it over several steps.",
        )
    return found


def parse_path(text: str) -> Path:
    """A field: `properties.plan`. Raises `WrongExpression`."""
    reader = _Reader(text)
    found = reader.expression(7)
    reader.must_end()
    if not isinstance(found, Path):
        raise WrongExpression(f"`{text[:80]}` names no field.", "Write `properties.plan`.")
    return found


def _tokens(text: str) -> list[_Token]:
    if len(text) > limits.expression_chars_max:
        raise WrongExpression(
            f"has {len(text):,} characters.", f"At most {limits.expression_chars_max:,} are read."
        )
    out: list[_Token] = []
    at = 0
    while True:
        found = _TOKEN.match(text, at)
        if found is None:
            near = text[at : at + 20].strip()
            raise WrongExpression(
                f"cannot be read from character {at + 1}: `{near}`.",
                "Texts stand in double quotes; operators are and, or, not, ==, <, in, +, …",
            )
        kind = str(found.lastgroup)
        word = found[kind]
        out.append(_Token(kind, _ALIASES.get(word, word) if kind == "sign" else word, at + 1))
        if kind == "end":
            return out
        at = found.end()


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.at = 0
        self.depth = 0

    @property
    def now(self) -> _Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> bool:
        """Is one of these words or signs next? Then step over it."""
        if self.now.kind in ("name", "sign") and self.now.text in texts:
            self.at += 1
            return True
        return False

    def must(self, text: str) -> None:
        if not self.take(text):
            raise self.wrong(f"expects `{text}`")

    def must_end(self) -> None:
        if self.now.kind != "end":
            raise self.wrong("ends too early")

    def wrong(self, what: str, remedy: str = "") -> WrongExpression:
        token = self.now
        seen = "the end" if token.kind == "end" else f"`{token.text[:40]}`"
        return WrongExpression(
            f"{what} at character {token.at}, where {seen} stands.",
            remedy or 'An example: `event == "Report Exported" and properties.rows > 100`.',
        )

    def expression(self, binding: int) -> Node:
        self.depth += 1
        if self.depth > limits.expression_depth_max:
            raise self.wrong("is nested too deeply", "Split it over several steps.")
        left = self.unary()
        while True:
            op = self.operator()
            if op is None or BINDING[op] < binding:
                break
            self.at += 2 if op == "not in" else 1
            level = BINDING[op]
            left = Binary(op, left, self.expression(level + 1))
            if level == BINDING["=="] and self.chained():
                raise self.wrong("compares twice", "Join two comparisons by `and`.")
        self.depth -= 1
        return left

    def operator(self) -> str | None:
        token = self.now
        if token.kind not in ("name", "sign"):
            return None
        if token.text == "not" and self.tokens[self.at + 1].text == "in":
            return "not in"
        return token.text if token.text in BINDING else None

    def chained(self) -> bool:
        op = self.operator()
        return op is not None and BINDING[op] == BINDING["=="]

    def unary(self) -> Node:
        if self.take("not"):
            return Not(self.expression(3))
        if self.take("-"):
            return Minus(self.expression(7))
        return self.atom()

    def atom(self) -> Node:
        token = self.now
        if token.kind == "number":
            self.at += 1
            return Literal(self.number(token.text))
        if token.kind == "text":
            self.at += 1
            return Literal(_unquote(token))
        if self.take("("):
            found = self.expression(0)
            self.must(")")
            return found
        if self.take("["):
            return Items(self.several("]"))
        if token.kind == "name" and token.text not in KEYWORDS - CONSTANTS.keys():
            self.at += 1
            if token.text in CONSTANTS:
                return Literal(CONSTANTS[token.text])
            return self.call(token) if self.take("(") else self.path(token)
        raise self.wrong("expects a value")

    def number(self, text: str) -> int | float:
        if text.isdigit():
            if len(text) < 19:
                return int(text)
            found = math.inf
        else:
            found = float(text)
        if math.isinf(found):
            raise WrongExpression(f"`{text[:40]}` is too large.", "Numbers have 64 bits.")
        return found

    def several(self, end: str) -> tuple[Node, ...]:
        out: list[Node] = []
        while not self.take(end):
            if out:
                self.must(",")
            out.append(self.expression(0))
        return tuple(out)

    def call(self, token: _Token) -> Node:
        function = FUNCTIONS.get(token.text)
        if function is None:
            near = difflib.get_close_matches(token.text, FUNCTIONS, n=1)
            remedy = f"Did you mean `{near[0]}`?" if near else f"There are {', '.join(FUNCTIONS)}."
            raise WrongExpression(f"`{token.text}` is no function.", remedy)
        args = self.several(")")
        if not function.args_min <= len(args) <= function.args_max:
            raise WrongExpression(
                f"`{token.text}` takes {function.arity}, {len(args)} given.",
                f"Write `{function.example}`.",
            )
        try:
            function.check(args)
        except ValueError as error:
            raise WrongExpression(
                f"`{token.text}`: {error}", f"Write `{function.example}`."
            ) from None
        return Call(token.text, args)

    def path(self, token: _Token) -> Path:
        if token.text not in ROOTS:
            near = difflib.get_close_matches(token.text, ROOTS, n=1)
            remedy = (
                f"Did you mean `{near[0]}`?" if near
                else f"Write `properties.{token.text}`, or a text in double quotes."
            )  # fmt: skip
            raise WrongExpression(f"`{token.text}` is no field of an event.", remedy)
        parts: list[str | int] = [token.text]
        while True:
            if self.take("."):
                if self.now.kind != "name":
                    raise self.wrong(
                        "expects a field's name", 'Unusual names: `properties["a b"]`.'
                    )
                parts.append(self.now.text)
                self.at += 1
            elif self.take("["):
                parts.append(self.index())
                self.must("]")
            else:
                return Path(tuple(parts))

    def index(self) -> str | int:
        token = self.now
        self.at += 1
        if token.kind == "text":
            return _unquote(token)
        if token.kind == "number" and token.text.isdigit() and len(token.text) < 7:
            return int(token.text)
        self.at -= 1
        raise self.wrong("expects a name in quotes or a number", 'Write `properties["a b"][0]`.')


def _unquote(token: _Token) -> str:
    text = token.text
    if text.startswith("'"):
        text = f'"{_QUOTES.sub(lambda found: _SWAPPED.get(found[0], found[0]), text[1:-1])}"'
    try:
        found = json.loads(text, strict=False)
    except ValueError:
        raise WrongExpression(
            f"the text at character {token.at} has an escape that is not known.",
            'Double each backslash: "\\\\d+".',
        ) from None
    if not isinstance(found, str) or "\0" in found or any("\ud800" <= c <= "\udfff" for c in found):
        raise WrongExpression(
            f"the text at character {token.at} holds what no text may hold.", "Leave it out."
        )
    return found
