"""Answers that every SDK understands: always a JSON object, always with CORS headers.

`message` is what analytics-python wants beside `code`, `error` what analytics-ruby reads, `msg`
RudderStack's; so all three say the same.
"""

from collections.abc import Mapping

import msgspec

from onefold.collect import pixel
from onefold.collect.bundles import File
from onefold.collect.errors import MethodNotAllowed, NoToken, TooFast
from onefold.kernel import errors, limits

Headers = list[tuple[bytes, bytes]]

OK = b'{"success":true}'
_JSON = (b"content-type", b"application/json")
_EXPOSE = (b"access-control-expose-headers", b"Retry-After")
_VARY = (b"vary", b"Origin")
_NO_STORE = (b"cache-control", b"no-store")
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


def own(body: bytes, headers: Mapping[bytes, bytes]) -> tuple[int, Headers, bytes]:
    """200 with a document of whom the request's headers name: no cache gives it to another."""
    keep = (b"cache-control", b"private, max-age=60")
    return 200, [_JSON, keep, *cors(headers), (b"vary", b"Authorization, X-Write-Key")], body


def fresh(body: bytes, headers: Mapping[bytes, bytes]) -> tuple[int, Headers, bytes]:
    """200 with JSON of this moment."""
    return 200, [_JSON, _NO_STORE, *cors(headers)], body


def image(headers: Mapping[bytes, bytes]) -> tuple[int, Headers, bytes]:
    """200 with one transparent point, which no cache may keep: each showing is an event."""
    return 200, [(b"content-type", b"image/gif"), _NO_STORE, *cors(headers)], pixel.GIF


def script(file: File, headers: Mapping[bytes, bytes]) -> tuple[int, Headers, bytes]:
    """200 with a script, zipped for whoever takes that; 304 when the browser has it."""
    out: Headers = [
        (b"content-type", b"text/javascript; charset=utf-8"),
        (b"cache-control", b"public, max-age=300"),
        (b"etag", file.etag),
        (b"x-content-type-options", b"nosniff"),
        (b"cross-origin-resource-policy", b"cross-origin"),
        *cors(headers),
        (b"vary", b"Accept-Encoding"),
    ]
    if headers.get(b"if-none-match") == file.etag:
        return 304, out, b""
    if b"gzip" in headers.get(b"accept-encoding", b""):
        return 200, [*out, (b"content-encoding", b"gzip")], file.zipped
    return 200, out, file.body


def text(body: bytes, headers: Mapping[bytes, bytes]) -> tuple[int, Headers, bytes]:
    """200 with plain text."""
    return 200, [(b"content-type", b"text/plain; charset=utf-8"), *cors(headers)], body


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
    """The error as the sender sees it. 429 and 503 say when to come again."""
    extra = [_JSON, _NO_STORE, *cors(headers)]
    if isinstance(error, errors.Unavailable):
        extra.append((b"retry-after", _RETRY_AFTER))
    if isinstance(error, TooFast):
        extra.append((b"retry-after", b"%d" % error.retry_s))
    if isinstance(error, MethodNotAllowed):
        extra.append((b"allow", _METHODS))
    words = str(error)
    body = {
        "success": False,
        "code": error.code,
        "message": words,
        "error": words,
        "msg": words,
    }
    if isinstance(error, NoToken):  # as OAuth's clients read it, RFC 6749, 5.2
        body |= {"error": error.code, "error_description": words}
    return error.status, extra, msgspec.json.encode(body)
