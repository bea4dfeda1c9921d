"""Answers that every SDK understands: always a JSON object, always with CORS headers.

`message` is what analytics-python wants beside `code`, `error` what analytics-ruby reads, `msg`
RudderStack's; so all three say the same.
"""

from collections.abc import Mapping

import msgspec

from onefold.collect.errors import MethodNotAllowed
from onefold.kernel import errors, limits

Headers = list[tuple[bytes, bytes]]

OK = b'{"success":true}'
_JSON = (b"content-type", b"application/json")
_EXPOSE = (b"access-control-expose-headers", b"Retry-After")
_VARY = (b"vary", b"Origin")
_ANY = (b"access-control-allow-origin", b"*")
_CREDENTIALS = (b"access-control-allow-credentials", b"true")
_METHODS = b"GET, HEAD, POST, OPTIONS"
# What SDKs send beyond the simple headers, for a preflight that does not say.
_ALLOWED = (
    b"Authorization, Content-Type, Content-Encoding, X-Retry-Count, X-Write-Key, AnonymousId, "
    b"SentAt, Rsa-Batch, Rsa-Platform"
)
_RETRY_AFTER = str(limits.collect_retry_after_s).encode()


def cors(headers: Mapping[bytes, bytes]) -> Headers:
    """The headers of any answer: the page's origin reflected, so that cookies may come along."""
    origin = headers.get(b"origin")
    if origin is None:
        return [_ANY, _EXPOSE, _VARY]
    return [(b"access-control-allow-origin", origin), _CREDENTIALS, _EXPOSE, _VARY]


def success(headers: Mapping[bytes, bytes]) -> tuple[int, Headers, bytes]:
    """200: the log holds the request, or there was nothing in it to hold."""
    return 200, [_JSON, *cors(headers)], OK


def document(body: bytes, headers: Mapping[bytes, bytes]) -> tuple[int, Headers, bytes]:
    """200 with a document that browsers and caches may keep for a minute."""
    keep = (b"cache-control", b"public, max-age=60")
    return 200, [_JSON, keep, *cors(headers)], body


def preflight(headers: Mapping[bytes, bytes]) -> tuple[int, Headers, bytes]:
    """204: the page may send what it asks for; the browser may remember it for a day."""
    wanted = headers.get(b"access-control-request-headers", _ALLOWED)
    return (
        204,
        [
            *cors(headers),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", wanted),
            (b"access-control-max-age", b"86400"),
        ],
        b"",
    )


def failure(
    error: errors.OnefoldError, headers: Mapping[bytes, bytes]
) -> tuple[int, Headers, bytes]:
    """The error as the sender sees it. 503 says when to come again."""
    extra = [_JSON, (b"cache-control", b"no-store"), *cors(headers)]
    if isinstance(error, errors.Unavailable):
        extra.append((b"retry-after", _RETRY_AFTER))
    if isinstance(error, MethodNotAllowed):
        extra.append((b"allow", _METHODS))
    text = str(error)
    body = {
        "success": False,
        "code": error.code,
        "message": text,
        "error": text,
        "msg": text,
    }
    return error.status, extra, msgspec.json.encode(body)
