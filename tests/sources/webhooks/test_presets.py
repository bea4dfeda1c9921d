"""Presets over payloads in the shapes that the vendors document."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from onefold.kernel import errors
from onefold.sources import webhooks
from onefold.sources.webhooks import mapped, names
from tests.sources.webhooks.parts import delivery, items


def of(preset: str, body: Any, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    return items(webhooks.config_of(preset), body, headers)


def test_every_preset_is_right_and_maps_to_standard_names() -> None:
    shop = {"Order Placed", "Order Completed", "Order Cancelled", "Order Updated",
            "Order Refunded", "Checkout Started"}  # fmt: skip
    for preset in webhooks.PRESETS.values():
        assert mapped.faults_of(preset.mapping) == []
        assert {*preset.mapping.names.values()} <= {*names.EVERY} | shop
        config = webhooks.config_of(preset.name)
        assert (config.kind, config.mapping) == (preset.kind, preset.mapping)


def test_a_preset_can_be_changed_and_still_says_what_is_wrong() -> None:
    changed = webhooks.config_of("postmark", {}, {"event": "RecordType", "email": "Recipient"})
    assert changed.mapping == webhooks.Mapping(event="RecordType", email="Recipient")
    with pytest.raises(errors.Invalid):
        webhooks.config_of("shopify", {"nothing": "x"})


def test_sendgrid_a_list_of_events() -> None:
    first, second = of("sendgrid", [
        {"email": "ann@acme.co", "timestamp": 1760000000, "event": "open", "sg_event_id": "e1",
         "sg_message_id": "m1"},
        {"email": "ann@acme.co", "timestamp": 1760000001, "event": "click", "sg_event_id": "e2",
         "url": "https://acme.co"},
    ])  # fmt: skip
    assert (first["event"], first["messageId"]) == ("Email Opened", "e1")
    assert (second["event"], second["properties"]["url"]) == ("Email Clicked", "https://acme.co")


def test_postmark_opens_and_bounces() -> None:
    opened = {"RecordType": "Open", "MessageID": "883953f4", "Recipient": "ann@acme.co",
              "ReceivedAt": "2025-10-09T08:00:00.0000000Z", "Tag": "welcome"}  # fmt: skip
    (one,) = of("postmark", opened)
    assert (one["event"], one["properties"]["tag"]) == ("Email Opened", "welcome")
    assert one["messageId"] == "Open:883953f4:2025-10-09T08:00:00.0000000Z"
    assert one["timestamp"].startswith("2025-10-09T08:00:00")
    bounced = {"RecordType": "Bounce", "ID": 42, "MessageID": "a", "Email": "ann@acme.co",
               "BouncedAt": "2025-10-09T08:00:00Z", "Type": "HardBounce"}  # fmt: skip
    assert of("postmark", bounced)[0]["event"] == "Email Bounced"


def test_mailgun_names_with_a_hyphen() -> None:
    tree = {"signature": {"token": "t"}, "event-data": {
        "event": "opened", "id": "x1", "timestamp": 1760000000.52, "recipient": "ann@acme.co",
    }}  # fmt: skip
    (one,) = of("mailgun", tree)
    assert (one["event"], one["messageId"]) == ("Email Opened", "x1")
    assert one["timestamp"].startswith("2025-10-09T08:53:20.52")


def test_google_lead_forms_find_the_address_in_a_list() -> None:
    tree = {
        "lead_id": "l1", "campaign_id": 7, "gcl_id": "g", "google_key": "k",
        "user_column_data": [
            {"column_id": "FULL_NAME", "string_value": "Ann"},
            {"column_id": "EMAIL", "string_value": "ann@acme.co"},
        ],
    }  # fmt: skip
    (one,) = of("google_lead_form", tree)
    assert (one["event"], one["messageId"]) == ("Lead Submitted", "l1")
    assert one["context"]["traits"]["email"] == "ann@acme.co"
    assert one["properties"] == {"campaign_id": 7, "gclid": "g"}


def test_shopify_is_signed_and_names_its_topic_in_a_header() -> None:
    order = {"id": 1, "email": "ann@acme.co", "total_price": "9.90", "currency": "EUR",
             "created_at": "2025-10-09T08:00:00Z", "customer": {"id": 5},
             "line_items": [{"sku": "A", "title": "Mug", "quantity": 1, "price": "9.90"}],
    }  # fmt: skip
    body = json.dumps(order).encode()
    sign = base64.b64encode(hmac.digest(b"shh", body, hashlib.sha256)).decode()
    headers = {"X-Shopify-Hmac-Sha256": sign, "X-Shopify-Topic": "orders/paid",
               "X-Shopify-Webhook-Id": "w1"}  # fmt: skip
    webhooks.verify(webhooks.config_of("shopify"), ("shh",), delivery(body, headers))
    (one,) = of("shopify", body, headers)
    assert (one["event"], one["messageId"]) == ("Order Completed", "w1")
    assert one["properties"]["products"] == [
        {"sku": "A", "name": "Mug", "quantity": 1, "price": "9.90"}
    ]
