"""Why a definition holds or does not: the conditions that decide it, with what is so.

Only what decides is told: of an `all` that fails the parts that fail, of an `any` that holds the
parts that hold. Asked for when a membership changes and on pages.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from onefold.audiences import checks, values, windows
from onefold.audiences.model import (
    AccountTrait,
    All,
    Count,
    Definition,
    Node,
    Not,
    Property,
    Reason,
    Subject,
    Tickets,
    Trait,
)
from onefold.audiences.model import Any as AnyOf
from onefold.audiences.values import Test
from onefold.kernel import limits

T = TypeVar("T")

_WORDS = {
    "is": "is", "is_not": "is not", "in": "is one of", "contains": "contains",
    "greater_than": "greater than", "at_least": "at least", "less_than": "less than",
    "at_most": "at most",
}  # fmt: skip


def explain(definition: Definition, subject: Subject, now_ms: int) -> list[Reason]:
    """The deciding conditions, at most `why_reasons_max`.

    Each is `{"text": what is so, "condition": what was asked, "holds": bool}`, JSON-ready.
    """
    _, found = _judge(definition.where, subject, now_ms)
    return found[: limits.why_reasons_max]


def describe(node: Node) -> str:
    """A condition in words: `Report Exported (format is "pdf") at least 3 times in 7d`."""
    match node:
        case All() | AnyOf():
            joiner = " and " if isinstance(node, All) else " or "
            return "(" + joiner.join(map(describe, node.of)) + ")"
        case Not():
            return f"not {describe(node.node)}"
        case Trait():
            return f"{node.name} {_tests(node.tests)}"
        case AccountTrait():
            return f"an account's {node.name} {_tests(node.tests)}"
        case Count():
            told = " and ".join(f"{_WORDS[t.op]} {t.value}" for t in node.tests)
            times = "time" if node.tests[-1].value == 1 else "times"
            return f"{_event(node)} {told} {times}{_window(node)}"
        case Tickets():
            return f"{'an' if node.exists else 'no'} {_ticket_words(node)} ticket"


def _judge(node: Node, subject: Subject, now_ms: int) -> tuple[bool, list[Reason]]:
    match node:
        case All() | AnyOf():
            judged = [_judge(n, subject, now_ms) for n in node.of]
            holds = (all if isinstance(node, All) else any)(h for h, _ in judged)
            return holds, [r for h, found in judged if h == holds for r in found]
        case Not():
            holds, found = _judge(node.node, subject, now_ms)
            return not holds, found
        case Trait():
            value = subject.trait(node.name)
            holds = _once(node, values.compile_tests, node.tests)(value)
            said = "is not set" if value is None else f"is {_short(value)}"
            return holds, [_reason(node, holds, f"{node.name} {said}")]
        case AccountTrait():
            return _judge_account(node, subject)
        case Count():
            n = windows.count(subject.buckets(node.leaf.key), node.leaf, now_ms)
            low, high = windows.limits_of(node.tests)
            holds = low <= n and (high is None or n <= high)
            times = "once" if n == 1 else f"{n} times"
            event, window = _once(node, _event, node), _once(node, _window, node)
            return holds, [_reason(node, holds, f"{event} {times}{window}")]
        case Tickets():
            return _judge_tickets(node, subject)


def _judge_account(node: AccountTrait, subject: Subject) -> tuple[bool, list[Reason]]:
    found = [v for v in subject.account_traits(node.name) if v is not None]
    holds = checks.account_check(node)(found)
    told = ", ".join(_short(v) for v in found[:3]) + (" and more" if len(found) > 3 else "")
    text = f"account {node.name} is {told}" if found else f"no account has {node.name} set"
    return holds, [_reason(node, holds, text)]


def _judge_tickets(node: Tickets, subject: Subject) -> tuple[bool, list[Reason]]:
    n = sum(map(checks.ticket_check(node), subject.tickets()))
    holds = (n > 0) is node.exists
    text = f"{n or 'no'} {_ticket_words(node)} ticket{'' if n in (0, 1) else 's'}"
    return holds, [_reason(node, holds, text)]


def _reason(node: Node, holds: bool, text: str) -> Reason:
    return {"text": text, "condition": _once(node, describe, node), "holds": holds}


_made: dict[tuple[int, Any], tuple[Node, Any]] = {}


def _once(node: Node, make: Callable[[Any], T], of: Any) -> T:
    """What is the same at every asking, made once a node; equal nodes may mean 1 and true."""
    key = id(node), make
    found = _made.get(key)
    if found is None or found[0] is not node:
        if len(_made) > limits.definition_nodes_max * limits.audiences_max:
            _made.clear()
        found = _made[key] = (node, make(of))
    made: T = found[1]
    return made


def _tests(tests: tuple[Test, ...]) -> str:
    return " and ".join(_test(t) for t in tests)


def _test(test: Test) -> str:
    if test.op == "set":
        return "is set" if test.value else "is not set"
    if test.op == "in":
        return f"{_WORDS[test.op]} {', '.join(map(_short, sorted(test.value, key=str)))}"
    return f"{_WORDS[test.op]} {_short(test.value)}"


def _event(node: Count) -> str:
    name = node.leaf.event if node.leaf.event is not None else "any event"
    if not node.leaf.where:
        return name
    return f"{name} ({', '.join(_property(p) for p in node.leaf.where)})"


def _property(condition: Property) -> str:
    return f"{condition.path} {_tests(condition.tests)}"


def _window(node: Count) -> str:
    if node.leaf.window_ms is None:
        return " ever"
    return f" in {windows.window_text(node.leaf.window_ms)}"


def _ticket_words(node: Tickets) -> str:
    words = ["paused" if node.status == "paused" else "unresolved"]
    words += [w.replace("_", " ") for w in (node.priority, node.category) if w]
    return " ".join(words) + (f" {node.tag}" if node.tag else "")


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode("utf-8", "replace")
    most = limits.why_value_chars_max
    return text if len(text) <= most else text[: most - 1] + "…"
