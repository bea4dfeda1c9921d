"""What the comparisons mean, for traits and event properties alike. Pure.

Values are what JSON has. None means missing: it passes `is_not` and `set: false` and nothing else.
Numbers compare as IEEE doubles, as every engine does; text compares by code point, exactly; `true`
is not 1, "5" is not 5. A value of the wrong type fails a comparison, it never raises. `matches`
is RE2, whose time is linear in the text, here as in DuckDB; `before` and `after` read a value as a
time (audiences/moments.py), and what is relative to now is answered with when it next turns.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import re2

from onefold.audiences import moments
from onefold.kernel import limits

Op = Literal[
    "is", "is_not", "in", "contains", "starts_with", "ends_with", "matches", "set",
    "greater_than", "at_least", "less_than", "at_most", "before", "after",
]  # fmt: skip
OPS: tuple[Op, ...] = (
    "is", "is_not", "in", "contains", "starts_with", "ends_with", "matches", "set",
    "greater_than", "at_least", "less_than", "at_most", "before", "after",
)  # fmt: skip
ORDERED: tuple[Op, ...] = ("greater_than", "at_least", "less_than", "at_most")
COUNT_OPS: tuple[Op, ...] = ("is", *ORDERED)
TEXTS: tuple[Op, ...] = ("starts_with", "ends_with", "matches")
TIMES: tuple[Op, ...] = ("before", "after")

Check = Callable[[Any], bool]
Timed = Callable[[Any, int], tuple[bool, int | None]]  # (value, now_ms) → (passes, until)


class Test(msgspec.Struct, frozen=True):
    """One comparison. `value` is text, a number or a bool; for `in` a sorted tuple of them; for
    `before` and `after` a moment as text.

    Numbers are canonical: whole ones within ±2^53 are int, others float.
    """

    __test__ = False  # pytest takes classes of this name for its own

    op: Op
    value: Any


def number(value: Any) -> float | None:
    """The value as a double, None when it is no number."""
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return None


def canonical_number(value: float) -> int | float:
    """One form for each double, so that texts made of equal numbers are equal."""
    as_double = float(value)
    if as_double.is_integer() and abs(as_double) <= 2**53:
        return int(as_double)
    return as_double


def compile_tests(tests: tuple[Test, ...]) -> Check:
    """One function for all of the tests."""
    checks = tuple(compile_test(test) for test in tests)
    if len(checks) == 1:
        return checks[0]
    return lambda value: all(check(value) for check in checks)


def compile_test(test: Test) -> Check:
    """A function from a value, or None for a missing one, to whether it passes."""
    wanted = test.value
    match test.op:
        case "is" | "is_not":
            same = _is(wanted)
            return same if test.op == "is" else lambda value: not same(value)
        case "in":
            return _in(wanted)
        case "contains":
            return _contains(wanted)
        case "starts_with" | "ends_with" | "matches":
            return _text(test)
        case "before" | "after":
            return _fixed(test)
        case "set":
            return (lambda v: v is not None) if wanted else (lambda v: v is None)
        case _:
            return _ordered(test.op, wanted)


def _is(wanted: Any) -> Check:
    if isinstance(wanted, str):
        return lambda value: bool(value == wanted)
    if isinstance(wanted, bool):
        return lambda value: value is wanted
    as_double = number(wanted)
    return lambda value: number(value) == as_double


def _in(wanted: tuple[Any, ...]) -> Check:
    texts = frozenset(w for w in wanted if isinstance(w, str))
    numbers = frozenset(number(w) for w in wanted if number(w) is not None)
    bools = tuple(w for w in wanted if isinstance(w, bool))

    def check(value: Any) -> bool:
        if isinstance(value, str):
            return value in texts
        if isinstance(value, bool):
            return value in bools
        return number(value) in numbers

    return check


def _text(test: Test) -> Check:
    wanted: str = test.value
    if test.op == "starts_with":
        return lambda value: isinstance(value, str) and value.startswith(wanted)
    if test.op == "ends_with":
        return lambda value: isinstance(value, str) and value.endswith(wanted)
    search = pattern(wanted).search
    return lambda value: isinstance(value, str) and search(value) is not None


def _contains(wanted: Any) -> Check:
    same = _is(wanted)
    text = wanted if isinstance(wanted, str) else None

    def check(value: Any) -> bool:
        if isinstance(value, str):
            return text is not None and text in value
        return isinstance(value, list | tuple) and any(same(one) for one in value)

    return check


def _ordered(op: Op, wanted: Any) -> Check:
    compare: Callable[[Any, Any], bool] = {
        "greater_than": lambda a, b: a > b,
        "at_least": lambda a, b: a >= b,
        "less_than": lambda a, b: a < b,
        "at_most": lambda a, b: a <= b,
    }[op]
    if isinstance(wanted, str):
        return lambda value: isinstance(value, str) and compare(value, wanted)
    limit = number(wanted)

    def check(value: Any) -> bool:
        found = number(value)
        return found is not None and compare(found, limit)

    return check


def _fixed(test: Test) -> Check:
    """A comparison with a date that stays."""
    bound = moments.read(test.value).at_us(0)
    if test.op == "before":
        return lambda value: (at := moments.of_value(value)) is not None and at < bound
    return lambda value: (at := moments.of_value(value)) is not None and at >= bound


def pattern(text: str) -> Any:
    """The compiled pattern; raises `re2.error` for one that RE2 does not know."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = limits.pattern_memory_bytes_max
    return re2.compile(text, options)


# ── relative to now ────────────────────────────────────────────────────────────────────────────


def is_timed(tests: tuple[Test, ...]) -> bool:
    """Does an answer change by the passing of time alone?"""
    return any(t.op in TIMES and moments.read(t.value).relative for t in tests)


def compile_timed(tests: tuple[Test, ...]) -> Timed:
    """One function of (value, now_ms) for all of the tests: does it pass, until when at least?"""
    fixed = tuple(t for t in tests if not is_timed((t,)))
    check = compile_tests(fixed) if fixed else None
    moving = tuple((t.op == "before", moments.read(t.value)) for t in tests if is_timed((t,)))

    def run(value: Any, now_ms: int) -> tuple[bool, int | None]:
        if check is not None and not check(value):
            return False, None
        at = moments.of_value(value)
        if at is None:
            return False, None
        holds, turns = True, []
        for before, moment in moving:
            turn = moment.turns_ms(at)
            passed = now_ms >= turn
            holds = holds and passed is before
            if not passed:
                turns.append(turn)
        return holds, min(turns, default=None)

    return run
