"""Answers with an ETag: 304 when the caller has what would be answered.

The tag is a hash of the very bytes of the answer, so it changes exactly when the answer does.
"""

import hashlib
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.params import HeaderParameter

IfNoneMatch = Annotated[
    str | None,
    HeaderParameter(name="If-None-Match", description="The `ETag` of what you have."),
]


def answer(body: Any, if_none_match: str | None, headers: dict[str, str] | None = None) -> Any:
    """The response: the body as JSON with its tag, or 304 without a body."""
    data = msgspec.json.encode(body)
    tag = f'"{hashlib.blake2b(data, digest_size=12).hexdigest()}"'
    sent = {"ETag": tag, "Cache-Control": "private, no-cache", **(headers or {})}
    if if_none_match is not None and matches(if_none_match, tag):
        return Response(b"", status_code=304, headers=sent)
    return Response(data, media_type="application/json", headers=sent)


def matches(if_none_match: str, tag: str) -> bool:
    """Does a header that lists tags name this one? Weak ones count, as RFC 9110 has it."""
    given = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return tag in given or "*" in given
