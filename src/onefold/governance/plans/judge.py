"""A published plan as admission runs it: is this call planned, does it fit, and if not, what then.

A fitting event costs one look-up and one validation in Rust; errors are spelled out only for one
that does not fit.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import msgspec

from onefold.governance import item as items
from onefold.governance.plans import schema as schemas
from onefold.governance.plans.model import PART, Plan, Rule
from onefold.kernel import limits

Tree = Callable[[], dict[str, Any]]


class Found(msgspec.Struct, frozen=True):
    """One thing wrong: `path` has numbers of lists as `*`, `place` is exact."""

    path: str
    kind: str
    problem: str
    place: tuple[str | int, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """What was found and what the plan says to do: flag, quarantine or drop."""

    found: list[Found]
    action: str


class _Check:
    def __init__(self, plan: Plan, rule: Rule) -> None:
        self.validator = schemas.compile(rule.schema)
        self.needs = schemas.parts_needed(rule.schema)
        self.action = rule.violations or plan.violations

    def errors(self, message: dict[str, Any]) -> list[Found]:
        try:
            if self.validator.is_valid(message):
                return []
            out: list[Found] = []
            for error in self.validator.iter_errors(message):
                out += _found(error)
                if len(out) >= limits.violations_event_max:
                    break
            return out[: limits.violations_event_max]
        except (ValueError, OverflowError, RecursionError) as error:
            return [Found("", "unreadable", f"could not be checked: {error}"[:300])]


class Compiled:
    """A plan, ready to judge. Shared by threads."""

    def __init__(self, plan: Plan, plan_id: int = 0, key: str = "") -> None:
        self.id = plan_id
        self.key = key or plan.name
        self.unplanned = plan.unplanned_events
        self._events: dict[str, _Check] = {}
        self._types: dict[str, _Check] = {}
        for rule in plan.rules:
            check = _Check(plan, rule)
            if rule.type == "track":
                self._events[rule.event] = check
            else:
                self._types[rule.type] = check
        self._common = self._types.pop("common", None)

    def judge(self, item: items.Item, tree: Tree) -> Verdict | None:
        """None when all is well. With `drop` of properties they are taken off the item here."""
        kind = item.type or ""
        if kind == "track":
            check = self._events.get(item.event or "")
            if check is None:
                found = Found("", "unplanned", "the event is not in the plan.")
                return Verdict([found], self.unplanned)
        else:
            check = self._types.get(kind)
        verdict = None if check is None else _judge(check, item, tree)
        if self._common is not None:
            also = _judge(self._common, item, tree)
            verdict = also if verdict is None else _both(verdict, also)
        return verdict


def _both(one: Verdict, other: Verdict | None) -> Verdict:
    if other is None:
        return one
    order = ("flag", "drop", "quarantine")
    return Verdict([*one.found, *other.found], max(one.action, other.action, key=order.index))


def _judge(check: _Check, item: items.Item, tree: Tree) -> Verdict | None:
    found = check.errors(_message(check, item, tree))
    if not found:
        return None
    if check.action != "drop_properties":
        return Verdict(found, check.action)
    dropped = [one for one in found if _removable(one)]
    # From the end, so that taking one entry of a list does not move those still to be taken.
    for place in sorted({one.place for one in dropped}, key=_order, reverse=True):
        _take(item, place)
    return Verdict(found, "drop" if dropped else "flag")


def _message(check: _Check, item: items.Item, tree: Tree) -> dict[str, Any]:
    """What the schema sees. An absent `properties` (`traits`) is an empty one, so that what it must
    hold is asked for."""
    part = PART.get(item.type or "", "")
    if check.needs is None or not check.needs <= {"properties", "traits"}:
        message = {k: v for k, v in tree().items() if v is not None}
        for name in ("properties", "traits"):
            value = getattr(item, name)
            if value is not None:
                message[name] = value
    else:
        message = {}
        if item.properties is not None:
            message["properties"] = item.properties
        if item.traits is not None:
            message["traits"] = item.traits
    if part:
        message.setdefault(part, {})
    return message


def _found(error: jsonschema_rs.ValidationError) -> Iterator[Found]:
    place = tuple(error.instance_path)
    kind = error.kind.name
    if kind == "required":
        name = error.kind.as_dict()["property"]
        name = name if isinstance(name, str) else str(name)
        yield Found(_path((*place, name)), kind, "is missing.", ())
    elif kind in ("additionalProperties", "unevaluatedProperties"):
        for name in error.kind.as_dict()["unexpected"]:
            yield Found(_path((*place, name)), kind, "is not in the plan.", (*place, name))
    else:
        yield Found(_path(place), kind, error.message[: limits.violation_text_chars_max], place)


def _path(place: tuple[str | int, ...]) -> str:
    named = ("*" if isinstance(p, int) else p for p in place)
    return ".".join(named)[: limits.violation_text_chars_max].replace("\0", "\ufffd")


def _order(place: tuple[str | int, ...]) -> tuple[Any, ...]:
    return tuple((0, p, "") if isinstance(p, int) else (1, 0, p) for p in place)


def _removable(one: Found) -> bool:
    return len(one.place) > 1 and one.place[0] in ("properties", "traits")


def _take(item: items.Item, place: tuple[str | int, ...]) -> None:
    holder: Any = item.properties if place[0] == "properties" else item.traits
    for part in place[1:-1]:
        if isinstance(holder, dict) and isinstance(part, str):
            holder = holder.get(part)
        elif isinstance(holder, list) and isinstance(part, int) and part < len(holder):
            holder = holder[part]
        else:
            return
    last = place[-1]
    if isinstance(holder, dict):
        holder.pop(last, None)
    elif isinstance(holder, list) and isinstance(last, int) and last < len(holder):
        del holder[last]
