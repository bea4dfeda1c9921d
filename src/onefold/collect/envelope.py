"""A body → the envelope that the log row keeps. Items stay byte for byte as sent.

Two readers. `read` takes what msgspec takes, one level deep, in about half a microsecond an item.
Where that fails (one item is nested 100,000 levels deep, holds a lone surrogate, `NaN`, a raw
control character, …) it raises `Hopeless`, and `recover`, slower and off the event loop, cuts the
body at its brackets and commas so that only the bad item is bad.

An item that the worker could not read even as raw JSON is stored in a wrapper:

    {"_unparsable": "<base64 of the item as sent>", "reason": "is nested more than 400 levels deep"}

`governance` unwraps it, tries a more lenient reader, and else keeps it as refused with its reason.
Only the collector makes wrappers: an item sent in that shape is wrapped itself.
"""

import base64
import json
import re
from typing import Any

import msgspec

from onefold.collect import metrics, split
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

_SHARED = ("sentAt", "context", "integrations")
_WRAPPER = b'{"_unparsable"'
_NUL = b"\\u0000"
_BOM = b"\xef\xbb\xbf"
_UNSTORABLE = re.compile("[\ud800-\udfff\x00]")
_LONG = 2 * limits.envelope_depth_safe  # an item shorter than this cannot be nested too deeply
_TOO_DEEP = f"is nested more than {limits.envelope_depth_safe} levels deep"


def read(body: bytes, kind: str) -> Parsed:
    """Read a body: `kind` is the call's (`track`), or "" for a batch.

    Raises `Invalid` or `TooLarge` when the request as a whole is wrong, `Hopeless` when only
    `recover` can tell.
    """
    try:
        if kind:
            return _one(body, kind, _call.decode(body).writeKey)
        found = _batch.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong_shape(str(error), kind) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Hopeless from None
    return _many(found.batch, found)


def recover(body: bytes, kind: str) -> Parsed:
    """Read a body that `read` gave up on. Raises `Invalid` when it cannot be split either."""
    body = body.removeprefix(_BOM)
    members = _members(body)
    if members is None:
        raise _not_json(body)
    key = msgspec.Raw(members.get("writeKey", b""))
    if kind:
        why = _why_unreadable(body)
        if why and not _lenient(body):
            raise _not_json(body)
        return _one(wrap(body, why) if why else body, kind, key)
    if "batch" not in members:
        raise _wrong_shape("Object missing required field `batch`", kind)
    items = split.parts(members["batch"], b"[]")
    if items is None:
        raise _wrong_shape("Expected `array` - at `$.batch`", kind)
    shared = {name: msgspec.Raw(members.get(name, b"")) for name in _SHARED}
    found = [msgspec.Raw(_stored(item)) for item in items]
    return _many(found, _Batch(found, **shared, writeKey=key))


def wrap(item: bytes, why: str) -> bytes:
    """What the log keeps of an item that cannot stand in JSON as it is."""
    metrics.wrapped.inc()
    return msgspec.json.encode(
        {"_unparsable": base64.b64encode(item).decode(), "reason": why}
    )


def _one(body: bytes, kind: str, key: msgspec.Raw) -> Parsed:
    if len(body) >= _LONG and split.nesting(body) > limits.envelope_depth_safe:
        body = wrap(body, _TOO_DEEP)
    elif body.lstrip().startswith(_WRAPPER) and not kind_wrapped(body):
        body = wrap(body, "uses a reserved key")
    return Parsed(b'{"type":"%b","batch":[%b]}' % (kind.encode(), body), 1, _text(key))


def _many(items: list[msgspec.Raw], found: _Batch) -> Parsed:
    if not items:
        return Parsed(b"", 0, _text(found.writeKey))
    if len(items) > limits.request_items_max:
        raise errors.TooLarge(
            f"`batch`: has {len(items):,} items; at most {limits.request_items_max:,} are taken. "
            "Send smaller batches."
        )
    return Parsed(b"", 0, None)
