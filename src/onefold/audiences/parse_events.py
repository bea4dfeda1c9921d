"""Reading conditions on events: counts, measures, recency, sequences, and their windows."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from onefold.audiences import cells, frames, values, windows
from onefold.audiences.frames import EVER, Frame
from onefold.audiences.measures import KEEPS, NUMERIC, SUMS
from onefold.audiences.model import (
    Chain,
    Count,
    Filter,
    Group,
    Kind,
    Measure,
    MeasureName,
    Node,
    Property,
    Since,
    Step,
    leaf_of,
)
from onefold.audiences.parse_values import Faults, cut, join, step_known
from onefold.audiences.values import Test
from onefold.kernel import clock, limits

FRAME_FIELDS = ("within", "since", "this", "last", "by", "zone")
MEASURES: tuple[MeasureName, ...] = tuple(KEEPS)
SINCES = ("since_last", "since_first")
EVENT_HEADS = ("count", *MEASURES, *SINCES, "sequence", "inactive")
SEQUENCE_FIELDS = ("first", "then", "without", "within", "in_last")
_GAP_STEPS = (
    clock.HOUR_MS, 15 * clock.MINUTE_MS, 5 * clock.MINUTE_MS, clock.MINUTE_MS,
    10 * clock.SECOND_MS, clock.SECOND_MS,
)  # fmt: skip
_SAY_EVENT = "Write e.g. `{event: Signed In, within: 7d}`."


class Events(Faults):
    """The part of the reader that knows events."""

    def on_events(self, raw: dict[Any, Any], head: str, path: str, of: Kind) -> Node | None:
        """A condition whose head is one of `EVENT_HEADS`."""
        if head == "count":
            return self._count(raw, path, of)
        if head == "sequence":
            return self._sequence(raw, path, of)
        if head == "inactive":
            return self._inactive(raw, path, of)
        if head in SINCES:
            return self._since(raw, head, path, of)
        return self._measure(raw, next(m for m in MEASURES if m == head), path, of)

    def _count(self, raw: dict[Any, Any], path: str, of: Kind) -> Node | None:
        tests = self.count_tests(raw, path, "count")
        before = len(self.faults)
        inner = self._inner(raw["count"], f"{path}.count", ("event", "where", *FRAME_FIELDS))
        if inner is None:
            return None
        event, where = self._event(inner, f"{path}.count")
        frame = self._frame(inner, f"{path}.count")
        if len(self.faults) > before or not tests:
            return None
        window, framed = _split(frame)
        return Count(leaf_of(of, event, where, window, framed=framed), tests)

    def _measure(self, raw: dict[Any, Any], name: MeasureName, path: str, of: Kind) -> Node | None:
        at, before = f"{path}.{name}", len(self.faults)
        of_property = () if name == "days" else ("of",)
        fields = (*of_property, "event", "where", *FRAME_FIELDS)
        inner = self._inner(raw[name], at, fields)
        if name in ("distinct", "days"):
            tests = self._number_tests(raw, path, name, whole=True)
        elif name in NUMERIC:
            tests = self._number_tests(raw, path, name)
        else:
            self.moving = False
            tests = self.tests(raw, path, values.OPS, beside=name)
            self.moving = True
        if inner is None:
            return None
        event, where = self._event(inner, at)
        frame = self._frame(inner, at, days=name == "days")
        prop = self._path(inner.get("of"), f"{at}.of") if name != "days" else ""
        if name == "days" and frame is not None and not frame.calendar:
            remedy = "Write `within: 30d`, or `this: month` or the like."
            self.fault(at, "does not say which days.", remedy)
        if len(self.faults) > before or not tests or prop is None:
            return None
        window, framed = _split(frame)
        leaf = leaf_of(of, event, where, window, keeps=KEEPS[name], path=prop, framed=framed)
        return Measure(name, leaf, tests)

    def _since(self, raw: dict[Any, Any], head: str, path: str, of: Kind) -> Node | None:
        at, before = f"{path}.{head}", len(self.faults)
        inner = self._inner(raw[head], at, ("event", "where"))
        self.keys(raw, path, (head, *values.ORDERED))
        tests = []
        for op in values.ORDERED:
            if op in raw:
                ms = self._span(raw[op], f"{path}.{op}")
                if ms is not None:
                    tests.append(Test(op, ms))
        if inner is None:
            return None
        event, where = self._event(inner, at)
        if len(self.faults) == before and not tests:
            self.fault(path, "does not say how long ago.", "Add e.g. `at_least: 14d`.")
        if len(self.faults) > before:
            return None
        return Since(head == "since_first", leaf_of(of, event, where, keeps="span"), tuple(tests))

    def _inactive(self, raw: dict[Any, Any], path: str, of: Kind) -> Node | None:
        """Short for: the last thing the customer did is at least that long ago."""
        at, before = f"{path}.inactive", len(self.faults)
        self.keys(raw, path, ("inactive",))
        inner = self._inner(raw["inactive"], at, ("event", "where", "for"))
        if inner is None:
            return None
        event, where = self._event(inner, at)
        ms = self._span(inner.get("for"), f"{at}.for")
        if len(self.faults) > before or ms is None:
            return None
        leaf = leaf_of(of, event, where, keeps="span", own=True)
        return Since(False, leaf, (Test("at_least", ms),))

    def _sequence(self, raw: dict[Any, Any], path: str, of: Kind) -> Node | None:
        at, before = f"{path}.sequence", len(self.faults)
        self.keys(raw, path, ("sequence",))
        inner = self._inner(raw["sequence"], at, SEQUENCE_FIELDS)
        if inner is None:
            return None
        second = [name for name in ("then", "without") if name in inner]
        if len(second) != 1:
            self.fault(at, "needs one of `then` and `without`.", "Say which event follows, or not.")
        steps = [self._step(inner.get(n), f"{at}.{n}") for n in ("first", *second[:1])]
        gap = self._span(inner.get("within"), f"{at}.within")
        window = self._span(inner.get("in_last"), f"{at}.in_last")
        if len(self.faults) > before or gap is None or window is None:
            return None
        if gap > window:
            self.fault(f"{at}.in_last", "is shorter than `within`.", "Look further back.")
            return None
        own = windows.bucket_ms(window)
        step = next(s for s in _GAP_STEPS if s <= min(gap, own))
        if window // step > limits.sequence_steps_max:
            least = windows.window_text(-(-window // limits.sequence_steps_max // 1000) * 1000)
            self.fault(f"{at}.within", f"is very short for `{windows.window_text(window)}`.",
                       f"Write at least {least}, or look less far back.")  # fmt: skip
            return None
        first, then = steps
        if first is None or then is None:
            return None
        framed = Frame("sliding", ms=window, step_ms=step)
        leaf = leaf_of(of, first.event, first.where, keeps="pair", framed=framed, then=then)
        return Chain(leaf, gap, without="without" in inner)

    def _step(self, raw: Any, path: str) -> Step | None:
        inner = self._inner(raw, path, ("event", "where"))
        if inner is None:
            return None
        event, where = self._event(inner, path)
        if event is None and "event" not in inner:
            self.fault(f"{path}.event", "is missing.", "Write an event's name.")
        return None if event is None else Step(event, where)

    # ── the events ─────────────────────────────────────────────────────────────────────────────

    def _inner(self, raw: Any, path: str, known: tuple[str, ...]) -> dict[Any, Any] | None:
        if not isinstance(raw, dict):
            self.fault(path, "says nothing of the event.", _SAY_EVENT)
            return None
        self.keys(raw, path, known)
        return raw

    def _event(self, inner: dict[Any, Any], path: str) -> tuple[str | None, tuple[Filter, ...]]:
        event = self.string(inner["event"], f"{path}.event") if "event" in inner else None
        self.moving = False
        where = self._where(inner["where"], f"{path}.where") if "where" in inner else ()
        self.moving = True
        return event, where

    def _where(self, raw: Any, path: str) -> tuple[Filter, ...]:
        if not isinstance(raw, dict) or not raw:
            self.fault(path, "names no property.", "Write `where: {format: pdf}`, or leave it out.")
            return ()
        out: list[Filter] = []
        for key, wanted in raw.items():
            at = join(path, key)
            self.nodes += 1
            if key in ("all", "any", "none") and isinstance(wanted, list):
                found = self._group(key, wanted, at)
            else:
                found = self._property(key, wanted, at)
            if found is not None:
                out.append(found)
        if self.nodes > limits.definition_nodes_max:
            self.fault(path, "has too many conditions.", "Split the audience in two.")
        return tuple(sorted(out, key=_by_path))

    def _group(self, how: Any, wanted: list[Any], path: str) -> Filter | None:
        if not wanted or not all(isinstance(w, dict) and w for w in wanted):
            remedy = f"Write `{how}: [{{format: pdf}}, {{format: csv}}]`, or `{{in: […]}}`."
            self.fault(path, "is no list of conditions on properties.", remedy)
            return None
        parts: list[Filter] = []
        for i, one in enumerate(wanted):
            inner = self._where(one, f"{path}[{i}]")
            parts += inner if len(inner) == 1 else [Group("all", inner)]
        return Group(how, tuple(parts))

    def _property(self, key: Any, wanted: Any, path: str) -> Filter | None:
        name = self._path(key, path)
        if isinstance(wanted, dict):
            tests = self.tests(wanted, path, values.OPS)
        elif isinstance(wanted, list):
            self.fault(path, "is a list.", "Write `{in: […]}` for one of several values.")
            return None
        else:
            value = self._scalar(wanted, path)
            tests = () if value is None else (Test("is", value),)
        return Property(name, tests) if name and tests else None

    def _path(self, key: Any, path: str) -> str | None:
        if not isinstance(key, str) or not all(map(step_known, key.split("."))):
            remedy = 'Write names joined by dots, like `file.format`, without `"` and `\\`.'
            self.fault(path, "is no property's path.", remedy)
            return None
        return self.string(key, path)

    # ── windows ────────────────────────────────────────────────────────────────────────────────

    def _frame(self, inner: dict[Any, Any], path: str, *, days: bool = False) -> Frame | None:
        """The window; ever when none is said. None after a fault."""
        said = [name for name in ("within", "since", "this", "last") if name in inner]
        if len(said) > 1:
            both = " and ".join(f"`{s}`" for s in said)
            self.fault(path, f"has {both}.", "Keep one window; join two conditions under `all`.")
            return None
        zone = self._zone(inner.get("zone", "UTC"), f"{path}.zone")
        by = inner.get("by", "day" if days else None)
        if by is not None:
            self.one_of(by, f"{path}.by", ("day",))
        if "zone" in inner and said == ["within"] and by is None:
            self.fault(f"{path}.zone", "has no days to go by.", "Add `by: day`, or leave it out.")
        if not said:
            return EVER if zone else None
        name, raw = said[0], inner[said[0]]
        at = f"{path}.{name}"
        if name == "within":
            return self._within(raw, at, zone, by)
        if name == "since":
            return self._since_date(raw, at, zone)
        self.one_of(raw, at, frames.UNITS)
        unit = next((u for u in frames.UNITS if u == raw), None)
        if zone is None or unit is None:
            return None
        return Frame("this" if name == "this" else "last", unit=unit, zone=zone)

    def _within(self, raw: Any, path: str, zone: str | None, by: Any) -> Frame | None:
        ms = self._span(raw, path)
        if ms is None or zone is None:
            return None
        if by is None:
            return Frame("sliding", ms=ms)
        if ms % clock.DAY_MS:
            self.fault(path, f"is `{cut(raw)}`.", "By day, write whole days: `30d`.")
            return None
        return Frame("days", n=ms // clock.DAY_MS, zone=zone)

    def _since_date(self, raw: Any, path: str, zone: str | None) -> Frame | None:
        try:
            day = date.fromisoformat(raw) if isinstance(raw, str) and len(raw) == 10 else None
        except ValueError:
            day = None
        if day is None or day.year < 1970:
            self.fault(path, f"is `{cut(raw)}`.", "Write a date: `2026-03-01`.")
            return None
        if zone is None:
            return None
        start = frames.day_start_ms((day - _EPOCH).days, zone)
        return Frame("since", since_ms=start, zone=zone, date=raw)

    def _zone(self, raw: Any, path: str) -> str | None:
        try:
            if isinstance(raw, str) and frames.zone_of(raw):
                return raw
        except (ValueError, ZoneInfoNotFoundError, OSError):
            pass
        self.fault(path, f"is `{cut(raw)}`.", "Write a zone's name: `Europe/Berlin`, `UTC`.")
        return None

    def _span(self, raw: Any, path: str) -> int | None:
        window = windows.parse_window(raw) if isinstance(raw, str) else None
        if window is None:
            problem = "is missing." if raw is None else "is no window."
            problem = f"is `{cut(raw)}`." if isinstance(raw, str | int | float) else problem
            remedy = "Write a number and s, m, h, d or w: `7d`."
            if path.endswith(".within"):
                remedy += " Ever: leave it out."
            self.fault(path, problem, remedy)
        elif window > limits.window_days_max * clock.DAY_MS:
            self.fault(path, f"is `{raw}`.", f"The longest window is {limits.window_days_max}d.")
            return None
        return window

    # ── thresholds ─────────────────────────────────────────────────────────────────────────────

    def count_tests(self, raw: dict[Any, Any], path: str, head: str) -> tuple[Test, ...]:
        """How many; empty after a fault."""
        before = len(self.faults)
        self.keys(raw, path, (head, *values.COUNT_OPS))
        out = []
        for op in values.COUNT_OPS:
            if op in raw:
                n = raw[op]
                if isinstance(n, float) and n.is_integer():
                    n = int(n)
                if type(n) is not int or not 0 <= n <= limits.count_max:
                    self.fault(f"{path}.{op}", f"is `{cut(n)}`.", "Write a whole number from 0 on.")
                else:
                    out.append(Test(op, n))
        if len(self.faults) > before:
            return ()
        low, high = windows.limits_of(tuple(out))
        if not out:
            self.fault(path, "does not say how often.", "Add e.g. `at_least: 1`.")
        elif high is not None and high < low:
            self.fault(path, "can never hold.", "No number is within these bounds.")
        elif low == 0 and high is None:
            self.fault(path, "always holds.", "Leave it out, or ask `at_least: 1`.")
        return tuple(out) if len(self.faults) == before else ()

    def share_tests(self, raw: dict[Any, Any], path: str, head: str) -> tuple[Test, ...]:
        """What share; empty after a fault."""
        before = len(self.faults)
        tests = self.tests(raw, path, values.COUNT_OPS, beside=head)
        for t in tests:
            number = values.number(t.value)
            if number is None or not 0 <= number <= 1:
                self.fault(f"{path}.{t.op}", f"is `{cut(t.value)}`.", "Write 0 to 1: `0.5`.")
        return tests if len(self.faults) == before else ()

    def filters(self, raw: Any, path: str) -> tuple[Filter, ...]:
        """Conditions on properties, or on what a campaign said; empty after a fault."""
        self.moving, before = False, len(self.faults)
        where = self._where(raw, path)
        self.moving = True
        return where if len(self.faults) == before else ()

    def _number_tests(
        self, raw: dict[Any, Any], path: str, head: str, *, whole: bool = False
    ) -> tuple[Test, ...]:
        before = len(self.faults)
        known: tuple[values.Op, ...] = ("set", *values.COUNT_OPS)
        known = values.COUNT_OPS if whole or head == "sum" else known
        tests = self.tests(raw, path, known, beside=head)
        for t in tests:
            number = values.number(t.value)
            if t.op == "set":
                continue
            fits = number is not None and 0 <= number <= limits.count_max and number.is_integer()
            if number is None or (whole and not fits):
                remedy = "Write a whole number from 0 on." if whole else "Write a number."
                self.fault(f"{path}.{t.op}", f"is `{cut(t.value)}`.", remedy)
            elif head in SUMS and cells.micros(t.value) is None:
                self.fault(f"{path}.{t.op}", "is too large.", "Numbers go up to 10^12.")
        return tests if len(self.faults) == before else ()


_EPOCH = date(1970, 1, 1)


def _by_path(condition: Filter) -> tuple[str, str]:
    return ("", condition.path) if isinstance(condition, Property) else (condition.how, "")


def _split(frame: Frame | None) -> tuple[int | None, Frame | None]:
    """As leaves keep it: the length of a sliding window, or another frame."""
    if frame is None or frame == EVER:
        return None, None
    return (frame.ms, None) if frame.kind == "sliding" else (None, frame)
