"""From a row to an item of the Segment spec, and a proposal for how. Pure.

A row is named by its keys, else, for people and accounts, by whom it is about, else by its content.
The `messageId` is that name and the number of the change: the same after a crash, another when the
row changed and changed back.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from onefold.kernel import clock, errors
from onefold.sources.connectors.model import TARGETS, Plan, Stream
from onefold.sources.imports import values

_NAMES = {
    "user_id": ("user_id", "userid", "customer_id", "contact_id", "distinct_id"),
    "anonymous_id": ("anonymous_id", "anonymousid", "visitor_id"),
    "email": ("email", "email_address", "e_mail", "mail"),
    "account_id": ("account_id", "company_id", "organization_id", "org_id", "workspace_id"),
    "time": ("timestamp", "occurred_at", "event_time", "created_at", "purchased_at",
             "added_to_cart_at", "time", "date", "created"),
    "event_field": ("event", "event_name", "event_type"),
}  # fmt: skip
_CHANGED = ("updated_at", "modified_at", "last_modified", "updated")
_PEOPLE = ("user", "people", "person", "customer", "contact", "lead", "member")
_ACCOUNTS = ("account", "compan", "organi", "workspace", "tenant")


class Unfit(Exception):
    """A row that can't become an item, and why."""


def suggest(stream: Stream) -> Plan:
    """How a stream's rows would best be taken, by its schema and keys."""
    found = stream.schema.get("properties")
    names = {str(n).lower(): str(n) for n in found} if isinstance(found, dict) else {}

    def first(field: str) -> str:
        return next((names[n] for n in _NAMES[field] if n in names), "")

    label = stream.name.rpartition(".")[2].rpartition("-")[2].lower()
    identifier = stream.keys[0] if len(stream.keys) == 1 else names.get("id", "")
    cursor = stream.cursor[0] if stream.cursor else ""
    by_cursor = bool(cursor) and "incremental" in stream.modes
    changed = next((names[n] for n in _CHANGED if n in names), "")
    mode: Any = "incremental" if by_cursor else "full_refresh"
    event_field = first("event_field")
    if any(part in label for part in _ACCOUNTS) and not event_field:
        return Plan(
            "accounts", mode, cursor, stream.keys, account_id=first("account_id") or identifier,
            time=changed,
        )  # fmt: skip
    if any(part in label for part in _PEOPLE) and not event_field:
        user_id = identifier or first("user_id")
        return Plan(
            "people", mode, cursor, stream.keys, user_id=user_id, email=first("email"),
            account_id=first("account_id"), time=changed,
        )  # fmt: skip
    return Plan(
        "events", mode, cursor, stream.keys, user_id=first("user_id"),
        anonymous_id=first("anonymous_id"), email=first("email"), account_id=first("account_id"),
        event="" if event_field else label.replace("_", " ").strip().title(),
        event_field=event_field, time=first("time"),
    )  # fmt: skip


def check(streams: Iterable[Stream], plans: dict[str, Plan]) -> None:
    """Raise `Invalid` with everything that is wrong with the choice of streams."""
    known = {s.name: s for s in streams}
    faults = []
    for name, plan in plans.items():
        at = f"streams.{name}"
        if name not in known:
            faults.append(errors.Fault(at, "is no stream of it.", "Discover its streams again."))
            continue
        if plan.target not in TARGETS:
            faults.append(errors.Fault(f"{at}.target", "is not known.", "Use events."))
        who = plan.user_id or plan.anonymous_id or plan.email
        if plan.target == "accounts" and not plan.account_id:
            faults.append(errors.Fault(f"{at}.account_id", "is missing.", "Name a field for it."))
        if plan.target == "people" and not who:
            faults.append(errors.Fault(f"{at}.user_id", "is missing.", "Or give `email`."))
        if plan.target == "events" and not (who or plan.account_id):
            faults.append(errors.Fault(f"{at}.user_id", "is missing.", "Or give `email`."))
        if plan.target == "events" and not (plan.event or plan.event_field):
            faults.append(errors.Fault(f"{at}.event", "is missing.", "Name the event."))
        stream = known[name]
        if plan.mode not in stream.modes:
            shown = " or ".join(f"`{m}`" for m in stream.modes)
            faults.append(errors.Fault(f"{at}.mode", "is not offered.", f"Use {shown}."))
        elif plan.mode == "incremental" and not (plan.cursor or stream.cursor):
            faults.append(errors.Fault(f"{at}.cursor", "is missing.", "Name a field that rises."))
    if faults:
        raise errors.Invalid(*faults)


def named(stream: str, plan: Plan, keys: list[str], row: dict[str, Any]) -> tuple[bytes, bytes]:
    """(name, content) of a row, as hashes."""
    content = _hash(stream, row)
    parts: list[Any] = [dig(row, k) for k in plan.keys or keys]
    if not parts and plan.target != "events":
        who = (plan.account_id,) if plan.target == "accounts" else (plan.user_id, plan.email)
        parts = [dig(row, field) for field in who if field]
    if not parts or all(p is None for p in parts):
        return content, content
    return _hash(stream, parts), content


def item(
    plan: Plan, row: dict[str, Any], message_id: str, now_ms: int, connector: str
) -> dict[str, Any]:
    """A row as an item. Raises `Unfit`."""
    out: dict[str, Any] = {"messageId": message_id}
    out["timestamp"] = clock.iso(_time(plan, row, now_ms))
    email, account = _text(row, plan.email), _text(row, plan.account_id)
    for name, field in (("userId", plan.user_id), ("anonymousId", plan.anonymous_id)):
        if text := _text(row, field):
            out[name] = text
    if not (email or "userId" in out or "anonymousId" in out or account):
        raise Unfit("has no identifier in the fields that are mapped")
    free = _fields(plan, row)
    context: dict[str, Any] = {"library": {"name": connector}}
    if plan.target == "accounts":
        if not account:
            raise Unfit(f"has no value in `{plan.account_id}`")
        return out | {"type": "group", "groupId": account, "traits": free, "context": context}
    if account:
        context["groupId"] = account
    if plan.target == "people":
        if email:
            free["email"] = email
        return out | {"type": "identify", "traits": free, "context": context}
    event = _text(row, plan.event_field) or plan.event
    if not event:
        raise Unfit(f"has no event's name in `{plan.event_field}`")
    if email:
        context["traits"] = {"email": email}
    return out | {"type": "track", "event": event, "properties": free, "context": context}


def dig(row: Any, path: str) -> Any:
    """The value at a dotted path; a name with dots in it is found as well."""
    if isinstance(row, dict) and path in row:
        return row[path]
    for part in path.split("."):
        row = row.get(part) if isinstance(row, dict) else None
    return row


def _fields(plan: Plan, row: dict[str, Any]) -> dict[str, Any]:
    if plan.fields is not None:
        found = {name: dig(row, path) for name, path in plan.fields.items()}
        return {name: value for name, value in found.items() if value is not None}
    return {k: v for k, v in row.items() if v is not None and not k.startswith("_sdc_")}


def _text(row: dict[str, Any], path: str) -> str:
    value = dig(row, path) if path else None
    if value is None or isinstance(value, dict | list | bool):
        return ""
    return values.text(value).strip()


def _time(plan: Plan, row: dict[str, Any], now_ms: int) -> int:
    value = dig(row, plan.time) if plan.time else None
    if value is None or value == "":
        return now_ms
    try:
        return values.time_ms(value)
    except values.Unfit as unfit:
        raise Unfit(f"`{plan.time}` {unfit.problem}") from None


def _hash(stream: str, value: Any) -> bytes:
    # Unlike two strings joined, a pair cannot be read as another pair.
    text = msgspec.json.encode([stream, value], order="deterministic")
    return hashlib.blake2b(text, digest_size=16).digest()
