import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.activation import urls


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/x", "http://example.com:8080/a?b=c", "https://[2606:4700::1]/",
        "HTTPS://EXAMPLE.COM/",
    ],
)  # fmt: skip
def test_public_addresses_pass(url: str) -> None:
    assert urls.faults_of(url, private_allowed=False) == []


@pytest.mark.parametrize(
    "url",
    [
        "", None, 7, "example.com", "ftp://example.com/", "file:///etc/passwd", "https://",
        "https:///x", "https://a b/", "https://u:p@example.com/", "https://example.com:99999/",
        "https://[::1/", "javascript:alert(1)", "https://example.com\\@evil.com/",
        "https://example.com/\n", "https://" + "a" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_address_is_named_with_its_remedy(url: object) -> None:
    (fault,) = urls.faults_of(url, private_allowed=True)
    assert fault.field == "url"
    assert fault.remedy


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.9", "172.16.4.4", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[fe80::1]", "[fd00::1]", "[::]",
        "[::ffff:127.0.0.1]", "[2002:7f00:1::]", "[64:ff9b::7f00:1]",
    ],
)  # fmt: skip
def test_private_addresses_pass_only_where_they_are_allowed(host: str) -> None:
    assert urls.faults_of(f"http://{host}/", private_allowed=True) == []
    assert len(urls.faults_of(f"http://{host}/", private_allowed=False)) == 1


@given(st.ip_addresses(network="10.0.0.0/8"))
def test_every_private_address_is_private_however_it_is_wrapped(address: object) -> None:
    assert urls.is_private(str(address))
    assert urls.is_private(f"::ffff:{address}")


def test_names_are_looked_at_when_they_are_resolved() -> None:
    assert not urls.is_private("localhost")
    assert urls.faults_of("http://localhost/", private_allowed=False) == []


@given(st.text(max_size=60))
def test_nothing_typed_breaks_the_check(text: str) -> None:
    urls.faults_of(text, private_allowed=False)
    urls.faults_of("https://" + text, private_allowed=False)
