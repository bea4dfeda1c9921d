"""One value of a file as a field wants it: numbers, booleans, times in the forms of many tools."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from typing import Any

import msgspec

from onefold.kernel import clock
from onefold.sources.imports.model import As

_NUMBER = re.compile(r"[-+]?(?:0|[1-9]\d*|\d{1,3}(?:,\d{3})+)(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[-+]?\d+", re.ASCII)
_SIGNS = {"€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "US$": "USD", "$": ""}
_CODE = re.compile(r"(?<![A-Za-z])[A-Za-z]{3}(?![A-Za-z])", re.ASCII)
_GAPS = re.compile(r"[\s'\u2019\u00a0\u202f]+")
_DIGITS = re.compile(r"\d[\d.,]*", re.ASCII)
_GROUP = 4  # a comma and three digits: thousands
_ADDRESS = re.compile(
    r"[^@\s<>()\[\],;:\"]{1,64}@[^@\s<>()\[\],;:\".]{1,63}(?:\.[^@\s<>()\[\],;:\".]{1,63})+"
)
_YES = frozenset(("true", "yes", "t", "y"))
_NO = frozenset(("false", "no", "f", "n"))
_SLASHED = re.compile(
    r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})"
    r"(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp][Mm])?)?",
    re.ASCII,
)
_LOOSE = re.compile(r"(\d{4}-\d{2}-\d{2})[ T](\d):(\d{2}.*)", re.ASCII)
_EPOCH = re.compile(r"\d{9,13}(?:\.\d+)?", re.ASCII)
_NAMED = ("%d %b %Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%a, %d %b %Y %H:%M:%S %z",
          "%a, %d %b %Y %H:%M:%S GMT", "%d %b %Y %H:%M:%S", "%b %d, %Y %H:%M:%S")  # fmt: skip


class Unfit(ValueError):
    """A value that is not what its column should hold: the problem, and the remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def text(value: Any) -> str:
    """A value as text; whole numbers without a point, as spreadsheets keep ids."""
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime | date | time_of_day):
        return value.isoformat()
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def address(shown: str) -> str | None:
    """The first e-mail address of `ada@x.co; a@y.co`, `Ada (ada@x.co)`, `Ada <ada@x.co>`."""
    found = _ADDRESS.search(shown) if "@" in shown else None
    return found[0] if found else None


def convert(value: Any, kind: As) -> Any:
    """The value as JSON holds it. Raises `Unfit`."""
    if kind == "text":
        return text(value)
    if kind == "number":
        return number(value)
    if kind == "boolean":
        return boolean(value)
    if kind == "json":
        return _json(value)
    return clock.iso(time_ms(value, kind))


def number(value: Any) -> int | float:
    """A number; thousands may be set apart by commas."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    shown = text(value)
    if not _NUMBER.fullmatch(shown):
        raise Unfit("is not a number.", "Correct it, leave it empty, or read the column as text.")
    plain = shown.replace(",", "")
    return int(plain) if _WHOLE.fullmatch(plain) and len(plain) < 19 else float(plain)


def amount(shown: str) -> tuple[str, str]:
    """A sum of money as people write it, as a plain number and its currency ("" for unsaid).

    `€ 1.200,50`, `1,200.50 USD`, `(1 200)`; what is none comes back as it is.
    """
    text_, code = shown.strip(), ""
    for sign, named in _SIGNS.items():
        if sign in text_:
            text_, code = text_.replace(sign, ""), named
    if letters := _CODE.search(text_):
        text_, code = text_.replace(letters[0], ""), letters[0].upper()
    text_ = _GAPS.sub("", text_)
    negative = (text_.startswith("(") and text_.endswith(")")) or text_.startswith("-")
    digits = text_.strip("()-+")
    if not _DIGITS.fullmatch(digits):
        return shown, ""
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma > point >= 0 or (point < 0 <= comma and len(digits) - comma != _GROUP):
        digits = digits.replace(".", "").replace(",", ".")  # 1.200,50 or 12,5
    elif digits.count(".") > 1:
        digits = digits.replace(".", "")
    return ("-" if negative else "") + digits.replace(",", ""), code


def boolean(value: Any) -> bool:
    """Yes or no."""
    if isinstance(value, bool):
        return value
    shown = text(value).lower()
    if shown in _YES or shown == "1":
        return True
    if shown in _NO or shown == "0":
        return False
    raise Unfit("is neither true nor false.", "Write true or false, or read the column as text.")


def time_ms(value: Any, kind: As = "time") -> int:
    """A time in milliseconds, UTC unless it has a zone; `dmy`, `mdy`: how 3/4/2026 is meant."""
    if isinstance(value, datetime):
        return clock.from_datetime(value)
    if isinstance(value, date):
        return clock.from_datetime(datetime(value.year, value.month, value.day, tzinfo=UTC))
    found = _time(text(value), kind)
    if found is None:
        raise Unfit(
            "is not a time.",
            "Write `2026-11-23T17:00:00Z`; for 23/11/2026 read the column as day-month-year.",
        )
    return found


def _time(shown: str, kind: As) -> int | None:
    if _EPOCH.fullmatch(shown):
        seconds = float(shown)
        return int(seconds if seconds > 100_000_000_000 else seconds * 1000)
    slashed = _SLASHED.fullmatch(shown)
    try:
        if slashed:
            return _from_parts(slashed, kind)
        loose = _LOOSE.fullmatch(shown)
        bare = f"{loose[1]} 0{loose[2]}:{loose[3]}" if loose else shown
        bare = bare.removesuffix(" UTC")
        return clock.from_datetime(datetime.fromisoformat(bare))
    except (ValueError, OverflowError):
        pass
    for form in _NAMED:
        try:
            return clock.from_datetime(datetime.strptime(shown, form))  # noqa: DTZ007 UTC if bare
        except ValueError:
            continue
    return None


def _from_parts(found: re.Match[str], kind: As) -> int:
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    dmy = kind == "dmy" or (kind != "mdy" and (first > 12 or found[0][len(found[1])] == "."))
    day, month = (first, second) if dmy else (second, first)
    hour, minute, second_ = int(found[4] or 0), int(found[5] or 0), int(found[6] or 0)
    if found[7]:
        hour = hour % 12 + (12 if found[7].lower() == "pm" else 0)
    return clock.from_datetime(datetime(year, month, day, hour, minute, second_, tzinfo=UTC))


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return msgspec.to_builtins(value, builtin_types=(), enc_hook=str)
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        raise Unfit("is not JSON.", "Correct it, or read the column as text.") from None


def time_kind(texts: Sequence[str], *, mostly: bool = False) -> As | None:
    """How times in this form are read, or None when they are none; `mostly`: half may be none."""
    kinds: set[As] = set()
    wrong = 0
    for shown in texts:
        slashed = _SLASHED.fullmatch(shown.strip())
        if slashed:
            if int(slashed[1]) > 12 or "." in shown[:3]:
                kinds.add("dmy")
            elif int(slashed[2]) > 12:
                kinds.add("mdy")
        elif _time(shown.strip(), "time") is None:
            wrong += 1
    if not texts or wrong * 2 > (len(texts) if mostly else 0):
        return None
    return "dmy" if "dmy" in kinds else "mdy" if "mdy" in kinds else "time"


def kind_of(found: Sequence[Any]) -> As:
    """What a column of values without a field holds."""
    if not found:
        return "text"
    if all(isinstance(v, bool) for v in found):
        return "boolean"
    if all(isinstance(v, int | float | Decimal) and not isinstance(v, bool) for v in found):
        return "number"
    if any(isinstance(v, list | dict) for v in found):
        return "json"
    texts = [text(v) for v in found]
    if all(t.lower() in ("true", "false") for t in texts):
        return "boolean"
    if all(_NUMBER.fullmatch(t) and len(t) < 16 and not t.startswith("+") for t in texts):
        return "number"
    if all(isinstance(v, datetime | date) for v in found):
        return "time"
    return "text"
