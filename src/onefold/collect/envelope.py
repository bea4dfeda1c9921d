"""A body → the envelope that the log row keeps. Items stay byte for byte as sent.

Two readers. `read` takes what msgspec takes, one level deep, in about half a microsecond an item.
Where that fails (one item is nested 100,000 levels deep, holds a lone surrogate, `NaN`, a raw
control character, …) it raises `Hopeless`, and `recover`, slower and off the event loop, cuts the
body at its brackets and commas so that only the bad item is bad.

An item that the worker could not read even as raw JSON is stored in a wrapper:

    {"_unparsable": "<base64 of the item as sent>", "reason": "is nested more than …"}

`governance` unwraps it, tries a more lenient reader, and else keeps it as refused, with a reason.
Only the collector makes wrappers: an item that a sender gives that shape is wrapped itself.

`sentAt`, `context` and `integrations` of the batch are kept when the worker can read them, with
U+FFFD for what no store can hold (lone surrogates, NUL), and are treated as absent otherwise or
when longer than `limits.shared_value_bytes_max`.
"""

import base64
import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from onefold import log
from onefold.collect import split
from onefold.collect.errors import Hopeless
from onefold.collect.model import Parsed
from onefold.kernel import errors, limits

_NONE = msgspec.Raw()


class _Batch(msgspec.Struct, gc=False):
    batch: list[msgspec.Raw]
    sentAt: msgspec.Raw = _NONE
    context: msgspec.Raw = _NONE
    integrations: msgspec.Raw = _NONE
    writeKey: msgspec.Raw = _NONE


class _Call(msgspec.Struct, gc=False):
    writeKey: msgspec.Raw = _NONE


_batch = msgspec.json.Decoder(_Batch)
_call = msgspec.json.Decoder(_Call)
_raw = msgspec.json.Decoder(msgspec.Raw)
_any = msgspec.json.Decoder()

_WRAPPER = b'{"_unparsable"'
_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_TIMES = b'"times":%d' % log.TIMES
_NUL = b"\\u0000"
_UNSTORABLE = re.compile("[\ud800-\udfff\x00]")
_LONG = 2 * limits.envelope_depth_safe  # what is shorter cannot be nested too deeply
_COMMAS_SAFE = 500_000  # as many items are still read on the event loop: 40 ms
_TOO_DEEP = f"is nested more than {limits.envelope_depth_safe} levels deep."
_UNREADABLE = (msgspec.DecodeError, RecursionError, ValueError)


def read(body: bytes, kind: str) -> Parsed:
    """Read a body. `kind` is the call's (`track`), or "" for a batch.

    Raises `Invalid` or `TooLarge` when the request as a whole is wrong, `Hopeless` when only
    `recover` can tell.
    """
    if len(body) > _COMMAS_SAFE and split.commas(body) > _COMMAS_SAFE:
        raise Hopeless  # perhaps millions of tiny items: counted before they are made
    try:
        if kind:
            key = _call.decode(body).writeKey
            item = body.strip(_SPACE)
            if item.startswith(_WRAPPER) or _doubtful([item]):
                raise Hopeless
            return _one(item, kind, key)
        found = _batch.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong_shape(str(error), kind) from None
    except _UNREADABLE:
        raise Hopeless from None
    if _WRAPPER in body or _doubtful(found.batch):
        raise Hopeless
    return _many(found.batch, found)


def recover(body: bytes, kind: str) -> Parsed:
    """Read a body that `read` gave up on. Raises `Invalid` when it cannot be split either."""
    if body.startswith(_BOM):
        body = body.removeprefix(_BOM)
        try:
            return read(body, kind)
        except Hopeless:
            pass  # more is wrong with it than the mark
    members = _members(body)
    if members is None:
        raise _not_json(body)
    key = msgspec.Raw(members.get("writeKey", b""))
    if kind:
        item = _guarded(body.strip(_SPACE))
        if item.startswith(_WRAPPER) and not _lenient(body):
            raise _not_json(body)
        return _one(item, kind, key)
    if "batch" not in members:
        raise _wrong_shape("missing `batch`", kind)
    try:
        items = split.parts(members["batch"], b"[]", limits.request_items_max)
    except split.TooManyParts as error:
        raise _too_many(error.n) from None
    if items is None:
        raise _wrong_shape("not an array: `batch`", kind)
    shared = {
        name: msgspec.Raw(members.get(name, b"")) for name in ("sentAt", "context", "integrations")
    }
    return _many([_guarded(item) for item in items], _Batch([], writeKey=key, **shared))


def wrap(item: bytes, why: str) -> bytes:
    """What the log keeps of an item that cannot stand in JSON as it is."""
    encoded = base64.b64encode(item).decode()
    return msgspec.json.encode({"_unparsable": encoded, "reason": why})


def _one(item: bytes, kind: str, key: msgspec.Raw) -> Parsed:
    return Parsed(
        envelope=b'{"type":"%b",%b,"batch":[%b]}' % (kind.encode(), _TIMES, item),
        items=1,
        wrapped=int(item.startswith(_WRAPPER)),
        write_key=_text(key),
    )


def _many(items: Sequence[bytes], found: _Batch) -> Parsed:
    key = _text(found.writeKey)
    if not items:
        return Parsed(envelope=b"", items=0, wrapped=0, write_key=key)
    if len(items) > limits.request_items_max:
        raise _too_many(len(items))
    parts = [b"{" + _TIMES + b',"batch":[', b",".join(items), b"]"]
    for name in ("sentAt", "context", "integrations"):
        value = _readable(bytes(getattr(found, name)))
        if value is not None:
            parts.append(b',"%b":%b' % (name.encode(), value))
    parts.append(b"}")
    wrapped = 0
    if type(items[0]) is bytes:  # looked at one by one
        wrapped = sum(item.startswith(_WRAPPER) for item in items)
    return Parsed(envelope=b"".join(parts), items=len(items), wrapped=wrapped, write_key=key)


def _guarded(item: bytes) -> bytes:
    """The item as the log can keep it: itself, or wrapped."""
    if len(item) >= _LONG and _too_deep(item):
        return wrap(item, _TOO_DEEP)
    if item.startswith(_WRAPPER):
        return wrap(item, "uses the reserved key `_unparsable`.")
    try:
        _raw.decode(item)
    except _UNREADABLE as error:
        return wrap(item, f"is not what JSON readers take: {error}.")
    return item


def _doubtful(items: Sequence[bytes]) -> bool:
    """Could one of them be nested too deeply? Only its brackets are counted."""
    if not items or max(map(len, items)) < _LONG:
        return False
    return any(len(item) >= _LONG and _brackets(bytes(item)) for item in items)


def _brackets(data: bytes) -> bool:
    return data.count(b"{") + data.count(b"[") > limits.envelope_depth_safe


def _too_deep(data: bytes) -> bool:
    return _brackets(data) and split.nesting(data) > limits.envelope_depth_safe


def _members(body: bytes) -> dict[str, bytes] | None:
    """The body's top-level members, the last of a double key; None when it is not an object."""
    try:
        found = split.parts(body, b"{}", limits.request_members_max)
    except split.TooManyParts as error:
        raise errors.Invalid(
            errors.Fault("body", f"has {error.n:,} keys at its top.", "Send a Segment batch.")
        ) from None
    if found is None:
        return None
    out: dict[str, bytes] = {}
    for part in found:
        member = split.key_of(part)
        if member is None or not member[1]:
            return None
        name = _text(member[0])
        if name is not None:
            out[name] = member[1]
    return out


def _lenient(body: bytes) -> bool:
    """Would a reader that minds neither depth, lone surrogates nor NaN take it?

    What is too long for an item is not read for that: the worker refuses it by its length.
    """
    if len(body) > limits.event_bytes_max:
        return True
    try:
        json.loads(body.decode("utf-8", "replace"))
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _readable(value: bytes) -> bytes | None:
    """A shared value that the worker can decode whole: as sent, repaired, or None."""
    if not value or len(value) > limits.shared_value_bytes_max or _too_deep(value):
        return None
    try:
        if _NUL not in value:
            _any.decode(value)
            return value
    except _UNREADABLE:
        pass  # repaired below, if it can be
    try:
        tree = json.loads(value.decode("utf-8", "replace"))
        repaired = msgspec.json.encode(_storable(tree))
        _any.decode(repaired)
    except _UNREADABLE:
        return None
    return repaired


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_UNSTORABLE.sub("\ufffd", k): _storable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_storable(v) for v in value]
    return value


def _text(value: bytes | msgspec.Raw) -> str | None:
    if not value:
        return None
    try:
        text = _any.decode(value)
    except _UNREADABLE:
        return None
    return text if isinstance(text, str) and text else None


def _too_many(n: int) -> errors.TooLarge:
    return errors.TooLarge(
        f"`batch`: has {n:,} items; at most {limits.request_items_max:,} are taken. "
        "Send smaller batches."
    )


def _wrong_shape(what: str, kind: str) -> errors.Invalid:
    remedy = 'Send `{"batch": [ … ]}`, or one call to /v1/track and its like.'
    if kind or "batch" not in what:
        return errors.Invalid(
            errors.Fault("body", "is not a JSON object.", "Send one object a request.")
        )
    if "missing" in what:
        return errors.Invalid(errors.Fault("batch", "is missing.", remedy))
    return errors.Invalid(errors.Fault("batch", "is not an array.", remedy))


def _not_json(body: bytes) -> errors.Invalid:
    why = "it cannot be split at its brackets and commas"
    try:
        _raw.decode(body)
    except _UNREADABLE as error:
        why = str(error)
    return errors.Invalid(
        errors.Fault("body", f"is not JSON: {why}.", "Send one JSON object a request.")
    )
