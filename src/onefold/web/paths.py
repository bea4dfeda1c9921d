"""A mapping as the fields of a form, and back. Pure.

Pairs are lines: `order.paid = Order Completed`. `properties` and `traits` are either such lines or
one expression that gives the whole object.
"""

import re
from collections.abc import Mapping
from typing import Any

from onefold.sources import webhooks

TEXTS = (
    ("event", "Event", "type, or a fixed text: 'Order Paid'"),
    ("message_id", "Event id", "id, or header:X-Delivery-Id"),
    ("time", "Time", "created_at"),
    ("email", "E-mail", "customer.email"),
    ("user_id", "User id", "customer.external_id"),
    ("account_id", "Account id", "customer.org_id"),
    ("anonymous_id", "Anonymous id", "visitor.id"),
    ("each", "List of events", "When there are several: events"),
)
PAIRS = (
    ("names", "Names", "order.paid = Order Completed"),
    ("properties", "Properties", "@ for everything, data for an object, or sum = total.cents"),
    ("traits", "Traits", "plan = account.tier"),
    ("external_ids", "Further identifiers", "github_login = sender.login"),
)  # fmt: skip
KINDS = [
    ("track", "An event"), ("identify", "Traits of a person"), ("group", "Traits of an account"),
    ("page", "A page view"), ("screen", "A screen view"),
]  # fmt: skip
_PAIR = re.compile(r"\s*([^=|&()\[\]]+?)\s*=(?!=)\s*(.+?)\s*")


def read(form: Mapping[str, str]) -> dict[str, Any] | None:
    """The mapping in a form's fields; None when nothing is filled in."""
    out: dict[str, Any] = {}
    for name, _, _ in TEXTS:
        text = form.get(f"map_{name}", "").strip()
        if text:
            out[name] = text
    for name, _, _ in PAIRS:
        value = _pairs(form.get(f"map_{name}", ""), name in ("properties", "traits"))
        if value:
            out[name] = value
    if not out:
        return None
    kind = form.get("map_type", "track")
    return out if kind == "track" else {"type": kind, **out}


def fields(mapping: webhooks.Mapping | None) -> dict[str, str]:
    """The form's fields for a mapping."""
    mapping = mapping or webhooks.Mapping()
    out = {f"map_{name}": getattr(mapping, name) for name, _, _ in TEXTS}
    for name, _, _ in PAIRS:
        value = getattr(mapping, name)
        text = (
            value if isinstance(value, str) else "\n".join(f"{k} = {v}" for k, v in value.items())
        )
        out[f"map_{name}"] = text
    return {**out, "map_type": mapping.type}


def _pairs(text: str, or_one: bool) -> str | dict[str, str]:
    lines = [line for line in text.splitlines() if line.strip()]
    found = [_PAIR.fullmatch(line) for line in lines]
    if or_one and len(lines) == 1 and found[0] is None:
        return lines[0].strip()
    # A line that is no pair stays as one without a value, so that the check can name it.
    return {
        (m[1] if m else line.strip()): (m[2] if m else "?")
        for m, line in zip(found, lines, strict=True)
    }
