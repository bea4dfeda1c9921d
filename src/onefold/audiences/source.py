"""From an audience's text to plain values."""

from typing import Any

from onefold.kernel import definitions

_BEGIN = "Begin with `of: person` or `of: account`, then `where:`."


def read(source: str | dict[str, Any]) -> dict[str, Any]:
    """The mapping that a text holds. Raises `Invalid` naming the line."""
    return definitions.read(source, _BEGIN)
