"""Where a write key may stand on a request."""

import base64

from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.collect import keys

key = st.text(alphabet=st.characters(codec="ascii", exclude_characters=":"), min_size=1)


@settings(deadline=None)
@given(key, st.sampled_from(["", ":", ":password"]), st.booleans())
def test_the_basic_user_name_is_the_key(user: str, rest: str, padded: bool) -> None:
    value = base64.b64encode(f"{user}{rest}".encode())
    header = b"basic " + (value if padded else value.rstrip(b"="))
    assert keys.of_header({b"authorization": header}) == user


@settings(deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_any_header_and_query_is_read_or_overlooked(a: bytes, b: bytes, c: bytes) -> None:
    for scheme in (b"", b"Basic ", b"Bearer "):
        headers = {b"authorization": scheme + a, b"x-write-key": b}
        for found in (keys.of_header(headers), keys.of_rest(b"writeKey=" + c, headers)):
            assert found is None or found


def test_the_query_comes_before_the_header_and_that_before_bearer() -> None:
    headers = {b"authorization": b"Bearer three", b"x-write-key": b"two"}
    assert keys.of_rest(b"a=b&writeKey=one%21", headers) == "one!"
    assert keys.of_rest(b"a=b&writeKey=", headers) == "two"
    assert keys.of_rest(b"", {b"authorization": b"Bearer three"}) == "three"
    assert keys.of_rest(b"", {}) is None
