"""Senders that need no rules of their own, only a mapping: what a source of theirs begins with.

Where the vendor signs in a way that is not read here (SendGrid's ECDSA, Mailgun's fields in the
body), the secret in the address is the proof.
"""

import msgspec

from onefold.sources.webhooks.model import Mapping


class Preset(msgspec.Struct, frozen=True):
    """A kind with its options and mapping filled in, under the vendor's name."""

    name: str
    label: str
    kind: str
    category: str
    mapping: Mapping
    options: dict[str, str] = {}


_ALL = (
    Preset(
        "github", "GitHub", "hmac", "product",
        Mapping(
            event="header:X-GitHub-Event", message_id="header:X-GitHub-Delivery",
            email="sender.email || pusher.email", external_ids={"github_login": "sender.login"},
            properties="@",
        ),
    ),
    Preset(
        "google_lead_form", "Google Ads lead forms", "json", "website",
        Mapping(
            event="'Lead Submitted'", message_id="lead_id",
            email="user_column_data[?column_id == 'EMAIL'].string_value | [0]",
            properties={
                "campaign_id": "campaign_id", "form_id": "form_id", "gclid": "gcl_id",
                "adgroup_id": "adgroup_id", "creative_id": "creative_id", "test": "is_test",
            },
        ),
    ),
    Preset(
        "mailgun", "Mailgun", "json", "email",
        Mapping(
            event='"event-data".event',
            names={
                "accepted": "Email Sent", "delivered": "Email Delivered", "opened": "Email Opened",
                "clicked": "Email Clicked", "unsubscribed": "Unsubscribed",
                "complained": "Email Marked As Spam", "failed": "Email Bounced",
            },
            message_id='"event-data".id', time='"event-data".timestamp',
            email='"event-data".recipient',
            properties={
                "url": '"event-data".url', "reason": '"event-data".reason',
                "subject": '"event-data".message.headers.subject',
                "campaigns": '"event-data".campaigns', "tags": '"event-data".tags',
            },
        ),
    ),
    Preset(
        "postmark", "Postmark", "json", "email",
        Mapping(
            event="RecordType",
            names={
                "Delivery": "Email Delivered", "Open": "Email Opened", "Click": "Email Clicked",
                "Bounce": "Email Bounced", "SpamComplaint": "Email Marked As Spam",
                "SubscriptionChange": "Unsubscribed",
            },
            message_id="join(':', [RecordType, MessageID, "
            "DeliveredAt || ReceivedAt || BouncedAt || ChangedAt || ''])",
            time="DeliveredAt || ReceivedAt || BouncedAt || ChangedAt",
            email="Recipient || Email",
            properties={
                "subject": "Subject", "tag": "Tag", "stream": "MessageStream",
                "url": "OriginalLink", "reason": "Description", "bounce": "Type",
            },
        ),
    ),
    Preset(
        "sendgrid", "SendGrid", "json", "email",
        Mapping(
            each="@", event="event",
            names={
                "processed": "Email Sent", "delivered": "Email Delivered", "open": "Email Opened",
                "click": "Email Clicked", "bounce": "Email Bounced", "dropped": "Email Bounced",
                "spamreport": "Email Marked As Spam", "unsubscribe": "Unsubscribed",
                "group_unsubscribe": "Unsubscribed", "group_resubscribe": "Subscribed",
            },
            message_id="sg_event_id", time="timestamp", email="email",
            properties={"url": "url", "reason": "reason", "category": "category",
                        "mail": "sg_message_id"},
        ),
    ),
    Preset(
        "shopify", "Shopify", "hmac", "billing",
        Mapping(
            event="header:X-Shopify-Topic",
            names={
                "orders/create": "Order Placed", "orders/paid": "Order Completed",
                "orders/cancelled": "Order Cancelled", "orders/updated": "Order Updated",
                "refunds/create": "Order Refunded", "checkouts/create": "Checkout Started",
                "customers/create": "Customer Created", "customers/update": "Customer Updated",
            },
            message_id="header:X-Shopify-Webhook-Id", time="updated_at || created_at",
            email="email || customer.email",
            external_ids={"shopify_customer_id": "customer.id"},
            properties={
                "order_id": "order_id || id", "number": "order_number", "total": "total_price",
                "currency": "currency", "products": "line_items[].{sku: sku, name: title, "
                "quantity: quantity, price: price}",
            },
        ),
        {"header": "X-Shopify-Hmac-Sha256", "encoding": "base64", "prefix": ""},
    ),
)  # fmt: skip
PRESETS = {preset.name: preset for preset in _ALL}
