"""What is compared of a person: fields out of traits, under whatever names tools send them."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from onefold.identity.match import clean, words
from onefold.kernel import limits

# field → role that `match` compares it in
ROLES = {
    "given": "given", "surname": "surname", "name": "name", "email": "email", "phone": "phone",
    "phone_2": "phone", "phone_3": "phone", "company": "company", "title": "occupation",
    "address": "address", "city": "city", "postcode": "postcode", "country": "country",
    "dob": "dob",
}  # fmt: skip
LABELS = {
    "given": "First name", "surname": "Last name", "name": "Name", "email": "E-mail",
    "phone": "Phone", "phone_2": "Second phone", "phone_3": "Third phone", "company": "Company",
    "title": "Title", "address": "Address", "city": "City", "postcode": "Postcode",
    "country": "Country", "dob": "Date of birth",
}  # fmt: skip
_PHONES = ("phone", "phone_2", "phone_3")
# Names of traits without case and punctuation; the first that says something counts.
_TRAITS = {
    "given": ("firstname", "givenname"),
    "surname": ("lastname", "familyname", "surname"),
    "name": ("name", "fullname", "displayname"),
    "email": ("email", "emailaddress", "mail"),
    "phone": ("phone", "phonenumber", "workphone", "telephone"),
    "phone_2": ("mobile", "mobilephone", "cellphone"),
    "phone_3": ("homephone", "otherphone", "phone2"),
    "company": ("company", "companyname", "organization", "organisation", "employer"),
    "title": ("title", "jobtitle", "position", "occupation"),
    "address": ("address", "street", "streetaddress", "addressline1"),
    "city": ("city", "town"),
    "postcode": ("postalcode", "postcode", "zip", "zipcode"),
    "country": ("country", "countrycode"),
    "dob": ("birthday", "dateofbirth", "birthdate", "dob"),
}
_OF_ADDRESS = ("address", "city", "postcode", "country")
_LABEL_PARTS_MIN = 2


def of_traits(
    traits: Mapping[str, Any], emails: Sequence[str] = (), company: str = ""
) -> dict[str, str]:
    """The fields of a person: its winning traits, its e-mail identifiers, its account's name."""
    bare = {_bare(name): value for name, value in traits.items()}
    address = bare.get("address")
    inner = {_bare(k): v for k, v in address.items()} if isinstance(address, Mapping) else {}
    out: dict[str, str] = {}
    for field, names in _TRAITS.items():
        value = _first(bare, names)
        if not value and field in _OF_ADDRESS:
            value = _first(inner, names)
        if value:
            out[field] = value
    return completed(out, emails, company)


def of_values(values: Mapping[str, str]) -> dict[str, str]:
    """The fields of somebody being typed in; names as in traits are understood too."""
    return of_traits({name: value for name, value in values.items() if value})


def completed(out: dict[str, str], emails: Sequence[str] = (), company: str = "") -> dict[str, str]:
    """Fill in what other things tell: an address among the identifiers, the account, the domain."""
    if out.get("given") or out.get("surname"):
        out.pop("name", None)
    if not clean.email(out.get("email")):
        out.pop("email", None)
        found = next((e for e in emails if clean.email(e)), None)
        if found:
            out["email"] = found
    mail = clean.email(out.get("email")) or ""
    if not {"given", "surname", "name"} & out.keys() and (name := _name_in(mail)):
        out["name"] = name
    if "company" not in out:
        host = clean.domain(mail) if mail else None
        own = host.split(".")[0] if host and host not in words.FREE_MAIL else ""
        if company or own:
            out["company"] = company or own
    return out


def digest(fields: Mapping[str, str], *more: Any) -> bytes:
    """Changes when anything does that a comparison or the queue's order looks at."""
    body = msgspec.json.encode([sorted(fields.items()), *more])
    return hashlib.blake2b(body, digest_size=16).digest()


def name_of(fields: Mapping[str, str]) -> str:
    """What to call the person: the name, else the address."""
    both = f"{fields.get('given', '')} {fields.get('surname', '')}".strip()
    return both or fields.get("name", "") or fields.get("email", "")


def phones_of(fields: Mapping[str, str]) -> list[str]:
    """The phone numbers, as written."""
    return [fields[name] for name in _PHONES if fields.get(name)]


def _bare(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _first(values: Mapping[str, Any], names: Sequence[str]) -> str:
    for name in names:
        value = values.get(name)
        if isinstance(value, Mapping):
            value = value.get("name")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            continue
        text = " ".join(str(value).split())[: limits.match_field_chars_max]
        if not clean.blank(text):
            return text
    return ""


def _name_in(mail: str) -> str:
    """The name that an address spells: ann.lee@acme.co is Ann Lee; ann@ and info@ tell too little.

    Used where nothing else names the person.
    """
    user = mail.partition("@")[0]
    found = user.replace("_", ".").replace("-", ".").split(".")
    parts = [part for piece in found if (part := piece.rstrip("0123456789"))]
    spelled = all(part.isalpha() and len(part) > 1 for part in parts)
    if len(parts) < _LABEL_PARTS_MIN or not spelled or words.ROLE_MAIL & {user, *parts}:
        return ""
    return " ".join(parts).title()
