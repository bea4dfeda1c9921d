"""The unified record: one read of a person or account, one set of commands, for every door."""

from onefold.record import decisions, domains, membership, namespaces, whois
from onefold.record.access import (
    CSRF_HEADER,
    SESSION_COOKIE,
    ApiKey,
    Gate,
    Session,
    SignedIn,
    Throttle,
    create_key,
    list_keys,
    log_in,
    log_out,
    revoke_key,
    viewer_of_key,
    viewer_of_session,
)
from onefold.record.accounts import account, list_accounts
from onefold.record.accounts import resolve as resolve_account
from onefold.record.commands import close_signal, open_ticket
from onefold.record.connections import Connections, Pool
from onefold.record.drafts import Drafts
from onefold.record.errors import TooMany
from onefold.record.explain import explain
from onefold.record.members import list_members
from onefold.record.naming import named
from onefold.record.people import find as resolve_person
from onefold.record.people import list_people, person
from onefold.record.timelines import account_timeline, is_account, person_timeline, timeline

__all__ = [
    "CSRF_HEADER", "SESSION_COOKIE", "ApiKey", "Connections", "Drafts", "Gate", "Pool", "Session",
    "SignedIn", "Throttle", "TooMany", "account", "account_timeline", "close_signal", "create_key",
    "decisions", "domains", "explain", "is_account", "list_accounts", "list_keys", "list_members",
    "list_people", "log_in", "log_out", "membership", "named", "namespaces", "open_ticket",
    "person", "person_timeline", "resolve_account", "resolve_person", "revoke_key", "timeline",
    "viewer_of_key", "viewer_of_session", "whois",
]  # fmt: skip
