"""The Segment-spec item, decoded.

`decode` takes the fast road, a typed decode in one pass, and for what does not fit it a slow road
that reads leniently and says what is wrong:

| the item has                          | it becomes                                               |
| ------------------------------------- | -------------------------------------------------------- |
| unknown keys                          | kept in the log, ignored                                 |
| a number or boolean-free id (`42`)    | the text `"42"`                                          |
| an unreadable or absent timestamp     | the time it was received                                 |
| a lone surrogate or a NUL in a text   | U+FFFD in its place; the log keeps what was sent         |
| an integer beyond 64 bits             | its text                                                 |
| a list where an object belongs, …     | a `Fault`: the worker keeps it as refused                |
"""

import base64
import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from onefold.kernel import clock, errors, limits


class Page(msgspec.Struct, gc=False):
    """The parts of `context.page` that admission reads."""

    url: Any = None
    search: Any = None


class Context(msgspec.Struct, gc=False):
    """The parts of `context` that admission reads."""

    traits: dict[str, Any] | None = None
    groupId: str | None = None
    externalIds: list[dict[str, Any]] | None = None
    campaign: dict[str, Any] | None = None
    page: Page | None = None

    def over(self, shared: "Context") -> "Context":
        """This item's context, with the batch's for what it does not say itself."""
        traits = self.traits
        if shared.traits:
            traits = {**shared.traits, **traits} if traits else shared.traits
        return Context(
            traits=traits,
            groupId=shared.groupId if self.groupId is None else self.groupId,
            externalIds=shared.externalIds if self.externalIds is None else self.externalIds,
            campaign=shared.campaign if self.campaign is None else self.campaign,
            page=shared.page if self.page is None else self.page,
        )


class Item(msgspec.Struct, gc=False):
    """One call of the Segment spec, as sent (https://segment.com/docs/connections/spec/common/)."""

    type: str | None = None
    event: str | None = None
    messageId: str | None = None
    userId: str | None = None
    anonymousId: str | None = None
    previousId: str | None = None
    groupId: str | None = None
    timestamp: datetime | None = None
    originalTimestamp: datetime | None = None
    sentAt: datetime | None = None
    traits: dict[str, Any] | None = None
    properties: dict[str, Any] | None = None
    context: Context | None = None
    mergeProperties: list[Any] | None = None
    name: Any = None
    category: Any = None

    def named(self) -> dict[str, Any] | None:
        """The properties of a page or screen call, with the name and category beside them."""
        found = self.properties
        for key, value in (("name", self.name), ("category", self.category)):
            if isinstance(value, str) and value and key not in (found or ()):
                found = {**(found or {}), key: value}
        return found


TEXTS = (
    "type", "event", "messageId", "userId", "anonymousId", "previousId", "groupId",
)  # fmt: skip
TIMES = ("timestamp", "originalTimestamp", "sentAt")
OBJECTS = ("traits", "properties", "context")

_fast = msgspec.json.Decoder(Item)
_any = msgspec.json.Decoder()
_SURROGATES = re.compile("[\ud800-\udfff\x00]")
_BACKSLASH_U = b"\\u0000"
_WRAPPED = b'{"_unparsable"'
REFUSED = b'{"_refused"'


def decode(raw: bytes | msgspec.Raw) -> Item:
    """An item from its bytes. Raises `errors.Invalid` with the field and the remedy."""
    data = bytes(raw)
    if _BACKSLASH_U not in data and not data.startswith(_WRAPPED):
        try:
            return _fast.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass  # the slow road below finds out what is wrong and says it
    return _of(_lenient(data))


def tree(raw: bytes) -> dict[str, Any]:
    """All of an item as plain values, for rules to change. Raises `errors.Invalid`."""
    if _BACKSLASH_U not in raw and not raw.startswith(_WRAPPED):
        try:
            found = _any.decode(raw)
            if isinstance(found, dict):
                return found
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    return _lenient(raw)


def of_tree(found: dict[str, Any]) -> Item:
    """An item from its plain values. Raises `errors.Invalid` with the field and the remedy."""
    try:
        return msgspec.convert(found, Item)
    except (msgspec.MsgspecError, RecursionError):
        return _of(found)


def unwrap(raw: bytes) -> bytes:
    """The bytes as sent, when the collector had to wrap what JSON readers choke on."""
    if raw.startswith(_WRAPPED):
        try:
            return base64.b64decode(json.loads(raw)["_unparsable"], validate=True)
        except (ValueError, TypeError):
            return raw  # not our wrapper after all: a sender's own item that looks like it
    if raw.startswith(REFUSED):
        try:
            return base64.b64decode(json.loads(raw)["raw"], validate=True)
        except (ValueError, TypeError, KeyError):
            return raw
    return raw


def told(raw: bytes) -> tuple[str, errors.Fault] | None:
    """Why a webhook's event is no call, as the door that could not map it said; else None."""
    try:
        found = json.loads(raw)["_refused"]
        texts = [str(found[n])[:1_000] for n in ("code", "field", "problem", "remedy")]
    except (ValueError, TypeError, KeyError):
        return None
    return texts[0], errors.Fault(*texts[1:])


def _lenient(data: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(unwrap(data).decode("utf-8", errors="replace"))
        tree = _clean(tree, 0)
    except RecursionError:
        raise _fault(
            "item", "is nested too deeply.", f"Nest at most {limits.event_depth_max} levels."
        ) from None
    except ValueError as error:
        raise _fault("item", f"is not JSON: {error}.", "Send one JSON object per call.") from None
    if not isinstance(tree, dict):
        raise _fault("item", "is not a JSON object.", "Send one JSON object per call.")
    return tree


def _of(tree: dict[str, Any]) -> Item:
    values: dict[str, Any] = {}
    for name in TEXTS:
        values[name] = _text(name, tree.get(name))
    for name in TIMES:
        values[name] = _time(tree.get(name))
    for name in OBJECTS:
        values[name] = _object(name, tree.get(name))
    if values["context"] is not None:
        values["context"] = context_of(values["context"])
    values["name"], values["category"] = tree.get("name"), tree.get("category")
    merged = tree.get("mergeProperties")
    values["mergeProperties"] = merged if isinstance(merged, list) else None
    return Item(**values)


def context_of(tree: dict[str, Any]) -> Context:
    """What can be read of a context, whatever else is in it."""
    ids = tree.get("externalIds")
    group = tree.get("groupId")
    campaign, page = tree.get("campaign"), tree.get("page")
    return Context(
        traits=tree["traits"] if isinstance(tree.get("traits"), dict) else None,
        groupId=str(group) if isinstance(group, str | int) else None,
        externalIds=[i for i in ids if isinstance(i, dict)] if isinstance(ids, list) else None,
        campaign=campaign if isinstance(campaign, dict) else None,
        page=Page(page.get("url"), page.get("search")) if isinstance(page, dict) else None,
    )


def _text(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    kind = type(value).__name__
    raise _fault(name, f"must be text, got {kind}.", f'Send `"{name}": "…"`.')


def _object(name: str, value: Any) -> dict[str, Any] | None:
    if value is None or isinstance(value, dict):
        return value
    kind = type(value).__name__
    raise _fault(name, f"must be an object, got {kind}.", f'Send `"{name}": {{…}}`.')


def _time(value: Any) -> datetime | None:
    """ISO 8601 in any of its forms, or seconds or milliseconds since 1970; None if unreadable."""
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value.strip())
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) > 100_000_000_000 else value
            return datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _clean(value: Any, depth: int) -> Any:
    """A copy that every store can hold."""
    if depth > limits.event_depth_max:
        raise RecursionError
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_SURROGATES.sub("\ufffd", k): _clean(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_clean(v, depth + 1) for v in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, float) and value - value != 0.0:  # nan, inf: JSON has neither
        return str(value)
    return value


def storable(tree: Any) -> Any:
    """A copy of a tree that every store can hold. Raises `RecursionError` when it is too deep."""
    return _clean(tree, 0)


def fits(value: Any) -> Any:
    """A trait value as the state can hold it: integers beyond 64 bits as text."""
    kind = type(value)
    if kind is str or kind is bool or value is None or kind is float:
        return value
    if kind is int and -(2**63) <= value < 2**63:
        return value
    try:
        return _clean(value, 0)
    except RecursionError:
        raise _fault(
            "traits", "are nested too deeply.", f"Nest at most {limits.event_depth_max} levels."
        ) from None


def clean_text(text: str) -> str:
    """A text as every store can hold it."""
    return _SURROGATES.sub("\ufffd", text)


def to_ms(value: datetime) -> int:
    """Milliseconds since 1970 UTC; a time without a zone is UTC."""
    return clock.from_datetime(value)


def _fault(field: str, problem: str, remedy: str) -> errors.Invalid:
    return errors.Invalid(errors.Fault(field, problem, remedy))
