"""From a vendor's delivery to one person on one account: billing, support and product together."""

import json
from typing import Any

from onefold import crm, identity, log, record, sources, storage
from onefold.kernel.viewer import SYSTEM
from onefold.sources import webhooks
from tests.worker.harness import NOW, Bench, group, identify, track


class Vendor:
    """A source with a webhook; `deliver` does what the door does."""

    def __init__(self, bench: Bench, kind: str, category: str, **options: str) -> None:
        self.conn = bench.conn
        self.source = sources.create(bench.conn, SYSTEM, kind, category)
        self.config = webhooks.config_of(kind, options)
        webhooks.store.save(
            bench.conn, SYSTEM, self.source.id, self.config, now_ms=NOW, secret="whsec_secret"
        )
        bench.conn.commit()

    def deliver(self, tree: Any) -> None:
        delivery = webhooks.Delivery("POST", (), {}, {}, json.dumps(tree).encode(), NOW)
        reading = webhooks.read(self.config, delivery)
        known = webhooks.store.known(self.conn, self.source.id, sorted(webhooks.asked(reading)))
        made = webhooks.make(self.config, reading, known, delivery)
        webhooks.store.learn(self.conn, self.source.id, made.learned, NOW)
        body = log.pack(made.envelope)
        log.append(
            self.conn, [log.Row(self.source.id, self.source.category, NOW, made.items, body)]
        )
        self.conn.commit()

    def ledger(self) -> dict[str, int]:
        hours = sources.ledger(self.conn, SYSTEM, self.source.id)
        names = ("received", "processed", "duplicate", "refused")
        return {name: sum(getattr(h, name) for h in hours) for name in names}


def stripe(number: int, kind: str, subject: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"evt_{number}", "object": "event", "type": kind, "created": NOW // 1000 - 60,
        "data": {"object": subject},
    }  # fmt: skip


CUSTOMER = {
    "id": "cus_1", "object": "customer", "email": "ann@acme.co", "name": "Acme GmbH",
    "metadata": {"account_id": "acme"},
}  # fmt: skip
INVOICE = {
    "id": "in_1", "object": "invoice", "customer": "cus_1", "amount_due": 4990, "currency": "eur"
}  # fmt: skip


def test_what_vendors_send_and_what_the_product_sends_is_one_person_on_one_account(
    conn: storage.Connection,
) -> None:
    bench = Bench(conn)
    bench.send(identify("u1", email="ann@acme.co"), group("u1", "acme"), track("u1", "Exported"))
    billing = Vendor(bench, "stripe", "billing")
    billing.deliver(stripe(1, "customer.created", CUSTOMER))
    billing.deliver(stripe(2, "invoice.payment_failed", INVOICE))
    support = Vendor(bench, "zendesk", "support")
    user = {"id": "70", "email": "ann@acme.co", "external_id": "u1", "name": "Ann Lee"}
    ticket = {"id": "35", "requester_id": "70", "status": "OPEN", "subject": "Export fails"}
    for n, (kind, detail) in enumerate((("user.created", user), ("ticket.created", ticket))):
        support.deliver({"id": f"z{n}", "type": f"zen:event-type:{kind}", "detail": detail,
                         "time": "2026-01-01T00:00:00Z", "event": {}})  # fmt: skip
    bench.settle()
    bench.wait(1_000)
    counts = bench.counts("user_id", "u1")
    for name in ("Exported", "Customer Created", "Invoice Payment Failed", "Ticket Opened"):
        assert counts[name] == 1, (name, counts)
    (opened,) = crm.tickets.find(conn, SYSTEM).rows
    assert (opened.subject, opened.status, opened.external_id) == ("Export fails", "open", "35")
    assert (opened.contact_name, opened.account_name) == ("ann@acme.co", "Acme GmbH")
    person = bench.person("user_id", "u1")
    for namespace, value in (
        ("email", "ann@acme.co"), ("stripe_customer_id", "cus_1"), ("zendesk_user_id", "70"),
    ):  # fmt: skip
        assert identity.person_of(conn, SYSTEM, namespace, value) == person
    accounts = record.list_accounts(conn, SYSTEM)["items"]
    assert [a["key"] for a in accounts] == ["acme"]
    assert accounts[0]["name"] == "Acme GmbH"


def test_the_same_deliveries_again_change_nothing_and_are_counted_as_duplicates(
    conn: storage.Connection,
) -> None:
    bench = Bench(conn)
    billing = Vendor(bench, "stripe", "billing")
    sent = [
        stripe(1, "customer.created", CUSTOMER),
        stripe(2, "invoice.payment_failed", INVOICE),
        stripe(3, "product.created", {"id": "prod_1", "object": "product"}),
    ]
    for tree in sent:
        billing.deliver(tree)
    bench.settle()
    first, counts = billing.ledger(), bench.counts("email", "ann@acme.co")
    assert first == {"received": 4, "processed": 3, "duplicate": 0, "refused": 1}
    for tree in sent:
        billing.deliver(tree)
    bench.settle()
    assert bench.counts("email", "ann@acme.co") == counts
    assert billing.ledger() == {"received": 8, "processed": 3, "duplicate": 3, "refused": 2}


def test_what_was_refused_enters_after_the_customer_became_known(conn: storage.Connection) -> None:
    bench = Bench(conn)
    billing = Vendor(bench, "stripe", "billing")
    dispute = {"id": "dp_1", "object": "dispute", "charge": "ch_1", "amount": 4990}
    billing.deliver(stripe(1, "charge.dispute.created", dispute))
    bench.settle()
    assert billing.ledger()["refused"] == 1
    billing.deliver(stripe(2, "customer.created", CUSTOMER))
    charge = {"id": "ch_1", "object": "charge", "customer": "cus_1", "amount": 4990}
    billing.deliver(stripe(3, "charge.succeeded", charge))
    bench.settle()
    done = webhooks.reread(conn, SYSTEM, billing.source.id, NOW)
    conn.commit()
    assert (done.read, done.replayed, done.left) == (1, 1, 0)
    bench.settle()
    assert bench.counts("email", "ann@acme.co")["Dispute Opened"] == 1
    assert webhooks.reread(conn, SYSTEM, billing.source.id, NOW).read == 0


def test_contacts_that_hubspot_merges_are_one_person(conn: storage.Connection) -> None:
    bench = Bench(conn)
    hubspot = Vendor(bench, "hubspot", "email")
    at = NOW - 60_000

    def people() -> set[int | None]:
        bench.settle()
        named = ("ann41@acme.co", "ann42@acme.co")
        return {identity.person_of(conn, SYSTEM, "email", value) for value in named}

    hubspot.deliver(
        [{"subscriptionType": "contact.propertyChange", "objectId": n, "eventId": n,
          "propertyName": "email", "propertyValue": f"ann{n}@acme.co", "occurredAt": at}
         for n in (41, 42)]
    )  # fmt: skip
    assert len(people()) == 2
    hubspot.deliver(
        [{"subscriptionType": "contact.merge", "objectId": 42, "eventId": 50, "occurredAt": at,
          "primaryObjectId": 42, "mergedObjectIds": [42, 41], "newObjectId": 43}]
    )  # fmt: skip
    assert len(people()) == 1
