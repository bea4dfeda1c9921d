"""What an account can be found by: its domains, registry ids and names. Pure.

`of` reads traits of group calls and the account's own columns, `registry` the ids that both
accounts and people carry.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from onefold.identity.accounts import domains, names
from onefold.kernel import limits

_DOMAINS = ("domain", "domains", "website", "websiteurl", "companydomain", "emaildomain",
            "emaildomains")  # fmt: skip
# Registers of companies, and the ids that billing, CRM and help desk give them.
_REGISTRIES = {
    "duns": "duns", "dunsnumber": "duns", "lei": "lei", "leicode": "lei",
    "vat": "vat", "vatid": "vat", "vatnumber": "vat", "taxid": "tax", "ein": "tax",
    "companynumber": "company", "registrationnumber": "company",
    "stripecustomerid": "stripe", "stripecustomer": "stripe", "chargebeecustomerid": "chargebee",
    "hubspotcompanyid": "hubspot", "salesforceaccountid": "salesforce",
    "intercomcompanyid": "intercom", "zendeskorganizationid": "zendesk",
    "billingid": "billing", "crmid": "crm",
}  # fmt: skip
_PLACES = ("country", "city")
_CLAIMED = frozenset((*_DOMAINS, *_REGISTRIES, "name", "legalname", "aliases", "companyid"))


class Found(NamedTuple):
    """One claim, before it is anybody's."""

    kind: str
    value: str
    source: str
    place: str = ""


def of(key: str, row: Mapping[str, str], traits: Mapping[str, Any]) -> dict[tuple[str, str], Found]:
    """The claims of an account by (kind, value), the strongest source of each.

    `row`: name and domain as the account's columns hold them, `by_hand` the fields among them that
    a person set. `traits`: the winning values of its own fragment.
    """
    out: dict[tuple[str, str], Found] = {}
    hand = row.get("by_hand", "").split()
    for found in (*_of_traits(key, traits), *_of_columns(row, hand)):
        old = out.get((found.kind, found.value))
        if old is None:
            out[found.kind, found.value] = found
        elif found.source == "crm":
            out[found.kind, found.value] = found._replace(place=old.place or found.place)
        if len(out) >= limits.account_claims_max:
            break
    return out


def _of_columns(row: Mapping[str, str], hand: list[str]) -> Iterator[Found]:
    domain = domains.registrable(row.get("domain") or "")
    if domain:
        yield Found("domain", domain, "crm" if "domain" in hand else "facts")
    name = names.normal(row.get("name") or "")
    if name:
        yield Found("name", name[0], "crm" if "name" in hand else "facts",
                    place(name[1], row))  # fmt: skip


def _of_traits(key: str, traits: Mapping[str, Any]) -> Iterator[Found]:
    plain = {flat(name): value for name, value in traits.items()}
    for name in _DOMAINS:
        for text in texts(plain.get(name)):
            domain = domains.registrable(text)
            if domain:
                yield Found("domain", domain, "facts")
    for text in texts(plain.get("aliases"), plain.get("legalname"), plain.get("name")):
        name_found = names.normal(text)
        if name_found:
            yield Found("name", name_found[0], "facts", place(name_found[1], address(plain)))
    for value in registry(plain):
        yield Found("registry", value, "facts")
    yield Found("registry", f"id:{key.casefold()}", "facts")


def registry(plain: Mapping[str, Any]) -> list[str]:
    """Registry ids among traits whose names are flat: `vat:de123456789`."""
    out = []
    for name, register in _REGISTRIES.items():
        for text in texts(plain.get(name)):
            value = "".join(c for c in text.casefold() if c.isalnum() or c == "_")
            if len(value) > 2 and value.strip("0"):
                out.append(f"{register}:{value[: limits.name_chars_max]}")
    return out


def register_of(namespace: str) -> str | None:
    """The register that an identifier's namespace is: `stripe_customer` is `stripe`."""
    return _REGISTRIES.get(flat(namespace)) or _REGISTRIES.get(f"{flat(namespace)}id")


def is_claim(name: str) -> bool:
    """Whether a flat trait name is one that claims are made of."""
    return name in _CLAIMED


def flat(name: str) -> str:
    """A trait's name without case, blanks and underscores."""
    return "".join(c for c in name.casefold() if c.isalnum())


def texts(*values: Any) -> list[str]:
    """Texts and numbers among values, those in lists included."""
    out: list[str] = []
    for value in values:
        for one in value[:20] if isinstance(value, list) else (value,):
            if isinstance(one, str) and one.strip():
                out += [part for part in one.split(",") if part.strip()] if len(one) < 500 else []
            elif isinstance(one, int) and not isinstance(one, bool):
                out.append(str(one))
    return out


def place(form: str, told: Mapping[str, Any]) -> str:
    """Legal form, country and city in one text: `gmbh|de|bonn`, each may be empty."""
    from onefold.identity.match import clean  # loads numpy: only when a name is met

    country, city = (told.get(name) for name in _PLACES)
    shown = (
        form,
        (clean.country(country) or "") if isinstance(country, str) else "",
        (clean.phrase(city) or "") if isinstance(city, str) else "",
    )
    return "|".join(part[:80].replace("|", " ") for part in shown)


def address(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    """Country and city among flat traits, those of an `address` included."""
    address = plain.get("address")
    inner = {flat(k): v for k, v in address.items()} if isinstance(address, dict) else {}
    return {**inner, **{n: plain[n] for n in _PLACES if n in plain}}
