"""Signatures: what the vendors' own code signs is taken, and nothing else."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import standardwebhooks
from hubspot.utils.signature import Signature
from stripe import WebhookSignature

from onefold.sources import webhooks
from tests.sources.webhooks.parts import NOW, URL, config, delivery

BODY = json.dumps({"a": "ü", "n": [1, 2]}).encode()
TEXT = BODY.decode()
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECONDS = NOW // 1000


def stripe() -> dict[str, str]:
    return {"Stripe-Signature": WebhookSignature.generate_signature_header(TEXT, SECRET, SECONDS)}


def standard() -> dict[str, str]:
    at = datetime.fromtimestamp(SECONDS, tz=UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(SECONDS),
        "webhook-signature": standardwebhooks.Webhook(SECRET).sign("msg_1", at, TEXT),
    }


def hubspot_v3() -> dict[str, str]:
    sign = Signature.get_signature(SECRET, TEXT, "v3", URL, "POST", str(NOW))
    return {"X-HubSpot-Signature-v3": sign, "X-HubSpot-Request-Timestamp": str(NOW)}


def hubspot_v2() -> dict[str, str]:
    sign = Signature.get_signature(SECRET, TEXT, "v2", URL, "POST")
    return {"X-HubSpot-Signature": sign, "X-HubSpot-Signature-Version": "v2"}


def hubspot_v1() -> dict[str, str]:
    sign = Signature.get_signature(SECRET, TEXT, "v1")
    return {"X-HubSpot-Signature": sign, "X-HubSpot-Signature-Version": "v1"}


def intercom() -> dict[str, str]:
    sign = hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()
    return {"X-Hub-Signature": f"sha1={sign}"}


def zendesk() -> dict[str, str]:
    stamp = datetime.fromtimestamp(SECONDS, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hmac.new(SECRET.encode(), stamp.encode() + BODY, hashlib.sha256).digest()
    return {
        "X-Zendesk-Webhook-Signature": base64.b64encode(digest).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": stamp,
    }


def github() -> dict[str, str]:
    sign = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={sign}"}


def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRET}"}


def basic() -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"any:{SECRET}".encode()).decode()}


CASES = [
    ("stripe", stripe), ("standard", standard), ("hubspot", hubspot_v3), ("hubspot", hubspot_v2),
    ("hubspot", hubspot_v1), ("intercom", intercom), ("zendesk", zendesk), ("hmac", github),
    ("json", bearer), ("salesforce", basic),
]  # fmt: skip
every = pytest.mark.parametrize(("kind", "sign"), CASES, ids=lambda c: getattr(c, "__name__", c))


@every
def test_what_the_vendor_signs_is_taken(kind: str, sign: Callable[[], dict[str, str]]) -> None:
    webhooks.verify(config(kind), (SECRET,), delivery(BODY, sign()))


@every
def test_a_secret_that_was_replaced_is_still_taken_beside_the_new_one(
    kind: str, sign: Callable[[], dict[str, str]]
) -> None:
    new = "whsec_" + base64.b64encode(b"another secret").decode()
    webhooks.verify(config(kind), (new, SECRET), delivery(BODY, sign()))
    with pytest.raises(webhooks.BadSignature):
        webhooks.verify(config(kind), (new,), delivery(BODY, sign()))
    with pytest.raises(webhooks.BadSignature):
        webhooks.verify(config(kind), (), delivery(BODY, sign()))


@every
def test_without_its_headers_a_delivery_is_refused_and_told_what_is_missing(
    kind: str, sign: Callable[[], dict[str, str]]
) -> None:
    for name in sign():
        rest = {k: v for k, v in sign().items() if k != name}
        if name == "X-HubSpot-Signature-Version" and sign is hubspot_v1:
            continue  # v1 is what no version means
        with pytest.raises(webhooks.BadSignature) as told:
            webhooks.verify(config(kind), (SECRET,), delivery(BODY, rest))
        assert told.value.status == 401


@every
def test_another_body_does_not_fit(kind: str, sign: Callable[[], dict[str, str]]) -> None:
    if sign in (bearer, basic):
        return  # a shared secret says nothing of the body
    for other in (BODY + b" ", BODY.replace(b"1", b"2"), b"", b"\xff"):
        with pytest.raises(webhooks.BadSignature):
            webhooks.verify(config(kind), (SECRET,), delivery(other, sign()))


@pytest.mark.parametrize("sign", [stripe, standard, hubspot_v3, zendesk])
@pytest.mark.parametrize("late_ms", [301_000, -301_000])
def test_an_old_signature_is_a_replay(sign: Callable[[], dict[str, str]], late_ms: int) -> None:
    kind = sign.__name__.partition("_")[0]
    late = delivery(BODY, sign(), now_ms=NOW + late_ms)
    with pytest.raises(webhooks.BadSignature, match="timestamp"):
        webhooks.verify(config(kind), (SECRET,), late)


def test_hostile_headers_are_only_bad_signatures() -> None:
    for kind, sign in CASES:
        for name in sign():
            if name.endswith("Version"):
                continue
            for value in ("", ",", "t=,v1=", "v1,", "v1", "sha1=", "t=1e9,v1=é", "9" * 500, "\x00"):
                headers = {**sign(), name: value}
                with pytest.raises(webhooks.BadSignature):
                    webhooks.verify(config(kind), (SECRET,), delivery(BODY, headers))


def test_the_published_vector_of_standard_webhooks_fits() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    sent = delivery(b'{"test": 2432232314}', headers, now_ms=1_614_265_330_000)
    webhooks.verify(config("standard"), (SECRET,), sent)


def test_an_hmac_by_ones_own_rule_slack_and_shopify() -> None:
    signed = f"v0:{SECONDS}:".encode() + BODY
    slack = {
        "X-Slack-Request-Timestamp": str(SECONDS),
        "X-Slack-Signature": "v0=" + hmac.new(b"shh", signed, hashlib.sha256).hexdigest(),
    }
    rule = config(
        "hmac", header="X-Slack-Signature", prefix="v0=", signed="v0:{timestamp}:{body}",
        timestamp_header="X-Slack-Request-Timestamp",
    )  # fmt: skip
    webhooks.verify(rule, ("shh",), delivery(BODY, slack))
    with pytest.raises(webhooks.BadSignature, match="timestamp"):
        webhooks.verify(rule, ("shh",), delivery(BODY, slack, now_ms=NOW + 400_000))
    digest = hmac.new(b"shh", BODY, hashlib.sha512).digest()
    shopify = {"X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode()}
    rule = config(
        "hmac", header="X-Shopify-Hmac-Sha256", prefix="", encoding="base64", algorithm="sha512"
    )
    webhooks.verify(rule, ("shh",), delivery(BODY, shopify))


def test_a_secret_may_be_part_of_the_address() -> None:
    sent = delivery(BODY, query={"token": SECRET})
    webhooks.verify(config("json"), (SECRET,), sent)
    with pytest.raises(webhooks.BadSignature):
        webhooks.verify(config("json"), (SECRET,), delivery(BODY, query={"token": "wrong"}))


def test_hubspot_signs_the_address_so_each_that_it_may_have_called_is_tried() -> None:
    sent = delivery(BODY, hubspot_v3())
    inside = webhooks.Delivery(
        "POST", ("http://10.0.0.3:8080/v1/webhook/vendor", URL), {}, sent.headers, BODY, NOW
    )
    webhooks.verify(config("hubspot"), (SECRET,), inside)
