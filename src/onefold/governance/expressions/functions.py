"""The functions of the language. All are total: a value they cannot use gives null.

Texts are cut off from use above `limits.expression_text_chars_max` and lists above
`limits.expression_items_max`, so that an expression's cost is bounded by its own length.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import msgspec

from onefold.governance.expressions.model import Literal, Node
from onefold.kernel import limits

_INT_MAX = 2**63 - 1


def _no_check(_: tuple[Node, ...]) -> None:
    pass


class Function(msgspec.Struct, frozen=True):
    """`run` takes the values; `prepare`, where given, takes the nodes first (patterns)."""

    example: str
    says: str
    args_min: int
    args_max: int
    run: Callable[..., Any]
    check: Callable[[tuple[Node, ...]], None] = _no_check
    prepare: Callable[[tuple[Node, ...]], Callable[..., Any]] | None = None

    @property
    def arity(self) -> str:
        """`2 arguments`, `1 to 3 arguments`."""
        low, high = self.args_min, self.args_max
        several = f"{low}" if low == high else f"{low} to {high}"
        return f"{several} argument{'' if high == 1 else 's'}"


def text_of(value: Any) -> str | None:
    """A text that is short enough to work on."""
    if isinstance(value, str) and len(value) <= limits.expression_text_chars_max:
        return value
    return None


def number_of(value: Any) -> int | float | None:
    """A number that is not a truth value."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def bounded(value: float) -> int | float | None:
    """A result that a 64-bit number can hold, or null."""
    if isinstance(value, int):
        return value if -_INT_MAX - 1 <= value <= _INT_MAX else None
    return value if value - value == 0 else None  # neither infinite nor NaN


def as_text(value: Any) -> str | None:
    """A scalar as text: numbers in decimal, truth as `true` and `false`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value) if bounded(value) is not None else None
    return text_of(value)


def same(a: Any, b: Any) -> bool:
    """Equality of scalars: `1` is `1.0`, `true` is not `1`, lists and objects equal nothing."""
    if isinstance(a, dict | list) or isinstance(b, dict | list):
        return False
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return bool(a == b)


def _on_text(run: Callable[[str], Any]) -> Callable[[Any], Any]:
    def on(value: Any) -> Any:
        text = text_of(value)
        return None if text is None else run(text)

    return on


def _two_texts(run: Callable[[str, str], Any]) -> Callable[[Any, Any], bool]:
    def on(a: Any, b: Any) -> bool:
        first, second = text_of(a), text_of(b)
        return first is not None and second is not None and bool(run(first, second))

    return on


def _contains(a: Any, b: Any) -> bool:
    if isinstance(a, list):
        return len(a) <= limits.expression_items_max and any(same(item, b) for item in a)
    first, second = text_of(a), text_of(b)
    return first is not None and second is not None and second in first


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, str | list | dict) else None


def _replace(value: Any, old: Any, new: Any) -> str | None:
    text, a, b = text_of(value), text_of(old), text_of(new)
    if text is None or not a or b is None:
        return text
    grown = len(text) + text.count(a) * max(0, len(b) - len(a))
    return text.replace(a, b) if grown <= limits.expression_text_chars_max else None


def _split(value: Any, mark: Any, index: Any) -> str | None:
    text, sign = text_of(value), text_of(mark)
    if text is None or not sign or not isinstance(index, int) or isinstance(index, bool):
        return None
    parts = text.split(sign)
    return parts[index] if -len(parts) <= index < len(parts) else None


def _substring(value: Any, start: Any, length: Any = None) -> str | None:
    text = text_of(value)
    for n in (start, 0 if length is None else length):
        if not isinstance(n, int) or isinstance(n, bool) or n < 0:
            return None
    if text is None:
        return None
    return text[start:] if length is None else text[start : start + length]


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return int(value)
    found = number_of(value)
    if found is not None:
        return bounded(found)
    text = text_of(value)
    if text is None or not 0 < len(text.strip()) <= 40 or "_" in text:
        return None
    for read in (int, float):
        try:
            return bounded(read(text))
        except ValueError:
            continue
    return None


def _boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    return True if text in ("true", "yes", "1") else False if text in ("false", "no", "0") else None


def _round(value: Any, places: Any = 0) -> int | float | None:
    n = number_of(value)
    if n is None or bounded(n) is None or not isinstance(places, int) or not 0 <= places <= 10:
        return None
    return bounded(round(n, places) if places else round(n))


def _extreme(pick: Callable[..., Any]) -> Callable[..., Any]:
    def of(*values: Any) -> Any:
        numbers = [n for n in map(number_of, values) if n is not None]
        return pick(numbers) if numbers else None

    return of


def _coalesce(*values: Any) -> Any:
    return next((v for v in values if v is not None and v != ""), None)


def _if(condition: Any, then: Any, otherwise: Any = None) -> Any:
    return then if condition is True else otherwise


def _domain(text: str) -> str | None:
    _, at, domain = text.strip().rpartition("@")
    return domain.lower() if at and domain else None


def _url(part: str) -> Callable[[str], str | None]:
    def of(text: str) -> str | None:
        try:
            found = getattr(urlsplit(text.strip()), part)
        except ValueError:
            return None
        return str(found) if found else None

    return of


def _abs(value: Any) -> int | float | None:
    n = number_of(value)
    return None if n is None else bounded(abs(n))


def _check_pattern(args: tuple[Node, ...]) -> None:
    pattern = args[1]
    if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
        raise ValueError("the pattern must be a text in quotes.")  # noqa: TRY004
    try:
        _pattern(pattern.value)
    except ValueError:
        raise ValueError(
            f"`{pattern.value[:80]}` is no pattern; look-around is not read."
        ) from None


def _pattern(pattern: str) -> Callable[[Any], bool]:
    """A search in time linear in the text, whatever the pattern."""
    options = jsonschema_rs.RegexOptions(size_limit=limits.pattern_bytes_max)
    validator = jsonschema_rs.validator_for(
        {"type": "string", "pattern": pattern}, pattern_options=options, offline=True
    )
    return validator.is_valid


def _prepare_matches(args: tuple[Node, ...]) -> Callable[..., Any]:
    pattern = args[1]
    assert isinstance(pattern, Literal)  # noqa: S101 - `check` has seen it
    found = _pattern(str(pattern.value))
    return lambda value, _: text_of(value) is not None and found(value)


F = Function
FUNCTIONS: dict[str, Function] = {
    "lower": F("lower(traits.email)", "in lower case", 1, 1, _on_text(str.lower)),
    "upper": F("upper(properties.code)", "in upper case", 1, 1, _on_text(str.upper)),
    "trim": F("trim(event)", "without spaces at its ends", 1, 1, _on_text(str.strip)),
    "length": F("length(properties.name)", "characters, or entries", 1, 1, _length),
    "contains": F('contains(event, "Export")', "a part of a text, or of a list", 2, 2, _contains),
    "starts_with": F('starts_with(event, "api.")', "", 2, 2, _two_texts(str.startswith)),
    "ends_with": F('ends_with(traits.email, ".de")', "", 2, 2, _two_texts(str.endswith)),
    "matches": F(
        'matches(event, "^api\\\\.")',
        "a pattern is found in the text (no look-around)",
        2,
        2,
        lambda *_: None,
        _check_pattern,
        _prepare_matches,
    ),
    "replace": F('replace(event, "_", " ")', "each first text by the second", 3, 3, _replace),
    "split": F('split(userId, ":", 1)', "a part, counted from 0, or -1 from the end", 3, 3, _split),
    "substring": F("substring(event, 0, 10)", "from a place on, so many", 2, 3, _substring),
    "text": F("text(properties.rows)", "as text", 1, 1, as_text),
    "number": F("number(properties.price)", "a text as a number", 1, 1, _number),
    "boolean": F("boolean(traits.active)", "true/yes/1 and false/no/0", 1, 1, _boolean),
    "round": F("round(properties.price, 2)", "to so many places", 1, 2, _round),
    "abs": F("abs(properties.change)", "without its sign", 1, 1, _abs),
    "min": F("min(properties.a, 10)", "the least number", 1, 20, _extreme(min)),
    "max": F("max(properties.a, 0)", "the greatest number", 1, 20, _extreme(max)),
    "coalesce": F("coalesce(traits.name, traits.email)", "the first that is set", 1, 20, _coalesce),
    "has": F("has(properties.plan)", "is it set, not null", 1, 1, lambda v: v is not None),
    "if": F('if(properties.rows > 9, "big", "small")', "one of two values", 2, 3, _if),
    "domain": F("domain(traits.email)", "what follows the @", 1, 1, _on_text(_domain)),
    "host": F("host(context.page.url)", "of a URL", 1, 1, _on_text(_url("hostname"))),
    "path": F("path(context.page.url)", "of a URL", 1, 1, _on_text(_url("path"))),
}
