"""Corrections of an item: pure. A list of them is applied in order to the item as sent.

| do        | field, to, value   | what happens                                     |
| --------- | ------------------ | ------------------------------------------------ |
| `rename`  | `field` → `to`     | moved, also into or out of objects               |
| `set`     | `field`, `value`   | set to a constant                                |
| `default` | `field`, `value`   | the same, where it is absent or null             |
| `convert` | `field`, `to`      | to text, number, boolean, object, list or time   |
| `remove`  | `field`            | taken away                                       |
| `accept`  |                    | what is over a limit is cut to it (replay.py)    |

A field is a dotted path (`properties.order.id`); a dot that belongs to a name is written `\\.`.
What a correction does not fit stays as it is; admission then says what is wrong with it.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from onefold.governance import item as items
from onefold.kernel import clock, errors, limits

DOES = ("rename", "set", "default", "convert", "remove", "accept")
TYPES = ("text", "number", "boolean", "object", "list", "time")
_DOT = re.compile(r"(?<!\\)\.")
_YES = frozenset(("true", "1", "yes", "on"))
_NO = frozenset(("false", "0", "no", "off"))
_PATH_CHARS_MAX = 300
_HASH_CHARS = 17


class Fix(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One correction, as the table above has it."""

    do: str
    field: str = ""
    to: str = ""
    value: Any = None


def check(fixes: Sequence[Fix]) -> None:
    """Raise `Invalid` naming every correction that says nothing sensible."""
    faults = []
    if len(fixes) > limits.fixes_max:
        faults.append(
            errors.Fault("fixes", f"are {len(fixes)}.", f"Use at most {limits.fixes_max}.")
        )
    for n, fix in enumerate(fixes[: limits.fixes_max]):
        at = f"fixes[{n}]"
        if fix.do not in DOES:
            faults.append(
                errors.Fault(f"{at}.do", "is not a correction.", f"Use one of {', '.join(DOES)}.")
            )
            continue
        paths = {"rename": (fix.field, fix.to), "accept": ()}.get(fix.do, (fix.field,))
        if not all(_sensible(path) for path in paths):
            faults.append(
                errors.Fault(
                    at, "does not name its fields.", "Write a dotted path: `properties.plan`."
                )
            )
        if fix.do == "convert" and fix.to not in TYPES:
            faults.append(
                errors.Fault(f"{at}.to", "is not a type.", f"Use one of {', '.join(TYPES)}.")
            )
    if faults:
        raise errors.Invalid(*faults)


def _sensible(path: str) -> bool:
    return len(path) <= _PATH_CHARS_MAX and all(_names(path)) and "\0" not in path


def apply(item: dict[str, Any], fixes: Sequence[Fix]) -> dict[str, Any]:
    """The item corrected; `item` itself is not changed."""
    out: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(item))
    for fix in fixes:
        if fix.do == "rename":
            found, value = _take(out, fix.field)
            if found and not _put(out, fix.to, value):
                _put(out, fix.field, value)
        elif fix.do == "remove":
            _take(out, fix.field)
        elif fix.do == "set" or (fix.do == "default" and _get(out, fix.field) is None):
            _put(out, fix.field, fix.value)
        elif fix.do == "convert":
            value = _get(out, fix.field)
            if value is not None:
                _put(out, fix.field, _converted(value, fix.to))
    return out


def shorten(item: dict[str, Any], code: str, field: str) -> dict[str, Any] | None:
    """The item with what a refusal says is over a limit cut to the limit; None if nothing helps.

    An identifier keeps its start and a hash of the whole, so that two do not become one person; an
    e-mail address that is too long is nobody's and is left out.
    """
    out: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(item))
    if code == "too_many":
        big = _get(out, field)
        if not isinstance(big, dict):
            return None
        keep = dict(list(big.items())[: limits.event_traits_max])
        return out if _put(out, field, keep) else None
    if code != "too_long":
        return None
    if field == "traits.email":
        gone = [_take(out, path)[0] for path in ("traits.email", "context.traits.email")]
        return out if any(gone) else None
    for path in (field, f"context.{field}"):
        value = _get(out, path)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str):
            _put(out, path, _cut(field, value))
            return out
    return None


def _cut(field: str, value: str) -> str:
    if field == "event":
        return value[: limits.event_name_chars_max].rstrip()
    chars = limits.string_identifier_chars_max
    if field == "messageId":
        chars = limits.message_id_chars_max
    digest = blake2b(value.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return f"{value[: chars - _HASH_CHARS]}~{digest}"


def _names(path: str) -> list[str]:
    return [part.replace("\\.", ".") for part in _DOT.split(path)]


def _get(tree: dict[str, Any], path: str) -> Any:
    value: Any = tree
    for name in _names(path):
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return value


def _take(tree: dict[str, Any], path: str) -> tuple[bool, Any]:
    *parents, last = _names(path)
    value: Any = tree
    for name in parents:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, dict) or last not in value:
        return False, None
    return True, value.pop(last)


def _put(tree: dict[str, Any], path: str, value: Any) -> bool:
    """Set it, making objects on the way; False where something else is in the way."""
    *parents, last = _names(path)
    at: Any = tree
    for name in parents:
        if at.get(name) is None:
            at[name] = {}
        at = at[name]
        if not isinstance(at, dict):
            return False
    at[last] = value
    return True


def _converted(value: Any, kind: str) -> Any:
    """The value as another type, or as it is where that cannot be."""
    if kind == "text":
        return _text(value)
    if kind == "number":
        return _number(value)
    if kind == "boolean":
        word = str(value).strip().lower()
        return True if word in _YES else False if word in _NO else value
    if kind == "object":
        return _object(value)
    if kind == "list":
        return value if isinstance(value, list) else [value]
    return _time(value)


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return msgspec.json.encode(value).decode()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, str):
        return value
    text = value.strip().replace(" ", "").replace("_", "")
    try:
        return int(text)
    except ValueError:
        pass  # perhaps it has a fraction
    try:
        number = float(text)
    except ValueError:
        return value
    return number if number - number == 0.0 else value


def _object(value: Any) -> Any:
    """JSON in a text is read; a list becomes an object (PHP sends an empty object as `[]`)."""
    if isinstance(value, str):
        try:
            found = msgspec.json.decode(value)
        except (msgspec.MsgspecError, RecursionError):
            return value
        return found if isinstance(found, dict) else value
    if isinstance(value, list):
        return {str(n): inner for n, inner in enumerate(value)}
    return value


def _time(value: Any) -> Any:
    """ISO 8601 from seconds, milliseconds (also as text) or a few usual forms of writing."""
    number = _number(value)
    if isinstance(number, int | float) and not isinstance(value, bool):
        seconds = number / 1000 if abs(number) > 100_000_000_000 else number
        try:
            return clock.iso(items.to_ms(datetime.fromtimestamp(seconds, tz=UTC)))
        except (ValueError, OverflowError, OSError):
            return value
    if not isinstance(value, str):
        return value
    for form in (None, "%Y/%m/%d %H:%M:%S", "%Y/%m/%d", "%a, %d %b %Y %H:%M:%S %z"):
        try:
            found = _read(value.strip(), form)
        except ValueError:
            continue
        return clock.iso(items.to_ms(found))
    return value


def _read(text: str, form: str | None) -> datetime:
    if form is None:
        return datetime.fromisoformat(text)
    return datetime.strptime(text, form)  # noqa: DTZ007 - without a zone it is UTC
