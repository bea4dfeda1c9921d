"""The ground of reading definitions: faults, texts, values and comparisons."""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import re2

from onefold.audiences import moments, values
from onefold.audiences.values import Op, Test
from onefold.kernel import errors, limits

_STEP_REFUSED = re.compile(r'["\\\x00-\x1f]')


class Faults:
    """Collects what is wrong, and reads what every condition is made of."""

    def __init__(self) -> None:
        self.faults: list[errors.Fault] = []
        self.nodes = 0
        self.moving = True  # may comparisons move with now? those of events' properties may not

    def fault(self, field: str, problem: str, remedy: str = "") -> None:
        """Note a fault; reading goes on."""
        self.faults.append(errors.Fault(field, problem, remedy))

    def keys(self, raw: Mapping[Any, Any], path: str, known: Iterable[str]) -> None:
        """Fault every key that is not known, with the nearest that is."""
        known = tuple(known)
        for key in raw:
            if key not in known:
                self.fault(join(path, key), "is not known here.", near(key, known))

    def one_of(self, value: Any, path: str, known: tuple[str, ...]) -> None:
        """Fault a value that is none of the known ones."""
        if not isinstance(value, str) or value not in known:
            told = ", ".join(f"`{k}`" for k in known)
            hint = near(value, known) or f"Write one of {told}."
            self.fault(path, f"is `{cut(value)}`.", hint)

    # ── comparisons ────────────────────────────────────────────────────────────────────────────

    def tests(
        self, raw: dict[Any, Any], path: str, known: tuple[Op, ...], beside: str = ""
    ) -> tuple[Test, ...]:
        """The comparisons in a mapping; empty after a fault."""
        before = len(self.faults)
        self.keys(raw, path, (*known, beside) if beside else known)
        out = [
            Test(op, value)
            for op in known
            if op in raw and (value := self._value(op, raw[op], f"{path}.{op}")) is not None
        ]
        if len(self.faults) == before and not out:
            self.fault(
                path, "does not compare.", "Add one, e.g. `is: pro`, `at_least: 3`, `set: true`."
            )
        if len(self.faults) == before and len(out) > 1 and any(t.op == "set" for t in out):
            self.fault(f"{path}.set", "stands beside another comparison.", "Leave `set` out.")
        return tuple(out) if len(self.faults) == before else ()

    def _value(self, op: Op, raw: Any, path: str) -> Any:
        if op == "set":
            if not isinstance(raw, bool):
                self.fault(path, f"is `{cut(raw)}`.", "Write `true` or `false`.")
                return None
            return raw
        if op == "in":
            return self._values(raw, path)
        if op in values.TEXTS or op in values.TIMES:
            return self._text_of(op, raw, path)
        value = self._scalar(raw, path)
        if op in values.ORDERED and isinstance(value, bool):
            self.fault(path, "is true or false.", "Compare with a number or text, or use `is`.")
            return None
        if op == "contains" and value == "":
            self.fault(path, "is empty.", "Every text contains it; use `set: true`.")
            return None
        return value

    def _text_of(self, op: Op, raw: Any, path: str) -> str | None:
        """What a comparison of text, or with a time, compares with."""
        if op in values.TIMES:
            return self._moment(raw, path)
        text = self.string(raw, path)
        if text is None or op != "matches":
            return text
        if len(text) > limits.pattern_chars_max:
            self.fault(path, f"has {len(text)} characters.", f"At most {limits.pattern_chars_max}.")
            return None
        try:
            values.pattern(text)
        except re2.error as error:
            said = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
            remedy = "Patterns are RE2: no look-around, no references back. `^inv-[0-9]+$` is one."
            self.fault(path, f"is no pattern: {said[:100]}.", remedy)
            return None
        return text

    def _moment(self, raw: Any, path: str) -> str | None:
        remedy = "Write `2026-03-01`, `now`, `7d ago` or `30d ahead`."
        try:
            moment = moments.read(raw) if isinstance(raw, str) else None
        except ValueError:
            moment = None
        if moment is None or abs(moment.offset_ms) > limits.moment_offset_days_max * 86_400_000:
            self.fault(path, f"is `{cut(raw)}`.", remedy)
            return None
        if moment.relative and not self.moving:
            problem, remedy = "moves with now.", "Of events write a date, or say `within: 7d`."
            self.fault(path, problem, remedy)
            return None
        return str(raw)

    def _values(self, raw: Any, path: str) -> tuple[Any, ...] | None:
        if not isinstance(raw, list) or not raw:
            self.fault(path, "is no list of values.", "Write `in: [pro, team]`.")
            return None
        if len(raw) > limits.definition_values_max:
            self.fault(path, f"has {len(raw)} values.", f"At most {limits.definition_values_max}.")
            return None
        found = [self._scalar(one, f"{path}[{i}]") for i, one in enumerate(raw)]
        by_text = {msgspec.json.encode(v): v for v in found if v is not None}
        return tuple(by_text[text] for text in sorted(by_text))

    def _scalar(self, raw: Any, path: str) -> Any:
        """Text, a number or a bool in canonical form; None after a fault."""
        if isinstance(raw, str):
            return self.string(raw, path, empty=True)
        if isinstance(raw, bool):
            return raw
        if isinstance(raw, int | float):
            if not math.isfinite(values.number(raw) or 0):
                self.fault(path, "is no finite number.", "Write a smaller one.")
                return None
            return values.canonical_number(raw)
        remedy = "Use `set: false` for a missing value." if raw is None else "Write one value."
        self.fault(path, "is no text, number, true or false.", remedy)
        return None

    def string(self, raw: Any, path: str, *, empty: bool = False) -> str | None:
        """Text within its limits; None after a fault."""
        problem = remedy = ""
        if not isinstance(raw, str):
            problem, remedy = "is no text.", "Quote it." if raw is not None else "Write a name."
        elif not raw and not empty:
            problem, remedy = "is empty.", "Write a name."
        elif len(raw) > limits.definition_string_chars_max:
            problem = f"has {len(raw)} characters."
            remedy = f"At most {limits.definition_string_chars_max}."
        elif "\0" in raw or any("\ud800" <= c <= "\udfff" for c in raw):
            problem, remedy = "holds a character that cannot be stored.", "Remove it."
        if problem:
            self.fault(path, problem, remedy)
            return None
        return str(raw)


def join(path: str, key: Any) -> str:
    """The path of a key."""
    name = cut(key) or '""'
    return f"{path}.{name}" if path else name


def cut(value: Any) -> str:
    """A value as a fault shows it."""
    text = str(value).encode("utf-8", "replace").decode()
    return text if len(text) <= 60 else f"{text[:59]}…"


def step_known(step: str) -> bool:
    """May it be a step of a property's path?"""
    return step not in ("", "*") and not _STEP_REFUSED.search(step)


def near(key: Any, known: Iterable[str]) -> str:
    """A hint at the nearest known word, or nothing."""
    found = difflib.get_close_matches(str(key).lower(), tuple(known), n=1, cutoff=0.5)
    return f"Did you mean `{found[0]}`?" if found else ""
