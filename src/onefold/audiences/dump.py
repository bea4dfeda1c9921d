"""The tree back to the mapping that parses to it."""

from collections.abc import Callable
from typing import Any

from onefold.audiences import windows
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

TICKET_FIELDS = ("status", "tag", "priority", "category")


def dump(definition: Definition) -> dict[str, Any]:
    """The mapping that parses to this definition, JSON-ready."""
    rows = definition.where
    if not isinstance(rows, Rows):
        return {"of": definition.of, "where": dump_node(rows)}
    if rows.how == "list":
        return {"of": definition.of, "list": True}
    every = windows.window_text(rows.every_ms)
    return {"of": definition.of, "sql": rows.text, "every": every}


def dump_node(node: Node) -> dict[str, Any]:
    """The mapping of one condition."""
    return _DUMPS[type(node)](node)


def _tickets(node: Tickets) -> dict[str, Any]:
    fields = {f: getattr(node, f) for f in TICKET_FIELDS if getattr(node, f) is not None}
    if node.tests:
        return {"tickets": fields, **_tests(node.tests)}
    return {"any" if node.exists else "none": {"tickets": fields}}


def _measure(node: Measure) -> dict[str, Any]:
    return {node.name: _events(node.leaf, days=node.name == "days"), **_tests(node.tests)}


def _since(node: Since) -> dict[str, Any]:
    if node.leaf.own:
        told = windows.window_text(node.tests[0].value)
        return {"inactive": {**_events(node.leaf), "for": told}}
    head = "since_first" if node.first else "since_last"
    spans: dict[str, Any] = {t.op: windows.window_text(t.value) for t in node.tests}
    return {head: _events(node.leaf)} | spans


def _sequence(node: Chain) -> dict[str, Any]:
    leaf, then = node.leaf, node.leaf.then or Step("")
    return {
        "first": {"event": leaf.event, **_filtered(leaf.where)},
        "without" if node.without else "then": {"event": then.event, **_filtered(then.where)},
        "within": windows.window_text(node.gap_ms),
        "in_last": windows.window_text(leaf.frame.ms),
    }


def _events(leaf: Leaf, *, days: bool = False) -> dict[str, Any]:
    out: dict[str, Any] = {"of": leaf.path} if leaf.path else {}
    if leaf.event is not None:
        out["event"] = leaf.event
    return {**out, **_filtered(leaf.where), **frame_fields(leaf.frame, days=days)}


def frame_fields(frame: Frame, *, days: bool = False) -> dict[str, Any]:
    """A window as written; nothing for ever."""
    zone = {} if frame.zone == "UTC" else {"zone": frame.zone}
    match frame.kind:
        case "sliding":
            return {"within": windows.window_text(frame.ms)}
        case "days":
            return {"within": f"{frame.n}d", **({} if days else {"by": "day"}), **zone}
        case "this" | "last":
            return {frame.kind: frame.unit, **zone}
        case _:
            return {"since": frame.date, **zone} if frame.date else {}


def _filtered(where: tuple[Filter, ...]) -> dict[str, Any]:
    return {"where": _where(where)} if where else {}


def _where(where: tuple[Filter, ...]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for one in where:
        if isinstance(one, Group):
            out[one.how] = [_where(_joined(part)) for part in one.of]
        else:
            out[one.path] = one.tests[0].value if _plain(one.tests) else _tests(one.tests)
    return out


def _joined(part: Filter) -> tuple[Filter, ...]:
    """What stands in one mapping of a list: an `all` is written as one mapping, if one holds it."""
    if not isinstance(part, Group) or part.how != "all":
        return (part,)
    keys = [one.how if isinstance(one, Group) else one.path for one in part.of]
    return part.of if len(set(keys)) == len(keys) else (part,)


def _plain(tests: tuple[Test, ...]) -> bool:
    return len(tests) == 1 and tests[0].op == "is"


def _tests(tests: tuple[Test, ...]) -> dict[str, Any]:
    return {t.op: list(t.value) if t.op == "in" else t.value for t in tests}


_DUMPS: dict[type, Callable[[Any], dict[str, Any]]] = {
    All: lambda node: {"all": [dump_node(n) for n in node.of]},
    AnyOf: lambda node: {"any": [dump_node(n) for n in node.of]},
    Not: lambda node: {"not": dump_node(node.node)},
    Trait: lambda node: {"trait": node.name, **_tests(node.tests)},
    AccountTrait: lambda node: {"account": {"trait": node.name, **_tests(node.tests)}},
    Count: lambda node: {"count": _events(node.leaf), **_tests(node.tests)},
    Measure: _measure,
    Since: _since,
    Chain: lambda node: {"sequence": _sequence(node)},
    Tickets: _tickets,
    Owner: lambda node: {"owner": _tests(node.tests)},
    Touch: lambda node: {"first_touch" if node.first else "last_touch": _where(node.where)},
    Deal: lambda node: {"deal": _where(node.where)},
    Member: lambda node: {"member_of": node.key},
    Related: lambda node: {
        "people" if node.of == "person" else "accounts": {node.how: dump_node(node.where)},
        **_tests(node.tests),
    },
}
