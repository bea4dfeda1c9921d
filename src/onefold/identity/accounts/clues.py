"""What of a person's facts points to an account. Pure.

Names of traits that are read are in `TRAITS`: when the value of one changes, the person's accounts
are asked for again (worker/folder.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from onefold.identity.accounts import claims, domains, names
from onefold.identity.accounts.model import Clue, Rung
from onefold.kernel import limits

Span = tuple[int, int]  # first and last time
_COMPANY = ("company", "companyname", "organization", "organisation", "employer")
_WEBSITE = ("website", "companywebsite", "companydomain", "companyurl")
_PLAIN = frozenset((*_COMPANY, *_WEBSITE, "email", "country", "city", "address"))


def reads(trait: str) -> bool:
    """Whether a trait of this name, of a person or account, is a clue or a claim."""
    known = _known.get(trait)
    if known is None:
        flat = claims.flat(trait)
        known = flat in _PLAIN or claims.is_claim(flat)
        if len(_known) < limits.trait_names_remembered_max:
            _known[trait] = known
    return known


_known: dict[str, bool] = {}


class About(NamedTuple):
    """What is known of a person.

    groups    account key → span of facts that name it, those of CRM contacts aside
    contacts  account key → span of facts at the person's CRM contacts that name it
    crm       keys of the accounts that the contacts' rows name now
    emails    address → first time a fact carried it
    others    (namespace, value) of further identifiers
    traits    name → value, as they won
    first_ms  of the person's own facts, 0 without any
    """

    groups: Mapping[str, Span]
    contacts: Mapping[str, Span]
    crm: Sequence[str]
    emails: Mapping[str, int]
    others: Iterable[tuple[str, str]]
    traits: Mapping[str, Any]
    first_ms: int


def of(about: About) -> list[Clue]:
    """Every clue, the strongest rung first."""
    out = [Clue(Rung.GROUP, key, first) for key, (first, _) in about.groups.items()]
    out += _of_contacts(about)
    plain = {claims.flat(name): value for name, value in about.traits.items()}
    company = [v for n in _COMPANY if isinstance(v := plain.get(n), dict)]
    inner = [{claims.flat(k): v for k, v in one.items()} for one in company]
    registry = [v for told in (plain, *inner) for v in claims.registry(told)]
    registry += [f"id:{t.casefold()}" for told in inner for t in claims.texts(told.get("id"))]
    registry += [f"id:{t.casefold()}" for t in claims.texts(plain.get("companyid"))]
    for namespace, value in about.others:
        register = claims.register_of(namespace)
        if register:
            registry += [f"{register}:{value.casefold()}", f"id:{value.casefold()}"]
    out += [Clue(Rung.REGISTRY, value, about.first_ms) for value in dict.fromkeys(registry)]
    out += _of_emails(about.emails, plain.get("email"))
    sites = claims.texts(*(plain.get(n) for n in _WEBSITE))
    sites += claims.texts(*(one.get(n) for one in inner for n in ("website", "domain", "url")))
    found = dict.fromkeys(filter(None, map(domains.registrable, sites)))
    out += [Clue(Rung.WEBSITE, domain, about.first_ms) for domain in found]
    out += _of_names(plain, inner, about.first_ms)
    return out[: limits.account_clues_max]


def _of_contacts(about: About) -> list[Clue]:
    """The CRM has a contact in one account at a time: others it named are former ones."""
    out = []
    for key in about.crm:
        span = about.contacts.get(key)
        out.append(Clue(Rung.CRM, key, span[0] if span else about.first_ms))
    moved = min((clue.first_ms for clue in out), default=0)
    for key, (first, last) in about.contacts.items():
        if key not in about.crm and key not in about.groups:
            out.append(Clue(Rung.CRM, key, first, max(last, moved)))
    return out


def _of_emails(emails: Mapping[str, int], in_use: Any) -> list[Clue]:
    """One clue a domain; `current` is the domain of the address that the person uses now."""
    first: dict[str, int] = {}
    for address, first_ms in emails.items():
        domain = domains.registrable(address)
        if domain:
            first[domain] = min(first.get(domain, first_ms), first_ms)
    now = domains.registrable(in_use) if isinstance(in_use, str) and "@" in in_use else None
    return [
        Clue(Rung.EMAIL, domain, at, current=now not in first or domain == now)
        for domain, at in sorted(first.items())
    ]


def _of_names(
    plain: Mapping[str, Any], inner: Sequence[Mapping[str, Any]], first_ms: int
) -> list[Clue]:
    told = [(text, plain) for n in _COMPANY if isinstance(text := plain.get(n), str)]
    told += [(text, {**plain, **one}) for one in inner if isinstance(text := one.get("name"), str)]
    out: dict[str, Clue] = {}
    for text, where in told:
        found = names.normal(text)
        if found and found[0] not in out:
            shown = claims.place(found[1], claims.address(where))
            out[found[0]] = Clue(Rung.NAME, found[0], first_ms, place=shown)
    return list(out.values())
