"""Packed bodies, and bodies packed to do harm."""

import gzip
import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.collect import inflate
from onefold.kernel import errors, limits


@settings(deadline=None)
@given(st.binary(max_size=2_000))
def test_gzip_and_zlib_come_back_as_they_were(data: bytes) -> None:
    assert inflate.plain(gzip.compress(data), b"gzip") == data
    assert inflate.plain(gzip.compress(data), b"") == data  # mislabelled
    assert inflate.plain(zlib.compress(data), b"deflate") == data


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=200)))
def test_a_bare_deflate_stream_is_read_where_it_is_called_so(tree: dict[str, str]) -> None:
    data = json.dumps(tree).encode()
    for level in (1, 9):
        packer = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
        assert inflate.plain(packer.compress(data) + packer.flush(), b"deflate") == data
    assert inflate.plain(b" " + data, b"deflate") == b" " + data


def test_gzip_in_several_members_is_one_body() -> None:
    assert inflate.plain(gzip.compress(b'{"a"') + gzip.compress(b":1}"), b"gzip") == b'{"a":1}'


def test_what_a_proxy_unpacked_on_the_way_is_taken_as_it_is() -> None:
    assert inflate.plain(b'{"a":1}', b"gzip") == b'{"a":1}'


def test_a_bomb_stops_at_the_limit() -> None:
    bomb = gzip.compress(b"0" * (limits.request_bytes_max + 1))
    assert len(bomb) < 10_000
    with pytest.raises(errors.TooLarge, match="4,000,000 bytes"):
        inflate.plain(bomb, b"gzip")
    with pytest.raises(errors.TooLarge):
        inflate.plain(gzip.compress(b"0" * 3_000_000) * 2, b"gzip")


def test_a_body_of_just_the_limit_is_taken() -> None:
    data = b"0" * limits.request_bytes_max
    assert inflate.plain(gzip.compress(data), b"gzip") == data
    assert inflate.plain(data, b"") is data
    with pytest.raises(errors.TooLarge):
        inflate.plain(data + b"0", b"")


@pytest.mark.parametrize(
    ("body", "encoding", "words"),
    [
        (gzip.compress(b"{}" * 100, mtime=0)[:-9], b"gzip", "ends too early"),
        (b"\x1f\x8bnonsense", b"gzip", "cannot be unpacked"),
        (gzip.compress(b"{}", mtime=0) + b"tail", b"gzip", "cannot be unpacked"),
        (b"\x0b\x02\x80{}\x03", b"br", "`br` is not read here"),
    ],
)
def test_a_broken_or_foreign_packing_says_what_to_send(
    body: bytes, encoding: bytes, words: str
) -> None:
    with pytest.raises(errors.Invalid, match=words):
        inflate.plain(body, encoding)
