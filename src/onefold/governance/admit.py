"""From a log row to facts.

The home rule (`HOME_RULE` names its version): a fact's home is its best identifier, person-kind
before device: user_id, contact, email, then anonymous_id; a fact with none of them but an account
is at home at the account. `contact:<id>` is believed only from our own CRM; other external ids come
after the e-mail address (governance/external.py).

Rules of the source (`governance.rules`) come before: its transformation changes the item as if it
had been sent so, then its tracking plan judges it.

Time: `at = received − (sentAt − timestamp)` when the sender's clock is more than `SKEW_MS` off
(less is network delay, and rewriting it would only blur), and never later than `received`. An
SDK's own clock is `originalTimestamp` where an item has both: a `timestamp` further than `SKEW_MS`
from it is the caller's word (or corrected already) and is taken as it is. That is rule 2 of
`log.TIMES`; rows of before go on without it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from onefold import log
from onefold.governance import campaign, plans
from onefold.governance import item as items
from onefold.governance.intake import LEGACY, Intake
from onefold.governance.rules import NO_RULES, Applied, Rules, Ruling
from onefold.kernel import errors, facts, identifiers, limits

HOME_RULE = 1
SKEW_MS = 5_000
KINDS = {
    "track": "", "identify": "Identify", "page": "Page Viewed", "screen": "Screen Viewed",
    "group": "Group", "alias": "Alias", "merge": "Alias",
}  # fmt: skip
_OURS = frozenset(("crm", "system"))
_NONE: dict[str, Any] = {}


def admit(
    row: log.Row, rules: Rules = NO_RULES, seen: list[plans.Violation] | None = None
) -> Iterator[facts.Admitted]:
    """Every item of the row, in order: a fact, a refusal with its reason, or filtered by a rule.

    What breaks the source's tracking plan is added to `seen`.
    """
    envelope = log.unpack(row.body)
    shared = _envelope_context(envelope)
    sent = _envelope_sent(envelope)
    applied = rules.of(row.source_id, row.seq)
    intake = rules.intake(row.seq)
    base = row.seq << facts.POSITION_BITS
    suppressed = rules.suppressed
    for index, raw in enumerate(envelope.batch):
        told = len(seen) if seen is not None else 0
        one = _admit(row, base | index, bytes(raw), envelope, shared, sent, applied, seen, intake)
        yield one if suppressed is None else suppressed.judge(one, seen, told)


def admit_at(
    row: log.Row,
    envelope: log.Envelope,
    pos: int,
    raw: bytes,
    rules: Rules = NO_RULES,
    seen: list[plans.Violation] | None = None,
) -> facts.Admitted:
    """One item of a row that was fetched by position."""
    told = len(seen) if seen is not None else 0
    one = _admit(
        row, pos, raw, envelope, _envelope_context(envelope), _envelope_sent(envelope),
        rules.of(row.source_id, row.seq), seen, rules.intake(row.seq),
    )  # fmt: skip
    return one if rules.suppressed is None else rules.suppressed.judge(one, seen, told)


def _admit(
    row: log.Row,
    pos: int,
    raw: bytes,
    envelope: log.Envelope,
    shared: items.Context | None,
    sent: datetime | None,
    applied: Applied | None,
    seen: list[plans.Violation] | None,
    intake: Intake,
) -> facts.Admitted:
    try:
        if len(raw) > limits.event_bytes_max:
            raise _fault(
                "item",
                f"has {len(raw):,} bytes; at most {limits.event_bytes_max:,} are taken.",
                "Send large content by reference.",
                "too_large",
            )
        item = items.decode(raw)
        kind = envelope.type
        if item.type is None and isinstance(kind, str):
            item.type = kind
        if item.context is None:
            item.context = shared
        elif shared is not None:
            item.context = item.context.over(shared)
        if item.sentAt is None:
            item.sentAt = sent
        if applied is not None:
            return _ruled(row, pos, item, applied.run(item, raw, envelope), envelope, seen, intake)
        return _fact(row, pos, item, envelope, intake)
    except _Refused as refused:
        fault, code = refused.fault, refused.code
        if raw.startswith(items.REFUSED):  # by a webhook's door, which knew no call for it
            code, fault = items.told(raw) or (code, fault)
    except errors.Invalid as invalid:
        fault, code = invalid.faults[0], "invalid_item"
    return facts.Refusal(
        pos=pos,
        source_id=row.source_id,
        received_ms=row.received_ms,
        code=code,
        field=fault.field,
        problem=fault.problem,
        remedy=fault.remedy,
        raw=items.unwrap(raw),
    )


def _ruled(
    row: log.Row,
    pos: int,
    item: items.Item,
    ruling: Ruling,
    envelope: log.Envelope,
    seen: list[plans.Violation] | None,
    intake: Intake,
) -> facts.Fact | facts.Filtered:
    """The fact of an item whose source has rules. Raises `_Refused` for a quarantined one."""
    if ruling.item is not None:
        item = _completed(ruling.item, item)
    fact: facts.Fact | facts.Filtered
    if ruling.filtered:
        fact = facts.Filtered(pos, row.source_id, row.received_ms, ruling.filtered)
    elif ruling.refused is None:
        fact = _fact(row, pos, item, envelope, intake)
    if seen is not None and ruling.violations:
        seen += [
            plans.Violation(
                pos=pos, source_id=row.source_id, received_ms=row.received_ms,
                plan_id=ruling.plan_id, event=_called(item), path=one.path, kind=one.kind,
                problem=one.problem, action=ruling.action,
            )
            for one in ruling.violations
        ]  # fmt: skip
    if ruling.refused is not None:
        raise _Refused("tracking_plan", ruling.refused)
    return fact


def _completed(changed: items.Item, item: items.Item) -> items.Item:
    """A transformed item with what the envelope gave the first one."""
    if changed.type is None:
        changed.type = item.type
    if changed.sentAt is None:
        changed.sentAt = item.sentAt
    return changed


def _called(item: items.Item) -> str:
    name = item.event if item.type == "track" else KINDS.get(item.type or "")
    return (name or "")[: limits.event_name_chars_max].replace("\0", "\ufffd")


def _fact(
    row: log.Row, pos: int, item: items.Item, envelope: log.Envelope, intake: Intake
) -> facts.Fact:
    kind = item.type or ""
    name = KINDS.get(kind)
    if name is None:
        known = ", ".join(KINDS)
        raise _fault("type", f"`{kind}` is not a call of the spec.", f"Use one of {known}.")
    if kind == "track":
        name = item.event or ""
        if not name.strip():
            raise _fault("event", "is missing.", "A track call needs the event's name.")
        if len(name) > limits.event_name_chars_max:
            raise _too_long("event", limits.event_name_chars_max)
    elif kind in ("page", "screen"):
        item.properties = item.named()
    context = item.context
    traits = _traits(item, context)
    account = item.groupId if kind == "group" else context.groupId if context else None
    if account is not None:
        account = account.strip()
        if len(account) > limits.string_identifier_chars_max:
            raise _too_long("groupId", limits.string_identifier_chars_max)
    if kind == "group" and not account:
        raise _fault("groupId", "is missing.", "A group call needs the account's id.")
    found = _identifiers(row, item, context, traits if kind != "group" else _NONE, intake)
    if not found:
        if not account:
            raise _fault(
                "userId",
                "the request neither has anonymousId nor userId, nor any value that can identify.",
                "Send `userId` or `anonymousId`; placeholder values such as `null` do not count.",
                "no_identifier",
            )
        found = (facts.Identifier("account_id", account),)
    message_id = item.messageId or ""
    if len(message_id) > limits.message_id_chars_max:
        raise _too_long("messageId", limits.message_id_chars_max)
    return facts.Fact(
        pos=pos,
        source_id=row.source_id,
        category=row.category,
        kind=kind if kind != "merge" else "alias",
        name=name,
        at_ms=_at(item, row.received_ms, envelope),
        received_ms=row.received_ms,
        message_id=message_id,
        home=found[0],
        identifiers=found if found[0][0] != "account_id" else (),
        account=account or None,
        traits=traits,
        properties=item.properties or _NONE,
        campaign=campaign.of(item),
    )


def said_ms(item: items.Item, envelope: log.Envelope) -> int | None:
    """The time that the caller gave where an SDK's own clock gave another one besides."""
    own, said = item.originalTimestamp, item.timestamp
    if own is None or said is None or envelope.times != log.TIMES:
        return None
    said_ms = items.to_ms(said)
    return said_ms if abs(items.to_ms(own) - said_ms) > SKEW_MS else None


def _at(item: items.Item, received_ms: int, envelope: log.Envelope) -> int:
    stamp = item.originalTimestamp or item.timestamp
    if stamp is None:
        return received_ms
    if item.originalTimestamp is not None:
        said = said_ms(item, envelope)
        if said is not None:
            return min(said, received_ms)
    at_ms = items.to_ms(stamp)
    if item.sentAt is not None:
        skew = received_ms - items.to_ms(item.sentAt)
        if abs(skew) > SKEW_MS:
            at_ms += skew
    return min(at_ms, received_ms)


def _traits(item: items.Item, context: items.Context | None) -> dict[str, Any]:
    sent = item.traits or _NONE
    if context is not None and context.traits and item.type != "group":
        sent = {**context.traits, **sent}
    if item.properties and len(item.properties) > limits.event_traits_max:
        raise _too_many("properties", len(item.properties))
    if not sent:
        return _NONE
    if len(sent) > limits.event_traits_max:
        raise _too_many("traits", len(sent))
    return {name: items.fits(value) for name, value in sent.items()}


def _identifiers(
    row: log.Row,
    item: items.Item,
    context: items.Context | None,
    traits: dict[str, Any],
    intake: Intake = LEGACY,
) -> tuple[facts.Identifier, ...]:
    """The identifiers on the item, person-kind first, blocked values left out."""
    out: list[facts.Identifier] = []
    if item.userId is not None:
        _add(out, "user_id", item.userId, "userId", intake)
    outside = context.externalIds if context is not None else None
    if outside and row.category in _OURS:
        _contacts(out, outside, intake)
    if traits:
        for name, namespace in intake.traits:
            if isinstance(value := traits.get(name), str):
                _add(out, namespace, value, f"traits.{name}", intake)
    if outside:
        for namespace, value in intake.external(outside, "id"):
            _add(out, namespace, value, "context.externalIds", intake)
    if item.type == "merge":
        _merged(out, item.mergeProperties, intake)
    if item.anonymousId is not None:
        _add(out, "anonymous_id", item.anonymousId, "anonymousId", intake)
    if item.type == "alias":
        _former(out, item, intake)
    if outside or item.mergeProperties or intake.mixed:
        out.sort(key=intake.strength)
    return tuple(out)


def _contacts(out: list[facts.Identifier], outside: list[dict[str, Any]], intake: Intake) -> None:
    """Contacts of our own CRM."""
    for one in outside:
        if one.get("type") == "contact":
            _add(out, "contact", str(one.get("id", "")), "context.externalIds", intake)


def _former(out: list[facts.Identifier], item: items.Item, intake: Intake) -> None:
    """What an alias call calls the former id: a device's, or a user's, whichever it is known as."""
    former = item.previousId
    if former is None:
        raise _fault("previousId", "is missing.", "An alias call needs the former id.")
    _add(out, "anonymous_id", former, "previousId", intake)
    user = next((i.value for i in out if i.namespace == "user_id"), None)
    if user is not None and former.strip() not in (user, item.anonymousId):
        _add(out, identifiers.FORMER, former, "previousId", intake)


def _merged(out: list[facts.Identifier], given: list[Any] | None, intake: Intake) -> None:
    """What a merge call says is one person. RudderStack's call names exactly two.

    Of two user ids the second is taken for a former one: one event names one user.
    """
    named: set[tuple[str, str]] = set()
    user = next((i.value for i in out if i.namespace == "user_id"), None)
    for namespace, value in intake.external(given or (), "value"):
        identifier = intake.identifier(namespace, value)
        if identifier is None:
            continue
        named.add(identifier)
        if namespace == "user_id":
            user = identifier.value if user is None else user
            if identifier.value != user:
                _add(out, identifiers.FORMER, value, "mergeProperties", intake)
                continue
        _add(out, namespace, value, "mergeProperties", intake)
    if len(named) < 2:
        raise _fault(
            "mergeProperties",
            "does not name two identifiers of people.",
            'Send two of `{"type": "user_id", "value": "u1"}`.',
        )


def _add(
    out: list[facts.Identifier], namespace: str, value: str, field: str, intake: Intake
) -> None:
    if len(value) > limits.string_identifier_chars_max:
        raise _too_long(field, limits.string_identifier_chars_max)
    identifier = intake.identifier(namespace, value)
    if identifier is not None and identifier not in out:
        out.append(identifier)


def _envelope_context(envelope: log.Envelope) -> items.Context | None:
    if not isinstance(envelope.context, dict):
        return None
    return items.context_of(envelope.context)


def _envelope_sent(envelope: log.Envelope) -> datetime | None:
    if not isinstance(envelope.sentAt, str):
        return None
    try:
        return msgspec.convert(envelope.sentAt, datetime)
    except msgspec.ValidationError:
        return None


class _Refused(Exception):
    def __init__(self, code: str, fault: errors.Fault) -> None:
        self.code = code
        self.fault = fault
        super().__init__(str(fault))


def _fault(field: str, problem: str, remedy: str, code: str = "invalid_item") -> _Refused:
    return _Refused(code, errors.Fault(field, problem, remedy))


def _too_long(field: str, chars_max: int) -> _Refused:
    return _fault(field, f"is longer than {chars_max} characters.", "Shorten it.", "too_long")


def _too_many(field: str, n: int) -> _Refused:
    return _fault(
        field,
        f"has {n:,} entries; at most {limits.event_traits_max:,} are taken.",
        "Send fewer, or several events.",
        "too_many",
    )
