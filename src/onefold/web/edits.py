"""In-place edits: which fields of a form differ from the record, the word for it, its undo. Pure.

A record page sends its whole form on every change; only what differs is written, so that two people
who edit different fields meet only in the version check.
"""

from collections.abc import Mapping
from typing import Any

from onefold.kernel import errors
from onefold.web import view

_SOLVED = {"resolved": "Ticket solved", "paused": "Ticket paused", "open": "Ticket reopened"}
_DONE = {"done": "Task done", "cancelled": "Task cancelled", "open": "Task reopened"}


def tags(text: str) -> list[str]:
    """`"exports, billing "` → `["exports", "billing"]`, each once, in order."""
    return list(dict.fromkeys(t.strip() for t in text.split(",") if t.strip()))


def version(form: Mapping[str, str]) -> int | None:
    """The version the form was made from; None when it names none. Raises `Invalid`."""
    text = form.get("version", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise errors.Invalid(errors.Fault("version", "is not a number.", "Reload the page."))
    return int(text)


def differing(record: Any, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values that differ from the record, and what the record has there now."""
    after: dict[str, Any] = {}
    before: dict[str, Any] = {}
    for name, value in values.items():
        current = getattr(record, name)
        if (current or None) != (value or None):
            after[name] = value
            before[name] = current
    return after, before


def word(noun: str, changed: Mapping[str, Any], owner: str = "") -> str:
    """The toast of a change, under 30 characters."""
    if "status" in changed:
        words = _SOLVED if noun == "ticket" else _DONE
        return words.get(str(changed["status"]), "Status changed")
    if "owner_id" in changed:
        text = f"Assigned to {owner}" if owner else "Owner removed"
        return text if len(text) < 30 else text[:28] + "…"
    if "priority" in changed:
        return f"Priority: {view.pill(str(changed['priority']))[1].lower()}"
    if "tags" in changed:
        return "Tags changed"
    return "Saved" if changed else "Nothing changed"


def form_values(before: Mapping[str, Any]) -> dict[str, str]:
    """What the record had, as form fields, for the undo."""
    out = {}
    for name, value in before.items():
        out[name] = ", ".join(value) if isinstance(value, list) else str(value or "")
    return out
