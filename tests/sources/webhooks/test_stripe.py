"""Stripe: each event type that is named, over Stripe's own fixtures, and what becomes of it."""

import json
from typing import Any

import pytest

from onefold.kernel import facts
from onefold.sources.webhooks import names, stripe
from tests import datasets
from tests.sources.webhooks.parts import admitted, config, items, made

STRIPE = config("stripe")
CUSTOMER = {
    "id": "cus_1", "object": "customer", "email": "Ann@Acme.co", "name": "Acme",
    "delinquent": False, "metadata": {"account_id": "acme"},
}  # fmt: skip
# Which of the fixtures' resources an event type is about; the longest prefix decides.
RESOURCES = {
    "customer": "customer", "customer.subscription": "subscription", "invoice": "invoice",
    "charge": "charge", "charge.refund": "refund", "refund": "refund",
    "charge.dispute": "dispute", "payment_intent": "payment_intent",
    "checkout.session": "checkout.session", "credit_note": "credit_note",
    "payment_method": "payment_method", "customer.source": "card",
}  # fmt: skip


def event(kind: str, subject: dict[str, Any], **more: Any) -> dict[str, Any]:
    data = {"object": subject, **more}
    return {"id": "evt_1", "object": "event", "type": kind, "created": 1_760_000_000, "data": data}


def fixture(kind: str) -> dict[str, Any]:
    tree = json.loads(datasets.path("specs", "stripe_fixtures3.json").read_text())
    best = max((p for p in RESOURCES if kind.startswith(p)), key=len)
    found: dict[str, Any] = tree["resources"][RESOURCES[best]]
    return {**found, "customer": "cus_1"} if best != "customer" else {**found, "id": "cus_1"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", stripe.NAMES)
def test_each_event_type_is_a_fact_with_its_standard_name(kind: str) -> None:
    subject = {**fixture(kind), "metadata": {"account_id": "acme"}}
    first, *rest = admitted(made(STRIPE, event(kind, subject)))
    assert isinstance(first, facts.Fact), first
    assert first.name == stripe.NAMES[kind]
    assert (first.message_id, first.account, first.at_ms) == ("evt_1", "acme", 1_760_000_000_000)
    for name in ("amount", "amount_due", "amount_paid", "total", "amount_remaining"):
        if isinstance(subject.get(name), int) and name in first.properties:
            assert first.properties[name] == subject[name]
    if "currency" in subject and subject["currency"] and first.properties.get("amount") is not None:
        assert first.properties["currency"]
    assert all(isinstance(one, facts.Fact) for one in rest)


@pytest.mark.slow
def test_every_resource_of_stripes_fixtures_is_read_or_refused_with_a_reason() -> None:
    tree = json.loads(datasets.path("specs", "stripe_fixtures3.json").read_text())
    told = 0
    for resource in tree["resources"].values():
        kind = f"{resource.get('object', 'thing')}.created"
        one = made(STRIPE, event(kind, resource))
        assert one.items >= 1
        told += one.refused
        if one.refused:
            assert one.fault
            assert one.fault.remedy
    assert 0 < told < len(tree["resources"])


def test_a_customer_with_an_account_is_a_fact_of_its_person_and_the_accounts_traits() -> None:
    first, group = items(STRIPE, event("customer.created", CUSTOMER))
    assert first["event"] == "Customer Created"
    assert first["context"]["groupId"] == "acme"
    assert first["context"]["traits"] == {"email": "Ann@Acme.co"}
    assert first["context"]["externalIds"][0]["id"] == "cus_1"
    assert first["context"]["externalIds"][0]["type"] == "stripe_customer_id"
    assert (group["type"], group["groupId"], group["traits"]["name"]) == ("group", "acme", "Acme")
    assert group["messageId"] == "evt_1:group"


def test_a_customer_without_an_account_is_a_person() -> None:
    person = {**CUSTOMER, "metadata": {"user_id": "u1"}}
    first, identify = items(STRIPE, event("customer.updated", person))
    assert first["userId"] == identify["userId"] == "u1"
    assert identify["traits"]["email"] == "Ann@Acme.co"


def test_a_customer_can_be_an_account_where_the_source_says_so() -> None:
    plain = {**CUSTOMER, "metadata": {}}
    by_customer = config("stripe", account_from="customer")
    assert items(by_customer, event("customer.created", plain))[0]["context"]["groupId"] == "cus_1"
    by_key = config("stripe", account_key="tenant")
    tenant = {**CUSTOMER, "metadata": {"tenant": "t9", "account_id": "not this"}}
    assert items(by_key, event("customer.created", tenant))[0]["context"]["groupId"] == "t9"


def test_a_subscription_says_plan_interval_and_sum_in_minor_units() -> None:
    price = {
        "id": "price_1", "nickname": "Pro", "product": "prod_1", "unit_amount": 4990,
        "currency": "eur", "recurring": {"interval": "month", "interval_count": 1},
    }  # fmt: skip
    subject = {
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active",
        "items": {"data": [{"price": price, "quantity": 3}]}, "metadata": {},
    }  # fmt: skip
    (one,) = items(STRIPE, event("customer.subscription.created", subject))
    told = one["properties"]
    assert (told["plan"], told["interval"], told["quantity"]) == ("Pro", "month", 3)
    assert (told["amount"], told["currency"], told["status"]) == (14_970, "eur", "active")
    assert (told["subscription_id"], told["customer_id"]) == ("sub_1", "cus_1")


def test_an_invoice_of_newer_api_versions_names_its_subscription() -> None:
    parent = {
        "type": "subscription_details",
        "subscription_details": {"subscription": "sub_1", "metadata": {"account_id": "acme"}},
    }
    subject = {"id": "in_1", "object": "invoice", "customer": "cus_1", "parent": parent}
    one = items(STRIPE, event("invoice.payment_failed", subject))[0]
    assert one["properties"]["subscription_id"] == "sub_1"
    assert one["context"]["groupId"] == "acme"


def test_what_changed_is_told_beside_what_is() -> None:
    subject = {"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "past_due"}
    one = items(
        STRIPE,
        event("customer.subscription.updated", subject, previous_attributes={"status": "active"}),
    )[0]
    assert one["properties"]["previous"] == {"status": "active"}


def test_later_events_borrow_the_account_that_the_customer_told() -> None:
    learned = made(STRIPE, event("customer.created", CUSTOMER)).learned
    assert learned["customer:cus_1"].account_id == "acme"
    charge = {"id": "ch_1", "object": "charge", "customer": "cus_1", "payment_intent": "pi_1",
              "amount": 4990, "currency": "eur"}  # fmt: skip
    paid = made(STRIPE, event("charge.succeeded", charge), known=learned)
    assert json.loads(paid.envelope)["batch"][0]["context"]["groupId"] == "acme"
    known = learned | paid.learned
    assert "charge:ch_1" in known
    dispute = {"id": "dp_1", "object": "dispute", "charge": "ch_1", "amount": 4990,
               "currency": "eur", "reason": "fraudulent", "status": "needs_response"}  # fmt: skip
    (one,) = items(STRIPE, event("charge.dispute.created", dispute), known=known)
    assert one["event"] == "Dispute Opened"
    assert one["context"]["groupId"] == "acme"
    assert one["context"]["externalIds"][0]["id"] == "cus_1"
    by_intent = {**dispute, "charge": None, "payment_intent": "pi_1"}
    (two,) = items(STRIPE, event("charge.dispute.closed", by_intent), known=known)
    assert two["context"]["groupId"] == "acme"


def test_a_dispute_of_nobody_known_is_refused_and_keeps_its_body() -> None:
    tree = event("charge.dispute.created", {"id": "dp_1", "object": "dispute", "charge": "ch_9"})
    one = made(STRIPE, tree)
    (refusal,) = admitted(one)
    assert isinstance(refusal, facts.Refusal)
    assert refusal.code == "not_mapped"
    assert "Dispute Opened" in refusal.problem
    assert json.loads(refusal.raw) == tree


@pytest.mark.parametrize(
    "tree",
    [[], {}, None, 7, "x", {"object": "event"}, {"object": "v2.core.event", "id": "e", "type": "t"},
     event("product.created", {"id": "prod_1", "object": "product"}),
     event("customer.created", {}), {**event("a.b", {}), "data": None}],
)  # fmt: skip
def test_what_is_nobodys_event_is_refused_with_a_remedy(tree: Any) -> None:
    (refusal,) = admitted(made(STRIPE, tree))
    assert isinstance(refusal, facts.Refusal)
    assert refusal.problem
    assert refusal.remedy
    assert json.loads(refusal.raw) == tree


def test_an_event_type_that_has_no_name_here_gets_one_from_its_type() -> None:
    subject = {"id": "txi_1", "object": "tax_id", "customer": "cus_1"}
    (one,) = items(STRIPE, event("customer.tax_id.created", subject))
    assert one["event"] == "Customer Tax Id Created"


@pytest.mark.slow
def test_deliveries_that_localstripe_really_sent_are_facts() -> None:
    sent = json.loads(datasets.path("captures", "stripe-webhook-from-localstripe.json").read_text())
    events = [r["json"] for r in sent if r["json"].get("object") == "event"]
    assert len(events) > 10
    tagged = next(e["data"]["object"]["id"] for e in events if e["type"] == "customer.created")
    known: dict[str, Any] = {}
    seen = []
    for tree in events:
        one = made(STRIPE, tree, known=known)
        known |= one.learned
        for fact in admitted(one):
            if isinstance(fact, facts.Fact):
                seen.append(fact.name)
                if fact.properties.get("customer_id") == tagged:
                    assert fact.account == "g1", tree["type"]
            else:
                assert tree["type"].split(".")[0] in ("product", "plan", "price"), fact
    assert {"Customer Created", "Subscription Started", "Invoice Created"} <= {*seen}


def test_most_names_are_the_standard_ones() -> None:
    assert {*names.STANDARD["billing"]} <= {*stripe.NAMES.values()}
