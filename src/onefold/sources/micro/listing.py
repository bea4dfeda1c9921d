"""The list of a test source: items in with their outcome, out by filters."""

from typing import Any

import msgspec

from onefold import governance, log
from onefold.kernel import clock, errors, facts, limits
from onefold.sources.micro import store
from onefold.sources.trail import differences
from onefold.storage import Connection

OUTCOMES = ("good", "bad", "duplicate", "filtered")
FILTERS = {
    "good": ("type", "event", "userId", "anonymousId", "messageId", "properties", "traits"),
    "bad": ("type", "event", "userId", "anonymousId", "messageId", "code", "field"),
}
_CHARS_MAX = 10_000


def take(conn: Connection, row: log.Row) -> None:
    """Check the items of a request and list them. The caller commits."""
    store.lock(conn, row.source_id)
    row = msgspec.structs.replace(row, seq=log.head(conn) + 1)  # as if it came next
    envelope = log.unpack(row.body)
    admitted = list(zip(governance.admit(row, governance.load(conn)), envelope.batch, strict=True))
    ids = [one.message_id for one, _ in admitted if isinstance(one, facts.Fact)]
    seen = store.seen(conn, row.source_id, [i for i in ids if i])
    listed = []
    for one, raw in admitted:
        outcome, message_id = _outcome(one, seen)
        shown = _shown(one, bytes(raw), envelope)
        shown["received_at"] = clock.iso(row.received_ms)
        listed.append((outcome, message_id, msgspec.json.encode(shown)))
    store.add(conn, row.source_id, row.received_ms, listed)


def counts(conn: Connection, source_id: int) -> dict[str, int]:
    """How many of each outcome are listed, and `total`."""
    found = store.counts(conn, source_id)
    return {"total": sum(found.values()), **{name: found.get(name, 0) for name in OUTCOMES}}


def items(
    conn: Connection, source_id: int, outcome: str, wanted: dict[str, Any]
) -> list[dict[str, Any]]:
    """Listed items, newest first: those that have all that is `wanted`, at most its `limit`.

    An object that is wanted (`properties`) has to be in the item's; it may have more. Raises
    `Invalid` for a filter that is none.
    """
    rows_max = _limit(wanted)
    filters = {k: v for k, v in wanted.items() if k not in ("limit", "writeKey")}
    known = FILTERS[outcome]
    faults = [
        errors.Fault(name[:100], "is no filter here.", f"Use {', '.join(known)} or limit.")
        for name in filters
        if name not in known
    ]
    if faults:
        raise errors.Invalid(*faults)
    out: list[dict[str, Any]] = []
    for item_id, body in store.listed(conn, source_id, outcome):
        shown = {"id": str(item_id), **msgspec.json.decode(body)}
        if all(_has(_value(shown, name), value) for name, value in filters.items()):
            out.append(shown)
            if len(out) == rows_max:
                break
    return out


def reset(conn: Connection, source_id: int) -> None:
    """Forget everything listed. The caller commits."""
    store.reset(conn, source_id)


def _outcome(one: facts.Admitted, seen: set[str]) -> tuple[str, str]:
    if isinstance(one, facts.Refusal):
        return "bad", ""
    if isinstance(one, facts.Filtered):
        return "filtered", ""
    if one.message_id in seen:
        return "duplicate", one.message_id
    if one.message_id:
        seen.add(one.message_id)
    return "good", one.message_id


def _shown(one: facts.Admitted, raw: bytes, envelope: log.Envelope) -> dict[str, Any]:
    """What is answered of an item: as sent, and what it became or why not."""
    tree = differences.glimpse(raw)
    shown: dict[str, Any] = {"type": tree.get("type") or envelope.type}
    for name in ("event", "userId", "anonymousId", "groupId", "messageId"):
        if tree.get(name) is not None:
            shown[name] = tree[name]
    if isinstance(one, facts.Fact):
        shown |= {
            "type": one.kind, "event": one.name, "at": clock.iso(one.at_ms),
            "identifiers": [str(i) for i in one.identifiers], "account": one.account,
            "traits": one.traits, "properties": one.properties,
            "corrections": msgspec.to_builtins(differences.corrections(one, raw, envelope)),
        }  # fmt: skip
    elif isinstance(one, facts.Refusal):
        raw = one.raw
        shown["errors"] = [
            {"code": one.code, "field": one.field, "problem": one.problem, "remedy": one.remedy}
        ]
    else:
        shown["rule"] = one.rule
    text = raw.decode("utf-8", "replace")
    shown["item"] = tree or (text if len(text) <= _CHARS_MAX else text[:_CHARS_MAX] + "…")
    return shown


def _value(shown: dict[str, Any], name: str) -> Any:
    if name in ("code", "field"):
        return shown["errors"][0][name]
    return shown.get(name)


def _has(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(
            name in value and _has(value[name], inner) for name, inner in wanted.items()
        )
    if value == wanted:
        return True
    simple = isinstance(value, int | float | str) and isinstance(wanted, int | float | str)
    return simple and not isinstance(value, bool) and str(value) == str(wanted)


def _limit(wanted: dict[str, Any]) -> int:
    if "limit" not in wanted:
        return limits.micro_items_shown_max
    text = str(wanted["limit"])
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= limits.micro_items_max):
        raise errors.Invalid(
            errors.Fault("limit", "is no such number.", f"Use 1 to {limits.micro_items_max:,}.")
        )
    return int(text)
