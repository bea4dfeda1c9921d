"""Is it from whom it says? Signatures by the vendors' published contracts. Pure.

Each function raises `BadSignature` with what is missing or wrong and what to do. Comparisons take
the same time whatever differs. A secret that was replaced is tried as well, so that a rotation
loses nothing. Timestamps outside `limits.webhook_clock_s_max` are replays.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import standardwebhooks

from onefold.kernel import limits
from onefold.sources.webhooks.model import BadSignature, Config, Delivery

ALGORITHMS = ("sha256", "sha1", "sha384", "sha512")
ENCODINGS = ("hex", "base64", "base64url")

Secrets = tuple[str, ...]
Check = Callable[[Config, Secrets, Delivery], None]


def stripe(_: Config, secrets: Secrets, delivery: Delivery) -> None:
    """`Stripe-Signature: t=…,v1=…[,v1=…]`: hex HMAC-SHA256 of `t.body`."""
    given = _header(delivery, "stripe-signature")
    parts = [part.strip().partition("=") for part in given.split(",")]
    stamp = next((value for name, _, value in parts if name == "t"), "")
    signatures = [value for name, _, value in parts if name == "v1"]
    _recent("Stripe-Signature", stamp, 1, delivery)
    signed = stamp.encode() + b"." + delivery.body
    _match("Stripe-Signature", signatures, (_hex(s, "sha256", signed) for s in secrets))


def hubspot(_: Config, secrets: Secrets, delivery: Delivery) -> None:
    """v3: base64 HMAC-SHA256 of method, URL, body, timestamp; v1 and v2: hex SHA-256 with secret.

    HubSpot sends v3 beside an older one: the better decides.
    """
    body = delivery.body
    method = delivery.method.encode()
    urls = [url.encode() for url in delivery.urls]
    third = delivery.headers.get("x-hubspot-signature-v3")
    if third is not None:
        stamp = delivery.headers.get("x-hubspot-request-timestamp", "")
        _recent("X-HubSpot-Request-Timestamp", stamp, 1000, delivery)
        wanted = (
            _base64(s, "sha256", method + url + body + stamp.encode())
            for s in secrets
            for url in urls
        )
        _match("X-HubSpot-Signature-v3", [third], wanted)
        return
    given = _header(delivery, "x-hubspot-signature")
    version = delivery.headers.get("x-hubspot-signature-version", "v1").lower()
    if version == "v2":
        texts = [s.encode() + method + url + body for s in secrets for url in urls]
    elif version == "v1":
        texts = [s.encode() + body for s in secrets]
    else:
        raise BadSignature(f"`X-HubSpot-Signature-Version`: `{version[:20]}` is not known here.")
    _match("X-HubSpot-Signature", [given], (hashlib.sha256(t).hexdigest() for t in texts))


def intercom(_: Config, secrets: Secrets, delivery: Delivery) -> None:
    """`X-Hub-Signature: sha1=…`: hex HMAC-SHA1 of the body with the app's client secret."""
    given = _header(delivery, "x-hub-signature").removeprefix("sha1=")
    _match("X-Hub-Signature", [given], (_hex(s, "sha1", delivery.body) for s in secrets))


def zendesk(_: Config, secrets: Secrets, delivery: Delivery) -> None:
    """Base64 HMAC-SHA256 of timestamp and body, in two headers of Zendesk's."""
    name = "X-Zendesk-Webhook-Signature"
    given = _header(delivery, name.lower())
    stamp = _header(delivery, f"{name}-Timestamp".lower())
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        raise BadSignature(f"`{name}-Timestamp`: is not a time.") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    _near(f"{name}-Timestamp", at.timestamp(), delivery)
    signed = stamp.encode() + delivery.body
    _match(name, [given], (_base64(s, "sha256", signed) for s in secrets))


def standard(_: Config, secrets: Secrets, delivery: Delivery) -> None:
    """Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`."""
    message_id = _header(delivery, "webhook-id")
    stamp = _header(delivery, "webhook-timestamp")
    given = _header(delivery, "webhook-signature").split(" ")
    _recent("webhook-timestamp", stamp, 1, delivery)
    try:
        text = delivery.body.decode()
    except UnicodeDecodeError:
        raise BadSignature("`body`: is not UTF-8, so no signature fits it.") from None
    at = datetime.fromtimestamp(int(stamp), tz=UTC)
    wanted = (standardwebhooks.Webhook(s).sign(message_id, at, text) for s in secrets)
    _match("webhook-signature", given, wanted)


def by_hmac(config: Config, secrets: Secrets, delivery: Delivery) -> None:
    """An HMAC whose header, algorithm, encoding, prefix and signed text the source says."""
    options = config.options
    name = options.get("header") or "X-Hub-Signature-256"
    prefix = options.get("prefix", "sha256=")
    given = _header(delivery, name.lower())
    if not given.startswith(prefix):
        raise BadSignature(f"`{name}`: does not begin with `{prefix}`, as this source expects.")
    stamp = b""
    stamp_name = options.get("timestamp_header", "")
    if stamp_name:
        text = _header(delivery, stamp_name.lower())
        _recent(stamp_name, text, 1000 if len(text) > 11 else 1, delivery)
        stamp = text.encode()
    template = options.get("signed") or "{body}"
    signed = b"".join(
        {"{timestamp}": stamp, "{body}": delivery.body}.get(part, part.encode())
        for part in _template(template)
    )
    algorithm = options.get("algorithm") or "sha256"
    make = {"hex": _hex, "base64": _base64, "base64url": _base64url}[
        options.get("encoding") or "hex"
    ]
    found = given.removeprefix(prefix).strip()
    if make is not _hex:
        found = found.rstrip("=")
        _match(name, [found], (make(s, algorithm, signed).rstrip("=") for s in secrets))
        return
    _match(name, [found.lower()], (make(s, algorithm, signed) for s in secrets))


def token(_: Config, secrets: Secrets, delivery: Delivery) -> None:
    """A shared secret: `?token=`, `X-Webhook-Token`, `Bearer`, or the password of `Basic`."""
    given = _token(delivery)
    if not given:
        raise BadSignature(
            "The shared secret is missing. Send it as `?token=` in the URL, in the header "
            "`X-Webhook-Token`, as `Authorization: Bearer …`, or as the password of Basic."
        )
    _match("token", [given], secrets)


def _token(delivery: Delivery) -> str:
    header = delivery.headers.get("x-webhook-token") or delivery.query.get("token")
    if header:
        return header
    scheme, _, value = delivery.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            plain = base64.b64decode(value.strip() + "==").decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return ""
        return plain.partition(":")[2]
    return ""


def _template(text: str) -> list[str]:
    """A template in its parts: `v0:{timestamp}:{body}`."""
    out = [text]
    for name in ("{timestamp}", "{body}"):
        out = [
            piece
            for part in out
            for piece in ([part] if part == "{timestamp}" else _cut(part, name))
        ]
    return [part for part in out if part]


def _cut(text: str, name: str) -> list[str]:
    before, found, after = text.partition(name)
    return [before, name, *_cut(after, name)] if found else [before]


def _header(delivery: Delivery, name: str) -> str:
    value = delivery.headers.get(name, "").strip()
    if not value:
        raise BadSignature(
            f"`{name}`: this header is missing. Send the delivery through the vendor, signed; "
            "check the kind of webhook that is set on the source's page."
        )
    return value


def _recent(name: str, stamp: str, per_second: int, delivery: Delivery) -> None:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16):
        raise BadSignature(f"`{name}`: holds no timestamp.")
    _near(name, int(stamp) / per_second, delivery)


def _near(name: str, at_s: float, delivery: Delivery) -> None:
    off = delivery.now_ms / 1000 - at_s
    if abs(off) > limits.webhook_clock_s_max:
        side = "old" if off > 0 else "in the future"
        raise BadSignature(
            f"`{name}`: the timestamp is {abs(off):,.0f} s {side}; at most "
            f"{limits.webhook_clock_s_max} s are taken, against replays. Check both clocks."
        )


def _match(name: str, given: Iterable[str], wanted: Iterable[str]) -> None:
    offered = [g.encode() for g in given]
    found = False
    for want in wanted:
        for one in offered:
            found |= hmac.compare_digest(one, want.encode())
    if not found:
        raise BadSignature(
            f"`{name}`: does not fit the body and the source's secret. Copy the signing secret "
            "from the vendor again, and see that no proxy changes the body or the address."
        )


def _digest(secret: str, algorithm: str, message: bytes) -> bytes:
    return hmac.digest(secret.encode(), message, algorithm)


def _hex(secret: str, algorithm: str, message: bytes) -> str:
    return _digest(secret, algorithm, message).hex()


def _base64(secret: str, algorithm: str, message: bytes) -> str:
    return base64.b64encode(_digest(secret, algorithm, message)).decode()


def _base64url(secret: str, algorithm: str, message: bytes) -> str:
    return base64.urlsafe_b64encode(_digest(secret, algorithm, message)).decode()
