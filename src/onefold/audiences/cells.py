"""What a leaf keeps in each bucket of time: a cell, and how two cells become one. Pure.

    count   n
    sum     [n, low, high]          of a number, in millionths: exact, in any order
    range   [least, most]           of a number
    ends    [at, value, at, value]  the first and the last value
    tally   {value as JSON: n}
    span    [first_at, last_at]     of events
    pair    [a_first, a_last, b_first, b_last]  of a sequence's two events, None without one

Every cell is a commutative, associative merge of its facts, so that late events, merged people and
moved accounts need no second thought. `tally` keeps `limits.leaf_values_max` values of a fragment;
beyond it those whose hash ends in so many zero bits (the bucket `LEVEL` says how many) stand for
all: a sample that does not depend on order either.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Literal, Protocol

import msgspec

from onefold.audiences import values
from onefold.kernel import limits

Keeps = Literal["count", "sum", "range", "ends", "tally", "span", "pair"]
Cell = Any
Cells = Mapping[int, Cell]
LEVEL = -(1 << 40)  # the bucket of a tally's level; no time is there
MICRO = 1_000_000
_SUM_MAX = 1e12
_LOW = 1 << 62


class Event(Protocol):
    """What cells read of a fact."""

    @property
    def name(self) -> str:
        """The event's name."""
        ...

    @property
    def at_ms(self) -> int:
        """When it happened."""
        ...

    @property
    def properties(self) -> Mapping[str, Any]:
        """As sent."""
        ...


Make = Callable[[Any], Cell | None]  # a fact's own cell; None: it adds nothing


def micros(value: Any) -> int | None:
    """A number in millionths, rounded half up; None for no number and one beyond ±10^12."""
    number = values.number(value)
    if number is None or not -_SUM_MAX <= number <= _SUM_MAX:
        return None
    return int((number * MICRO + 0.5) // 1)


def scalar_key(value: Any) -> tuple[int, float, str] | None:
    """An order over the values that are counted apart; None for any other value."""
    if isinstance(value, bool):
        return 0, float(value), ""
    number = values.number(value)
    if number is not None:
        return 1, number + 0.0, ""
    if isinstance(value, str) and len(value) <= limits.leaf_value_chars_max:
        return 2, 0.0, value
    return None


def canonical(value: Any) -> Any:
    """One form for equal values."""
    return values.canonical_number(value) if type(value) in (int, float) else value


def total(cell: Sequence[int]) -> int:
    """The sum in millionths."""
    return cell[1] + cell[2] * _LOW


def maker(keeps: Keeps, read: Callable[[Mapping[str, Any]], Any]) -> Make:
    """What one fact puts into its bucket; `read` finds the property."""
    match keeps:
        case "sum":
            return _sum(read)
        case "range":
            return _range(read)
        case "ends":
            return _ends(read)
        case "tally":
            return _tally(read)
        case "span":
            return lambda fact: [fact.at_ms, fact.at_ms]
        case _:
            return lambda _: 1


def _sum(read: Callable[[Mapping[str, Any]], Any]) -> Make:
    def make(fact: Event) -> Cell | None:
        value = micros(read(fact.properties))
        return None if value is None else [1, value % _LOW, value // _LOW]

    return make


def _range(read: Callable[[Mapping[str, Any]], Any]) -> Make:
    def make(fact: Event) -> Cell | None:
        value = values.number(read(fact.properties))
        return None if value is None else [value, value]

    return make


def _ends(read: Callable[[Mapping[str, Any]], Any]) -> Make:
    def make(fact: Event) -> Cell | None:
        value = read(fact.properties)
        if scalar_key(value) is None:
            return None
        value = canonical(value)
        return [fact.at_ms, value, fact.at_ms, value]

    return make


def _tally(read: Callable[[Mapping[str, Any]], Any]) -> Make:
    def make(fact: Event) -> Cell | None:
        value = read(fact.properties)
        if scalar_key(value) is None:
            return None
        return {msgspec.json.encode(canonical(value)).decode(): 1}

    return make


def pair_maker(first: Callable[[Event], bool], then: Callable[[Event], bool]) -> Make:
    """The cell of a sequence; one fact may be both of its events."""

    def make(fact: Event) -> Cell | None:
        a, b, at = first(fact), then(fact), fact.at_ms
        if not a and not b:
            return None
        return [at if a else None, at if a else None, at if b else None, at if b else None]

    return make


# ── merging ────────────────────────────────────────────────────────────────────────────────────


def merge_sum(cell: Cell | None, new: Sequence[int]) -> Cell:
    """The sum of both."""
    if cell is None:
        return list(new)
    low = cell[1] + new[1]
    return [cell[0] + new[0], low % _LOW, cell[2] + new[2] + low // _LOW]


def merge_range(cell: Cell | None, new: Sequence[float]) -> Cell:
    """The widest of both."""
    return list(new) if cell is None else [min(cell[0], new[0]), max(cell[1], new[1])]


def merge_ends(cell: Cell | None, new: Sequence[Any]) -> Cell:
    """The outermost of both."""
    if cell is None:
        return list(new)
    first = min((cell[0], cell[1]), (new[0], new[1]), key=_moment)
    last = max((cell[2], cell[3]), (new[2], new[3]), key=_moment)
    return [*first, *last]


def _moment(end: tuple[int, Any]) -> tuple[int, tuple[int, float, str] | None]:
    return end[0], scalar_key(end[1])


def merge_tally(cell: Cell | None, new: Mapping[str, int]) -> Cell:
    """Both together; `cell` is changed."""
    out = dict(new) if cell is None else cell
    if cell is not None:
        for text, n in new.items():
            out[text] = out.get(text, 0) + n
    return out


def merge_span(cell: Cell | None, new: Sequence[int]) -> Cell:
    """The widest of both."""
    return list(new) if cell is None else [min(cell[0], new[0]), max(cell[1], new[1])]


def merge_pair(cell: Cell | None, new: Sequence[int | None]) -> Cell:
    """The outermost of both, event by event."""
    if cell is None:
        return list(new)
    return [
        _either(min, cell[0], new[0]), _either(max, cell[1], new[1]),
        _either(min, cell[2], new[2]), _either(max, cell[3], new[3]),
    ]  # fmt: skip


def _either(choose: Callable[[int, int], int], a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return choose(a, b)


MERGES: dict[Keeps, Callable[[Cell | None, Any], Cell]] = {
    "count": lambda cell, n: n if cell is None else cell + n,
    "sum": merge_sum,
    "range": merge_range,
    "ends": merge_ends,
    "tally": merge_tally,
    "span": merge_span,
    "pair": merge_pair,
}


def merge(keeps: Keeps, parts: Iterable[Cells]) -> dict[int, Cell]:
    """The state of the union of histories. The parts stay as they are."""
    combine = MERGES[keeps]
    out: dict[int, Cell] = {}
    for part in parts:
        for bucket, cell in part.items():
            if bucket == LEVEL:
                out[bucket] = max(cell, out.get(bucket, 0))
            else:
                out[bucket] = combine(out.get(bucket), cell)
    if keeps == "tally" and LEVEL in out:
        sample(out, out[LEVEL])
    return out


# ── a tally's limit ────────────────────────────────────────────────────────────────────────────


def bound(cells: dict[int, Cell]) -> None:
    """Back to the limit of distinct values, by sampling them if need be."""
    if sum(map(len, _tallies(cells))) <= limits.leaf_values_max:
        return
    while len({text for cell in _tallies(cells) for text in cell}) > limits.leaf_values_max:
        cells[LEVEL] = cells.get(LEVEL, 0) + 1
        sample(cells, cells[LEVEL])


def _tallies(cells: Mapping[int, Cell]) -> list[dict[str, int]]:
    return [cell for bucket, cell in cells.items() if bucket != LEVEL]


def sample(cells: dict[int, Cell], level: int) -> None:
    """Keep the values of the sample at this level."""
    mask = (1 << level) - 1
    for bucket, cell in list(cells.items()):
        if bucket != LEVEL:
            kept = {text: n for text, n in cell.items() if not _hash(text) & mask}
            if kept:
                cells[bucket] = kept
            else:
                del cells[bucket]


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")
