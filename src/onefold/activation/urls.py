"""Where we may send. Pure.

`faults_of` looks at an address as it is typed; `is_private` at what its name resolved to, just
before the connection is made, so that a name can't be pointed elsewhere between check and use.
"""

import ipaddress
from urllib.parse import urlsplit

from onefold.kernel import errors, limits

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def faults_of(url: object, *, private_allowed: bool) -> list[errors.Fault]:
    """Everything that is wrong with a destination's URL."""
    problem = _shape(url)
    if problem:
        remedy = "Send one like `https://hooks.example.com/onefold`."
        return [errors.Fault("url", problem, remedy)]
    parts = urlsplit(str(url))
    host = parts.hostname or ""
    if parts.username is not None or parts.password is not None:
        return [
            errors.Fault(
                "url",
                "carries a user name or password.",
                "Leave them out: requests are signed, and receivers check the signature.",
            )
        ]
    if not private_allowed and is_private(host):
        return [
            errors.Fault(
                "url",
                f"`{host}` is a private address, and ONEFOLD_DESTINATIONS_PRIVATE is off.",
                "Use a public address, or ask whoever runs this server to turn the setting on.",
            )
        ]
    return []


def _shape(url: object) -> str:
    """What keeps it from being an address at all, or ""."""
    if not isinstance(url, str) or not url.strip():
        return "is missing."
    if len(url) > limits.url_chars_max:
        return f"is longer than {limits.url_chars_max} characters."
    if not url.isprintable() or " " in url or "\\" in url:
        return "has spaces, backslashes or control characters."
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"is not a URL: {error}."
    if parts.scheme not in ("http", "https"):
        return "must begin with `https://` or `http://`."
    return "" if host else "names no host."


def is_private(address: str) -> bool:
    """Whether an IP address is not one of the public internet; False for names."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            ip = inner
    return not ip.is_global or ip.is_multicast
