"""Vendors' deliveries through the real door: proven, kept, answered, counted, never doubled."""

import gzip
import json
import time
from typing import Any

import pytest
from stripe import WebhookSignature

from onefold import governance, log, sources, storage
from onefold.kernel import clock, errors, facts
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.sources import webhooks
from onefold.sources.webhooks import setup
from tests.collect import harness
from tests.collect.harness import Answer, Running

SECRET = "whsec_of_the_endpoint"
CUSTOMER = {
    "id": "evt_1", "object": "event", "type": "customer.created", "created": 1_760_000_000,
    "data": {"object": {"id": "cus_1", "object": "customer", "email": "ann@acme.co",
                        "name": "Acme", "metadata": {"account_id": "acme"}}},
}  # fmt: skip


def set_up(
    conn: storage.Connection, kind: str, secret: str = SECRET, mapping: Any = None, **options: str
) -> sources.Source:
    source = harness.make_source(conn, "Billing")
    webhooks.store.save(
        conn, SYSTEM, source.id, setup.config_of(kind, options, mapping), now_ms=1, secret=secret
    )
    conn.commit()
    return source


def stripe(
    server: Running, tree: Any, *, secret: str = SECRET, path: str = "/v1/webhook/billing"
) -> Answer:
    body = json.dumps(tree)
    sign = WebhookSignature.generate_signature_header(body, secret, clock.now_ms() // 1000)
    return server.send(path, body.encode(), headers={"Stripe-Signature": sign})


def outcomes(conn: storage.Connection) -> list[facts.Fact | facts.Refusal]:
    return [
        one
        for row, _, _ in harness.stored(conn)
        for one in governance.admit(row)
        if isinstance(one, facts.Fact | facts.Refusal)
    ]


def seen(conn: storage.Connection, source: sources.Source) -> webhooks.store.Setup:
    """The setup once the collector has written its traffic down."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        conn.rollback()
        found = webhooks.store.get(conn, SYSTEM, source.id)
        assert found is not None
        if found.accepted + found.bad + found.pings:
            return found
    raise AssertionError("no traffic was written down")


@pytest.mark.parametrize("path", ["/v1/webhook/billing", "/webhooks/billing", "/webhooks/billing/"])
def test_a_signed_delivery_is_in_the_log_before_its_200(
    server: Running, conn: storage.Connection, path: str
) -> None:
    source = set_up(conn, "stripe")
    answer = stripe(server, CUSTOMER, path=path)
    assert (answer.status, answer.body) == (200, b'{"success":true}')
    ((row, envelope, _),) = harness.stored(conn)
    assert (row.source_id, row.category) == (source.id, source.category)
    headers, body = log.webhook_of(envelope)
    assert json.loads(body) == CUSTOMER
    assert not any("signature" in name for name in headers)
    customer, group = outcomes(conn)
    assert isinstance(customer, facts.Fact)
    assert isinstance(group, facts.Fact)
    assert (customer.name, customer.account, customer.home.value) == (
        "Customer Created", "acme", "ann@acme.co",
    )  # fmt: skip


def test_a_bad_signature_is_401_counted_and_never_kept(
    server: Running, conn: storage.Connection
) -> None:
    source = set_up(conn, "stripe")
    for answer in (
        stripe(server, CUSTOMER, secret="whsec_another"),
        server.send("/v1/webhook/billing", CUSTOMER),
        server.send("/v1/webhook/billing", CUSTOMER, headers={"Stripe-Signature": "t=1,v1=00"}),
    ):
        assert answer.status == 401
        assert answer.json()["code"] == "bad_signature"
        assert "signature" in answer.json()["message"].lower()
    assert harness.stored(conn) == []
    found = seen(conn, source)
    while found.bad < 3:
        found = seen(conn, source)
    assert (found.bad, found.accepted) == (3, 0)
    assert "timestamp" in found.last_bad_why
    hours = sources.ledger(conn, SYSTEM, source.id)
    assert sum(h.turned_away.get("bad_signature", 0) for h in hours) == 3


def test_a_redelivery_has_the_same_message_id_and_so_is_a_duplicate(
    server: Running, conn: storage.Connection
) -> None:
    set_up(conn, "stripe")
    for _ in range(2):
        assert stripe(server, CUSTOMER).status == 200
    ids = [(f.source_id, f.message_id) for f in outcomes(conn) if isinstance(f, facts.Fact)]
    assert len(ids) == 4
    assert len({*ids}) == 2


def test_a_later_delivery_finds_whose_it_is_by_an_earlier_one(
    server: Running, conn: storage.Connection
) -> None:
    set_up(conn, "stripe")
    stripe(server, CUSTOMER)
    charge = {"id": "ch_1", "object": "charge", "customer": "cus_1", "amount": 4990,
              "currency": "eur"}  # fmt: skip
    dispute = {"id": "dp_1", "object": "dispute", "charge": "ch_1", "amount": 4990,
               "currency": "eur"}  # fmt: skip
    for n, (kind, subject) in enumerate(
        [("charge.succeeded", charge), ("charge.dispute.created", dispute)]
    ):
        tree = {**CUSTOMER, "id": f"evt_{n + 2}", "type": kind, "data": {"object": subject}}
        assert stripe(server, tree).status == 200
    found = [f for f in outcomes(conn) if isinstance(f, facts.Fact)]
    assert [(f.name, f.account) for f in found][-2:] == [
        ("Payment Succeeded", "acme"), ("Dispute Opened", "acme"),
    ]  # fmt: skip


def test_what_no_mapping_knows_is_kept_as_refused_with_its_body(
    server: Running, conn: storage.Connection
) -> None:
    source = set_up(conn, "stripe")
    product = {**CUSTOMER, "type": "product.created",
               "data": {"object": {"id": "prod_1", "object": "product"}}}  # fmt: skip
    assert stripe(server, product).status == 200
    (refusal,) = outcomes(conn)
    assert isinstance(refusal, facts.Refusal)
    assert (refusal.code, refusal.field) == ("not_mapped", "type")
    assert json.loads(refusal.raw) == product
    found = seen(conn, source)
    assert (found.accepted, found.unmapped) == (1, 1)
    (recent,) = webhooks.store.recent(conn, SYSTEM, source.id)
    assert (json.loads(recent.body), recent.refused) == (product, 1)


def test_salesforce_hears_an_ack_and_only_with_the_secret(
    server: Running, conn: storage.Connection
) -> None:
    set_up(conn, "salesforce", "a secret of sixteen")
    body = (
        b'<Envelope><Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        b"<OrganizationId>00D1</OrganizationId><SessionId>key</SessionId><Notification><Id>04l1"
        b"</Id><sObject><Id>001A</Id><Name>Acme</Name></sObject></Notification></notifications>"
        b"</Body></Envelope>"
    )
    assert server.send("/webhooks/billing", body).status == 401
    answer = server.send("/webhooks/billing?token=a%20secret%20of%20sixteen", body)
    assert answer.status == 200
    assert b"<Ack>true</Ack>" in answer.body
    assert answer.headers["content-type"].startswith("text/xml")
    ((_, envelope, _),) = harness.stored(conn)
    assert b"key" not in log.webhook_of(envelope)[1]


def test_a_new_secret_counts_within_seconds_and_the_former_can_stay(
    server: Running, conn: storage.Connection
) -> None:
    source = set_up(conn, "stripe")
    assert stripe(server, CUSTOMER).status == 200
    config = setup.config_of("stripe")
    webhooks.store.save(
        conn, SYSTEM, source.id, config, now_ms=2, secret="whsec_new", keep_former=True
    )
    conn.commit()
    deadline = time.monotonic() + 20
    while stripe(server, CUSTOMER, secret="whsec_new").status != 200:
        assert time.monotonic() < deadline
    assert stripe(server, CUSTOMER).status == 200
    webhooks.store.save(conn, SYSTEM, source.id, config, now_ms=3, secret="whsec_newest")
    conn.commit()
    while stripe(server, CUSTOMER).status != 401:
        assert time.monotonic() < deadline


def test_an_address_without_a_webhook_is_404_and_a_try_of_one_is_200(
    server: Running, conn: storage.Connection
) -> None:
    assert server.send("/v1/webhook/nobody", b"{}").status == 404
    harness.make_source(conn, "Plain")
    assert server.send("/v1/webhook/plain", b"{}").status == 404
    source = set_up(conn, "intercom")
    assert server.send("/v1/webhook/billing", method="HEAD").status == 200
    assert server.send(f"/v1/webhook/{source.write_key}", method="GET").status == 200
    sources.set_enabled(conn, SYSTEM, source.id, False)
    conn.commit()
    deadline = time.monotonic() + 20
    while server.send("/v1/webhook/billing", method="HEAD").status != 404:
        assert time.monotonic() < deadline


def test_a_ping_is_answered_counted_and_not_kept(server: Running, conn: storage.Connection) -> None:
    source = set_up(conn, "json", "sixteen or more chars", {"event": "e", "user_id": "u"})
    github = setup.config_of("hmac")
    webhooks.store.save(conn, SYSTEM, source.id, github, now_ms=2, secret="shh")
    conn.commit()
    import hashlib
    import hmac

    body = b'{"zen": "Keep it logically awesome.", "hook_id": 1}'
    sign = hmac.new(b"shh", body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={sign}"}
    assert server.send("/v1/webhook/billing", body, headers=headers).status == 200
    assert harness.stored(conn) == []
    assert seen(conn, source).pings == 1


def test_only_the_newest_deliveries_stay_listed(server: Running, conn: storage.Connection) -> None:
    source = set_up(conn, "stripe")
    for n in range(25):
        assert stripe(server, {**CUSTOMER, "id": f"evt_{n}"}).status == 200
    deadline = time.monotonic() + 20
    while seen(conn, source).accepted < 25:
        assert time.monotonic() < deadline
    found = webhooks.store.recent(conn, SYSTEM, source.id)
    assert len(found) == 20
    assert json.loads(found[0].body)["id"] == "evt_24"


def test_the_write_key_names_the_source_where_the_address_does_not(
    server: Running, conn: storage.Connection
) -> None:
    source = set_up(conn, "json", "sixteen or more chars", {"event": "e", "user_id": "u"})
    headers = {"X-Webhook-Token": "sixteen or more chars"}
    body = {"e": "Order Paid", "u": "u1"}
    path = f"/v1/webhook?writeKey={source.write_key}"
    assert server.send(path, body, headers=headers).status == 200
    assert server.send(path, body).status == 401  # the key names the source and proves nothing
    assert server.send("/v1/webhook", body, headers=headers).status == 404
    assert [f.name for f in outcomes(conn) if isinstance(f, facts.Fact)] == ["Order Paid"]


def test_hostile_bodies_cost_a_delivery_and_nothing_else(
    server: Running, conn: storage.Connection
) -> None:
    set_up(conn, "json", "sixteen or more chars", {"event": "e", "user_id": "u"})
    path = "/v1/webhook/billing?token=sixteen%20or%20more%20chars"
    bomb = gzip.compress(b"[" * 30_000_000)
    assert server.send(path, bomb, headers={"Content-Encoding": "gzip"}).status == 413
    assert server.send(path, b"x" * 4_000_001).status == 413
    assert server.send(path, b"\x1f\x8bbroken").status == 400
    kept = [
        b"{" * 1_000_000, b"\xff\x00", b'{"e":"\\ud800","u":1e999}', b"[" * 5_000 + b"]" * 5_000,
        b'{"e":"x","u":' + b"9" * 5_000 + b"}", b"",
    ]  # fmt: skip
    for body in kept:
        assert server.send(path, body).status == 200, body[:20]
    good = gzip.compress(b'{"e":"Order Paid","u":"u1"}')
    assert server.send(path, good, headers={"Content-Encoding": "gzip"}).status == 200
    found = outcomes(conn)
    assert len(found) == len(kept) + 1
    assert [f.name for f in found if isinstance(f, facts.Fact)][-1] == "Order Paid"


def test_without_a_database_a_delivery_is_503_and_comes_again() -> None:
    nowhere = "postgresql://onefold@127.0.0.1:9/onefold"
    with harness.running(nowhere) as alone:
        answer = stripe(alone, CUSTOMER)
        assert (answer.status, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0


def test_only_admins_set_a_webhook_up(conn: storage.Connection) -> None:
    source = harness.make_source(conn)
    member = Viewer("user", 1, "m", "member")
    with pytest.raises(errors.Forbidden):
        webhooks.store.save(
            conn, member, source.id, setup.config_of("stripe"), now_ms=1, secret="whsec_x"
        )
    with pytest.raises(errors.Invalid, match="secret"):
        webhooks.store.save(conn, SYSTEM, source.id, setup.config_of("stripe"), now_ms=1)
    saved = webhooks.store.save(
        conn, SYSTEM, source.id, setup.config_of("stripe"), now_ms=1, secret="whsec_x"
    )
    assert saved.has_secret
    assert "whsec_x" not in repr(saved)
    with pytest.raises(errors.Conflict):
        webhooks.store.save(
            conn, SYSTEM, source.id, setup.config_of("stripe"), now_ms=1, expected_version=9
        )
    webhooks.store.remove(conn, SYSTEM, source.id)
    assert webhooks.store.get(conn, SYSTEM, source.id) is None


def test_a_test_sources_deliveries_stay_out_of_the_log(
    server: Running, conn: storage.Connection
) -> None:
    source = set_up(conn, "stripe")
    conn.execute("UPDATE source SET test = true WHERE id = %s", (source.id,))
    conn.commit()
    assert stripe(server, CUSTOMER).status == 200
    assert seen(conn, source).accepted == 1
    assert harness.stored(conn) == []
    assert webhooks.store.recent(conn, SYSTEM, source.id) == []
