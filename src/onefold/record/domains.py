"""The workspace's word on domains, how the ladder is set, and matches that wait for a person."""

from collections.abc import Mapping
from typing import Any, TypedDict

from onefold.identity import accounts
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record import membership
from onefold.storage import Connection

_SURE = 0.6  # a name less alike is not proposed


class Rule(TypedDict):
    """What the workspace says of a domain."""

    domain: str
    verdict: str
    note: str
    by: str
    at: str


class DomainSettings(TypedDict):
    """The workspace's list; `make`: whether an unclaimed company domain makes an account."""

    make: bool
    lists: str
    rules: list[Rule]


class DomainAnswer(TypedDict):
    """What a domain says: its verdict (empty: it may say a company), and who owns it."""

    domain: str
    verdict: str
    owner: str | None
    rivals: list[str]


class Proposal(TypedDict):
    """Somebody whose account a person should judge: what points where, how sure, and why."""

    person: dict[str, str]
    rung: str
    value: str
    outcome: str
    says: str
    account: membership.AccountRef | None
    confidence: float


class Proposals(TypedDict):
    """A page of proposals."""

    items: list[Proposal]
    next: str | None


def settings(conn: Connection, viewer: Viewer) -> DomainSettings:
    """The list and the setting."""
    viewer.must_read()
    return {
        "make": accounts.decisions.settings(conn)[0],
        "lists": accounts.domains.edition(),
        "rules": [
            {"domain": d, "verdict": v, "note": note, "by": by, "at": clock.iso(at) or ""}
            for d, v, note, by, at in accounts.decisions.rule_rows(conn, viewer)
        ],
    }


def change(
    conn: Connection, viewer: Viewer, given: str, values: Mapping[str, Any], now_ms: int
) -> DomainSettings:
    """Say what a domain is: allowed, free, disposable, shared or own. Raises `Invalid`."""
    viewer.must_admin()
    faults = []
    domain = accounts.domains.registrable(given)
    if domain is None:
        faults.append(errors.Fault("domain", "is no domain.", "Send one like `acme.com`."))
    verdict, note = values.get("verdict"), values.get("note") or ""
    if verdict not in accounts.domains.RULES:
        known = ", ".join(accounts.domains.RULES)
        faults.append(errors.Fault("verdict", "is not known.", f"Use one of {known}."))
    if not isinstance(note, str) or len(note) > limits.decision_reason_chars_max:
        faults.append(errors.Fault("note", "is no text of fitting length.", "Be brief."))
    if len(accounts.decisions.rule_rows(conn, viewer)) >= limits.domain_rules_max:
        faults.append(errors.Fault("domain", "is one too many.", "Drop some first."))
    if faults or domain is None:
        raise errors.Invalid(*faults)
    accounts.decisions.set_rule(conn, viewer, domain, str(verdict), note, now_ms)
    return settings(conn, viewer)


def drop(conn: Connection, viewer: Viewer, domain: str) -> DomainSettings:
    """Leave a domain to the lists again. Raises `NotFound`."""
    if not accounts.decisions.drop_rule(conn, viewer, domain.strip().lower()):
        raise errors.NotFound(f"Nothing is said of `{domain[:100]}`. The list is in the settings.")
    return settings(conn, viewer)


def set_make(conn: Connection, viewer: Viewer, make: bool) -> DomainSettings:
    """Whether an unclaimed company domain makes an account."""
    accounts.decisions.set_make(conn, viewer, make)
    return settings(conn, viewer)


def ask(conn: Connection, viewer: Viewer, given: str) -> DomainAnswer:
    """What a domain or e-mail address says. Raises `Invalid`."""
    viewer.must_read()
    domain = accounts.domains.registrable(given)
    if domain is None:
        raise errors.Invalid(errors.Fault("domain", "is no domain.", "Send one like `acme.com`."))
    book = accounts.decisions.load(conn)
    found = accounts.decisions.directory(conn, book, [("domain", domain)])
    owner = found.owner("domain", domain)
    return {
        "domain": domain,
        "verdict": found.verdict(domain) or "",
        "owner": f"account_id:{owner.key}" if owner else None,
        "rivals": [f"account_id:{key}" for key in owner.rivals] if owner else [],
    }


def proposals(conn: Connection, viewer: Viewer, cursor: str | None = None) -> Proposals:
    """Leads and contacts whose account is not sure: by name, or an address at another account."""
    viewer.must_read()
    rows = accounts.reads.open_clues(conn, viewer, _after(cursor), limits.page_rows_default)
    names = [r["value"] for r in rows if r["rung"] == accounts.Rung.NAME]
    alike = accounts.reads.alike(conn, viewer, names)
    out: list[Proposal] = []
    for row in rows:
        best = alike.get(row["value"], []) if row["rung"] == accounts.Rung.NAME else []
        near = [one for one in best if one["likeness"] >= _SURE]
        out += [_proposal(row, one) for one in near]
        if not near and row["account_id"] is not None:
            out.append(_proposal(row, None))
    last = rows[-1] if len(rows) == limits.page_rows_default else None
    more = f"{last['id']}:{last['rung']}:{last['value']}" if last else None
    return {"items": out, "next": more}


def _proposal(row: Mapping[str, Any], near: Mapping[str, Any] | None) -> Proposal:
    rung = accounts.Rung(row["rung"])
    found = near or {"id": row["account_id"], "key": row["key"], "name": row["account_name"]}
    confidence = accounts.model.CONFIDENCE[rung] * (near["likeness"] if near else 1.0)
    if near and near["likeness"] < 1:
        says = f"The company name is like this account's ({near['likeness']:.0%})."
    else:
        says = membership.outcome_says(row["outcome"])
    return {
        "person": {"id": ids.api_id("per", row["id"]), "name": row["name"] or row["email"]},
        "rung": rung.name.lower(),
        "value": row["value"],
        "outcome": row["outcome"],
        "says": says,
        "account": membership.account_ref(found),
        "confidence": round(confidence, 2),
    }


def _after(cursor: str | None) -> tuple[int, int, str]:
    if not cursor:
        return 0, 0, ""
    person, _, rest = cursor.partition(":")
    rung, _, value = rest.partition(":")
    if not person.isdecimal() or not rung.isdecimal():
        raise errors.Invalid(errors.Fault("cursor", "is not one of this list.", "Leave it out."))
    return int(person), int(rung), value
