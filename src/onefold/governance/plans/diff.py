"""What changed from one plan to another, event by event and field by field."""

from typing import Any

import msgspec

from onefold.governance.plans.model import Plan, Rule


class Change(msgspec.Struct, frozen=True):
    """`what`: added, removed or changed; `event` is empty for the plan itself."""

    what: str
    event: str
    path: str
    before: Any = None
    after: Any = None


def changes(before: Plan, after: Plan) -> list[Change]:
    """Every difference, in the order of the plan; nothing when they say the same."""
    out = [
        _changed("", name, getattr(before, name), getattr(after, name))
        for name in ("name", "description", "unplanned_events", "violations")
        if getattr(before, name) != getattr(after, name)
    ]
    old = {_name(rule): rule for rule in before.rules}
    new = {_name(rule): rule for rule in after.rules}
    for name in [*old, *(n for n in new if n not in old)]:
        if name not in new:
            out.append(Change("removed", name, ""))
        elif name not in old:
            out.append(Change("added", name, ""))
        else:
            out += _of_rule(name, old[name], new[name])
    return out


def _name(rule: Rule) -> str:
    return rule.event if rule.type == "track" else f"({rule.type})"


def _changed(event: str, path: str, before: Any, after: Any) -> Change:
    return Change("changed", event, path, before, after)


def _of_rule(name: str, before: Rule, after: Rule) -> list[Change]:
    out = [
        _changed(name, field, getattr(before, field), getattr(after, field))
        for field in ("description", "violations", "labels")
        if getattr(before, field) != getattr(after, field)
    ]
    _walk(name, "", before.schema, after.schema, out)
    return out


def _walk(name: str, path: str, before: Any, after: Any, out: list[Change]) -> None:
    if before == after and type(before) is type(after):
        return
    if not (isinstance(before, dict) and isinstance(after, dict)):
        out.append(_changed(name, path, before, after))
        return
    for key in [*before, *(k for k in after if k not in before)]:
        inner = f"{path}.{key}".strip(".")
        if key not in after:
            out.append(Change("removed", name, inner, before=before[key]))
        elif key not in before:
            out.append(Change("added", name, inner, after=after[key]))
        else:
            _walk(name, inner, before[key], after[key], out)


def of_items(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Every difference of two items, field by field."""
    out: list[Change] = []
    _walk("", "", before, after, out)
    return out
