"""Steps as closures over an item's tree, which they change in place.

What a step costs is bounded by its own text: a set puts down plain values only, so no chain of
steps can make an item grow without end.
"""

import hmac
from collections.abc import Callable
from typing import Any

import msgspec

from onefold.governance import expressions
from onefold.governance.expressions.functions import as_text
from onefold.governance.transforms.model import Step, Transformation

Tree = dict[str, Any]
Run = Callable[[Tree], bool]  # False: the item is filtered
_SEEN_MAX = 10_000
_NOTHING = object()


class Compiled:
    """A transformation, ready to run. Shared by threads: nothing in it changes but a memo."""

    def __init__(self, transformation: Transformation, secret: bytes) -> None:
        self._steps = [(step, *_step(step, secret)) for step in transformation.steps]
        self._touched: dict[tuple[str, str], bool] = {}
        self.writes_context = any(
            name.startswith("context") for s in transformation.steps for name in (s.field, s.to)
        )

    def touches(self, kind: str, event: str) -> bool:
        """May any step change such a call? If not, the item need not be taken apart."""
        key = (kind, event)
        found = self._touched.get(key)
        if found is None:
            found = any(_selects(step, kind, event) for step, _, _ in self._steps)
            if len(self._touched) < _SEEN_MAX:
                self._touched[key] = found
        return found

    def apply(self, tree: Tree) -> int | None:
        """Run every step on the item. The number (from 1) of the step that filters it, or None."""
        for number, (_, guard, run) in enumerate(self._steps, start=1):
            if (guard is None or guard(tree)) and not run(tree):
                return number
        return None


def compile(transformation: Transformation, secret: bytes) -> Compiled:  # noqa: A001
    """What admission runs. `secret` keys the hashes."""
    return Compiled(transformation, secret)


def _selects(step: Step, kind: str, event: str) -> bool:
    if step.types and kind not in step.types:
        return False
    if step.do == "rename" and step.event:
        return event == step.event
    return not step.events or event in step.events


def _step(step: Step, secret: bytes) -> tuple[Callable[[Tree], bool] | None, Run]:
    return _guard(step), _run(step, secret)


def _guard(step: Step) -> Callable[[Tree], bool] | None:
    tests: list[Callable[[Tree], bool]] = []
    if step.types:
        types = frozenset(step.types)
        tests.append(lambda tree: _text(tree.get("type")) in types)
    if step.events:
        events = frozenset(step.events)
        tests.append(lambda tree: _text(tree.get("event")) in events)
    if step.when and step.do != "filter":
        when = expressions.compile(expressions.parse(step.when))
        tests.append(lambda tree: when(tree) is True)
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda tree: all(test(tree) for test in tests)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _run(step: Step, secret: bytes) -> Run:
    match step.do:
        case "rename" if step.event:
            return _rename_event(step.event, step.to)
        case "rename":
            return _rename(_parts(step.field), _parts(step.to))
        case "map":
            return _map(_parts(step.field), step.values, step.otherwise)
        case "drop" if step.field:
            return _remove(_parts(step.field))
        case "drop":
            return lambda _: False
        case "hash":
            return _hash(_parts(step.field), secret)
        case "set":
            return _set(_parts(step.field), step)
        case "filter":
            when = expressions.compile(expressions.parse(step.when))
            return lambda tree: when(tree) is True
    raise AssertionError(step)


def _parts(field: str) -> tuple[str | int, ...]:
    return expressions.parse_path(field).parts


def _rename_event(event: str, to: str) -> Run:
    def run(tree: Tree) -> bool:
        if tree.get("event") == event:
            tree["event"] = to
        return True

    return run


def _rename(parts: tuple[str | int, ...], to: tuple[str | int, ...]) -> Run:
    def run(tree: Tree) -> bool:
        holder = _holder(tree, parts)
        value = _get(holder, parts[-1])
        if value is not _NOTHING and parts != to:
            _take(holder, parts[-1])
            if not _put(tree, to, value):
                _put(tree, parts, value)  # there is no room for it there: it stays
        return True

    return run


def _map(parts: tuple[str | int, ...], values: dict[str, Any], otherwise: Any) -> Run:
    def run(tree: Tree) -> bool:
        holder = _holder(tree, parts)
        value = _get(holder, parts[-1])
        if value is _NOTHING:
            return True
        name = as_text(value)
        if name is not None and name in values:
            holder[parts[-1]] = values[name]
        elif otherwise == "drop":
            _take(holder, parts[-1])
        elif otherwise != "keep":
            holder[parts[-1]] = otherwise["value"]
        return True

    return run


def _remove(parts: tuple[str | int, ...]) -> Run:
    def run(tree: Tree) -> bool:
        holder = _holder(tree, parts)
        if _get(holder, parts[-1]) is not _NOTHING:
            _take(holder, parts[-1])
        return True

    return run


def _hash(parts: tuple[str | int, ...], secret: bytes) -> Run:
    def run(tree: Tree) -> bool:
        holder = _holder(tree, parts)
        value = _get(holder, parts[-1])
        if value is not _NOTHING and value is not None:
            text = value if isinstance(value, str) else None
            data = (
                text.encode("utf-8", "replace") if text is not None
                else msgspec.json.encode(value, order="deterministic")
            )  # fmt: skip
            holder[parts[-1]] = hmac.digest(secret, data, "sha256").hex()
        return True

    return run


def _set(parts: tuple[str | int, ...], step: Step) -> Run:
    if step.value is not msgspec.UNSET:
        value = step.value

        def put(tree: Tree) -> bool:
            _put(tree, parts, value)
            return True

        return put
    expression = expressions.compile(expressions.parse(step.expression))

    def run(tree: Tree) -> bool:
        found = expression(tree)
        if found is not None and not isinstance(found, dict | list):
            _put(tree, parts, found)
        return True

    return run


# ── places in a tree ───────────────────────────────────────────────────────────────────────────


def _holder(tree: Tree, parts: tuple[str | int, ...]) -> Any:
    """What holds the last part, or None."""
    found: Any = tree
    for part in parts[:-1]:
        found = _get(found, part)
    return found


def _get(holder: Any, part: str | int) -> Any:
    if isinstance(part, str):
        return holder.get(part, _NOTHING) if isinstance(holder, dict) else _NOTHING
    return holder[part] if isinstance(holder, list) and part < len(holder) else _NOTHING


def _take(holder: Any, part: str | int) -> None:
    if isinstance(holder, list):
        holder[int(part)] = None  # the places of the others stay
    else:
        del holder[part]


def _put(tree: Tree, parts: tuple[str | int, ...], value: Any) -> bool:
    """Set a field, making the objects on the way. False where something else is in the way."""
    holder: Any = tree
    for part in parts[:-1]:
        inner = _get(holder, part)
        if (inner is _NOTHING or inner is None) and isinstance(holder, dict):
            inner = holder[part] = {}
        holder = inner
    last = parts[-1]
    if isinstance(holder, dict) and isinstance(last, str):
        holder[last] = value
        return True
    if isinstance(holder, list) and isinstance(last, int) and last < len(holder):
        holder[last] = value
        return True
    return False
