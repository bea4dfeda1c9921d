"""Values as databases give them, as JSON holds them; and a cursor's value, kept exactly. Pure.

- Times with a zone stay what they are; times without one are of the pull's time zone.
- Decimals become numbers where that loses nothing, else texts; so do integers of more than 64 bits.
- Bytes that are printable UTF-8 become that text, others their hexadecimal digits.
- Lists and objects (JSON, arrays, structs, maps) stay such, their parts by the same rules.
- What is no number (NaN, infinity) and MySQL's zero dates are nothing.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Context, Decimal, InvalidOperation
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from onefold.kernel import errors, limits
from onefold.sources.pulls.model import Position

_INT_MIN, _INT_MAX = -(2**63), 2**64
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:([T ])(\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?\s*(?:Z|UTC|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_ZERO = "0000-00-00"
_NO_CURSOR = (
    "Use a column with times, numbers or texts that rises whenever a row is added or changed."
)


def plain(value: Any, zone: tzinfo) -> Any:
    """One value. Times stay `datetime` and `date`, which mappings read as such."""
    if value is None or isinstance(value, bool):
        return value
    for kinds, read in _READ:
        if isinstance(value, kinds):
            return read(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=zone) if value.tzinfo is None else value
    if isinstance(value, date):
        return value
    if isinstance(value, Mapping):
        return {str(k): _inner(v, zone) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_inner(v, zone) for v in value]
    return str(value)


def _inner(value: Any, zone: tzinfo) -> Any:
    found = plain(value, zone)
    return found.isoformat() if isinstance(found, date) else found


def _text(value: str) -> str | None:
    if value.startswith(_ZERO):
        return None
    return value.replace("\0", "\ufffd") if "\0" in value else value


_DIGITS = 1_000  # of a decimal cursor: PostgreSQL's numeric is declared with at most so many


def _decimal(value: Decimal) -> int | float | str | None:
    if not value.is_finite():
        return None
    try:
        whole = value == value.to_integral_value()
    except InvalidOperation:
        return str(value)
    if whole:
        return int(value) if _INT_MIN <= value < _INT_MAX else format(value, "f")
    near = float(value)
    return near if Decimal(repr(near)) == value else format(value, "f")


def _span(value: timedelta) -> str:
    """`-1 02:03:04` reads badly: hours, minutes and seconds with one sign, as SQL writes them."""
    sign, seconds = ("-", -value) if value < timedelta(0) else ("", value)
    whole, micro = divmod(seconds // timedelta(microseconds=1), 1_000_000)
    shown = f"{sign}{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{shown}.{micro:06}" if micro else shown


def _bytes(value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return value.hex()
    return text if all(c.isprintable() or c in "\r\n\t" for c in text) else value.hex()


def _integer(value: int) -> int | str:
    return int(value) if _INT_MIN <= value < _INT_MAX else str(value)


_READ: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (str, _text),
    (int, _integer),
    (float, lambda value: value if math.isfinite(value) else None),
    (Decimal, _decimal),
    (time, time.isoformat),
    (timedelta, _span),
    ((bytes, bytearray, memoryview), lambda value: _bytes(bytes(value))),
)


def size(row: Sequence[Any]) -> int:
    """About how many bytes a row takes."""
    return 16 * len(row) + sum(len(v) for v in row if isinstance(v, str | bytes | memoryview))


# ── cursors ────────────────────────────────────────────────────────────────────────────────────


def position(column: str, value: Any) -> Position:
    """A cursor's value. Raises `Invalid` for one that can't be compared again exactly."""
    if isinstance(value, datetime):
        return Position("time", value.isoformat())
    if isinstance(value, date):
        return Position("date", value.isoformat())
    if isinstance(value, int) and not isinstance(value, bool):
        return Position("integer", str(value))
    if isinstance(value, Decimal) and value.is_finite():
        return Position("decimal", format(value, "f"))
    if isinstance(value, float) and math.isfinite(value):
        return Position("float", repr(value))
    if isinstance(value, str):
        return Position("text", value)
    if isinstance(value, UUID):
        return Position("uuid", str(value))
    shown = type(value).__name__
    raise errors.Invalid(
        errors.Fault("cursor", f"`{column}` holds values ({shown}) without an order.", _NO_CURSOR)
    )


def start(at: Position, overlap: int | None) -> Any:
    """From which value on rows are read: the position less the overlap, as a parameter."""
    if at.kind == "time":
        return datetime.fromisoformat(at.value) - timedelta(seconds=_of(overlap))
    if at.kind == "date":
        days = -(-_of(overlap) // 86_400)
        return date.fromisoformat(at.value) - timedelta(days=days)
    if at.kind == "integer":
        return int(at.value) - (limits.pull_overlap_n if overlap is None else overlap)
    if at.kind == "decimal":
        lag = limits.pull_overlap_n if overlap is None else overlap
        # Subtracting would round to the context's digits.
        return Context(prec=_DIGITS).subtract(Decimal(at.value), lag) if lag else Decimal(at.value)
    if at.kind == "float":
        return float(at.value) - (limits.pull_overlap_n if overlap is None else overlap)
    if at.kind == "uuid":
        return UUID(at.value)
    return _text_start(at.value, _of(overlap))


def _of(overlap: int | None) -> int:
    return limits.pull_overlap_s if overlap is None else overlap


def _text_start(value: str, seconds: int) -> str:
    """A text that sorts before each of the window: for a time in ISO form a prefix of its form."""
    found = _ISO.fullmatch(value)
    if not found or not seconds:
        return value
    clock = found[3] or "00:00"
    try:
        at = datetime.fromisoformat(f"{found[1]}T{clock}") - timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return value
    if not found[2]:
        return at.date().isoformat()
    form = "%H:%M" if len(clock) == 5 else "%H:%M:%S"
    return f"{at.date().isoformat()}{found[2]}{at.strftime(form)}"


def is_ahead(value: Any, now: datetime, zone: tzinfo) -> bool:
    """Is a cursor so far in the future that it must be a slip?"""
    if isinstance(value, datetime):
        at = value if value.tzinfo is not None else value.replace(tzinfo=zone)
        return at - now > timedelta(seconds=limits.pull_future_s)
    if isinstance(value, date):
        return value - now.date() > timedelta(seconds=limits.pull_future_s)
    return False


def zone(name: str) -> ZoneInfo:
    """A time zone by name. Raises `Invalid`."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise errors.Invalid(
            errors.Fault("time_zone", f"`{name[:60]}` is not known.", "Write `Europe/Berlin`.")
        ) from None
