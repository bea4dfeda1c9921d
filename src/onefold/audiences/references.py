"""Audiences that ask for membership of others: who refers to whom, without circles. Pure.

An audience with a condition is put in place of its key (`expand`), so that both executions and
reasons see one tree and there is no order of evaluation to keep. One whose members are rows (a
list, or SQL) is looked up.
"""

from collections.abc import Iterable, Mapping

import msgspec

from onefold.audiences.model import (
    All,
    Definition,
    Kind,
    Member,
    Node,
    Not,
    Related,
    walk,
    walk_of,
)
from onefold.audiences.model import Any as AnyOf
from onefold.kernel import errors, limits


class Other(msgspec.Struct, frozen=True):
    """An audience as others refer to it; `definition` is None for one whose members are rows."""

    of: Kind
    definition: Definition | None


def references(definition: Definition) -> dict[str, Kind]:
    """The keys a definition refers to, each with the kind that is asked about."""
    return {
        n.key: of for n, of in walk_of(definition.where, definition.of) if isinstance(n, Member)
    }


def faults(key: str, definition: Definition, others: Mapping[str, Other]) -> list[errors.Fault]:
    """What is wrong with a definition's references."""
    out = []
    for name, of in references(definition).items():
        other = others.get(name)
        if name == key or key in reached(name, others):
            problem = f"`{name}` asks for `{key}` itself, directly or by another."
            out.append(errors.Fault("member_of", problem, "Audiences may not go round in circles."))
        elif other is None:
            problem = f"There is no audience with the key `{name[:60]}`."
            out.append(errors.Fault("member_of", problem, "Create it first, or check its key."))
        elif other.of != of:
            problem = f"`{name}` is an audience of {other.of}s."
            out.append(errors.Fault("member_of", problem, f"Here one of {of}s is asked for."))
    if not out and len(walk(expand(definition, others).where)) > limits.expanded_nodes_max:
        problem = f"With what it refers to it has more than {limits.expanded_nodes_max} conditions."
        out.append(errors.Fault("member_of", problem, "Refer to fewer, or smaller, audiences."))
    return out


def reached(key: str, others: Mapping[str, Other]) -> set[str]:
    """Everything that an audience refers to, directly or not."""
    found: set[str] = set()
    waiting = [key]
    while waiting:
        other = others.get(waiting.pop())
        if other is not None and other.definition is not None:
            new = references(other.definition).keys() - found
            found |= new
            waiting += new
    return found


def dependents(key: str, others: Mapping[str, Other]) -> list[str]:
    """The audiences that refer to this one, directly or not."""
    return sorted(k for k in others if k != key and key in reached(k, others))


def expand(definition: Definition, others: Mapping[str, Other]) -> Definition:
    """The definition with conditions in place of keys."""
    return Definition(of=definition.of, where=_expand(definition.where, others, ()))


def _expand(node: Node, others: Mapping[str, Other], above: tuple[str, ...]) -> Node:
    if isinstance(node, All | AnyOf):
        return type(node)(tuple(_expand(n, others, above) for n in node.of))
    if isinstance(node, Not):
        return Not(_expand(node.node, others, above))
    if isinstance(node, Related):
        return msgspec.structs.replace(node, where=_expand(node.where, others, above))
    if not isinstance(node, Member) or node.key in above:
        return node
    other = others.get(node.key)
    if other is None or other.definition is None:
        return Member(node.key, by_row=other is not None)
    inner = _expand(other.definition.where, others, (*above, node.key))
    return Member(node.key, where=inner)


def others_of(rows: Iterable[tuple[str, Kind, Definition | None]]) -> dict[str, Other]:
    """Audiences by key."""
    return {key: Other(of, definition) for key, of, definition in rows}
