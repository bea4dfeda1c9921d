"""What is written of a change: the message that leaves, and the fact that comes back. Pure."""

from typing import Any

import msgspec

from onefold.activation.model import AudienceChange, Outcome
from onefold.kernel import clock, limits

# Text that PostgreSQL's jsonb can't hold; admission already keeps it out of traits.
_NUL, _INSTEAD = b"\\u0000", b"\\ufffd"


def payload(change: AudienceChange) -> str:
    """The message as JSON, without its id, which each attempt adds.

    Traits are left out, and `traits_left_out` says so, when the message would be too large.
    """
    message: dict[str, Any] = {
        "type": "audience.entered" if change.entered else "audience.exited",
        "audience": {"key": change.audience_key, "name": change.audience_name},
        change.entity_kind: {
            "id": change.entity_id,
            "identifiers": change.identifiers[: limits.person_identifiers_max],
            "traits": change.traits,
        },
        "at": clock.iso(change.at_ms),
    }
    text = msgspec.json.encode(message)
    if len(text) > limits.outbox_payload_bytes_max:
        message[change.entity_kind] |= {"traits": {}, "traits_left_out": True}
        text = msgspec.json.encode(message)
    return text.replace(_NUL, _INSTEAD).decode()


def fact(outcome: Outcome, now_ms: int) -> dict[str, Any] | None:
    """The Segment-spec item that tells of a delivery's end, or None.

    None: it goes on, or there is nobody whose timeline it could stand on.
    """
    job, status = outcome.job, outcome.verdict.status
    if status == "retry" or not job.home:
        return None
    name = "Audience Change Delivered" if status == "sent" else "Audience Change Failed"
    item: dict[str, Any] = {
        "type": "track",
        "event": name,
        "messageId": f"{job.message_id}-{status}-{now_ms}",
        "timestamp": clock.iso(now_ms),
        "properties": {
            "destination": outcome.destination_key,
            "audience": job.payload["audience"]["key"],
            "entered": job.payload["type"] == "audience.entered",
            "attempts": job.attempts,
        },
    }
    if status == "failed":
        item["properties"]["answer"] = outcome.verdict.answer
    namespace, _, value = job.home.partition(":")
    match namespace:
        case "user_id":
            item["userId"] = value
        case "anonymous_id":
            item["anonymousId"] = value
        case "email":
            item["context"] = {"traits": {"email": value}}
        case "contact":
            item["context"] = {"externalIds": [{"type": "contact", "id": value}]}
        case "account_id":
            item["context"] = {"groupId": value}
        case _:
            return None
    return item
