"""Deliveries as vendors send them, signed by the vendors' own code where they publish any."""

import json
from typing import Any

from onefold import governance, log
from onefold.kernel import facts
from onefold.sources import webhooks
from onefold.sources.webhooks.store import Known

NOW = 1_760_000_400_000
URL = "https://cdp.example.com/v1/webhook/vendor"


def delivery(
    body: Any, headers: dict[str, str] | None = None, *, now_ms: int = NOW, url: str = URL,
    query: dict[str, str] | None = None,
) -> webhooks.Delivery:  # fmt: skip
    """A POST; a body that is not bytes goes as JSON, the way most senders write it."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return webhooks.Delivery(
        method="POST", urls=(url,), query=query or {}, body=data, now_ms=now_ms,
        headers={k.lower(): v for k, v in (headers or {}).items()},
    )  # fmt: skip


def config(kind: str, **options: str) -> webhooks.Config:
    return webhooks.Config(kind, options, webhooks.KINDS[kind].mapping)


def made(
    setup: webhooks.Config, body: Any, headers: dict[str, str] | None = None,
    known: dict[str, Known] | None = None,
) -> webhooks.Made:  # fmt: skip
    """What the log would hold of a delivery."""
    sent = delivery(body, headers)
    return webhooks.make(setup, webhooks.read(setup, sent), known or {}, sent)


def items(*args: Any, **kwargs: Any) -> list[dict[str, Any]]:
    """The items of a delivery's row."""
    found: list[dict[str, Any]] = json.loads(made(*args, **kwargs).envelope)["batch"]
    return found


def admitted(one: webhooks.Made, category: str = "billing") -> list[facts.Fact | facts.Refusal]:
    """What admission makes of a row."""
    row = log.Row(1, category, NOW, one.items, log.pack(one.envelope), 7)
    return [a for a in governance.admit(row) if isinstance(a, facts.Fact | facts.Refusal)]
