"""Which account somebody is in and why, decisions about it, and the workspace's list of domains."""

from typing import Any, Literal

import msgspec
from litestar import delete, get, patch, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from onefold import record
from onefold.api import door
from onefold.api.call import Call, path_text


class NewAccountDecision(
    msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, rename={"since": "from"}
):
    """What is decided of an account, a person or a domain; times are ISO 8601."""

    decision: Literal["member", "not_member", "primary", "merge", "domain", "not_domain"]
    account: str
    person: str = ""
    into: str = ""
    domain: str = ""
    role: str = ""
    since: str = ""
    until: str = ""
    reason: str = ""


class UndoAccountDecision(msgspec.Struct, forbid_unknown_fields=True):
    """Why it is taken back."""

    reason: str = ""


class DomainVerdict(msgspec.Struct, forbid_unknown_fields=True):
    """What a domain is, whatever the lists say."""

    verdict: Literal["allowed", "free", "disposable", "shared", "own"]
    note: str = ""


class LadderSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Whether a company domain that no account claims makes an account."""

    make: bool


@get("/people/{ref:str}/accounts", opt=door.READER, sync_to_thread=True)
def get_person_accounts(call: Call, ref: FromPath[str]) -> record.membership.PersonAccounts:
    """Get a person's accounts with dates and role, and why: each clue, and what became of it."""
    with call.open() as conn:
        return record.membership.of_person(conn, call.viewer, path_text(ref))


@get("/account-decisions", opt=door.READER, sync_to_thread=True)
def list_account_decisions(
    call: Call, cursor: FromQuery[str | None] = None
) -> record.membership.DecisionPage:
    """List what people decided about accounts, newest first, undone decisions included."""
    with call.open() as conn:
        return record.membership.list_decisions(conn, call.viewer, cursor)


@post("/account-decisions", opt=door.MEMBER, sync_to_thread=True)
def create_account_decision(
    call: Call, data: JSONBody[NewAccountDecision]
) -> record.membership.DecisionLine:
    """Decide who is in an account, which is primary, whose a domain is, or that two are one."""
    values: dict[str, Any] = msgspec.to_builtins(data)
    with call.open() as conn:
        said = record.membership.decide(conn, call.viewer, values, call.now_ms)
    return record.membership.settled(call.open, call.viewer, said)


@get("/account-decisions/{decision_id:str}", opt=door.READER, sync_to_thread=True)
def get_account_decision(call: Call, decision_id: FromPath[str]) -> record.membership.DecisionLine:
    """Get a decision about an account."""
    with call.open() as conn:
        return record.membership.decision(conn, call.viewer, decision_id)


@post("/account-decisions/{decision_id:str}/undo", opt=door.MEMBER, sync_to_thread=True)
def undo_account_decision(
    call: Call, decision_id: FromPath[str], data: JSONBody[UndoAccountDecision]
) -> record.membership.DecisionLine:
    """Take a decision back: everything is as if it had never been made."""
    with call.open() as conn:
        said = record.membership.undo(conn, call.viewer, decision_id, data.reason, call.now_ms)
    return record.membership.settled(call.open, call.viewer, said)


@get("/account-proposals", opt=door.READER, sync_to_thread=True)
def list_account_proposals(
    call: Call, cursor: FromQuery[str | None] = None
) -> record.domains.Proposals:
    """List leads and contacts whose account is not sure, each with the account to choose."""
    with call.open() as conn:
        return record.domains.proposals(conn, call.viewer, cursor)


@get("/account-domains", opt=door.READER, sync_to_thread=True)
def list_account_domains(call: Call) -> record.domains.DomainSettings:
    """List what the workspace says of domains, and whether domains make accounts."""
    with call.open() as conn:
        return record.domains.settings(conn, call.viewer)


@patch("/account-domains", opt=door.ADMIN, sync_to_thread=True)
def change_account_domains(
    call: Call, data: JSONBody[LadderSettings]
) -> record.domains.DomainSettings:
    """Let company domains that no account claims make accounts, or not."""
    with call.open() as conn:
        return record.domains.set_make(conn, call.viewer, data.make)


@get("/account-domains/{domain:str}", opt=door.READER, sync_to_thread=True)
def get_account_domain(call: Call, domain: FromPath[str]) -> record.domains.DomainAnswer:
    """Get what a domain says: free, disposable, shared …, or whose it is."""
    with call.open() as conn:
        return record.domains.ask(conn, call.viewer, path_text(domain))


@put("/account-domains/{domain:str}", opt=door.ADMIN, sync_to_thread=True)
def set_account_domain(
    call: Call, domain: FromPath[str], data: JSONBody[DomainVerdict]
) -> record.domains.DomainSettings:
    """Say what a domain is, before any list."""
    values = msgspec.to_builtins(data)
    with call.open() as conn:
        return record.domains.change(conn, call.viewer, path_text(domain), values, call.now_ms)


@delete("/account-domains/{domain:str}", opt=door.ADMIN, status_code=200, sync_to_thread=True)
def drop_account_domain(call: Call, domain: FromPath[str]) -> record.domains.DomainSettings:
    """Leave a domain to the lists again."""
    with call.open() as conn:
        return record.domains.drop(conn, call.viewer, path_text(domain))


HANDLERS = [
    get_person_accounts, list_account_decisions, create_account_decision, get_account_decision,
    undo_account_decision, list_account_proposals, list_account_domains, change_account_domains,
    get_account_domain, set_account_domain, drop_account_domain,
]  # fmt: skip
