"""A whole definition as a sentence: `Accounts where plan is trial and …`. Pure.

For people who read what somebody built; `words.py` has the short words of reasons.
"""

from collections.abc import Callable, Sequence
from typing import Any

from onefold.audiences import windows, words
from onefold.audiences.frames import Frame
from onefold.audiences.model import (
    AccountTrait,
    All,
    Chain,
    Count,
    Deal,
    Definition,
    Filter,
    Group,
    Measure,
    Member,
    Node,
    Not,
    Owner,
    Property,
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

_UNITS = {"d": "day", "h": "hour", "m": "minute", "s": "second", "w": "week"}
_COUNTED = {
    "at_least": "at least {}", "at_most": "at most {}", "greater_than": "more than {}",
    "less_than": "fewer than {}", "is": "exactly {}",
}  # fmt: skip
_OF = {
    "sum": "the sum of {path} of {events}", "average": "the average {path} of {events}",
    "min": "the least {path} of {events}", "max": "the greatest {path} of {events}",
    "distinct": "the number of different {path} in {events}",
    "first": "the first {path} of {events}", "last": "the latest {path} of {events}",
    "most_frequent": "the most frequent {path} of {events}",
}  # fmt: skip
_ORDERED = {**_COUNTED, "less_than": "less than {}"}


def sentence(definition: Definition) -> str:
    """The definition in one sentence."""
    who = "People" if definition.of == "person" else "Accounts"
    where = definition.where
    told = _list(where.of, "and") if isinstance(where, All) else phrase(where)
    return f"{who} where {told}."


def phrase(node: Node) -> str:
    """One condition as a clause: `plan is trial`, `Report Exported happened …`.

    A kind that has no phrase of its own here is told in the words of reasons.
    """
    found = _PHRASES.get(type(node))
    return found(node) if found else words.describe(node)


def _list(nodes: Sequence[Node], joiner: str) -> str:
    told = list(map(_inner, nodes)) if len(nodes) > 1 else list(map(phrase, nodes))
    if len(told) < 3:
        return f" {joiner} ".join(told)
    return ", ".join(told[:-1]) + f", {joiner} {told[-1]}"


def _inner(node: Node) -> str:
    """A clause among others: one that is itself several stands in brackets."""
    several = isinstance(node, All | AnyOf) and len(node.of) > 1
    return f"({phrase(node)})" if several else phrase(node)


def _not(node: Not) -> str:
    inner = node.node
    if isinstance(inner, Not):
        return phrase(inner.node)
    if isinstance(inner, AnyOf) and len(inner.of) > 1:
        return f"none of this: {_list(inner.of, 'or')}"
    if isinstance(inner, AnyOf | All):
        return f"not ({phrase(inner)})"
    if isinstance(inner, Member):
        return f"not in the audience {inner.key}"
    return f"it is not so that {phrase(inner)}"


# ── values ─────────────────────────────────────────────────────────────────────────────────────


def short(value: Any) -> str:
    """A value in a sentence: plain words bare, everything else as in words.py."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value and value == " ".join(value.split()):
        plain = any(map(str.isalpha, value)) and value not in ("true", "false") and len(value) <= 60
        if plain and not set(value) & set(',"()'):
            return value
    return words.short(value)


def tests(wanted: tuple[Test, ...]) -> str:
    """Comparisons joined."""
    return " and ".join(map(_test, wanted))


def _test(test: Test) -> str:
    value = test.value
    match test.op:
        case "is":
            return f"is {short(value)}"
        case "is_not":
            return f"is not {short(value)}"
        case "set":
            return "is known" if value else "is unknown"
        case "in":
            told = [short(v) for v in sorted(value, key=str)]
            return "is " + (" or ".join(told) if len(told) < 3 else "one of " + ", ".join(told))
        case "before" | "after":
            return f"is {'before' if test.op == 'before' else 'on or after'} {value}"
        case "contains" | "matches" | "starts_with" | "ends_with":
            return f"{words.OPS[test.op]} {short(value)}"
    return "is " + _ORDERED[test.op].format(short(value))


def _counted(wanted: tuple[Test, ...], noun: str) -> str:
    """`fewer than 3 times`, `at least once`, `never`."""
    if noun == "time" and len(wanted) == 1:
        op, n = wanted[0].op, wanted[0].value
        if (op, n) in (("less_than", 1), ("at_most", 0), ("is", 0)):
            return "never"
        if (op, n) in (("at_least", 1), ("greater_than", 0)):
            return "at least once"
    told = " and ".join(_COUNTED[t.op].format(t.value) for t in wanted)
    return f"{told} {noun}{'' if wanted[-1].value == 1 else 's'}"


def span(ms: int) -> str:
    """`7 days`, `36 hours`."""
    text = windows.window_text(ms)
    n, unit = int(text[:-1]), _UNITS[text[-1]]
    return f"{n} {unit}{'' if n == 1 else 's'}"


def window(frame: Frame) -> str:
    """A window, with a space before it; nothing for ever."""
    zone = "" if frame.zone == "UTC" else f" ({frame.zone})"
    match frame.kind:
        case "sliding":
            told = span(frame.ms)
            return " in the last " + told.removeprefix("1 ")
        case "days":
            days = "calendar day" if frame.n == 1 else f"{frame.n} calendar days"
            return f" in the last {days}{zone}"
        case "this" | "last":
            told = {("this", "day"): "today", ("last", "day"): "yesterday"}.get(
                (frame.kind, frame.unit), f"{frame.kind} {frame.unit}"
            )
            return f" {told}{zone}"
    return f" since {frame.date}{zone}" if frame.date else ""


# ── events ─────────────────────────────────────────────────────────────────────────────────────


def event(name: str | None, where: tuple[Filter, ...]) -> str:
    """Which events: `Report Exported with format pdf`."""
    told = name if name is not None else "anything"
    return f"{told} with {_filters(where, 'and')}" if where else told


def _filters(where: tuple[Filter, ...], joiner: str) -> str:
    return f" {joiner} ".join(map(_filter, where))


def _filter(condition: Filter) -> str:
    if isinstance(condition, Property):
        wanted = condition.tests
        if len(wanted) == 1 and wanted[0].op == "is":
            return f"{condition.path} {short(wanted[0].value)}"
        return f"{condition.path} that {tests(wanted)}"
    return _group(condition)


def _group(group: Group) -> str:
    joiner = "and" if group.how == "all" else "or"
    told = _filters(group.of, joiner)
    told = f"({told})" if len(group.of) > 1 else told
    return f"not {told}" if group.how == "none" else told


def _count(node: Count) -> str:
    told = event(node.leaf.event, node.leaf.where)
    times = _counted(node.tests, "time")
    when = window(node.leaf.frame) or (" so far" if times != "never" else "")
    return f"{told} happened {times}{when}"


def _measure(node: Measure) -> str:
    leaf = node.leaf
    told = event(leaf.event, leaf.where)
    if node.name == "days":
        return f"{told} happened on {_counted(node.tests, 'day')}{window(leaf.frame)}"
    of = _OF[node.name].format(path=leaf.path, events=told)
    return f"{of}{window(leaf.frame)} {tests(node.tests)}"


def _since(node: Since) -> str:
    if node.leaf.own:
        narrowed = node.leaf.event is not None or node.leaf.where
        of = f" of {event(node.leaf.event, node.leaf.where)}" if narrowed else ""
        return f"there was no sign{of or ' of life'} for {span(node.tests[0].value)}"
    told = " and ".join(_ORDERED[t.op].format(span(t.value)) for t in node.tests)
    which = "first" if node.first else "last"
    return f"{event(node.leaf.event, node.leaf.where)} {which} happened {told} ago"


def _chain(node: Chain) -> str:
    leaf, then = node.leaf, node.leaf.then or Step("")
    first, second = event(leaf.event, leaf.where), event(then.event, then.where)
    follows = "was not followed by" if node.without else "was followed by"
    back = span(leaf.frame.ms)
    return f"{first} {follows} {second} within {span(node.gap_ms)}, in the last {back}"


# ── beside them ────────────────────────────────────────────────────────────────────────────────


def _tickets(node: Tickets) -> str:
    kind = [w.replace("_", " ") for w in (node.priority, node.category) if w]
    noun = " ".join(["paused" if node.status == "paused" else "open", *kind, "ticket"])
    tag = f" tagged {short(node.tag)}" if node.tag else ""
    if node.tests:
        return f"there are {_counted(node.tests, noun)}{tag}"
    if not node.exists:
        return f"there is no {noun}{tag}"
    return f"there is {'an' if noun[0] in 'aeiou' else 'a'} {noun}{tag}"


def _related(node: Related) -> str:
    who = "its people" if node.of == "person" else "their accounts"
    told = {"any": "at least one", "none": "none", "all": "each"}.get(node.how, "")
    if node.how == "count":
        told = " and ".join(_COUNTED[t.op].format(t.value) for t in node.tests)
    elif node.how == "share":
        told = " and ".join(_ORDERED[t.op].format(f"{t.value * 100:g} %") for t in node.tests)
    return f"for {told} of {who} {phrase(node.where)}"


def _touch(node: Touch) -> str:
    which = "first" if node.first else "last"
    return f"the {which} campaign had {_filters(node.where, 'and')}"


def _rows(node: Rows) -> str:
    return "a query over the lake answered them" if node.how == "sql" else "they are on its list"


_PHRASES: dict[type, Callable[[Any], str]] = {
    All: lambda node: _list(node.of, "and"),
    AnyOf: lambda node: _list(node.of, "or"),
    Not: _not,
    Trait: lambda node: f"{node.name} {tests(node.tests)}",
    AccountTrait: lambda node: f"their account’s {node.name} {tests(node.tests)}",
    Count: _count,
    Measure: _measure,
    Since: _since,
    Chain: _chain,
    Tickets: _tickets,
    Owner: lambda node: f"the owner {tests(node.tests)}",
    Touch: _touch,
    Deal: lambda node: f"a deal has {_filters(node.where, 'and')}",
    Rows: _rows,
    Member: lambda node: f"in the audience {node.key}",
    Related: _related,
}
