"""Which account a person is in and why, and what people decide about accounts and domains."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, TypedDict, cast

from onefold import identity
from onefold.identity import accounts
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record import people, refs, store
from onefold.storage import Connection

KINDS = ("member", "not_member", "primary", "merge", "domain", "not_domain")
_OF_PERSON = ("member", "not_member", "primary")
_FIELDS = ("decision", "account", "person", "into", "domain", "role", "from", "until", "reason")
_POLL_S = 0.02
Open = Callable[[], AbstractContextManager[Connection]]


class AccountRef(TypedDict):
    """An account, as named elsewhere."""

    id: str
    key: str
    name: str


class MembershipLine(TypedDict):
    """That a person is or was (`until`) in an account: which rung says so, how sure, in words."""

    account: AccountRef
    since: str | None
    until: str | None
    primary: bool
    rung: str
    confidence: float
    role: str
    why: str


class ClueLine(TypedDict):
    """Something that points to an account, and what became of it."""

    rung: str
    value: str
    since: str | None
    account: AccountRef | None
    outcome: str
    says: str


class DecisionLine(TypedDict):
    """A decision. `state`: pending, in_force, undone or replaced; `says` is it in words."""

    id: str
    decision: str
    account: str
    person: str | None
    into: str | None
    domain: str | None
    role: str
    since: str | None
    until: str | None
    reason: str
    by: str
    at: str
    state: str
    undone_by: str | None
    says: str


class PersonAccounts(TypedDict):
    """A person's accounts, what points to accounts, and what was decided."""

    accounts: list[MembershipLine]
    clues: list[ClueLine]
    decisions: list[DecisionLine]


class DecisionPage(TypedDict):
    """A page of decisions."""

    items: list[DecisionLine]
    next: str | None


def of_person(conn: Connection, viewer: Viewer, ref: str) -> PersonAccounts:
    """The accounts of a person, with the reasons. Raises `NotFound`."""
    person_id = people.find(conn, viewer, ref)
    values = identity.values_of(conn, viewer, [person_id])[person_id]
    clues = [_clue(row) for row in accounts.reads.clues(conn, viewer, person_id)]
    return {
        "accounts": [
            _membership(row, clues) for row in accounts.reads.memberships(conn, viewer, person_id)
        ],
        "clues": clues,
        "decisions": [shown(said) for said in accounts.decisions.of_person(conn, viewer, values)],
    }


def of_account(conn: Connection, viewer: Viewer, account: Mapping[str, Any]) -> list[DecisionLine]:
    """Decisions about an account, of accounts merged into it as well, newest first."""
    keys = [account["key"], *(one["key"] for one in account["merged"])]
    return [shown(said) for said in accounts.decisions.of_account(conn, viewer, keys)]


def decide(
    conn: Connection, viewer: Viewer, values: Mapping[str, Any], now_ms: int
) -> accounts.Said:
    """Say which account somebody is in, whose a domain is, or that two accounts are one.

    `decision`: `member` (`person`, `account`, and if known `role`, `from`, `until`), `not_member`,
    `primary`, `merge` (`account` is `into`), `domain`, `not_domain` (`domain`, `account`). Raises
    `Invalid` with every fault.
    """
    viewer.must_write()
    faults = [
        errors.Fault(name[:60], "can't be set here.", f"Known are {', '.join(_FIELDS)}.")
        for name in values
        if name not in _FIELDS
    ]
    kind = values.get("decision")
    if kind not in KINDS:
        shown_kind = f"`{str(kind)[:50]}` is not known."
        faults.append(errors.Fault("decision", shown_kind, f"Use one of {', '.join(KINDS)}."))
    key = _key(conn, values, "account", faults)
    about = _about(conn, viewer, str(kind), values, faults)
    times = [_time(values, name, now_ms, faults) for name in ("from", "until")]
    if times[0] is not None and times[1] is not None and times[0] >= times[1]:
        faults.append(errors.Fault("until", "is not after `from`.", "Give a later day."))
    role = values.get("role") or ""
    if not isinstance(role, str) or len(role) > limits.name_chars_max:
        faults.append(errors.Fault("role", "is no text of fitting length.", "Use a few words."))
    reason = values.get("reason") or ""
    if not isinstance(reason, str):
        faults.append(errors.Fault("reason", "must be a text.", "Say why, or leave it out."))
    if kind == "merge" and not faults and key is not None and about is not None:
        _check_merge(conn, key, about[1], faults)
    if faults or key is None or about is None:
        raise errors.Invalid(*faults)
    return accounts.decisions.say(
        conn, viewer, cast("Any", kind), key, about, now_ms,
        role=role, from_ms=times[0], until_ms=times[1], reason=reason,
    )  # fmt: skip


def undo(conn: Connection, viewer: Viewer, ref: str, reason: str, now_ms: int) -> accounts.Said:
    """Take a decision back. Raises `NotFound`, or `Conflict` when it no longer counts."""
    viewer.must_write()
    return accounts.decisions.undo(conn, viewer, number(ref), reason, now_ms)


def settled(opened: Open, viewer: Viewer, said: accounts.Said) -> DecisionLine:
    """The decision once the worker took it up, or as it is after a while.

    Call it outside the transaction that wrote the decision.
    """
    until = time.monotonic() + limits.decision_wait_ms / 1000
    while True:
        with opened() as conn:
            said = accounts.decisions.get(conn, viewer, said.id)
        if not said.pending or time.monotonic() > until:
            return shown(said)
        time.sleep(_POLL_S)


def decision(conn: Connection, viewer: Viewer, ref: str) -> DecisionLine:
    """One decision. Raises `NotFound`."""
    return shown(accounts.decisions.get(conn, viewer, number(ref)))


def list_decisions(conn: Connection, viewer: Viewer, cursor: str | None = None) -> DecisionPage:
    """Decisions, newest first, those undone included."""
    before = number(cursor) if cursor else None
    rows = accounts.decisions.listed(conn, viewer, before, limits.page_rows_default)
    more = ids.api_id("acd", rows[-1].id) if len(rows) == limits.page_rows_default else None
    return {"items": [shown(said) for said in rows], "next": more}


def number(ref: str) -> int:
    """The id in `acd_4`. Raises `NotFound`."""
    try:
        return ids.parse_id("acd", ref)
    except errors.Invalid:
        raise errors.NotFound(
            f"There is no account decision `{ref[:50]}`. Ask by id: `acd_4`."
        ) from None


def shown(said: accounts.Said) -> DecisionLine:
    """A decision as doors show it."""
    person = f"{said.namespace}:{said.value}" if said.kind in _OF_PERSON else None
    return {
        "id": ids.api_id("acd", said.id),
        "decision": said.kind,
        "account": f"account_id:{said.account_key}",
        "person": person,
        "into": f"account_id:{said.value}" if said.kind == "merge" else None,
        "domain": said.value if said.kind in ("domain", "not_domain") else None,
        "role": said.role,
        "since": clock.iso(said.from_ms),
        "until": clock.iso(said.until_ms),
        "reason": said.reason,
        "by": said.actor_name,
        "at": clock.iso(said.at_ms) or "",
        "state": _state(said),
        "undone_by": said.undone_by_name,
        "says": _says(said),
    }


def account_ref(row: Mapping[str, Any]) -> AccountRef:
    """A row's id, key and name as doors name an account."""
    return {
        "id": ids.api_id("acc", row["id"]), "key": row["key"], "name": row["name"] or row["key"],
    }  # fmt: skip


def why(rung: int, values: list[str]) -> str:
    """In words what says that somebody is in an account; `values`: the clues that say so."""
    named = " and ".join(values)
    return {
        accounts.Rung.HAND: "Somebody decided it.",
        accounts.Rung.GROUP: "A tool named the account by its id.",
        accounts.Rung.CRM: "The CRM contact is in the account.",
        accounts.Rung.REGISTRY: f"The same registry or billing id: {named}.",
        accounts.Rung.EMAIL: f"An e-mail address at {named}.",
        accounts.Rung.WEBSITE: f"The person's website is {named}.",
        accounts.Rung.NAME: f"The company name is “{named}”.",
    }[accounts.Rung(rung)]


_OUTCOMES = {
    "attached": "This puts the person in the account.",
    "agrees": "A stronger rung says the same.",
    "outranked": "A stronger rung names another account.",
    "cut": "Somebody decided that the person is not in this account.",
    "several": "Several accounts have this name.",
    "unsure": "The name is the account's, but its legal form or place is not.",
    "unknown": "No account has it.",
    "made": "It made an account.",
    "free": "Free mail says nothing of a company.",
    "disposable": "Disposable mail says nothing of a company.",
    "shared": "People of many accounts share this domain.",
    "reserved": "The domain is reserved for examples and tests.",
    "own": "The domain is this company's own.",
}


def outcome_says(outcome: str) -> str:
    """In words what became of a clue."""
    return _OUTCOMES[outcome]


def _membership(row: Mapping[str, Any], clues: list[ClueLine]) -> MembershipLine:
    rung = accounts.Rung(row["rung"]).name.lower()
    shown_id = ids.api_id("acc", row["id"])
    values = [
        c["value"] for c in clues
        if c["rung"] == rung and c["account"] and c["account"]["id"] == shown_id
    ]  # fmt: skip
    return {
        "account": account_ref(row),
        "since": clock.iso(row["since_ms"]) if row["since_ms"] else None,
        "until": clock.iso(row["until_ms"]),
        "primary": row["is_primary"],
        "rung": rung,
        "confidence": round(row["confidence"], 2),
        "role": row["role"],
        "why": why(row["rung"], values),
    }


def _clue(row: Mapping[str, Any]) -> ClueLine:
    return {
        "rung": accounts.Rung(row["rung"]).name.lower(),
        "value": row["value"],
        "since": clock.iso(row["first_ms"]) if row["first_ms"] else None,
        "account": account_ref(row) if row["id"] is not None else None,
        "outcome": row["outcome"],
        "says": _OUTCOMES[row["outcome"]],
    }


def _key(
    conn: Connection, values: Mapping[str, Any], name: str, faults: list[errors.Fault]
) -> str | None:
    ref = values.get(name)
    if not isinstance(ref, str) or not ref.strip():
        faults.append(errors.Fault(name, "is missing.", "Send `acc_3` or `account_id:acme`."))
        return None
    try:
        row = store.account_row(conn, refs.account(ref.strip()))
    except errors.NotFound as error:
        faults.append(errors.Fault(name, str(error)))
        return None
    if row is None:
        faults.append(errors.Fault(name, str(refs.unknown("account", ref))))
        return None
    return str(row["key"])


def _about(
    conn: Connection,
    viewer: Viewer,
    kind: str,
    values: Mapping[str, Any],
    faults: list[errors.Fault],
) -> tuple[str, str] | None:
    """The person, account or domain that the decision is on, as it is stored."""
    if kind == "merge":
        into = _key(conn, values, "into", faults)
        return None if into is None else ("", into)
    if kind in ("domain", "not_domain"):
        given = values.get("domain")
        domain = accounts.domains.registrable(given) if isinstance(given, str) else None
        if domain is None:
            faults.append(errors.Fault("domain", "is no domain.", "Send one like `acme.com`."))
            return None
        return "", domain
    ref = values.get("person")
    if kind not in KINDS or not isinstance(ref, str) or not ref.strip():
        faults.append(errors.Fault("person", "is missing.", "Send `per_12` or `user_id:u1`."))
        return None
    try:
        person_id = people.find(conn, viewer, ref.strip())
    except errors.NotFound as error:
        faults.append(errors.Fault("person", str(error)))
        return None
    found = identity.values_of(conn, viewer, [person_id])[person_id]
    rules = identity.namespaces.current(conn)
    strong = [v for v in found if rules.of(v[0]).kind == "person"]
    if not strong:
        faults.append(
            errors.Fault("person", "is anonymous.", "Wait until a user id or an e-mail is known.")
        )
        return None
    return strong[0]


def _check_merge(conn: Connection, key: str, into: str, faults: list[errors.Fault]) -> None:
    aliases = accounts.Book(accounts.decisions.in_force(conn)).aliases
    if key == into or aliases.get(into, into) == key:
        faults.append(errors.Fault("into", "is the same account.", "Name two different ones."))
    elif key in aliases:
        faults.append(
            errors.Fault("account", f"is `{aliases[key]}` already.", "Undo that decision first.")
        )


def _time(
    values: Mapping[str, Any], name: str, now_ms: int, faults: list[errors.Fault]
) -> int | None:
    given = values.get(name)
    if given in (None, ""):
        return None
    try:
        at_ms = clock.from_datetime(datetime.fromisoformat(str(given)))
    except ValueError:
        faults.append(errors.Fault(name, "is not a time.", "Send ISO 8601, as `2026-03-31`."))
        return None
    if at_ms > now_ms + clock.DAY_MS:
        faults.append(errors.Fault(name, "is in the future.", "Decide it when it has happened."))
    return at_ms


def _state(said: accounts.Said) -> str:
    if said.undone_ms is not None:
        return "undone"
    if said.replaced_by is not None:
        return "replaced"
    return "pending" if said.pending else "in_force"


def _says(said: accounts.Said) -> str:
    who = f"{said.namespace}:{said.value}"
    return {
        "member": f"{who} is in {said.account_key}",
        "not_member": f"{who} is not in {said.account_key}",
        "primary": f"The primary account of {who} is {said.account_key}",
        "merge": f"{said.account_key} is {said.value}",
        "domain": f"{said.value} is a domain of {said.account_key}",
        "not_domain": f"{said.value} is no domain of {said.account_key}",
    }[said.kind]
