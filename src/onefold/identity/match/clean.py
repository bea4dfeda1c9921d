"""Normal forms of names, dates, addresses, phones, e-mails and domains.

Each function takes the text of one cell and returns a form in which the same thing is written the
same way, or None when the cell holds nothing. Scripts are romanised, so that 王伟 meets Wang Wei.
"""

import datetime
import re
from functools import lru_cache

import phonenumbers
from anyascii import anyascii
from publicsuffixlist import PublicSuffixList

from onefold.identity.match import words

_BLANK = re.compile(
    r"^[\s\-_.?*]*$|^(?:n/?a|nan|null|none|nil|unknown|undefined|missing|not available|"
    r"not applicable|\[object object\]|#n/a|tbd|x+|0+)$",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SUFFIXES = PublicSuffixList()
_HAN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]")


def blank(text: str | None) -> bool:
    """Whether a cell holds nothing: empty, dashes, or a word that says so."""
    return text is None or bool(_BLANK.match(text))


@lru_cache(maxsize=20_000)
def latin(text: str) -> str:
    """Lower-case ASCII: accents off, other scripts romanised, Han and Hangul syllables apart."""
    if text.isascii():
        return text.lower()
    roman = anyascii(text)
    if _HAN.search(text):
        roman = _CAMEL.sub(" ", roman)
    return roman.lower()


def tokens(text: str) -> list[str]:
    """Words and numbers of a text in normal form; apostrophes and dots of initials join."""
    plain = latin(text).replace("'", "").replace("`", "")
    return _TOKEN.findall(plain)


def phrase(text: str | None) -> str | None:
    """Words with single blanks between them."""
    if text is None or blank(text):
        return None
    return " ".join(tokens(text)) or None


def person_tokens(text: str | None) -> list[str]:
    """Words of a person's name without titles and suffixes (unless nothing else is there)."""
    if text is None or blank(text):
        return []
    found = tokens(text)
    kept = [word for word in found if word not in words.TITLES]
    return kept or found


_DATE = re.compile(r"^\s*(\d{1,4})[-/.\s](\d{1,2})[-/.\s](\d{1,4})(?:[T\s]\d.*)?\s*$")
_COMPACT = re.compile(r"^\s*(\d{4})(\d{2})(\d{2})(?:\.0)?\s*$")
_WORDY = re.compile(r"[a-z]+|\d+")


def date(text: str | None, day_first: bool = False) -> str | None:
    """`yyyymmdd`. Impossible days are kept as written: a typo is still evidence."""
    if text is None or blank(text):
        return None
    if found := _COMPACT.match(text):
        return "".join(found.groups())
    if found := _DATE.match(text):
        return _numbers(found[1], found[2], found[3], day_first)
    return _worded(text)


def _numbers(first: str, second: str, third: str, day_first: bool) -> str:
    if len(first) > 2:
        return f"{int(first):04d}{int(second):02d}{int(third) % 100:02d}"
    year = _year(third)
    a, b = int(first), int(second)
    if a > 12 or (day_first and b <= 12):
        a, b = b, a
    return f"{year:04d}{a:02d}{b:02d}"


def _year(text: str) -> int:
    year = int(text)
    if len(text) > 2:
        return year
    return 2000 + year if year < 30 else 1900 + year


def _worded(text: str) -> str | None:
    day = month = year = None
    for part in _WORDY.findall(latin(text)):
        if part.isdigit():
            if len(part) == 4 or (day is not None and year is None):
                year = part
            elif day is None:
                day = part
        elif part[:3] in words.MONTHS:
            month = words.MONTHS[part[:3]]
    if year is None:
        return None
    return f"{_year(year):04d}{month or 0:02d}{int(day or 0) % 100:02d}"


def is_date(text: str) -> bool:
    """Whether a cell is a possible calendar date."""
    form = date(text)
    if form is None or len(form) != 8:
        return False
    try:
        datetime.date(int(form[:4]), int(form[4:6]), int(form[6:]))
    except ValueError:
        return False
    return 1200 <= int(form[:4]) <= 2100


@lru_cache(maxsize=20_000)
def phone(text: str | None, region: str | None = None) -> str | None:
    """Digits in international form where that can be told, else the bare digits (at least 5)."""
    if text is None or blank(text):
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is not None and phonenumbers.is_possible_number(number):
        return f"{number.country_code}{number.national_number}"
    digits = re.sub(r"\D", "", latin(text)).lstrip("0")
    return digits if len(digits) >= 5 else None


def prefix(text: str) -> int | None:
    """The country's prefix that a phone is written with."""
    text = text.strip()
    if text.startswith("00"):
        text = "+" + text[2:]
    if not text.startswith("+"):
        return None
    try:
        return phonenumbers.parse(text).country_code
    except phonenumbers.NumberParseException:
        return None


def region(prefix: int) -> str | None:
    """The main country of a prefix: US for 1."""
    found = phonenumbers.region_code_for_country_code(prefix)
    return None if found in {"ZZ", "001"} else found


_EMAIL = re.compile(r"[^\s<>\"',;:]+@[^\s<>\"',;:]+")


def email(text: str | None) -> str | None:
    """The address alone, in lower case; the part after `+` is a label of its owner's."""
    if text is None or blank(text):
        return None
    found = _EMAIL.search(text.strip().lower())
    if not found:
        return None
    user, _, host = found.group().rpartition("@")
    user = user.split("+")[0] or user
    return f"{user}@{host.strip('.')}"


@lru_cache(maxsize=20_000)
def domain(text: str | None) -> str | None:
    """The registrable domain of a URL, host or e-mail address."""
    if text is None or blank(text):
        return None
    host = text.strip().lower()
    host = re.sub(r"^[a-z][a-z0-9+.-]*://", "", host).rpartition("@")[2]
    host = re.split(r"[/?#:\s]", host)[0].strip(".")
    if "." not in host:
        return None
    return _SUFFIXES.privatesuffix(host) or host


def postcode(text: str | None) -> str | None:
    """Letters and digits without blanks; the last four of a US ZIP+4 are dropped."""
    if text is None or blank(text):
        return None
    form = "".join(tokens(re.sub(r"\.0$", "", text.strip())))
    if form.isdigit() and len(form) == 9 and not text.strip().isdigit():
        form = form[:5]
    return form or None


def address(text: str | None) -> str | None:
    """Words of an address, with the usual abbreviations of street kinds in one spelling."""
    if text is None or blank(text):
        return None
    return " ".join(words.STREETS.get(word, word) for word in tokens(text)) or None


def identifier(text: str | None) -> str | None:
    """Letters and digits of an identifier; all-zero and one-digit fillers are nothing."""
    if text is None or blank(text):
        return None
    form = "".join(tokens(re.sub(r"\.0$", "", text.strip())))
    return None if len(set(form)) <= 1 or form in {"123456789", "1234567890"} else form


def country(text: str | None) -> str | None:
    """The two-letter code of the countries most written about, else the words."""
    form = phrase(text)
    return words.COUNTRIES.get(form, form) if form else None


def gender(text: str | None) -> str | None:
    """The first letter of the word, with Frau, Weiblich and Femme as `f`."""
    form = phrase(text)
    if not form:
        return None
    if form in {"w", "woman", "weiblich", "frau", "girl", "mujer", "vrouw", "k", "kobieta"}:
        return "f"
    return {"h": "m", "homme": "m", "hombre": "m", "herr": "m", "1": "m", "2": "f"}.get(
        form, form[0]
    )
