"""Text or mapping to a plan and back. Every fault is found before any is raised.

An event may be written short (`properties`, `required`, `additional_properties`) or with `schema`,
the JSON Schema of the whole message; both become the same `Rule`.
"""

import difflib
from collections.abc import Iterator
from typing import Any

from onefold.governance.plans import exchange
from onefold.governance.plans import schema as schemas
from onefold.governance.plans.model import PART, TYPES, UNPLANNED, VIOLATIONS, Plan, Rule
from onefold.kernel import definitions, errors, limits

_BEGIN = "Begin with `plan: <name>` and `events:`."
_TOP = (
    "plan", "description", "unplanned_events", "violations", "events", "identify", "group", "page",
    "screen", "common",
)  # fmt: skip
_SHORT = ("required", "additional_properties")
_RULE = ("description", "violations", "labels", "schema")
_TEXT_MAX = 2_000


def parse(source: str | dict[str, Any]) -> Plan:
    """The plan that a YAML or JSON text, or its mapping, holds, in any of the forms known.

    Raises `Invalid` with every fault: the field's path, what is wrong and what to write instead.
    """
    raw = definitions.read(source, _BEGIN, chars_max=limits.plan_chars_max)
    reader = _Reader()
    foreign = exchange.is_foreign(raw)
    plan = exchange.read(raw, reader.faults) if foreign else reader.plan(raw)
    reader.check(plan)
    if reader.faults:
        raise errors.Invalid(*reader.faults[: limits.plan_faults_max])
    return plan


def dump(plan: Plan) -> dict[str, Any]:
    """The plan as plain values, short where that says the same; `parse` takes them back."""
    out: dict[str, Any] = {"plan": plan.name}
    if plan.description:
        out["description"] = plan.description
    out["unplanned_events"] = plan.unplanned_events
    out["violations"] = plan.violations
    events: dict[str, Any] = {}
    for rule in plan.rules:
        if rule.type == "track":
            events[rule.event] = _dump_rule(rule)
    out["events"] = events
    for rule in plan.rules:
        if rule.type != "track":
            out[rule.type] = _dump_rule(rule)
    return out


def _dump_rule(rule: Rule) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in ("description", "violations", "labels"):
        if getattr(rule, name):
            out[name] = getattr(rule, name)
    short = _shortened(rule)
    return out | (short if short is not None else {"schema": rule.schema})


def _shortened(rule: Rule) -> dict[str, Any] | None:
    """The short form of a schema, when it says exactly the same."""
    part = PART.get(rule.type)
    inner = rule.schema.get("properties")
    if part is None or not isinstance(inner, dict) or not isinstance(inner.get(part), dict):
        return None
    found = inner[part]
    short: dict[str, Any] = {part: found.get("properties", {})}
    if "required" in found:
        short["required"] = found["required"]
    if "additionalProperties" in found:
        short["additional_properties"] = found["additionalProperties"]
    return short if _written_out(short, part) == rule.schema else None


def _written_out(short: dict[str, Any], part: str) -> dict[str, Any]:
    inner: dict[str, Any] = {"type": "object", "properties": short.get(part, {})}
    if "required" in short:
        inner["required"] = short["required"]
    if "additional_properties" in short:
        inner["additionalProperties"] = short["additional_properties"]
    return {"type": "object", "properties": {part: inner}}


class _Reader:
    """Collects faults while it reads."""

    def __init__(self) -> None:
        self.faults: list[errors.Fault] = []

    def fault(self, field: str, problem: str, remedy: str) -> None:
        self.faults.append(errors.Fault(field[:200], problem, remedy))

    def plan(self, raw: dict[str, Any]) -> Plan:
        self.known(raw, "", _TOP)
        rules: list[Rule] = []
        events = raw.get("events", {})
        if not isinstance(events, dict):
            self.fault("events", "is no mapping.", "Write `events:` with a name on each line.")
            events = {}
        for name, value in events.items():
            rules.append(self.rule("track", str(name), value, f"events.{name}"))
        rules += [self.rule(kind, "", raw[kind], kind) for kind in TYPES[1:] if kind in raw]
        return Plan(
            name=self.text(raw, "", "plan").strip(),
            description=self.text(raw, "", "description"),
            unplanned_events=self.choice(raw, "", "unplanned_events", UNPLANNED, "flag"),
            violations=self.choice(raw, "", "violations", VIOLATIONS, "flag"),
            rules=tuple(rules),
        )

    def rule(self, kind: str, event: str, raw: Any, at: str) -> Rule:
        if raw is None:
            raw = {}
        if not isinstance(raw, dict):
            self.fault(at, "is no mapping.", "Write `properties:` and what is `required`.")
            return Rule(kind, event)
        part = PART.get(kind)
        known = (*_RULE, part, *_SHORT) if part else _RULE
        self.known(raw, at, known)
        short = [n for n in (part, *_SHORT) if n in raw]
        if "schema" in raw and short:
            self.fault(f"{at}.schema", f"stands beside `{short[0]}`.", "Keep one of the two.")
        if "schema" in raw or part is None:
            schema = raw.get("schema", {})
        else:
            schema = _written_out(raw, part)
        labels = raw.get("labels", {})
        if not isinstance(labels, dict):
            self.fault(f"{at}.labels", "is no mapping.", "Write `labels: {team: growth}`.")
            labels = {}
        return Rule(
            type=kind,
            event=event,
            schema=schema,
            description=self.text(raw, at, "description"),
            violations=self.choice(raw, at, "violations", VIOLATIONS, ""),
            labels={str(k): str(v) for k, v in labels.items()},
        )

    def check(self, plan: Plan) -> None:
        """What holds for a plan of any origin."""
        if not plan.name:
            self.fault("plan", "has no name.", "Begin with `plan: <name>`.")
        elif len(plan.name) > limits.name_chars_max or not plan.name.isprintable():
            self.fault("plan", "is too long or unprintable.", "Shorten the name.")
        if len(plan.rules) > limits.plan_rules_max:
            self.fault(
                "events",
                f"are {len(plan.rules):,}.",
                f"At most {limits.plan_rules_max:,} are taken.",
            )
            return
        seen: set[tuple[str, str]] = set()
        for rule in plan.rules:
            at = place(rule)
            if (rule.type, rule.event) in seen:
                self.fault(at, "is given twice.", "Keep one.")
            seen.add((rule.type, rule.event))
            if rule.type == "track" and not 0 < len(rule.event) <= limits.event_name_chars_max:
                self.fault(at, "has no name, or too long a one.", "Name the event.")
            self.faults += _schema_faults(rule, at)
            if len(self.faults) > limits.plan_faults_max:
                return

    # ── parts ──────────────────────────────────────────────────────────────────────────────────

    def known(self, raw: dict[str, Any], at: str, names: tuple[str | None, ...]) -> None:
        possible = [n for n in names if n]
        for name in raw:
            if name not in possible:
                near = difflib.get_close_matches(str(name), possible, n=1)
                meant = f"Did you mean `{near[0]}`?" if near else f"Use {', '.join(possible)}."
                self.fault(f"{at}.{name}".strip("."), "is not known here.", meant)

    def text(self, raw: dict[str, Any], at: str, name: str) -> str:
        value = raw.get(name, "")
        if not isinstance(value, str) or len(value) > _TEXT_MAX or "\0" in value:
            self.fault(f"{at}.{name}".strip("."), "is no text.", f"At most {_TEXT_MAX} characters.")
            return ""
        return value

    def choice(
        self, raw: dict[str, Any], at: str, name: str, known: tuple[str, ...], default: str
    ) -> str:
        value = raw.get(name, default)
        if value in (*known, default):
            return str(value)
        near = difflib.get_close_matches(str(value), known, n=1)
        meant = f"Did you mean `{near[0]}`?" if near else f"Use one of {', '.join(known)}."
        self.fault(f"{at}.{name}".strip("."), f"`{str(value)[:40]}` is not known.", meant)
        return default


def place(rule: Rule) -> str:
    """Where a rule stands in the text."""
    return f"events.{rule.event}" if rule.type == "track" else rule.type


def _schema_faults(rule: Rule, at: str) -> Iterator[errors.Fault]:
    """Faults of the schema, at the place where the short form has it written."""
    inside = f"{at}.schema"
    part = PART.get(rule.type)
    short = part and _shortened(rule) is not None
    for fault in schemas.faults(rule.schema, inside):
        field = fault.field
        if short:
            long = f"{inside}.properties.{part}"
            for name, own in (("properties", part), ("required", "required")):
                if field.startswith(f"{long}.{name}"):
                    field = f"{at}.{own}{field.removeprefix(f'{long}.{name}')}"
        yield errors.Fault(field, fault.problem, fault.remedy)
