"""What the worker asks of the CRM, many rows at a time. It follows facts, so it leaves none."""

from collections.abc import Mapping, Sequence
from typing import Any

from onefold.crm import store
from onefold.crm.account import BY_FACTS
from onefold.crm.model import TicketState
from onefold.kernel import limits, money
from onefold.storage import Connection, fold_name

__all__ = [
    "account_keys", "accounts_by_key", "apply_account_traits", "deal_states", "ensure_accounts",
    "owner_emails", "owners", "see_accounts_anew", "set_health", "ticket_states", "touch_accounts",
]  # fmt: skip


def ensure_accounts(conn: Connection, keys: Sequence[str]) -> dict[str, int]:
    """Account ids by key; a key not seen before gets its row."""
    wanted = sorted(set(keys))
    found = store.accounts_by_key(conn, wanted)
    missing = [key for key in wanted if key not in found]
    if missing:
        store.ensure_accounts(conn, missing, [fold_name(key) for key in missing])
        found |= store.accounts_by_key(conn, missing)
    return found


def accounts_by_key(conn: Connection, keys: Sequence[str]) -> dict[str, int]:
    """Account ids by key, of those there are."""
    return store.accounts_by_key(conn, keys)


def account_keys(conn: Connection, account_ids: Sequence[int]) -> dict[int, str]:
    """Keys by account id."""
    return store.account_keys(conn, account_ids)


def owners(conn: Connection, account_ids: Sequence[int]) -> dict[int, int | None]:
    """Owners (`app_user.id`) by account id."""
    return store.owners(conn, account_ids)


def apply_account_traits(
    conn: Connection, rows: Sequence[tuple[int, Mapping[str, Any]]]
) -> dict[int, list[str]]:
    """Set name, domain, industry and plan from group traits, unless a person edited the field.

    `rows`: (account id, traits), in order; others of the traits are not looked at, nor are values
    that are no text or number. Answers the columns changed, by account id.
    """
    wanted: dict[int, dict[str, str]] = {}
    for account_id, traits in rows:
        texts = {n: _text(traits[n]) for n in BY_FACTS if n in traits}
        wanted.setdefault(account_id, {}).update({n: t for n, t in texts.items() if t is not None})
    changed: dict[int, list[str]] = {}
    out = []
    for row in store.lock_accounts(conn, list(wanted)) if wanted else ():
        new = {n: t for n, t in wanted[row["id"]].items() if n not in row["edited"] and row[n] != t}
        if new:
            after = {**row, **new}
            changed[row["id"]] = sorted(new)
            after["name_sort"] = fold_name(after["name"] or row["key"])
            out.append(after)
    store.write_traits(conn, out)
    return changed


def touch_accounts(conn: Connection, last_seen_ms: Mapping[int, int]) -> None:
    """Note when accounts were last seen; an earlier time changes nothing."""
    if last_seen_ms:
        store.touch_accounts(conn, last_seen_ms)


def see_accounts_anew(conn: Connection, account_ids: Sequence[int]) -> None:
    """When accounts were last seen, after somebody left whose primary account it was."""
    if account_ids:
        store.see_anew(conn, account_ids)


def set_health(conn: Connection, health: Mapping[int, dict[str, Any]]) -> None:
    """Write `account.health` as signals.health_of answered it. The only writer of that column."""
    if health:
        store.write_health(conn, health)


def ticket_states(
    conn: Connection, contact_ids: Sequence[int], account_ids: Sequence[int]
) -> tuple[dict[int, list[TicketState]], dict[int, list[TicketState]]]:
    """Unresolved tickets by contact id, and by account id. Ids without any are left out."""
    return (
        store.tickets_of(conn, "contact", contact_ids),
        store.tickets_of(conn, "account", account_ids),
    )


def owner_emails(
    conn: Connection, contact_ids: Sequence[int], account_ids: Sequence[int]
) -> list[str]:
    """E-mails of who looks after these contacts and accounts, each once."""
    return store.owner_emails(conn, contact_ids, account_ids)


def _text(value: Any) -> str | None:
    """A trait as a column holds it; None when it can't."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = " ".join(str(value).replace("\0", " ").split())
    return text.encode("utf-8", "replace").decode()[: limits.name_chars_max]


def deal_states(
    conn: Connection, contact_ids: Sequence[int] = (), account_ids: Sequence[int] = ()
) -> list[tuple[int | None, int | None, dict[str, Any]]]:
    """(contact, account, deal as definitions see it) of deals of these; of all with neither.

    Amounts are in units of the base currency; what a deal does not have is left out.
    """
    some = contact_ids or account_ids
    rows = store.deals_of(conn, contact_ids, account_ids) if some else store.deals_all(conn)
    return [(row[0], row[1], _deal(row[2:])) for row in rows]


def _deal(row: Sequence[Any]) -> dict[str, Any]:
    name, status, stage, pipeline, amount, close, owner, *rest = row
    forecast, probability, kind, source, base = rest
    told = {
        "name": name, "status": status, "stage": stage, "pipeline": pipeline,
        "amount": None if amount is None else money.major(amount, base),
        "close_date": None if close is None else close.isoformat(), "owner": owner,
        "forecast": forecast, "probability": probability, "kind": kind, "source": source,
    }  # fmt: skip
    return {key: value for key, value in told.items() if value not in (None, "")}
