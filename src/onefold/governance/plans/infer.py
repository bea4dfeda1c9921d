"""A plan from what was received: types, what is always there, few values, formats.

What is in each of at least `_REQUIRED_MIN` events is called required; a text field with at most
`_ENUM_MAX` different values, each seen often, is an enum. It is a draft for a person to read.
"""

import re
from collections.abc import Iterable
from typing import Any

from onefold.governance.plans import schema as schemas
from onefold.governance.plans.model import PART, Plan, Rule
from onefold.kernel import facts, limits

_REQUIRED_MIN = 20
_ENUM_MIN = 50
_ENUM_MAX = 10
_ENUM_CHARS_MAX = 60
_ENUM_OFTEN = 5  # times each value was seen on average, at least
_DEPTH_MAX = 4
_LIST_ITEMS_MAX = 50
_SAMPLE_CHARS_MAX = 200
_FORMATS = {
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII),
    "date": re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    "uuid": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII),
    "email": re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII),
    "uri": re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[\x21-\x7e]*)?", re.ASCII),
}
_VALIDATORS = {name: schemas.compile({"format": name}) for name in _FORMATS}
_ORDER = ("null", "boolean", "integer", "number", "string", "array", "object")


class _Seen:
    """What was seen at one place."""

    def __init__(self, depth: int) -> None:
        self.n = 0
        self.depth = depth
        self.types: set[str] = set()
        self.texts: dict[str, int] | None = {}
        self.formats: set[str] | None = None
        self.fields: dict[str, _Seen] = {}
        self.items: _Seen | None = None

    def add(self, value: Any) -> None:
        self.n += 1
        kind = _type(value)
        self.types.add(kind)
        if kind == "string":
            self._text(value)
        elif kind == "object" and self.depth < _DEPTH_MAX:
            for name, inner in value.items():
                field = self.fields.get(name)
                if field is None:
                    if len(self.fields) >= limits.infer_fields_max:
                        continue
                    field = self.fields[name] = _Seen(self.depth + 1)
                field.add(inner)
        elif kind == "array" and self.depth < _DEPTH_MAX:
            self.items = self.items or _Seen(self.depth + 1)
            for inner in value[:_LIST_ITEMS_MAX]:
                self.items.add(inner)

    def _text(self, value: str) -> None:
        found = set()
        if len(value) <= _SAMPLE_CHARS_MAX:
            found = {name for name in _FORMATS if _has_format(name, value)}
        self.formats = found if self.formats is None else self.formats & found
        if self.texts is not None:
            self.texts[value] = self.texts.get(value, 0) + 1
            if len(self.texts) > _ENUM_MAX or len(value) > _ENUM_CHARS_MAX:
                self.texts = None

    def schema(self) -> dict[str, Any]:
        types = self.types - {"integer"} if "number" in self.types else self.types
        named = [t for t in _ORDER if t in types]
        out: dict[str, Any] = {}
        if named:
            out["type"] = named[0] if len(named) == 1 else named
        if named == ["string"]:
            out |= self._of_text()
        if "object" in types and self.fields:
            out["properties"] = {name: f.schema() for name, f in sorted(self.fields.items())}
            if types == {"object"} and (always := self.always()):
                out["required"] = always
        if "array" in types and self.items is not None and self.items.n:
            out["items"] = self.items.schema()
        return out

    def _of_text(self) -> dict[str, Any]:
        if self.formats:
            return {"format": min(self.formats, key=list(_FORMATS).index)}
        texts = self.texts
        if texts and self.n >= _ENUM_MIN and self.n >= len(texts) * _ENUM_OFTEN:
            return {"enum": sorted(texts)}
        return {}

    def always(self) -> list[str]:
        """The fields that every object had, when there were enough to tell."""
        if self.n < _REQUIRED_MIN:
            return []
        return sorted(name for name, field in self.fields.items() if field.n == self.n)


def _has_format(name: str, value: str) -> bool:
    """As the validator will judge it later; the pattern is the cheaper and the narrower."""
    return _FORMATS[name].fullmatch(value) is not None and _VALIDATORS[name].is_valid(value)


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def plan(name: str, found: Iterable[facts.Fact]) -> Plan:
    """A plan that all of these facts keep to."""
    seen: dict[tuple[str, str], _Seen] = {}
    for fact in found:
        if fact.kind not in PART:
            continue
        key = (fact.kind, fact.name if fact.kind == "track" else "")
        one = seen.get(key)
        if one is None:
            if len(seen) >= limits.plan_rules_max:
                continue
            one = seen[key] = _Seen(0)
        one.add(fact.properties if PART[fact.kind] == "properties" else fact.traits)
    rules = [
        Rule(type=kind, event=event, schema=_message(PART[kind], one), description=_said(one.n))
        for (kind, event), one in sorted(seen.items(), key=lambda kv: (kv[0][0] != "track", kv[0]))
    ]
    return Plan(name=name, rules=tuple(rules))


def _said(n: int) -> str:
    return f"Inferred from {n:,} event{'' if n == 1 else 's'}."


def _message(part: str, seen: _Seen) -> dict[str, Any]:
    inner: dict[str, Any] = {
        "type": "object",
        "properties": {name: field.schema() for name, field in sorted(seen.fields.items())},
    }
    if always := seen.always():
        inner["required"] = always
    return {"type": "object", "properties": {part: inner}}
