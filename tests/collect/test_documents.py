"""Where the settings document sends an SDK."""

import pytest

from onefold.collect import documents


@pytest.mark.parametrize(
    ("public_url", "scheme", "headers", "found"),
    [
        ("", "http", {b"host": b"127.0.0.1:8080"}, ("127.0.0.1:8080", "http")),
        ("", "https", {b"host": b"cdp.example"}, ("cdp.example", "https")),
        ("", "http", {b"host": b"c", b"x-forwarded-proto": b"https, http"}, ("c", "https")),
        ("", "http", {b"host": b"c", b"x-forwarded-proto": b"gopher"}, ("c", "http")),
        ("https://cdp.example", "http", {b"host": b"x"}, ("cdp.example", "https")),
        ("http://cdp.example:80/in/", "https", {}, ("cdp.example:80/in", "http")),
        ("cdp.example", "http", {}, ("cdp.example", "https")),
    ],
)
def test_the_public_address_wins_then_what_the_request_says(
    public_url: str, scheme: str, headers: dict[bytes, bytes], found: tuple[str, str]
) -> None:
    assert documents.address(public_url, scheme, headers) == found
