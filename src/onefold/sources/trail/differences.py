"""What admission made of an item that was sent otherwise, in words. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from onefold import governance, log
from onefold.governance import item as items
from onefold.kernel import clock, errors, facts
from onefold.sources.trail.model import Correction

_NAMED = (
    ("user_id", "userId"), ("anonymous_id", "anonymousId"), ("email", "traits.email"),
    ("anonymous_id", "previousId"),
)  # fmt: skip
_CHARS_MAX = 200
_SHARED = ("context", "sentAt", "integrations", "type")


def corrections(fact: facts.Fact, raw: bytes, envelope: log.Envelope) -> tuple[Correction, ...]:
    """Where the fact is not simply what was sent."""
    try:
        item = items.decode(raw)
    except errors.Invalid:
        return ()  # a fact all the same: a rule made it one
    tree = glimpse(raw)
    return (*_time(fact, item, tree, envelope), *_names(fact, item, tree))


def shared(raw: bytes, envelope: log.Envelope) -> dict[str, Any]:
    """What the batch said for an item that has none of its own."""
    tree = glimpse(raw)
    found = {name: getattr(envelope, name) for name in _SHARED}
    return {k: v for k, v in found.items() if v is not None and tree.get(k) is None}


def glimpse(raw: bytes) -> dict[str, Any]:
    """The item's tree, whatever is wrong with it; empty when it is no object at all."""
    try:
        tree = msgspec.json.decode(items.unwrap(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return tree if isinstance(tree, dict) else {}


def _time(
    fact: facts.Fact, item: items.Item, tree: dict[str, Any], envelope: log.Envelope
) -> Iterator[Correction]:
    field = "originalTimestamp" if tree.get("originalTimestamp") is not None else "timestamp"
    given = tree.get(field)
    taken = clock.iso(fact.at_ms) or ""
    stamp = item.originalTimestamp or item.timestamp
    if governance.said_ms(item, envelope) is not None:
        field, given, stamp = "timestamp", tree.get("timestamp"), item.timestamp
    if stamp is None:
        if given is not None:
            yield Correction(field, "is no time; the time of receipt is used.", _text(given), taken)
        return
    at_ms = items.to_ms(stamp)
    if fact.at_ms == at_ms:
        return
    sent = item.sentAt or _sent(envelope)
    skew = fact.received_ms - items.to_ms(sent) if sent else 0
    if sent and abs(skew) > governance.SKEW_MS and fact.at_ms == at_ms + skew:
        way = "behind" if skew > 0 else "ahead"
        what = f"the sender's clock is {_span(abs(skew))} {way} (by sentAt); moved by as much."
    elif fact.at_ms == fact.received_ms:
        what = "lies in the future; the time of receipt is used."
    else:
        what = "was changed by a rule."
    yield Correction(field, what, _text(given), taken)


def _names(fact: facts.Fact, item: items.Item, tree: dict[str, Any]) -> Iterator[Correction]:
    taken = [(i.namespace, i.value) for i in fact.identifiers]
    for namespace, field in _NAMED:
        given = _at(tree, field)
        if given is None or isinstance(given, dict | list | bool):
            continue
        text = str(given)
        values = [value for name, value in taken if name == namespace]
        if isinstance(given, int | float) and text in values:
            yield Correction(field, "is a number; taken as text.", text, text)
        elif text not in values and not values:
            yield Correction(field, "identifies nobody; left out.", _text(given), "")
        elif text not in values:
            yield Correction(field, "is written in its normal form.", _text(given), values[0])
    if item.type == "track" and item.event is not None and fact.name != item.event:
        yield Correction("event", "was renamed.", _text(item.event), fact.name)


def _sent(envelope: log.Envelope) -> datetime | None:
    try:
        return msgspec.convert(envelope.sentAt, datetime | None)
    except msgspec.ValidationError:
        return None


def _at(tree: dict[str, Any], path: str) -> Any:
    value: Any = tree
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _CHARS_MAX else text[: _CHARS_MAX - 1] + "…"


def _span(ms: int) -> str:
    for unit, size in (("d", clock.DAY_MS), ("h", clock.HOUR_MS), ("min", clock.MINUTE_MS)):
        if ms >= 2 * size:
            return f"{(ms + size // 2) // size} {unit}"
    return f"{ms / 1000:.0f} s"
