"""Plans: text and plan are one, other tools' forms, hostile schemas, inference, differences."""

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.governance import item as items
from onefold.governance import plans
from onefold.kernel import definitions, errors, facts, limits

SEGMENT: dict[str, Any] = {
    "display_name": "Kicks App",
    "rules": {
        "identify_traits": [], "group_traits": [],
        "global": {
            "type": "object", "properties": {"context": {"type": "object"}}, "required": ["userId"]
        },
        "events": [
            {
                "name": "Order Completed", "version": 1, "description": "Paid",
                "rules": {
                    "$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
                    "properties": {
                        "properties": {
                            "type": "object", "required": ["total"],
                            "properties": {"total": {"type": "number"}},
                        }
                    },
                },
            },
            {"name": "Order Completed", "version": 2, "rules": {"type": "object"}},
        ],
    },
}  # fmt: skip
PUBLIC: dict[str, Any] = {
    "data": {
        "rules": [
            {"type": "TRACK", "key": "A", "version": 1, "jsonSchema": {"type": "object"}},
            {"type": "IDENTIFY", "version": 1, "jsonSchema": {"type": "object"}},
            {"type": "COMMON", "version": 1, "jsonSchema": {"type": "object"}},
        ]
    }
}
RUDDER: dict[str, Any] = {
    "name": "Web",
    "rules": {"events": [{"eventName": "A", "eventType": "track", "rules": {"type": "object"}}]},
}

_name = st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=6)
_fields = st.dictionaries(
    _name,
    st.fixed_dictionaries({}, optional={
        "type": st.sampled_from(("string", "integer", ["string", "null"])),
        "enum": st.lists(_name | st.integers(), min_size=1, max_size=3, unique=True),
        "minimum": st.integers(-9, 9),
    }),
    max_size=3,
)  # fmt: skip
_rules = st.one_of(
    st.fixed_dictionaries(
        {"properties": _fields},
        optional={
            "required": st.lists(_name, max_size=2, unique=True),
            "additional_properties": st.booleans(),
            "violations": st.sampled_from(plans.VIOLATIONS),
            "description": _name,
        },
    ),
    st.fixed_dictionaries({"schema": st.fixed_dictionaries({"properties": _fields})}),
)
_plans = st.fixed_dictionaries(
    {"plan": _name.filter(lambda n: n.strip() and n.isprintable())},
    optional={
        "events": st.dictionaries(_name, _rules, max_size=3),
        "page": _rules,
        "unplanned_events": st.sampled_from(plans.UNPLANNED),
        "violations": st.sampled_from(plans.VIOLATIONS),
    },
)


@given(_plans)
def test_text_and_plan_are_one(raw: dict[str, Any]) -> None:
    plan = plans.parse(raw)
    plain = plans.dump(plan)
    assert plans.parse(plain) == plan
    assert plans.parse(definitions.write(plain)) == plan
    assert msgspec.json.decode(msgspec.json.encode(plan), type=plans.Plan) == plan


def test_forms_of_other_tools_are_read_and_written() -> None:
    plan = plans.parse(SEGMENT)
    assert plan.name == "Kicks App"
    assert [(r.type, r.event) for r in plan.rules] == [("track", "Order Completed"), ("common", "")]
    assert plan.rules[0].schema == {"type": "object"}  # the newest version
    assert [r.type for r in plans.parse(PUBLIC).rules] == ["track", "identify", "common"]
    assert plans.parse(RUDDER).rules[0].event == "A"
    listed = {"rules": [{"type": "track", "event": "B", "jsonSchema": {"type": "object"}}]}
    assert plans.parse(listed).rules[0].event == "B"
    for form in ("segment", "segment_public", "rudderstack"):
        again = plans.parse(plans.exchange.export(plan, form))
        assert again.name == plan.name
        track = next(r for r in again.rules if r.type == "track")
        assert track.event == "Order Completed"
        assert track.schema["type"] == "object"
    with pytest.raises(errors.Invalid):
        plans.exchange.export(plan, "avro")


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"$ref": "http://169.254.169.254/x"}, "nothing is fetched"),
        ({"$ref": "file:///etc/passwd"}, "nothing is fetched"),
        ({"$ref": "#"}, "leads back to itself"),
        ({"allOf": [{"$ref": "#/definitions/a"}],
          "definitions": {"a": {"items": {"$ref": "#/definitions/a"}}}}, "leads back to itself"),
        ({"properties": {"a": {"$id": "http://x/y"}}}, "stands inside"),
        ({"$ref": "#/definitions/none"}, "does not exist"),
        ({"pattern": "(?=a)b"}, "not valid"),
        ({"pattern": "(a{1000}){1000}"}, "not valid"),
        ({"type": "strin"}, "not valid"),
        ({"$schema": "http://evil.example/meta"}, "not valid"),
        ({"definitions": {
            f"d{i}": {"allOf": [{"$ref": f"#/definitions/d{i + 1}"}] * 3} for i in range(12)
         } | {"d12": {}}, "$ref": "#/definitions/d0"}, "parts"),
        ({"a": [[[[1]]]] * limits.schema_nodes_max}, "parts"),
    ],
)  # fmt: skip
def test_hostile_schemas_are_told_and_refused(schema: dict[str, Any], said: str) -> None:
    began = time.perf_counter()
    with pytest.raises(errors.Invalid) as wrong:
        plans.parse({"plan": "p", "events": {"A": {"schema": schema}}})
    assert said in str(wrong.value)
    assert time.perf_counter() - began < 2


def test_a_hostile_pattern_takes_linear_time() -> None:
    plan = plans.parse(
        {"plan": "p", "events": {"A": {"properties": {"x": {"pattern": "^(a+)+$"}}}}}
    )
    item = items.decode(
        msgspec.json.encode({"type": "track", "event": "A", "properties": {"x": "a" * 9_999 + "b"}})
    )
    began = time.perf_counter()
    assert plans.Compiled(plan).judge(item, dict) is not None
    assert time.perf_counter() - began < 1


def test_every_fault_is_told_at_once_with_its_remedy() -> None:
    with pytest.raises(errors.Invalid) as wrong:
        plans.parse(
            """
plan: ""
unplanned_events: quarantin
colour: red
events:
  A: {properties: {x: {type: strin}}}
  B: {propertis: {}}
  C: nonsense
identify: {traits: {e: {$ref: "http://x/"}}}
"""
        )
    told = {f.field: f"{f.problem} {f.remedy}" for f in wrong.value.faults}
    assert "Did you mean `quarantine`?" in told["unplanned_events"]
    assert {"plan", "colour", "events.A.properties.x.type", "events.C"} <= told.keys()
    assert "Did you mean `properties`?" in told["events.B.propertis"]
    assert "nothing is fetched" in told["identify.traits.e.$ref"]


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | _name
    | st.sampled_from(("2026-11-23T10:00:00Z", "2026-13-45", "ann@acme.co", "https://a.co/x")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_name, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.lists(st.dictionaries(st.sampled_from("abc"), _values, max_size=3), max_size=60))
def test_an_inferred_plan_takes_what_it_was_inferred_from(sent: list[dict[str, Any]]) -> None:
    plan = plans.infer.plan("p", [_fact(properties) for properties in sent])
    assert plans.parse(plans.dump(plan)) == plan
    judge = plans.Compiled(plan)
    for properties in sent:
        item = items.Item(type="track", event="A", properties=properties)
        assert judge.judge(item, dict) is None


def test_inference_finds_required_enums_and_formats() -> None:
    sent = [
        {"format": ("pdf", "csv")[n % 2], "at": f"2026-11-{n % 20 + 1:02}T10:00:00Z", "n": n}
        | ({"maybe": 1.5} if n % 3 else {})
        for n in range(100)
    ]
    found = plans.dump(plans.infer.plan("p", map(_fact, sent)))["events"]["A"]
    assert found["required"] == ["at", "format", "n"]
    assert found["properties"] == {
        "at": {"type": "string", "format": "date-time"},
        "format": {"type": "string", "enum": ["csv", "pdf"]},
        "maybe": {"type": "number"},
        "n": {"type": "integer"},
    }


def test_differences_name_event_and_field() -> None:
    before = plans.parse({"plan": "p", "events": {"A": {"properties": {"x": {"type": "string"}}}}})
    after = plans.parse(
        {
            "plan": "p", "violations": "quarantine",
            "events": {"A": {"properties": {"x": {"type": "integer"}}, "required": ["x"]}, "B": {}},
        }
    )  # fmt: skip
    assert plans.diff.changes(before, before) == []
    told = [(c.what, c.event, c.path) for c in plans.diff.changes(before, after)]
    assert told == [
        ("changed", "", "violations"),
        ("changed", "A", "properties.properties.properties.x.type"),
        ("added", "A", "properties.properties.required"),
        ("added", "B", ""),
    ]


def _fact(properties: dict[str, Any]) -> facts.Fact:
    home = facts.Identifier("user_id", "u")
    return facts.Fact(
        pos=1, source_id=1, category="product", kind="track", name="A", at_ms=1, received_ms=1,
        message_id="", home=home, identifiers=(home,), account=None, traits={},
        properties=properties,
    )  # fmt: skip
