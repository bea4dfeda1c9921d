"""From cells to answers: what a measure comes to, whether it passes, and until when. Pure.

Sums and averages are compared in millionths, as whole numbers, so that neither order nor engine
matters. An answer that time alone may change is told with its next turn: cells are added from the
newest on, and what holds with the newest k of them is what will hold once the older ones have left.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from onefold.audiences import cells, frames, values
from onefold.audiences.cells import LEVEL, MERGES, Cell, Cells, canonical, scalar_key, total
from onefold.audiences.frames import Frame
from onefold.audiences.model import Measure, MeasureName
from onefold.audiences.values import Test

Result = tuple[bool, int | None]
KEEPS: dict[MeasureName, cells.Keeps] = {
    "sum": "sum", "average": "sum", "min": "range", "max": "range", "distinct": "tally",
    "days": "count", "first": "ends", "last": "ends", "most_frequent": "tally",
}  # fmt: skip
NUMERIC: tuple[MeasureName, ...] = ("sum", "average", "min", "max", "distinct", "days")
SUMS: tuple[MeasureName, ...] = ("sum", "average")

Judge = Callable[[Any, int], bool]  # (what was added up, level of the sample)


def compile_measure(node: Measure) -> Callable[[Any, int], Result]:
    """The measure as a function of (subject, now_ms) → (holds, next_ms)."""
    key, frame = node.leaf.key, node.leaf.frame
    judge, take = judge_of(node), taker(node.name)
    each = node.name != "most_frequent"  # whose judging costs as much as there are values

    def run(subject: Any, now_ms: int) -> Result:
        found = _read(subject.buckets(key))
        if frame.kind == "last":
            return _last(found, frame, now_ms, take, judge)
        return _over_time(found, frame, now_ms, take, judge, each=each)

    return run


def framed_count(found: Cells, frame: Frame, now_ms: int, low: int, high: int | None) -> Result:
    """Is the number of events within these ends, and until when?"""

    def judge(acc: Any, _: int) -> bool:
        n = acc or 0
        return low <= n and (high is None or n <= high)

    if frame.kind == "last":
        return _last(found, frame, now_ms, _plus, judge)
    return _over_time(found, frame, now_ms, _plus, judge, each=True)


def count_of(frame: Frame, found: Cells, now_ms: int) -> int:
    """How many events count at `now_ms`."""
    return _sum(found, frame, now_ms, _plus) or 0


def _plus(acc: int | None, _: int, cell: int) -> int:
    return cell if acc is None else acc + cell


def value_of(name: MeasureName, frame: Frame, found: Cells, now_ms: int) -> Any:
    """What the measure comes to at `now_ms`, JSON-ready; None when there is nothing."""
    read = _read(found)
    return _value(name, _sum(read, frame, now_ms, taker(name)), read.get(LEVEL, 0))


def _value(name: MeasureName, acc: Any, level: int) -> Any:
    if acc is None:
        return 0 if name in ("sum", "distinct", "days") else None
    match name:
        case "sum":
            return canonical(total(acc) / cells.MICRO)
        case "average":
            return canonical(total(acc) / acc[0] / cells.MICRO)
        case "min" | "max":
            return canonical(acc[name == "max"])
        case "first" | "last":
            return acc[1 if name == "first" else 3]
        case "most_frequent":
            return _most(acc)
        case "distinct":
            return len(acc) << level
        case _:
            return len(acc)


def _most(tally: Mapping[str, int]) -> Any:
    """The value that came most often; of several the least."""
    most = max(tally.values())
    found = [msgspec.json.decode(text) for text, n in tally.items() if n == most]
    return min(found, key=lambda v: scalar_key(v) or (9, 0.0, ""))


def taker(name: MeasureName) -> Callable[[Any, int, Cell], Any]:
    """How one more bucket joins what was added up."""
    if name == "days":
        return _day
    merge = MERGES[KEEPS[name]]
    return lambda acc, _, cell: merge(acc, cell)


def _day(acc: set[int] | None, bucket: int, _: Cell) -> set[int]:
    acc = set() if acc is None else acc
    acc.add(bucket >> 2)
    return acc


def judge_of(node: Measure) -> Judge:
    """Does what was added up pass?"""
    name = node.name
    if name == "sum":
        return _exactly(node.tests, average=False)
    if name == "average":
        return _exactly(node.tests, average=True)
    check = values.compile_tests(node.tests)
    return lambda acc, level: check(_value(name, acc, level))


def _exactly(tests: tuple[Test, ...], *, average: bool) -> Judge:
    """Sums and averages against thresholds in millionths."""
    if any(t.op == "set" for t in tests):
        return lambda acc, _: (acc is not None) is tests[0].value
    wanted = [(t.op, cells.micros(t.value) or 0) for t in tests]

    def judge(acc: Any, _: int) -> bool:
        if acc is None:
            if average:
                return False
            acc = (0, 0, 0)
        n = acc[0] if average else 1
        return all(_holds(op, total(acc), limit * n) for op, limit in wanted)

    return judge


def _holds(op: str, found: int, limit: int) -> bool:
    match op:
        case "is":
            return found == limit
        case "greater_than":
            return found > limit
        case "at_least":
            return found >= limit
        case "less_than":
            return found < limit
        case _:
            return found <= limit


# ── over time ──────────────────────────────────────────────────────────────────────────────────


def _read(found: Cells) -> Cells:
    """The cells; of a sampled tally those of the sample."""
    if LEVEL not in found:
        return found
    out = dict(found)
    cells.sample(out, out[LEVEL])
    return out


def _over_time(
    found: Cells, frame: Frame, now_ms: int, take: Any, judge: Judge, *, each: bool
) -> Result:
    first, last = frames.inside(frame, now_ms)
    within = sorted((b for b in found if first <= b <= last and b != LEVEL), reverse=True)
    forgets = frames.kept(frame) > 0
    turn: dict[bool, int | None] = {}
    acc: Any = None
    level = found.get(LEVEL, 0)
    leaves: int | None = None
    for bucket in within:
        if forgets:
            then = frames.leaves_ms(frame, bucket, now_ms)
            if then != leaves and (each or bucket == within[-1]):
                turn[judge(acc, level)] = then
            leaves = then
        acc = take(acc, bucket, found[bucket])
    holds = judge(acc, level)
    next_ms = turn.get(not holds) if each else leaves
    ahead = min((b for b in found if b > last), default=None)
    if ahead is not None:
        enters = frames.enters_ms(frame, ahead)
        next_ms = enters if next_ms is None else min(next_ms, enters)
    return holds, next_ms


def _last(found: Cells, frame: Frame, now_ms: int, take: Any, judge: Judge) -> Result:
    """Of a period that is over: it changes as a whole, when the next one is over."""
    level, turns = found.get(LEVEL, 0), frames.turns_ms(frame, now_ms)
    holds = judge(_sum(found, frame, now_ms, take), level)
    _, last = frames.inside(frame, turns[0])
    if max(found, default=LEVEL) > last:  # a clock ran fast
        return holds, turns[0]
    for at in turns:
        if judge(_sum(found, frame, at, take), level) is not holds:
            return holds, at
    return holds, None


def _sum(found: Cells, frame: Frame, now_ms: int, take: Any) -> Any:
    first, last = frames.inside(frame, now_ms)
    acc: Any = None
    for bucket, cell in found.items():
        if first <= bucket <= last and bucket != LEVEL:
            acc = take(acc, bucket, cell)
    return acc
