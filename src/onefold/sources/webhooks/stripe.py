"""Stripe's events. Contract: https://docs.stripe.com/api/events and /webhooks.

A Stripe customer is known by `stripe_customer_id`; which account of ours it is says `account_id`
(or a like name) in the metadata of the customer, subscription or checkout, or, where the source is
set so, the customer's id itself. Amounts stay what Stripe sends: integers in the currency's minor
unit (cents), beside `currency`. Events about no customer (a product, a price) are not facts.
"""

from collections.abc import Iterator
from typing import Any

from onefold.sources.webhooks import payload
from onefold.sources.webhooks.model import Call, Config, Delivery, NotMapped

NAMES = {
    "customer.created": "Customer Created",
    "customer.updated": "Customer Updated",
    "customer.deleted": "Customer Deleted",
    "customer.subscription.created": "Subscription Started",
    "customer.subscription.updated": "Subscription Updated",
    "customer.subscription.deleted": "Subscription Cancelled",
    "customer.subscription.paused": "Subscription Paused",
    "customer.subscription.resumed": "Subscription Resumed",
    "customer.subscription.trial_will_end": "Trial Ending",
    "customer.subscription.pending_update_applied": "Subscription Updated",
    "customer.subscription.pending_update_expired": "Subscription Update Expired",
    "invoice.created": "Invoice Created",
    "invoice.finalized": "Invoice Finalized",
    "invoice.finalization_failed": "Invoice Finalization Failed",
    "invoice.sent": "Invoice Sent",
    "invoice.updated": "Invoice Updated",
    "invoice.paid": "Invoice Paid",
    "invoice.payment_succeeded": "Invoice Payment Succeeded",
    "invoice.payment_failed": "Invoice Payment Failed",
    "invoice.payment_action_required": "Invoice Payment Action Required",
    "invoice.overdue": "Invoice Overdue",
    "invoice.overpaid": "Invoice Overpaid",
    "invoice.will_be_due": "Invoice Due Soon",
    "invoice.upcoming": "Invoice Upcoming",
    "invoice.voided": "Invoice Voided",
    "invoice.deleted": "Invoice Deleted",
    "invoice.marked_uncollectible": "Invoice Marked Uncollectible",
    "charge.succeeded": "Payment Succeeded",
    "charge.failed": "Payment Failed",
    "charge.pending": "Payment Pending",
    "charge.captured": "Payment Captured",
    "charge.refunded": "Payment Refunded",
    "charge.refund.updated": "Refund Updated",
    "refund.created": "Refund Created",
    "refund.updated": "Refund Updated",
    "refund.failed": "Refund Failed",
    "charge.dispute.created": "Dispute Opened",
    "charge.dispute.updated": "Dispute Updated",
    "charge.dispute.closed": "Dispute Closed",
    "charge.dispute.funds_withdrawn": "Dispute Funds Withdrawn",
    "charge.dispute.funds_reinstated": "Dispute Funds Reinstated",
    "payment_intent.succeeded": "Payment Intent Succeeded",
    "payment_intent.payment_failed": "Payment Intent Failed",
    "checkout.session.completed": "Checkout Completed",
    "checkout.session.expired": "Checkout Expired",
    "credit_note.created": "Credit Note Created",
    "payment_method.attached": "Payment Method Added",
    "payment_method.detached": "Payment Method Removed",
    "customer.source.expiring": "Payment Method Expiring",
}

# What a fact keeps of the object, by the object's own field names.
_COMMON = ("currency", "status", "description", "livemode")
_FIELDS = {
    "customer": ("name", "phone", "delinquent", "balance"),
    "subscription": (
        "cancel_at", "cancel_at_period_end", "canceled_at", "cancellation_details", "ended_at",
        "current_period_start", "current_period_end", "collection_method", "start_date",
        "trial_start", "trial_end", "quantity",
    ),
    "invoice": (
        "number", "amount_due", "amount_paid", "amount_remaining", "subtotal", "total",
        "attempt_count", "attempted", "billing_reason", "collection_method", "due_date",
        "hosted_invoice_url", "next_payment_attempt", "period_start", "period_end", "paid",
    ),
    "charge": (
        "amount", "amount_captured", "amount_refunded", "failure_code", "failure_message",
        "disputed", "paid", "refunded", "receipt_url",
    ),
    "dispute": ("amount", "reason", "is_charge_refundable"),
    "refund": ("amount", "reason", "failure_reason"),
    "payment_intent": (
        "amount", "amount_received", "cancellation_reason", "canceled_at",
    ),
    "checkout.session": ("amount_total", "amount_subtotal", "mode", "payment_status"),
    "credit_note": ("amount", "number", "reason", "total"),
}  # fmt: skip
_REFERENCES = ("charge", "invoice", "payment_intent", "subscription", "quote", "refund")
_SUBJECT = {"checkout.session": "checkout_session", "payment_method": "payment_method"}


def calls(config: Config, tree: Any, _: Delivery) -> Iterator[Call]:
    """The calls of one event. Raises `NotMapped`."""
    event = payload.must_object(tree, "payload")
    kind = payload.text_of(event.get("type"))
    message_id = payload.text_of(event.get("id"))
    if event.get("object") != "event" or kind is None or message_id is None:
        raise NotMapped(
            "is not a Stripe event: `object`, `type` or `id` is missing.",
            "Use webhooks with snapshot payloads (API version 2017 or later), not thin ones.",
        )
    subject = payload.must_object(payload.object_of(event.get("data")).get("object"), "data.object")
    who = _who(config, subject, kind)
    at = event.get("created")
    yield Call(
        event=NAMES.get(kind) or payload.words(kind), message_id=message_id, at=at,
        properties=_properties(event, kind, subject), **who,
    )  # fmt: skip
    if subject.get("object") != "customer" or kind == "customer.deleted":
        return
    traits = {
        **payload.picked(subject, ("name", "email", "phone", "address")),
        "stripe_customer_id": subject.get("id"),
    }
    about = {**who, "tells": ()}
    if who["account_id"]:
        told = {**traits, "delinquent": subject.get("delinquent")}
        told.pop("email", None)
        yield Call(
            event="Group", kind="group", message_id=f"{message_id}:group", at=at, traits=told,
            **{**about, "email": None},
        )  # fmt: skip
    elif who["email"]:
        yield Call(
            event="Identify", kind="identify", message_id=f"{message_id}:identify", at=at,
            traits=traits, **about,
        )  # fmt: skip


def _who(config: Config, subject: dict[str, Any], kind: str) -> dict[str, Any]:
    """Whom the object is about, and what it can be found by later. Raises `NotMapped`."""
    what = str(subject.get("object") or "")
    own = payload.id_of(subject)
    customer = own if what == "customer" else payload.id_of(subject.get("customer"))
    metadata = _metadata(config, subject)
    email = _email(subject)
    account = metadata["account_id"]
    if account is None and customer and config.options.get("account_from") == "customer":
        account = customer
    references = [
        f"{name}:{found}" for name in _REFERENCES if (found := payload.id_of(subject.get(name)))
    ]
    if not (customer or email or account or metadata["user_id"] or references):
        raise NotMapped(
            f"`{kind}` is about no customer, so it is nobody's fact.",
            "Leave this event type out of the endpoint's list in Stripe.",
            "type",
        )
    asks = [f"customer:{customer}"] if customer else []
    tells = [f"{what}:{own}"] if own and what else []
    if what == "charge":  # a dispute or refund may name only the payment intent
        tells += [r for r in references if r.startswith("payment_intent:")]
    return {
        "email": email,
        "user_id": metadata["user_id"],
        "account_id": account,
        "external_ids": {"stripe_customer_id": customer} if customer else {},
        "asks": tuple(asks + references),
        "tells": tuple(tells),
    }


def _metadata(config: Config, subject: dict[str, Any]) -> dict[str, str | None]:
    """Our own ids in the metadata of the object, or of the subscription that an invoice is of."""
    parent = _parent(subject)
    older = payload.object_of(subject.get("subscription_details"))
    customer = payload.object_of(subject.get("customer"))
    chosen = config.options.get("account_key", "")
    accounts = (chosen,) if chosen else payload.ACCOUNT_KEYS
    out: dict[str, str | None] = {"account_id": None, "user_id": None}
    for holder in (subject, parent, older, customer):
        found = payload.object_of(holder.get("metadata"))
        out["account_id"] = out["account_id"] or payload.first(found, accounts)
        out["user_id"] = out["user_id"] or payload.first(found, payload.USER_KEYS)
    if out["user_id"] is None and subject.get("object") == "checkout.session":
        out["user_id"] = payload.text_of(subject.get("client_reference_id"))
    return out


def _parent(subject: dict[str, Any]) -> dict[str, Any]:
    """What an invoice of newer API versions says of the subscription that it is of."""
    return payload.object_of(payload.object_of(subject.get("parent")).get("subscription_details"))


def _email(subject: dict[str, Any]) -> str | None:
    places = (
        subject,
        payload.object_of(subject.get("customer_details")),
        payload.object_of(subject.get("customer")),
        payload.object_of(subject.get("billing_details")),
    )
    for place in places:
        found = payload.first(place, ("email", "customer_email", "receipt_email"))
        if found:
            return found
    return payload.text_of(payload.object_of(subject.get("evidence")).get("customer_email_address"))


def _properties(event: dict[str, Any], kind: str, subject: dict[str, Any]) -> dict[str, Any]:
    what = str(subject.get("object") or "object")
    out = payload.picked(subject, (*_COMMON, *_FIELDS.get(what, ())))
    own = payload.id_of(subject)
    if own:
        out[f"{_SUBJECT.get(what, what).replace('.', '_')}_id"] = own
    for name in ("customer", *_REFERENCES):
        found = payload.id_of(subject.get(name)) or payload.id_of(_parent(subject).get(name))
        if found:
            out[f"{name}_id"] = found
    out |= _plan(subject)
    before = payload.object_of(payload.object_of(event.get("data")).get("previous_attributes"))
    if before:
        out["previous"] = {n: v for n, v in before.items() if not isinstance(v, dict | list)}
    out["stripe_type"] = kind
    return out


def _plan(subject: dict[str, Any]) -> dict[str, Any]:
    """What a subscription is on: the first item's price, and the sum a period of all of them."""
    listed = payload.object_of(subject.get("items")).get("data")
    items = [i for i in listed if isinstance(i, dict)] if isinstance(listed, list) else []
    if subject.get("object") != "subscription" or not items:
        return {}
    price = payload.object_of(items[0].get("price")) or payload.object_of(items[0].get("plan"))
    recurring = payload.object_of(price.get("recurring"))
    out = {
        "plan": price.get("nickname") or price.get("lookup_key") or price.get("id"),
        "price_id": price.get("id"),
        "product_id": payload.id_of(price.get("product")),
        "interval": recurring.get("interval") or price.get("interval"),
        "interval_count": recurring.get("interval_count") or price.get("interval_count"),
        "quantity": items[0].get("quantity"),
        "amount": _sum(items),
        "currency": subject.get("currency") or price.get("currency"),
    }
    period = payload.picked(items[0], ("current_period_start", "current_period_end"))
    return {name: value for name, value in out.items() if value is not None} | period


def _sum(items: list[dict[str, Any]]) -> int | None:
    total = 0
    for item in items:
        price = payload.object_of(item.get("price")) or payload.object_of(item.get("plan"))
        unit = price.get("unit_amount", price.get("amount"))
        quantity = item.get("quantity", 1)
        if not isinstance(unit, int) or not isinstance(quantity, int):
            return None  # metered or tiered: no sum before the invoice
        total += unit * quantity
    return total
