"""Bounded decompression: no body grows past the limit in memory, whatever it claims to hold.

gzip and zlib are known by their first bytes, not by `Content-Encoding`: SDKs mislabel and proxies
unpack on the way. JSON starts with neither. What is called `deflate` and starts with neither may be
the bare stream, which some clients mean by it; JSON never reads as one.
"""

import zlib

from onefold.kernel import errors, limits

_EITHER = 32 + zlib.MAX_WBITS  # zlib reads both headers
_BARE = -zlib.MAX_WBITS
_SPACE = b" \t\r\n"
_MAGIC = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def plain(body: bytes, encoding: bytes) -> bytes:
    """The body unpacked. `encoding` is the Content-Encoding header, for the error's words.

    Raises `TooLarge` past `limits.request_bytes_max`, `Invalid` for a broken or foreign packing.
    """
    if len(body) > limits.request_bytes_max:
        raise too_large()
    if body[:2] in _MAGIC:
        return _inflate(body, _EITHER)
    name = encoding.strip().lower()
    if name == b"deflate" and not body.lstrip(_SPACE).startswith((b"{", b"[")):
        return _inflate(body, _BARE)
    if name not in (b"", b"identity", b"gzip", b"x-gzip", b"deflate"):
        called = encoding.decode("latin-1")[:40]
        raise errors.Invalid(
            errors.Fault(
                "Content-Encoding", f"`{called}` is not read here.", "Send gzip or plain JSON."
            )
        )
    return body


def _inflate(body: bytes, form: int) -> bytes:
    out = b""
    rest = body
    while rest:
        reader = zlib.decompressobj(form)
        try:
            out += reader.decompress(rest, limits.request_bytes_max + 1 - len(out))
        except zlib.error as error:
            raise _broken(str(error)) from None
        if len(out) > limits.request_bytes_max:
            raise too_large()
        if not reader.eof:
            raise _broken("it ends too early")
        rest = reader.unused_data
    return out


def _broken(why: str) -> errors.Invalid:
    return errors.Invalid(
        errors.Fault("body", f"cannot be unpacked: {why}.", "Send whole gzip data, or plain JSON.")
    )


def too_large() -> errors.TooLarge:
    """413, with the limit and the remedy."""
    return errors.TooLarge(
        f"`body`: larger than {limits.request_bytes_max:,} bytes after unpacking. "
        "Send smaller batches; SDKs have a setting for it."
    )
