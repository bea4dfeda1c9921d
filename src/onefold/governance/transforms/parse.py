"""Text or mapping to steps and back. Every fault is found before any is raised."""

import difflib
import math
from typing import Any

import msgspec

from onefold.governance import expressions
from onefold.governance.transforms.model import (
    DOES,
    OBJECTS,
    SCALARS,
    TYPES,
    Step,
    Transformation,
)
from onefold.kernel import definitions, errors, limits

_BEGIN = "Begin with `steps:` and a list, e.g. `- {do: drop, field: properties.password}`."
_COMMON = ("do", "types", "events", "when", "note")
_OWN = {
    "rename": ("field", "event", "to"),
    "map": ("field", "values", "otherwise"),
    "drop": ("field",),
    "hash": ("field",),
    "set": ("field", "value", "expression"),
    "filter": (),
}
_TEXT_MAX = 512


def parse(source: str | dict[str, Any]) -> Transformation:
    """The steps that a YAML or JSON text, or its mapping, holds. Raises `Invalid`, all faults."""
    raw = definitions.read(source, _BEGIN, chars_max=limits.steps_chars_max)
    reader = _Reader()
    for name in raw:
        if name != "steps":
            reader.fault(str(name)[:80], "is not known here.", _BEGIN)
    listed = raw.get("steps")
    steps: list[Step] = []
    if not isinstance(listed, list):
        reader.fault("steps", "is no list.", _BEGIN)
    elif len(listed) > limits.steps_max:
        reader.fault("steps", f"are {len(listed)}.", f"At most {limits.steps_max} are taken.")
    else:
        for i, one in enumerate(listed):
            step = reader.step(one, f"steps[{i}]")
            if step is not None:
                steps.append(step)
        if sum(len(s.values) for s in steps) > limits.map_values_max:
            reader.fault(
                "steps", "map too many values.", f"At most {limits.map_values_max:,} in all."
            )
    if reader.faults:
        raise errors.Invalid(*reader.faults[: limits.plan_faults_max])
    return Transformation(tuple(steps))


def dump(transformation: Transformation) -> dict[str, Any]:
    """The steps as plain values; `parse` takes them back."""
    return {"steps": [msgspec.to_builtins(step) for step in transformation.steps]}


class _Reader:
    """Collects faults while it reads."""

    def __init__(self) -> None:
        self.faults: list[errors.Fault] = []

    def fault(self, field: str, problem: str, remedy: str) -> None:
        self.faults.append(errors.Fault(field, problem, remedy))

    def step(self, raw: Any, at: str) -> Step | None:
        if not isinstance(raw, dict):
            self.fault(at, "is no mapping.", "Write `do: drop` and its fields.")
            return None
        before = len(self.faults)
        do = raw.get("do")
        if do not in DOES:
            near = difflib.get_close_matches(str(do), DOES, n=1)
            meant = f"Did you mean `{near[0]}`?" if near else f"Use one of {', '.join(DOES)}."
            problem = "is missing." if do is None else f"`{str(do)[:40]}` is not known."
            self.fault(f"{at}.do", problem, meant)
            return None
        known = (*_COMMON, *_OWN[do])
        for name in raw:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1)
                meant = f"Did you mean `{near[0]}`?" if near else f"It takes {', '.join(known)}."
                self.fault(f"{at}.{str(name)[:80]}", f"is not known to `{do}`.", meant)
        values: dict[str, Any] = {
            "do": do,
            "types": self.types(raw, at),
            "events": self.texts(raw, at, "events"),
            "when": self.expression(raw, at, "when"),
            "note": self.text(raw, at, "note"),
        }
        values |= getattr(self, f"_{do}")(raw, at)
        return Step(**values) if len(self.faults) == before else None

    # ── each kind ──────────────────────────────────────────────────────────────────────────────

    def _rename(self, raw: dict[str, Any], at: str) -> dict[str, Any]:
        if ("field" in raw) == ("event" in raw):
            self.fault(at, "needs either `field` or `event`.", "Name what is renamed.")
            return {}
        if "event" in raw:
            event, to = self.text(raw, at, "event", True), self.text(raw, at, "to", True)
            if len(to) > limits.event_name_chars_max:
                self.fault(f"{at}.to", "is too long.", f"At most {limits.event_name_chars_max}.")
            return {"event": event, "to": to}
        return {"field": self.field(raw, at, "field"), "to": self.field(raw, at, "to")}

    def _map(self, raw: dict[str, Any], at: str) -> dict[str, Any]:
        values = raw.get("values")
        found: dict[str, Any] = {}
        if not isinstance(values, dict) or not values:
            self.fault(f"{at}.values", "is no mapping.", "Write `values: {free: starter}`.")
        else:
            for key, value in values.items():
                name = expressions.FUNCTIONS["text"].run(key)
                if name is None or not _scalar(value):
                    self.fault(
                        f"{at}.values.{str(key)[:40]}", "is no plain value.",
                        "Map texts, numbers or truth values to such.",
                    )  # fmt: skip
                else:
                    found[name] = value
        otherwise = raw.get("otherwise", "keep")
        if isinstance(otherwise, dict):
            if set(otherwise) != {"value"} or not _scalar(otherwise["value"]):
                self.fault(f"{at}.otherwise", "is no value.", "Write `otherwise: {value: other}`.")
        elif otherwise not in ("keep", "drop"):
            self.fault(
                f"{at}.otherwise", "is not known.", "Use `keep`, `drop` or `{value: other}`."
            )
        return {"field": self.field(raw, at, "field"), "values": found, "otherwise": otherwise}

    def _drop(self, raw: dict[str, Any], at: str) -> dict[str, Any]:
        if "field" in raw:
            return {"field": self.field(raw, at, "field", whole=True)}
        if not any(raw.get(name) for name in ("types", "events", "when")):
            self.fault(at, "drops every event.", "Name a `field`, or `events`, `types` or `when`.")
        return {}

    def _hash(self, raw: dict[str, Any], at: str) -> dict[str, Any]:
        return {"field": self.field(raw, at, "field")}

    def _set(self, raw: dict[str, Any], at: str) -> dict[str, Any]:
        out: dict[str, Any] = {"field": self.field(raw, at, "field")}
        if ("value" in raw) == ("expression" in raw):
            self.fault(at, "needs either `value` or `expression`.", "Say what to set.")
        elif "value" in raw:
            out["value"] = raw["value"]
            if not _scalar(raw["value"]):
                self.fault(f"{at}.value", "is no plain value.", "Use text, a number, true or null.")
        else:
            out["expression"] = self.expression(raw, at, "expression", True)
        return out

    def _filter(self, raw: dict[str, Any], at: str) -> dict[str, Any]:
        if not raw.get("when"):
            self.fault(f"{at}.when", "is missing.", 'Say what is kept: `when: type != "screen"`.')
        return {}

    # ── parts ──────────────────────────────────────────────────────────────────────────────────

    def text(self, raw: dict[str, Any], at: str, name: str, must: bool = False) -> str:
        value = raw.get(name, "")
        if not isinstance(value, str) or len(value) > _TEXT_MAX or "\0" in value:
            self.fault(f"{at}.{name}", "is no text.", f"Write at most {_TEXT_MAX} characters.")
        elif must and not value.strip():
            self.fault(f"{at}.{name}", "is missing.", f"Give `{name}` a text.")
        else:
            return value
        return ""

    def texts(self, raw: dict[str, Any], at: str, name: str) -> tuple[str, ...]:
        value = raw.get(name, ())
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list | tuple) or len(listed) > limits.definition_values_max:
            self.fault(f"{at}.{name}", "is no list of texts.", f"Write `{name}: [One, Two]`.")
            return ()
        for one in listed:
            if not isinstance(one, str) or not one or len(one) > _TEXT_MAX:
                self.fault(f"{at}.{name}", "is no list of texts.", f"Write `{name}: [One, Two]`.")
                return ()
        return tuple(dict.fromkeys(listed))

    def types(self, raw: dict[str, Any], at: str) -> tuple[str, ...]:
        found = self.texts(raw, at, "types")
        for one in found:
            if one not in TYPES:
                self.fault(f"{at}.types", f"`{one[:40]}` is not known.", f"Use {', '.join(TYPES)}.")
        return found

    def expression(self, raw: dict[str, Any], at: str, name: str, must: bool = False) -> str:
        text = raw.get(name, "")
        if isinstance(text, bool | int | float):
            text = str(text).lower()  # YAML read `when: true` as a truth value
        if not isinstance(text, str):
            self.fault(f"{at}.{name}", "is no expression.", 'Write `event == "Report Exported"`.')
            return ""
        if not text.strip() and not must:
            return ""
        try:
            return expressions.dump(expressions.parse(text))
        except expressions.WrongExpression as wrong:
            self.fault(f"{at}.{name}", wrong.problem, wrong.remedy)
            return ""

    def field(self, raw: dict[str, Any], at: str, name: str, whole: bool = False) -> str:
        text = raw.get(name)
        if not isinstance(text, str) or not text.strip():
            self.fault(f"{at}.{name}", "is missing.", "Write a field, e.g. `properties.plan`.")
            return ""
        try:
            path = expressions.parse_path(text)
        except expressions.WrongExpression as wrong:
            self.fault(f"{at}.{name}", wrong.problem, wrong.remedy)
            return ""
        root = path.parts[0]
        if root not in SCALARS and root not in OBJECTS:
            self.fault(
                f"{at}.{name}", f"`{root}` is fixed: repeats and order are told by it.",
                f"Change one of {', '.join(SCALARS + OBJECTS)}.",
            )  # fmt: skip
        elif root in SCALARS and len(path.parts) > 1:
            self.fault(f"{at}.{name}", f"`{root}` has no fields.", f"Write `{root}` alone.")
        elif root in OBJECTS and len(path.parts) == 1 and not whole:
            self.fault(f"{at}.{name}", f"names all of `{root}`.", f"Write `{root}.<name>`.")
        return expressions.dump_path(path)


def _scalar(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return -(2**63) <= value < 2**63
    if isinstance(value, str):
        return len(value) <= limits.expression_text_chars_max and "\0" not in value
    return value is None or isinstance(value, bool)
