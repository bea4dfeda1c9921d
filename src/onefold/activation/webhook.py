"""The webhook: each change as a POST of JSON, signed by Standard Webhooks.

Headers (https://www.standardwebhooks.com): `webhook-id`, the same for every attempt, so that a
receiver can tell a repetition; `webhook-timestamp`, seconds, of this attempt; `webhook-signature`,
`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body` with the secret.
"""

from typing import Any

import msgspec
from standardwebhooks import Webhook

from onefold import __version__
from onefold.activation.model import Capabilities, Job, Request
from onefold.kernel import clock, limits

CAPABILITIES = Capabilities(
    kind="webhook",
    title="Webhook",
    entities=("person", "account"),
    in_flight_max=limits.outbox_in_flight_max,
    secret=True,
)
_SECRET_BYTES = 24  # 192 bits; a multiple of three, so its base64 has no padding
_STANDARD = str.maketrans("-_", "+/")  # the scheme decodes standard base64, not the URL-safe one


def new_secret() -> str:
    """A secret as receivers' libraries take it: `whsec_` and base64."""
    return "whsec_" + clock.token("", _SECRET_BYTES).translate(_STANDARD)


def request(config: dict[str, Any], job: Job, now_ms: int) -> Request:
    """The request of one attempt. `config`: `{"url", "secret"}`."""
    body = msgspec.json.encode({"id": job.message_id, **job.payload})
    signature = Webhook(config["secret"]).sign(
        job.message_id, clock.to_datetime(now_ms), body.decode()
    )
    headers = {
        "content-type": "application/json",
        "user-agent": f"Onefold/{__version__}",
        "webhook-id": job.message_id,
        "webhook-timestamp": str(now_ms // 1000),
        "webhook-signature": signature,
    }
    return Request(url=config["url"], headers=headers, body=body)
