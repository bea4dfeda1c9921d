"""Subscriptions kept by a billing system's events.

A fact of a billing source whose name begins with `Subscription` and that names one (Stripe's do)
makes the subscription here, or brings it up to date: plan, seats, money a month, renewal. It is
the account's that the fact names, else the one of the person it is about. An event that is older
than what was taken up changes nothing, and what a person set by hand stays.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from onefold import crm, identity
from onefold.kernel import ids, limits, money
from onefold.kernel.facts import Fact
from onefold.kernel.viewer import Viewer
from onefold.record import store
from onefold.storage import Connection

NOUN = "Subscription "
_STATUSES = {
    "trialing": "trial", "trial": "trial", "active": "active", "past_due": "past_due",
    "unpaid": "past_due", "incomplete": "past_due", "paused": "paused", "canceled": "ended",
    "cancelled": "ended", "incomplete_expired": "ended", "ended": "ended", "expired": "ended",
}  # fmt: skip
_BY_NAME = {"Cancelled": "ended", "Ended": "ended", "Paused": "paused", "Resumed": "active"}
# Periods in a month, by the unit of the interval.
_MONTHLY = {"day": Decimal("30.4375"), "week": Decimal("4.348125"), "month": Decimal(1),
            "year": Decimal(1) / 12}  # fmt: skip


def concerns(fact: Fact) -> bool:
    """Whether a fact is about a subscription that can be kept here."""
    return (
        fact.category == "billing"
        and fact.kind == "track"
        and fact.name.startswith(NOUN)
        and fact.properties.get("subscription_id") not in (None, "")
    )


def told(fact: Fact) -> dict[str, Any]:
    """What a fact that `concerns` a subscription says of it, as API values. Pure."""
    found = fact.properties
    values: dict[str, Any] = {}
    plan = found.get("plan")
    if isinstance(plan, str) and plan.strip():
        values["plan"] = plan.strip()[: limits.name_chars_max]
    status = _BY_NAME.get(fact.name.removeprefix(NOUN)) or _STATUSES.get(
        str(found.get("status", "")).lower()
    )
    if status:
        values["status"] = status
    if isinstance(found.get("quantity"), int) and not isinstance(found["quantity"], bool):
        values["seats"] = max(0, found["quantity"])
    currency = str(found.get("currency") or "").upper()
    if len(currency) == 3 and currency.isalpha():
        values["currency"] = currency
        mrr = _mrr(found, currency)
        if mrr is not None:
            values["mrr"] = mrr
    for name, field in (
        ("start_date", "start_date"), ("current_period_end", "renewal_date"),
        ("ended_at", "end_date"),
    ):  # fmt: skip
        day = _day(found.get(name))
        if day:
            values[field] = day
    if found.get("cancel_at_period_end") is True:
        values["auto_renew"] = False
    return values


def _mrr(found: Mapping[str, Any], currency: str) -> str | None:
    """Money a month, of the sum a period in minor units."""
    try:
        amount = Decimal(str(found.get("amount")))
        count = Decimal(str(found.get("interval_count") or 1))
    except InvalidOperation:
        return None
    share = _MONTHLY.get(str(found.get("interval") or "month"))
    if share is None or count <= 0 or not amount.is_finite():
        return None
    return str(money.exact(int((amount * share / count).to_integral_value()), currency))


def _day(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        if isinstance(value, str) and not value.isdigit():
            return datetime.fromisoformat(value).date().isoformat()
        return datetime.fromtimestamp(float(value), UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def carry(conn: Connection, viewer: Viewer, fact: Fact, now_ms: int) -> bool:
    """Take a fact up into its subscription; false when nobody is known whose it could be.

    The caller commits next. A currency without a rate leaves the money out.
    """
    external = str(fact.properties["subscription_id"])[: limits.string_identifier_chars_max]
    held = crm.subscriptions.by_external(conn, viewer, external)
    values = told(fact)
    if held is not None:
        if held.at_ms is not None and fact.at_ms < held.at_ms:
            return True
        values = {n: v for n, v in values.items() if n not in held.by_hand}
    else:
        about = _about(conn, viewer, fact)
        if not about:
            return False
        values = {"name": values.get("plan") or external, "external_id": external,
                  **about, **values}  # fmt: skip
    known = {c.code for c in crm.currencies.list_all(conn, viewer)}
    if values.get("currency") not in known:
        values = {n: v for n, v in values.items() if n not in ("currency", "mrr")}
    items: list[crm.Item] = []
    if held is None:
        made = crm.subscriptions.create(conn, viewer, values, now_ms, into=items)
    else:
        made = crm.subscriptions.update(conn, viewer, held.id, values, now_ms, into=items)
    crm.subscriptions.tie(conn, made.id, fact.at_ms)
    crm.append(conn, items, now_ms)
    return True


def _about(conn: Connection, viewer: Viewer, fact: Fact) -> dict[str, Any]:
    """The account, and the contact, that a fact's subscription is of."""
    out: dict[str, Any] = {}
    person = identity.person_of(conn, viewer, fact.home.namespace, fact.home.value)
    account = crm.accounts_by_key(conn, [fact.account]).get(fact.account) if fact.account else None
    if account is None and person is not None:
        account = store.primary_account(conn, person)
    if account is not None:
        out["account_id"] = ids.api_id("acc", account)
    contacts = identity.contacts_of(conn, viewer, [person]).get(person, []) if person else []
    if contacts:
        out["contact_id"] = ids.api_id("con", contacts[0])
    return out
