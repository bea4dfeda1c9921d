"""Normal forms of identifier values, by name: what makes two spellings one identifier.

    text     NFC, trimmed
    lower    the same, without regard to case
    email    checked and normalised by email-validator, without regard to case
    phone    E.164 by phonenumbers, with the region of numbers written without a country
    domain   the registrable domain by publicsuffixlist, of a host, an address or an e-mail
    company  the name without its legal form, by cleanco

Each answers None for a value that can identify nobody in this form.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

import cleanco
import email_validator
import phonenumbers
from publicsuffixlist import PublicSuffixList

_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://")
_HOST_END = re.compile(r"[/?#:\s]")
_DIGITS = re.compile(r"\D")
_DIGITS_MIN = 7  # of a number without a country that still tells people apart
_SUFFIXES = PublicSuffixList()


def text(value: str, region: str = "") -> str | None:  # noqa: ARG001 one shape for all
    """NFC, trimmed; None when nothing is left."""
    return unicodedata.normalize("NFC", value).strip() or None


def lower(value: str, region: str = "") -> str | None:  # noqa: ARG001
    """As `text`, case-folded."""
    return unicodedata.normalize("NFC", value).strip().casefold() or None


@lru_cache(maxsize=20_000)
def email(value: str, region: str = "") -> str | None:  # noqa: ARG001
    """An address in lower case, checked for syntax alone; an international domain as written."""
    plain = unicodedata.normalize("NFC", value).strip()
    try:
        # `test_environment` lets `.test` through: rehearsals use it.
        found = email_validator.validate_email(
            plain, check_deliverability=False, test_environment=True, allow_quoted_local=True
        )
    except email_validator.EmailNotValidError:
        return None
    return found.normalized.casefold()


@lru_cache(maxsize=20_000)
def phone(value: str, region: str = "") -> str | None:
    """E.164 where the country is known, else the bare digits of a number long enough."""
    try:
        number = phonenumbers.parse(value, region or None)
        if phonenumbers.is_possible_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        pass
    digits = _DIGITS.sub("", unicodedata.normalize("NFKC", value))
    return digits if len(digits) >= _DIGITS_MIN and any(d != "0" for d in digits) else None


@lru_cache(maxsize=20_000)
def domain(value: str, region: str = "") -> str | None:  # noqa: ARG001
    """`acme.co.uk` of `https://www.acme.co.uk/x` or `ann@shop.acme.co.uk`; None for a suffix."""
    plain = unicodedata.normalize("NFC", value).strip().casefold()
    host = _HOST_END.split(_SCHEME.sub("", plain).rpartition("@")[2])[0].strip(".")
    return _SUFFIXES.privatesuffix(host) if "." in host else None


@lru_cache(maxsize=20_000)
def company(value: str, region: str = "") -> str | None:  # noqa: ARG001
    """`acme holdings` of `ACME Holdings GmbH & Co. KG`."""
    plain = unicodedata.normalize("NFKC", value).strip()
    bare: str = cleanco.basename(plain) or plain
    return " ".join(bare.casefold().split()) or None


FORMS: Mapping[str, Callable[[str, str], str | None]] = MappingProxyType(
    {
        "text": text, "lower": lower, "email": email, "phone": phone, "domain": domain,
        "company": company,
    }
)  # fmt: skip


def is_region(code: str) -> bool:
    """Whether it is a country of telephone numbers: `US`, `AT`."""
    return code in phonenumbers.SUPPORTED_REGIONS
