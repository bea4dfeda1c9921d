"""What each kind of webhook is and needs. Doors and pages ask this declaration, never the name."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from onefold.sources.webhooks import (
    hubspot,
    intercom,
    mapped,
    salesforce,
    stripe,
    verify,
    zendesk,
)
from onefold.sources.webhooks.model import Call, Config, Delivery, Mapping

Read = Callable[[Config, Any, Delivery], Iterable[Call]]


class Option(msgspec.Struct, frozen=True):
    """One setting beside the secret. `choices`: nothing else is taken; the first is the default."""

    name: str
    label: str
    hint: str
    choices: tuple[str, ...] = ()
    default: str = ""


class Kind(msgspec.Struct, frozen=True):
    """A kind of webhook.

    secret      what the vendor calls the secret, and where it is found there
    check       raises `BadSignature`
    split       a payload's parts; None: `each` of the mapping, or the payload itself
    calls       the calls of a part; None: only a mapping says
    mapping     the mapping to begin with, for kinds that need one
    category    what a source of it should be
    """

    name: str
    label: str
    category: str
    secret: str
    proof: str
    check: verify.Check
    calls: Read | None = None
    split: Callable[[Any], list[Any]] | None = None
    mapping: Mapping | None = None
    options: tuple[Option, ...] = ()
    is_ping: Callable[[Any], bool] | None = None
    in_address: bool = False


_ACCOUNT_KEY = Option(
    "account_key", "Metadata field with our account id",
    "By default account_id, organization_id, company_id, workspace_id or tenant_id.",
)  # fmt: skip
_ACCOUNT_FROM = Option(
    "account_from", "Account when the metadata name none",
    "With “customer” each Stripe customer is an account of its own.", ("metadata", "customer"),
)  # fmt: skip

_ALL = (
    Kind(
        "stripe", "Stripe", "billing", "Signing secret of the endpoint (whsec_…)",
        "Stripe-Signature: HMAC-SHA256 of time and body", verify.stripe, stripe.calls,
        options=(_ACCOUNT_KEY, _ACCOUNT_FROM),
    ),
    Kind(
        "hubspot", "HubSpot", "support", "Client secret of the app",
        "X-HubSpot-Signature-v3 (HMAC of method, address, body, time), else v1 or v2",
        verify.hubspot, hubspot.calls, hubspot.split,
        options=(
            Option("account_property", "Company property with our account id", "Its changes are "
                   "needed: subscribe to company.propertyChange of it."),
            Option("user_property", "Contact property with our user id", "Its changes are needed: "
                   "subscribe to contact.propertyChange of it."),
        ),
    ),
    Kind(
        "salesforce", "Salesforce", "support", "A secret of your choice, part of the address",
        "the secret in the address (`?token=`) or a header, and the organisation's id",
        verify.token, salesforce.calls, salesforce.split, in_address=True,
        options=(
            Option("organization_id", "Organisation id", "Messages of any other are refused."),
            Option("account_field", "Field with our account id", "Such as Account_Id__c; else "
                   "Salesforce's AccountId is the account."),
        ),
    ),
    Kind(
        "intercom", "Intercom", "support", "Client secret of the app",
        "X-Hub-Signature: HMAC-SHA1 of the body", verify.intercom, intercom.calls,
        is_ping=intercom.is_ping,
    ),
    Kind(
        "zendesk", "Zendesk", "support", "Signing secret of the webhook",
        "X-Zendesk-Webhook-Signature: HMAC-SHA256 of time and body", verify.zendesk, zendesk.calls,
    ),
    Kind(
        "standard", "Standard Webhooks", "product", "Secret of the endpoint (whsec_…)",
        "webhook-signature: HMAC-SHA256 of id, time and body", verify.standard,
        mapping=Mapping(
            event="type", message_id="header:webhook-id", time="timestamp || occurred_at",
            user_id="data.user_id || data.userId || data.user.id || user_id",
            email="data.email || data.user.email || data.customer.email || email",
            account_id="data.account_id || data.organization_id || data.org_id || account_id",
            properties="data || @",
        ),
    ),
    Kind(
        "hmac", "HMAC-signed (GitHub and others)", "product", "The secret both sides know",
        "an HMAC of the body in a header", verify.by_hmac,
        mapping=Mapping(
            event="header:X-GitHub-Event", message_id="header:X-GitHub-Delivery",
            email="sender.email || pusher.email",
            external_ids={"github_login": "sender.login"}, properties="@",
        ),
        options=(
            Option("header", "Header", "", default="X-Hub-Signature-256"),
            Option("algorithm", "Algorithm", "", verify.ALGORITHMS),
            Option("encoding", "Encoding", "", verify.ENCODINGS),
            Option("prefix", "Prefix", "What stands before the signature.", default="sha256="),
            Option("signed", "Signed text", "With {body} and {timestamp}: v0:{timestamp}:{body}",
                   default="{body}"),
            Option("timestamp_header", "Header of the time", "Where there is one: no replays."),
        ),
        is_ping=lambda tree: isinstance(tree, dict) and "zen" in tree and "hook_id" in tree,
    ),
    Kind(
        "json", "JSON by mapping", "product", "A secret of your choice",
        "the secret in the address (`?token=`) or a header", verify.token, in_address=True,
        mapping=Mapping(
            event="event || type", message_id="id", time="timestamp", user_id="user_id",
            email="email", account_id="account_id", properties="properties || @",
        ),
    ),
)  # fmt: skip
KINDS = {kind.name: kind for kind in _ALL}


def parts_of(kind: Kind, config: Config, tree: Any) -> list[Any]:
    """The events of a payload. Raises `NotMapped`."""
    if kind.split is not None:
        return kind.split(tree)
    if kind.calls is not None:
        return [tree]
    return mapped.split(config, tree)
