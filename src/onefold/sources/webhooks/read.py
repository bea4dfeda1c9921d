"""From a delivery to a log row's envelope. Pure.

The row keeps the calls as items of `batch`, and beside them the body as it came, so that it can be
read again after a mapping is put right:

    {"batch": [item, …], "webhook": {"kind": "stripe", "headers": {…}, "body": "…"}}

An event that is no call stands in the batch as `{"_refused": {…}, "raw": "<base64>"}`: admission
keeps it as refused with that reason, among the source's other refused items.
"""

import base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from onefold.kernel import errors, limits
from onefold.sources.webhooks import mapped, salesforce
from onefold.sources.webhooks.kinds import KINDS, Kind, parts_of
from onefold.sources.webhooks.model import (
    Call,
    Config,
    Delivery,
    Known,
    NotMapped,
    Part,
    Reading,
)
from onefold.sources.webhooks.verify import Secrets

_NOT_KEPT = ("signature", "token", "auth", "secret", "key", "cookie", "password")
_NONE = Known()
_EMPTY = ("holds no event.", "Send one event at least.")


def verify(config: Config, secrets: Secrets, delivery: Delivery) -> None:
    """Raises `BadSignature` unless the delivery proves where it comes from."""
    KINDS[config.kind].check(config, secrets, delivery)


def read(config: Config, delivery: Delivery) -> Reading:
    """What a verified delivery says. Raises `BadSignature` for another organisation's message."""
    kind = KINDS[config.kind]
    body = delivery.body
    try:
        tree = salesforce.parse(body) if _soap(kind, body) else _json(body)
        if kind.name == "salesforce":
            salesforce.check_organization(config, tree)
        if kind.is_ping is not None and kind.is_ping(tree):
            return Reading((), ping=True)
        parts = parts_of(kind, config, tree)
    except NotMapped as error:
        return Reading((Part(salesforce.redact(body), fault=error.fault),))
    if len(parts) > limits.request_items_max:
        fault = errors.Fault(
            "payload",
            f"holds {len(parts):,} events; at most {limits.request_items_max:,} are taken.",
            "Send smaller batches.",
        )
        return Reading((Part(salesforce.redact(body), fault=fault),))
    if not parts:
        return Reading((Part(body, fault=errors.Fault("payload", *_EMPTY)),))
    whole = len(parts) == 1 and parts[0] is tree
    return Reading(
        tuple(
            read_part(config, one, body if whole else msgspec.json.encode(one), delivery, tree)
            for one in parts
        )
    )


def read_part(config: Config, tree: Any, raw: bytes, delivery: Delivery, root: Any = None) -> Part:
    """One event: by the vendor's rules; by the mapping where those do not know it, or there is no
    vendor."""
    kind = KINDS[config.kind]
    fault: errors.Fault | None = None
    if kind.calls is not None:
        try:
            return Part(raw, tuple(kind.calls(config, tree, delivery)))
        except NotMapped as error:
            fault = error.fault
    if kind.calls is None or config.mapping is not None:
        try:
            return Part(raw, tuple(mapped.calls(config, tree, delivery, root)))
        except NotMapped as error:
            fault = fault or error.fault
    return Part(raw, fault=fault)


def read_again(config: Config, raw: bytes, delivery: Delivery) -> Reading:
    """A refused event, as it was kept: one part, or a whole body that could not be taken apart."""
    if not _soap(KINDS[config.kind], raw):
        try:
            tree = _json(raw)
        except NotMapped as error:
            return Reading((Part(raw, fault=error.fault),))
        part = read_part(config, tree, raw, delivery)
        if part.calls:
            return Reading((part,))
    return read(config, msgspec.structs.replace(delivery, body=raw))


def answer(config: Config, body: bytes) -> tuple[bytes, bytes] | None:
    """What the sender must hear besides 200: (content type, body); None: nothing in particular."""
    return (b"text/xml; charset=utf-8", salesforce.ACK) if _soap(KINDS[config.kind], body) else None


# ── whom it is about ───────────────────────────────────────────────────────────────────────────


def asked(reading: Reading) -> set[str]:
    """The references to look up before the row is made."""
    return {ref for part in reading.parts for call in part.calls for ref in call.asks}


def settle(call: Call, known: Mapping[str, Known]) -> Call:
    """The call with what earlier events told of whom it is about. Its own words win."""
    user, account, external = call.user_id, call.account_id, dict(call.external_ids)
    for ref in call.asks:
        told = known.get(ref, _NONE)
        user = user or told.user_id
        account = account or told.account_id
        external = {**told.external_ids, **external}
    if (
        account is None
        and call.account_else
        and not (user or external or call.email or call.anonymous_id)
    ):
        account = call.account_else
    return msgspec.structs.replace(call, user_id=user, account_id=account, external_ids=external)


def told(call: Call, known: Mapping[str, Known]) -> dict[str, Known]:
    """What a settled call tells of references, where it is news. E-mail addresses stay out."""
    if not call.tells:
        return {}
    news = Known(call.user_id, call.account_id, call.external_ids)
    if news == _NONE:
        return {}
    out = {}
    for ref in call.tells:
        before = known.get(ref, _NONE)
        merged = Known(
            news.user_id or before.user_id,
            news.account_id or before.account_id,
            {**before.external_ids, **news.external_ids},
        )
        if merged != before:
            out[ref] = merged
    return out


# ── the row ────────────────────────────────────────────────────────────────────────────────────


class Made(msgspec.Struct, frozen=True):
    """A delivery as a log row will hold it. `refused`: how many of its items admission refuses."""

    envelope: bytes
    items: int
    refused: int
    event: str
    fault: errors.Fault | None
    learned: dict[str, Known]


def make(
    config: Config, reading: Reading, known: Mapping[str, Known], delivery: Delivery,
    keep_body: bool = True,
) -> Made:  # fmt: skip
    """The envelope of a reading that has parts."""
    known = dict(known)
    learned: dict[str, Known] = {}
    items: list[dict[str, Any]] = []
    refused, event = 0, ""
    first_fault: errors.Fault | None = None
    for part in reading.parts:
        calls = []
        for call in part.calls:
            one = settle(call, known)
            news = told(one, known)
            known |= news
            learned |= news
            calls.append(one)
        fault = part.fault or _nobody(calls[0])
        if fault is not None:
            items.append(_refused(part.raw, fault))
            refused += 1
            first_fault = first_fault or fault
            continue
        event = event or calls[0].event
        items += [item_of(call) for call in calls if _nobody(call) is None]
    tree: dict[str, Any] = {"batch": items}
    if keep_body:
        tree["webhook"] = _kept(config, delivery)
    return Made(msgspec.json.encode(tree), len(items), refused, event, first_fault, learned)


def item_of(call: Call) -> dict[str, Any]:
    """A settled call as an item of the Segment spec."""
    context: dict[str, Any] = {}
    if call.email and call.kind != "identify":
        context["traits"] = {"email": call.email}
    if call.account_id and call.kind != "group":
        context["groupId"] = call.account_id
    if call.external_ids:
        context["externalIds"] = [
            {"id": value, "type": name, "collection": "users", "encoding": "none"}
            for name, value in call.external_ids.items()
        ]
    traits = dict(call.traits)
    if call.email and call.kind == "identify":
        traits["email"] = call.email
    event = call.event[: limits.event_name_chars_max]
    out = {
        "type": call.kind,
        "event": event if call.kind == "track" else None,
        "name": event if call.kind in ("page", "screen") else None,
        "messageId": call.message_id[: limits.message_id_chars_max],
        "timestamp": time_of(call.at),
        "userId": call.user_id,
        "anonymousId": call.anonymous_id,
        "groupId": call.account_id if call.kind == "group" else None,
        "context": context,
        "traits": traits,
        "properties": call.properties,
        "mergeProperties": [{"type": n, "value": v} for n, v in call.merges],
    }
    return {name: value for name, value in out.items() if value not in (None, "", {}, [])}


def time_of(at: Any) -> str | None:
    """ISO 8601 from what vendors send: a text, or seconds or milliseconds since 1970."""
    if isinstance(at, str):
        text = at.strip()
        if not text.isascii() or not text.replace(".", "", 1).isdigit():
            try:
                return datetime.fromisoformat(text).isoformat()
            except ValueError:
                return None
        at = float(text)
    if not isinstance(at, int | float) or isinstance(at, bool):
        return None
    try:
        seconds = at / 1000 if abs(at) > 100_000_000_000 else at
        return datetime.fromtimestamp(seconds, tz=UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def _nobody(call: Call) -> errors.Fault | None:
    if call.user_id or call.account_id or call.external_ids or call.email or call.anonymous_id:
        if call.kind == "group" and not call.account_id:
            return errors.Fault("account_id", "is missing.", "A group call needs the account.")
        return None
    return errors.Fault(
        "payload",
        f"`{call.event}` names nobody who is known.",
        "Send the events that say whose it is first (customers, associations), or map an "
        "identifier; then read it again.",
    )


def _refused(raw: bytes, fault: errors.Fault) -> dict[str, Any]:
    told = {
        "code": "not_mapped", "field": fault.field, "problem": fault.problem,
        "remedy": fault.remedy,
    }  # fmt: skip
    return {"_refused": told, "raw": base64.b64encode(raw).decode()}


def _kept(config: Config, delivery: Delivery) -> dict[str, Any]:
    body = salesforce.redact(delivery.body) if config.kind == "salesforce" else delivery.body
    out: dict[str, Any] = {"kind": config.kind, "headers": kept_headers(delivery.headers.items())}
    try:
        out["body"] = body.decode()
    except UnicodeDecodeError:
        out["body_base64"] = base64.b64encode(body).decode()
    return out


def kept_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The vendor's own headers, without what proves who sends: those are secrets or near it."""
    return {
        name: value[: limits.webhook_header_chars_max]
        for name, value in headers
        if (name.startswith(("x-", "webhook-")) or name in ("content-type", "user-agent"))
        and not any(word in name for word in _NOT_KEPT)
    }


def _soap(kind: Kind, body: bytes) -> bool:
    return kind.name == "salesforce" and salesforce.is_xml(body)


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        why = str(error) or type(error).__name__
        raise NotMapped(f"is not JSON: {why}.", "Send JSON in UTF-8.") from None
