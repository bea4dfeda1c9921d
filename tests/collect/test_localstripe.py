"""Stripe end to end: the `stripe` library acts on a local stand-in, which signs and delivers.

localstripe (GPL) runs as a process from an environment of its own; nothing of it is imported here.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from onefold import governance, storage
from onefold.kernel import facts
from onefold.kernel.viewer import SYSTEM
from onefold.sources import webhooks
from tests.collect import harness
from tests.collect.harness import Running

pytestmark = pytest.mark.slow

SECRET = "whsec_of_localstripe"
ROOT = Path(__file__).parents[2]
VERSION = "localstripe==1.15.0"


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[str]:
    """The address of a localstripe."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (uv,) = sorted((ROOT / ".tools").glob("uv-*/bin/uv"))[-1:]
    command = [
        str(uv), "tool", "run", "--quiet", "--python", sys.executable, "--from", VERSION,
        "localstripe", "--port", str(port), "--from-scratch",
    ]  # fmt: skip
    log = (tmp_path / "localstripe.log").open("wb")
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 240
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (tmp_path / "localstripe.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
        log.close()


def _register(stand_in: str, url: str) -> None:
    data = urllib.parse.urlencode({"url": url, "secret": SECRET}).encode()
    with urllib.request.urlopen(f"{stand_in}/_config/webhooks/onefold", data) as answer:
        assert answer.status == 200


def _facts(conn: storage.Connection) -> list[facts.Fact]:
    return [
        one
        for row, _, _ in harness.stored(conn)
        for one in governance.admit(row)
        if isinstance(one, facts.Fact)
    ]


def _buy(stand_in: str) -> dict[str, Any]:
    """A customer who subscribes, pays, changes and leaves."""
    client = stripe.StripeClient("sk_test_12345", base_addresses={"api": stand_in})
    customers = client.v1.customers
    customer = customers.create(
        {"email": "ann@acme.co", "name": "Acme", "metadata": {"account_id": "acme"}}
    )
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"}
    method: Any = client.v1.payment_methods.create({"type": "card", "card": card})
    client.v1.payment_methods.attach(method.id, {"customer": customer.id})
    customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    product = client.v1.products.create({"name": "Pro", "type": "service"})
    body = {"id": "pro", "product": product.id, "amount": 4990, "currency": "eur",
            "interval": "month"}  # fmt: skip
    client.v1.plans.create(body)
    subscription = client.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"plan": "pro"}]}
    )
    client.v1.subscriptions.cancel(subscription.id)
    return {"customer": customer.id, "subscription": subscription.id}


def test_deliveries_that_are_really_signed_become_facts_of_one_account(
    server: Running, conn: storage.Connection, stand_in: str
) -> None:
    source = harness.make_source(conn, "Billing")
    webhooks.store.save(
        conn, SYSTEM, source.id, webhooks.config_of("stripe"), now_ms=1, secret=SECRET
    )
    conn.commit()
    _register(stand_in, f"{server.url}/v1/webhook/billing")
    made = _buy(stand_in)
    wanted = {
        "Customer Created", "Customer Updated", "Subscription Started", "Invoice Created",
        "Invoice Payment Succeeded", "Subscription Cancelled",
    }  # fmt: skip
    deadline = time.monotonic() + 60
    while not wanted <= {f.name for f in _facts(conn)}:
        assert time.monotonic() < deadline, sorted({f.name for f in _facts(conn)})
        time.sleep(0.5)
    found = _facts(conn)
    assert {f.account for f in found if f.name in wanted} == {"acme"}
    started = next(f for f in found if f.name == "Subscription Started")
    assert (started.properties["amount"], started.properties["currency"]) == (4990, "eur")
    assert started.properties["subscription_id"] == made["subscription"]
    assert len({f.message_id for f in found}) == len(found)
    bodies = [json.loads(r.body) for r in webhooks.store.recent(conn, SYSTEM, source.id)]
    assert all(body["object"] == "event" for body in bodies)
