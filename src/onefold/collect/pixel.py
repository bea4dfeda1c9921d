"""A call in the address of an image: where no script runs, as in an e-mail.

    GET /v1/pixel/track?data=<base64 of the call as JSON>                       Segment's form
    GET /pixel/v1/track?writeKey=…&userId=u1&event=Opened&properties.mail=m7    RudderStack's

A dot in a name makes an object. What is read from an address is text.
"""

import base64
import binascii
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from onefold.kernel import errors, limits

# One transparent point.
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def body(query: bytes) -> bytes:
    """The call that a query holds, as the body of a POST. Raises `Invalid`."""
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True,
            max_num_fields=limits.event_traits_max,
        )  # fmt: skip
    except ValueError:
        raise _fault(f"has more than {limits.event_traits_max:,} values.") from None
    for name, value in pairs:
        if name == "data":
            return _data(value)
    call: dict[str, Any] = {}
    for name, value in pairs:
        _put(call, name.split("."), value)
    return msgspec.json.encode(call)


def _data(value: str) -> bytes:
    text = value.strip().replace("-", "+").replace("_", "/").replace(" ", "+").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _fault("holds a `data` that is not base64.") from None


def _put(tree: dict[str, Any], names: list[str], value: str) -> None:
    """Set a value at its dotted name; where two names disagree, the first one holds."""
    if len(names) > limits.pixel_depth_max:
        raise _fault(f"has a name of more than {limits.pixel_depth_max} parts.")
    for name in names[:-1]:
        below = tree.setdefault(name, {})
        if not isinstance(below, dict):
            return
        tree = below
    tree.setdefault(names[-1], value)


def _fault(problem: str) -> errors.Invalid:
    remedy = "Send `?data=` with the base64 of one call, or its fields by name."
    return errors.Invalid(errors.Fault("query", problem, remedy))
