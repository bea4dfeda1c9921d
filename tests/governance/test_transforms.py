"""Steps: text and steps are one; what each does; none fails on an item; faults all at once."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.governance import expressions, transforms
from onefold.kernel import definitions, errors, limits

SECRET = b"s" * 32


def run(steps: list[dict[str, Any]], item: dict[str, Any]) -> tuple[dict[str, Any], int | None]:
    parsed = transforms.parse({"steps": steps})
    tree = msgspec.json.decode(msgspec.json.encode(item))
    return tree, transforms.compile(parsed, SECRET).apply(tree)


def changed(steps: list[dict[str, Any]], item: dict[str, Any]) -> dict[str, Any]:
    tree, dropped = run(steps, item)
    assert dropped is None
    return tree


# ── text and steps ─────────────────────────────────────────────────────────────────────────────

_name = st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=8)
_field = st.builds(
    lambda root, rest: expressions.dump_path(expressions.Path((root, *rest))),
    st.sampled_from(("properties", "traits", "context")),
    st.lists(_name | st.integers(0, 99), min_size=1, max_size=3),
)
_scalar = (
    st.none() | st.booleans() | _name | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)  # fmt: skip
_when = st.sampled_from(("", 'event == "A"', "properties.n > 1 or has(traits.x)", "true"))
_common = st.fixed_dictionaries(
    {},
    optional={
        "types": st.lists(st.sampled_from(("track", "page")), min_size=1, max_size=2, unique=True),
        "events": st.lists(_name, min_size=1, max_size=3, unique=True),
        "when": _when,
        "note": _name,
    },
)


def _of(**fields: Any) -> Any:
    return st.builds(lambda own, common: {**common, **own}, st.fixed_dictionaries(fields), _common)


steps = st.lists(
    st.one_of(
        _of(do=st.just("rename"), field=_field, to=_field),
        _of(do=st.just("rename"), event=_name.filter(str.strip), to=_name.filter(str.strip)),
        _of(
            do=st.just("map"),
            field=_field,
            values=st.dictionaries(_name, _scalar, min_size=1, max_size=3),
            otherwise=st.sampled_from(("keep", "drop"))
            | st.builds(lambda v: {"value": v}, _scalar),
        ),
        _of(do=st.just("drop"), field=_field),
        _of(do=st.just("drop"), types=st.just(["screen"])),
        _of(do=st.just("hash"), field=_field),
        _of(do=st.just("set"), field=_field, value=_scalar),
        _of(do=st.just("set"), field=_field, expression=st.just("properties.a + 1")),
        st.just({"do": "filter", "when": 'type == "track"'}),
    ),
    max_size=6,
)
_json = st.recursive(
    _scalar,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_name, inner, max_size=3),
    max_leaves=10,
)


@given(steps)
def test_text_and_steps_are_one(listed: list[dict[str, Any]]) -> None:
    parsed = transforms.parse({"steps": listed})
    plain = transforms.dump(parsed)
    assert transforms.parse(plain) == parsed
    assert transforms.parse(definitions.write(plain)) == parsed
    assert transforms.parse(msgspec.json.encode(plain).decode()) == parsed
    assert (
        msgspec.json.decode(msgspec.json.encode(parsed), type=transforms.Transformation) == parsed
    )


@given(steps, st.dictionaries(st.sampled_from(expressions.ROOTS), _json))
def test_no_step_fails_on_any_item_and_the_same_item_gives_the_same(
    listed: list[dict[str, Any]], item: dict[str, Any]
) -> None:
    assert run(listed, item) == run(listed, item)


@given(steps, st.dictionaries(st.sampled_from(("properties", "traits", "event", "type")), _json))
def test_an_item_that_no_step_selects_is_left_alone(
    listed: list[dict[str, Any]], item: dict[str, Any]
) -> None:
    item = {"type": "identify", "event": "Never Named", **item}
    compiled = transforms.compile(transforms.parse({"steps": listed}), SECRET)
    if not compiled.touches(str(item["type"]), str(item["event"])):
        before = msgspec.json.encode(item)
        assert compiled.apply(item) is None
        assert msgspec.json.encode(item) == before


# ── what each does ─────────────────────────────────────────────────────────────────────────────

ITEM: dict[str, Any] = {
    "type": "track", "event": "report_exported", "userId": "u1",
    "properties": {"fmt": "PDF", "plan": "free", "ip": "10.0.0.1", "list": [{"sku": "a"}]},
}  # fmt: skip


def test_rename_moves_an_event_and_a_field() -> None:
    found = changed(
        [
            {"do": "rename", "event": "report_exported", "to": "Report Exported"},
            {"do": "rename", "field": "properties.fmt", "to": "properties.report.format"},
            {"do": "rename", "field": "properties.plan", "to": "traits.plan"},
            {"do": "rename", "field": "properties.gone", "to": "properties.new"},
        ],
        ITEM,
    )
    assert found["event"] == "Report Exported"
    assert found["properties"]["report"] == {"format": "PDF"}
    assert found["traits"] == {"plan": "free"}
    assert "new" not in found["properties"]


def test_a_rename_without_room_leaves_the_field_where_it_was() -> None:
    steps = [{"do": "rename", "field": "properties.fmt", "to": "event.x"}]
    with pytest.raises(errors.Invalid):
        transforms.parse({"steps": steps})
    steps = [{"do": "rename", "field": "properties.fmt", "to": "properties.plan.deep"}]
    assert changed(steps, ITEM) == ITEM


def test_map_by_the_value_as_text() -> None:
    values = {"free": "starter", "2": "pro", "true": False}
    for before, otherwise, after in (
        ("free", "keep", "starter"), (2, "keep", "pro"), (True, "keep", False),
        ("x", "keep", "x"), ("x", {"value": None}, None), ("x", {"value": "other"}, "other"),
    ):  # fmt: skip
        step = {"do": "map", "field": "properties.p", "values": values, "otherwise": otherwise}
        assert changed([step], {"properties": {"p": before}})["properties"]["p"] == after
    step = {"do": "map", "field": "properties.p", "values": values, "otherwise": "drop"}
    assert changed([step], {"properties": {"p": "x"}})["properties"] == {}


def test_drop_takes_a_field_or_the_whole_event() -> None:
    assert "ip" not in changed([{"do": "drop", "field": "properties.ip"}], ITEM)["properties"]
    listed = [{"do": "drop", "field": "properties.list[0].sku"}]
    assert changed(listed, ITEM)["properties"]["list"] == [{}]
    assert run([{"do": "drop", "events": ["report_exported"]}], ITEM)[1] == 1
    assert run([{"do": "drop", "events": ["other"]}], ITEM)[1] is None
    assert run([{"do": "drop", "when": "not has(properties.fmt)"}], ITEM)[1] is None


def test_filter_keeps_what_its_expression_holds_for() -> None:
    steps = [
        {"do": "set", "field": "properties.rows", "value": 3},
        {"do": "filter", "when": "properties.rows > 3", "types": ["track"]},
    ]
    assert run(steps, ITEM)[1] == 2
    assert run(steps, {**ITEM, "type": "page"})[1] is None


def test_hash_is_keyed_and_stable() -> None:
    step = {"do": "hash", "field": "properties.ip"}
    first = changed([step], ITEM)["properties"]["ip"]
    assert len(first) == 64
    assert changed([step], ITEM)["properties"]["ip"] == first
    tree = msgspec.json.decode(msgspec.json.encode(ITEM))
    transforms.compile(transforms.parse({"steps": [step]}), b"t" * 32).apply(tree)
    assert tree["properties"]["ip"] != first
    assert changed([{"do": "hash", "field": "properties.list"}], ITEM)["properties"][
        "list"
    ].isalnum()


def test_set_a_constant_or_what_an_expression_gives() -> None:
    found = changed(
        [
            {"do": "set", "field": "properties.format", "expression": "lower(properties.fmt)"},
            {"do": "set", "field": "context.groupId", "value": "acme"},
            {"do": "set", "field": "properties.fmt", "expression": "properties.none"},
            {"do": "set", "field": "properties.copy", "expression": "properties.list"},
        ],
        ITEM,
    )
    assert found["properties"]["format"] == "pdf"
    assert found["context"] == {"groupId": "acme"}
    assert found["properties"]["fmt"] == "PDF"  # null sets nothing
    assert "copy" not in found["properties"]  # only plain values are put down


def test_steps_see_what_the_steps_before_them_did() -> None:
    found = changed(
        [
            {"do": "rename", "event": "report_exported", "to": "B"},
            {"do": "set", "field": "properties.seen", "value": True, "events": ["B"]},
            {
                "do": "set",
                "field": "properties.never",
                "value": True,
                "events": ["report_exported"],
            },
        ],
        ITEM,
    )
    assert found["properties"]["seen"] is True
    assert "never" not in found["properties"]


# ── faults ─────────────────────────────────────────────────────────────────────────────────────


def test_every_fault_is_told_at_once_with_its_remedy() -> None:
    text = """
steps:
- {do: renam, field: properties.a, to: properties.b}
- {do: rename, field: properties.a}
- {do: set, field: messageId, value: x}
- {do: drop}
- {do: hash, field: traits, colour: red}
- {do: filter, when: "evnt == 1"}
- {do: set, field: properties.x, value: [1, 2]}
- nonsense
"""
    with pytest.raises(errors.Invalid) as wrong:
        transforms.parse(text)
    told = {f.field: f"{f.problem} {f.remedy}" for f in wrong.value.faults}
    assert "Did you mean `rename`?" in told["steps[0].do"]
    assert "missing" in told["steps[1].to"]
    assert "fixed" in told["steps[2].field"]
    assert "drops every event" in told["steps[3]"]
    assert "names all of `traits`" in told["steps[4].field"]
    assert "steps[4].colour" in told
    assert "Did you mean `event`?" in told["steps[5].when"]
    assert "plain value" in told["steps[6].value"]
    assert "no mapping" in told["steps[7]"]


def test_size_is_limited() -> None:
    for steps in (
        [{"do": "drop", "field": "properties.a"}] * (limits.steps_max + 1),
        [
            {
                "do": "map",
                "field": "properties.a",
                "values": dict.fromkeys(map(str, range(limits.map_values_max + 1)), 1),
            }
        ],
    ):
        with pytest.raises(errors.Invalid):
            transforms.parse({"steps": steps})
