"""Values as a form's text fields show them, and back, losing nothing. Pure.

`trial` is text, `5` a number, `true` a truth. Text that would be read as anything else, or that a
field would change, stands in quotes: `"5"`.
"""

import re
from typing import Any

import msgspec

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]")
_ITEM = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,]*)\s*(?:,|$)')
_SPAN = re.compile(r"([0-9]{1,9}) ?([wdhms])", re.ASCII)


def show_name(text: str) -> str:
    """A name or other plain text as a field shows it."""
    plain = text and text == text.strip() and text[0] != '"' and not _UNSAFE.search(text)
    return text if plain else _quoted(text)


def read_name(text: str) -> str:
    """The text that a field holds; empty when nothing was written."""
    text = text.strip()
    if len(text) > 1 and text[0] == '"' == text[-1]:
        try:
            return msgspec.json.decode(text, type=str)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return text
    return text


def show(value: Any) -> str:
    """A text, number or truth as a field shows it; nothing for None."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return msgspec.json.encode(value).decode()
    shown = show_name(value)
    return shown if isinstance(read(shown), str) else _quoted(value)


def read(text: str) -> Any:
    """What a field's text means; None when nothing was written."""
    text = text.strip()
    if not text:
        return None
    if text in ("true", "false"):
        return text == "true"
    if _WHOLE.fullmatch(text) and _NUMBER.fullmatch(text) and len(text) < 400:
        return int(text)
    if _NUMBER.fullmatch(text) and len(text) < 400:
        return float(text)
    return read_name(text)


def show_list(values: Any) -> str:
    """Several values, with commas between."""
    return ", ".join(
        _quoted(v) if isinstance(v, str) and ("," in v or not v) else show(v) for v in values
    )


def read_list(text: str) -> list[Any]:
    """Several values; empty ones are passed over."""
    found, at = [], 0
    while at < len(text):
        one = _ITEM.match(text, at)
        if one is None or one.end() == at:
            break
        found.append(read(one[1]))
        at = one.end()
    return [v for v in found if v is not None]


def show_span(text: Any) -> tuple[str, str] | None:
    """`7d` as ("7", "d"); None for what is no span."""
    found = _SPAN.fullmatch(text) if isinstance(text, str) else None
    return (found[1], found[2]) if found else None


def read_span(number: str, unit: str) -> str:
    """("7", "d") as `7d`; only the number when no unit is there."""
    return f"{number.strip()}{unit}" if number.strip() else ""


def _quoted(text: str) -> str:
    shown = msgspec.json.encode(text).decode()
    return re.sub(r"[\x7f\u0085\u2028\u2029]", lambda c: f"\\u{ord(c[0]):04x}", shown)
