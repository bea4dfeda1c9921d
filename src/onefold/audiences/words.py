"""Conditions in words: `Report Exported (format is "pdf") at least 3 times in 7d`. Pure."""

from collections.abc import Callable
from typing import Any

import msgspec

from onefold.audiences import windows
from onefold.audiences.frames import Frame
from onefold.audiences.model import (
    AccountTrait,
    All,
    Chain,
    Count,
    Deal,
    Filter,
    Group,
    Leaf,
    Measure,
    Member,
    Node,
    Not,
    Owner,
    Related,
    Rows,
    Since,
    Step,
    Tickets,
    Touch,
    Trait,
)
from onefold.audiences.model import Any as AnyOf
from onefold.audiences.values import Test
from onefold.kernel import limits

OPS = {
    "is": "is", "is_not": "is not", "in": "is one of", "contains": "contains",
    "starts_with": "starts with", "ends_with": "ends with", "matches": "matches",
    "greater_than": "greater than", "at_least": "at least", "less_than": "less than",
    "at_most": "at most", "before": "before", "after": "from",
}  # fmt: skip
MEASURES = {
    "sum": "sum", "average": "average", "min": "least", "max": "greatest",
    "distinct": "number of different values", "first": "first", "last": "last",
    "most_frequent": "most frequent",
}  # fmt: skip


def describe(node: Node) -> str:
    """A condition in words."""
    return _DESCRIBE[type(node)](node)


def _joined(node: All | AnyOf) -> str:
    joiner = " and " if isinstance(node, All) else " or "
    return "(" + joiner.join(map(describe, node.of)) + ")"


def _count(node: Count) -> str:
    told = " and ".join(f"{OPS[t.op]} {t.value}" for t in node.tests)
    times = "time" if node.tests[-1].value == 1 else "times"
    return f"{events(node.leaf)} {told} {times}{window(node.leaf.frame)}"


def _measure(node: Measure) -> str:
    if node.name == "days":
        told = " and ".join(f"{OPS[t.op]} {t.value}" for t in node.tests)
        return f"{events(node.leaf)} on {told} days{window(node.leaf.frame)}"
    return f"{measured(node)} {tests(node.tests)}"


def measured(node: Measure) -> str:
    """What is measured: `the sum of amount of Invoice Paid in 30d`."""
    of = f"the {MEASURES[node.name]} of {node.leaf.path} of {events(node.leaf)}"
    return of.replace("values of ", "values in ", 1) + window(node.leaf.frame)


def _since(node: Since) -> str:
    told = " and ".join(f"{OPS[t.op]} {windows.window_text(t.value)}" for t in node.tests)
    return f"the {'first' if node.first else 'last'} {_thing(node)} {told} ago"


def _thing(node: Since) -> str:
    if node.leaf.event is None and node.leaf.own:
        return "sign of life"
    return events(node.leaf)


def _chain(node: Chain) -> str:
    leaf, then = node.leaf, node.leaf.then or Step("")
    after = "without" if node.without else "then"
    gap, back = windows.window_text(node.gap_ms), windows.window_text(leaf.frame.ms)
    return (
        f"{events(leaf)} {after} {_event(then.event, then.where)} within {gap}, in the last {back}"
    )


def events(leaf: Leaf) -> str:
    """Which events: `Report Exported (format is "pdf")`."""
    return _event(leaf.event, leaf.where)


def _event(name: str | None, where: tuple[Filter, ...]) -> str:
    told = name if name is not None else "any event"
    return f"{told} ({', '.join(map(_filter, where))})" if where else told


def _filter(condition: Filter) -> str:
    if isinstance(condition, Group):
        joiner = " and " if condition.how == "all" else " or "
        inner = "(" + joiner.join(map(_filter, condition.of)) + ")"
        return f"not {inner}" if condition.how == "none" else inner
    return f"{condition.path} {tests(condition.tests)}"


def window(frame: Frame) -> str:
    """A window, with a space before it: ` in 7d`, ` ever`."""
    zone = "" if frame.zone == "UTC" else f" ({frame.zone})"
    match frame.kind:
        case "sliding":
            return f" in {windows.window_text(frame.ms)}"
        case "days":
            return f" in the last {frame.n} days{zone}"
        case "this" | "last":
            return f" {frame.kind} {frame.unit}{zone}"
        case _:
            return f" since {frame.date}{zone}" if frame.date else " ever"


def ticket_words(node: Tickets) -> str:
    """Which tickets: `unresolved urgent exports`."""
    words = ["paused" if node.status == "paused" else "unresolved"]
    words += [w.replace("_", " ") for w in (node.priority, node.category) if w]
    return " ".join(words) + (f" {node.tag}" if node.tag else "")


def _tickets(node: Tickets) -> str:
    if node.tests:
        told = " and ".join(f"{OPS[t.op]} {t.value}" for t in node.tests)
        return f"{told} {ticket_words(node)} tickets"
    return f"{'an' if node.exists else 'no'} {ticket_words(node)} ticket"


def _all(where: tuple[Filter, ...]) -> str:
    return " and ".join(map(_filter, where))


def _related(node: Related) -> str:
    who = "people" if node.of == "person" else "accounts"
    told: str = node.how
    if node.tests:
        told = " and ".join(f"{OPS[t.op]} {_share(node, t.value)}" for t in node.tests)
    return f"{told} of the {who}: {describe(node.where)}"


def _share(node: Related, value: Any) -> str:
    return f"{value * 100:g} %" if node.how == "share" else str(value)


def tests(wanted: tuple[Test, ...]) -> str:
    """Comparisons joined."""
    return " and ".join(map(_test, wanted))


def _test(test: Test) -> str:
    if test.op == "set":
        return "is set" if test.value else "is not set"
    if test.op == "in":
        return f"{OPS[test.op]} {', '.join(map(short, sorted(test.value, key=str)))}"
    if test.op in ("before", "after"):
        return f"{OPS[test.op]} {test.value}" + (" on" if test.op == "after" else "")
    return f"{OPS[test.op]} {short(test.value)}"


def short(value: Any) -> str:
    """A value as it is shown."""
    text = msgspec.json.encode(value).decode("utf-8", "replace")
    most = limits.why_value_chars_max
    return text if len(text) <= most else text[: most - 1] + "…"


_DESCRIBE: dict[type, Callable[[Any], str]] = {
    All: _joined,
    AnyOf: _joined,
    Not: lambda node: f"not {describe(node.node)}",
    Trait: lambda node: f"{node.name} {tests(node.tests)}",
    AccountTrait: lambda node: f"an account's {node.name} {tests(node.tests)}",
    Count: _count,
    Measure: _measure,
    Since: _since,
    Chain: _chain,
    Tickets: _tickets,
    Owner: lambda node: f"the owner {tests(node.tests)}",
    Touch: lambda node: f"the {'first' if node.first else 'last'} campaign's {_all(node.where)}",
    Deal: lambda node: f"a deal's {_all(node.where)}",
    Member: lambda node: f"in the audience {node.key}",
    Rows: lambda node: "answered by its query" if node.how == "sql" else "on its list",
    Related: _related,
}
