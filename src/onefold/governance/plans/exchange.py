"""Plans of other tools, in and out, with nothing lost that they can hold.

| form           | where it is from                       | told by                     |
| -------------- | -------------------------------------- | --------------------------- |
| segment        | Segment Protocols, Config API          | `rules.events[].rules`      |
| segment_public | Segment Protocols, Public API          | `rules[].jsonSchema`        |
| rudderstack    | RudderStack tracking plan              | `events[]`, `rules[].event` |

Of several versions of one event the newest is read.
"""

from collections.abc import Iterator
from typing import Any

from onefold.governance.plans.model import TYPES, Plan, Rule
from onefold.kernel import errors

FORMS = ("onefold", "segment", "segment_public", "rudderstack")
_SCHEMA = "http://json-schema.org/draft-07/schema#"
_NAMES = ("name", "display_name", "displayName", "trackingPlanName", "title")
_LISTS = ("events", "rules", "data")
_CONFIG_PARTS = {"global": "common", "identify": "identify", "group": "group", "page": "page"}


def is_foreign(raw: dict[str, Any]) -> bool:
    """Is it a plan of another tool? Ours has `plan`, and `events` is a mapping."""
    if "plan" in raw:
        return False
    return any(isinstance(raw.get(k), list) for k in _LISTS) or any(
        isinstance(raw.get(k), dict) for k in ("rules", "data", "tracking_plan", "trackingPlan")
    )


def read(raw: dict[str, Any], faults: list[errors.Fault]) -> Plan:
    """A plan of any known form; what cannot be read is added to `faults`."""
    body, head = _unwrapped(raw)
    rules: dict[tuple[str, str], tuple[float, Rule]] = {}
    for at, found in _entries(body):
        one = _rule(found, at, faults)
        if one is not None:
            version, rule = one
            known = rules.get((rule.type, rule.event))
            if known is None or version > known[0]:
                rules[rule.type, rule.event] = one
    name = next((str(head[n]) for n in _NAMES if head.get(n)), "")
    description = head.get("description")
    return Plan(
        name=name or "Imported plan",
        description=description[:2_000] if isinstance(description, str) else "",
        rules=tuple(rule for _, rule in rules.values()),
    )


def _unwrapped(raw: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What holds the rules, and what holds the name."""
    body: dict[str, Any] = raw
    if isinstance(raw.get("data"), dict):
        body = raw["data"]
    elif isinstance(raw.get("data"), list):
        body = {**raw, "rules": raw["data"]}
    head = {**raw, **body}
    for key in ("tracking_plan", "trackingPlan"):
        inner = body.get(key)
        if isinstance(inner, dict):
            head = {**head, **inner}
            body = {**inner, **{k: v for k, v in body.items() if k != key}}
    return body, head


def _entries(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each rule with its place, in a common shape."""
    rules = body.get("rules")
    for name in ("events", "rules"):
        if isinstance(body.get(name), list):
            for i, one in enumerate(body[name]):
                yield f"{name}[{i}]", one
    if not isinstance(rules, dict):
        return
    if "event" in rules or "type" in rules or "jsonSchema" in rules:
        yield "rules", rules
        return
    events = rules.get("events")
    for i, one in enumerate(events if isinstance(events, list) else ()):
        yield f"rules.events[{i}]", one
    for key, kind in _CONFIG_PARTS.items():
        schema = rules.get(key)
        if isinstance(schema, dict) and schema:
            yield f"rules.{key}", {"type": kind, "rules": schema}
    for key, kind in (("identify_traits", "identify"), ("group_traits", "group")):
        traits = rules.get(key)
        if isinstance(traits, list) and traits and not rules.get(kind):
            yield f"rules.{key}", {"type": kind, "rules": _traits(traits)}


def _traits(listed: list[Any]) -> dict[str, Any]:
    named = {}
    required = []
    for one in listed:
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            schema = one.get("rules") or one.get("schema") or {}
            if not schema and one.get("type"):
                schema = {"type": one["type"]}
            if one.get("description"):
                schema = {**schema, "description": one["description"]}
            named[one["name"]] = schema
            if one.get("required") is True:
                required.append(one["name"])
        elif isinstance(one, str):
            named[one] = {}
    inner: dict[str, Any] = {"type": "object", "properties": named}
    if required:
        inner["required"] = required
    return {"type": "object", "properties": {"traits": inner}}


def _rule(found: Any, at: str, faults: list[errors.Fault]) -> tuple[float, Rule] | None:
    if not isinstance(found, dict):
        faults.append(errors.Fault(at, "is no mapping.", "Each rule is an object."))
        return None
    kind = str(found.get("eventType") or found.get("type") or "track").lower()
    kind = {"global": "common", "event": "track"}.get(kind, kind)
    names = (found.get(n) for n in ("eventName", "event", "key", "name"))
    event = next((n for n in names if isinstance(n, str) and n), "")
    if kind not in TYPES:
        faults.append(
            errors.Fault(f"{at}.type", f"`{kind[:40]}` is not known.", f"Use {', '.join(TYPES)}.")
        )
        return None
    if kind == "track" and not event:
        faults.append(errors.Fault(f"{at}.name", "is missing.", "A track event has a name."))
        return None
    schema: Any = next((found[n] for n in ("jsonSchema", "rules", "schema") if found.get(n)), {})
    if isinstance(schema, dict) and isinstance(schema.get("jsonSchema"), dict):
        schema = schema["jsonSchema"]
    if not schema and isinstance(found.get("properties"), dict | list):
        schema = _message(found, kind)
    if not isinstance(schema, dict):
        faults.append(errors.Fault(at, "has no schema.", "`rules` or `jsonSchema` is an object."))
        return None
    version = found.get("version", 1)
    labels = found.get("labels")
    description = found.get("description")
    return (
        float(version) if isinstance(version, int | float) else 1.0,
        Rule(
            type=kind,
            event=event if kind == "track" else "",
            schema=schema,
            description=description[:2_000] if isinstance(description, str) else "",
            labels={str(k): str(v) for k, v in labels.items()} if isinstance(labels, dict) else {},
        ),
    )


def _message(found: dict[str, Any], kind: str) -> dict[str, Any]:
    """A schema from properties that stand beside the event."""
    part = "traits" if kind in ("identify", "group") else "properties"
    listed = found["properties"]
    if isinstance(listed, list):
        inner = _traits(listed)["properties"]["traits"]
    else:
        inner = {"type": "object", "properties": listed}
    if isinstance(found.get("required"), list):
        inner["required"] = found["required"]
    if found.get("allow_unplanned") is False or found.get("additionalProperties") is False:
        inner["additionalProperties"] = False
    return {"type": "object", "properties": {part: inner}}


def export(plan: Plan, form: str) -> dict[str, Any]:
    """The plan as another tool takes it. Raises `Invalid` for a form not known."""
    if form == "segment":
        return _segment(plan)
    if form == "segment_public":
        rules = [
            {
                "key": rule.event, "type": rule.type.upper(), "version": 1,
                "jsonSchema": _with_meta(rule),
            }
            for rule in plan.rules
        ]  # fmt: skip
        head = {"name": plan.name, "description": plan.description, "type": "LIVE"}
        return {"data": {"trackingPlan": head, "rules": rules}}
    if form == "rudderstack":
        events = [
            {
                "name": rule.event, "eventType": rule.type, "description": rule.description,
                "rules": _with_meta(rule),
            }
            for rule in plan.rules
            if rule.type != "common"
        ]  # fmt: skip
        return {"name": plan.name, "description": plan.description, "rules": {"events": events}}
    known = ", ".join(FORMS)
    raise errors.Invalid(errors.Fault("form", f"`{form[:40]}` is not known.", f"Use {known}."))


def _segment(plan: Plan) -> dict[str, Any]:
    rules: dict[str, Any] = {
        "events": [
            {
                "name": rule.event, "description": rule.description, "version": 1,
                "rules": _with_meta(rule),
            }
            for rule in plan.rules
            if rule.type == "track"
        ],
        "identify_traits": [], "group_traits": [],
    }  # fmt: skip
    names = {kind: key for key, kind in _CONFIG_PARTS.items()}
    for rule in plan.rules:
        if rule.type in names:
            rules[names[rule.type]] = _with_meta(rule)
    return {"display_name": plan.name, "description": plan.description, "rules": rules}


def _with_meta(rule: Rule) -> dict[str, Any]:
    """Those tools want the dialect named."""
    out = {"$schema": _SCHEMA, **rule.schema}
    if rule.labels:
        out["labels"] = rule.labels
    return out
