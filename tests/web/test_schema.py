"""A config's schema as a form, and back."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from onefold.kernel import errors
from onefold.sources.connectors import hidden
from onefold.web import schema

SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["host", "tables"],
    "properties": {
        "port": {"type": "integer", "default": 5432, "order": 2},
        "host": {"type": "string", "title": "Host name", "order": 1,
                 "description": "See <a href='x'>the docs</a> &amp; ask.", "examples": ["db"]},
        "key": {"type": "string", "airbyte_secret": True, "multiline": True, "order": 3},
        "tables": {"type": "array", "items": {"type": "string"}, "order": 4},
        "ssl": {"type": ["null", "boolean"], "default": True, "order": 5},
        "level": {"enum": ["low", "high"], "type": "string", "order": 6},
        "odd": {"type": "object", "additionalProperties": True, "order": 7},
        "a/b": {"anyOf": [{"type": "number"}, {"type": "null"}], "order": 8},
        "hidden": {"type": "string", "airbyte_hidden": True, "default": "x"},
        "login": {"type": "object", "order": 9, "oneOf": [
            {"title": "Password", "required": ["kind", "password"], "properties": {
                "kind": {"const": "plain"}, "user": {"type": "string"},
                "password": {"type": "string", "airbyte_secret": True}}},
            {"title": "Token", "properties": {
                "kind": {"const": "token"}, "token": {"type": "string", "airbyte_secret": True}}},
        ]},
    },
}  # fmt: skip


def _by_path(config: dict[str, Any], form: dict[str, str] | None = None) -> dict[str, schema.Field]:
    def flat(found: Any) -> Any:
        for one in found:
            yield one
            yield from flat(one.inner)

    return {f.path: f for f in flat(schema.fields(SPEC, config, form or {}))}


def _form(config: dict[str, Any]) -> dict[str, str]:
    """What a browser sends of the form as it is shown."""
    out = {}
    for path, field in _by_path(config).items():
        if field.kind == "oneof":
            out[f"o{path}"] = field.value
        elif field.kind == "bool":
            out |= {f"c{path}": "yes"} if field.value else {}
        elif field.kind != "group":
            out[f"c{path}"] = "" if field.kind == "secret" else field.value
    return out


def test_fields_are_in_order_with_kinds_words_and_defaults() -> None:
    found = schema.fields(SPEC, {}, {})
    assert [(f.path, f.kind) for f in found] == [
        ("/host", "text"), ("/port", "number"), ("/key", "secret"), ("/tables", "lines"),
        ("/ssl", "bool"), ("/level", "choice"), ("/odd", "json"), ("/a~1b", "number"),
        ("/login", "oneof"),
    ]  # fmt: skip
    host, port, key = found[:3]
    assert (host.label, host.hint, host.required) == ("Host name", "See the docs & ask.", True)
    assert (host.place, port.value, port.required, key.long) == ("db", "5432", False, True)
    assert [f.path for f in found[-1].inner] == ["/login/user", "/login/password"]


def test_another_way_of_a_choice_shows_its_own_fields() -> None:
    shown = _by_path({}, {"o/login": "1"})
    assert "/login/token" in shown
    assert "/login/user" not in shown
    kept = _by_path({"login": {"kind": "token", "token": "********"}})
    assert kept["/login/token"].value == ""  # never a secret, nor its mask
    assert kept["/login"].value == "1"


def test_a_form_becomes_a_config_of_the_right_types() -> None:
    faults: list[errors.Fault] = []
    form = {"c/host": " db ", "c/port": "5433", "c/tables": "a\n\n b", "c/a~1b": "1.5",
            "c/odd": '{"x": [1]}', "o/login": "1", "c/login/token": "t",
            "c/level": "high"}  # fmt: skip
    assert schema.read(SPEC, form, {"extra": 1}, faults) == {
        "extra": 1, "host": "db", "port": 5433, "tables": ["a", "b"], "ssl": False, "a/b": 1.5,
        "odd": {"x": [1]}, "level": "high", "hidden": "x",
        "login": {"kind": "token", "token": "t"},
    }  # fmt: skip
    assert faults == []
    schema.read(SPEC, {"c/port": "many", "c/odd": "{"}, {}, faults)
    assert [f.field for f in faults] == ["config.port", "config.odd"]


def test_a_secret_of_another_way_does_not_stay() -> None:
    before = {"login": {"kind": "plain", "user": "u", "password": "********"}}
    found = schema.read(SPEC, {"o/login": "1", "c/login/token": "t"}, before, [])
    assert found["login"] == {"kind": "token", "token": "t"}


_CONFIGS = st.fixed_dictionaries(
    {"host": st.sampled_from(["db", "x y"]), "tables": st.lists(st.sampled_from(["a", "b"]))},
    optional={
        "port": st.integers(0, 9), "key": st.just(hidden.MASK), "ssl": st.booleans(),
        "level": st.sampled_from(["low", "high"]), "extra": st.integers(),
        "a/b": st.sampled_from([1.5, 2.0]), "odd": st.just({"x": [1, "y"]}),
        "login": st.sampled_from([
            {"kind": "plain", "user": "u", "password": hidden.MASK},
            {"kind": "token", "token": hidden.MASK},
        ]),
    },
)  # fmt: skip


@given(_CONFIGS)
def test_a_form_sent_as_it_is_shown_changes_nothing_that_is_set(config: dict[str, Any]) -> None:
    faults: list[errors.Fault] = []
    found = schema.read(SPEC, _form(config), config, faults)
    assert faults == []
    assert {k: v for k, v in found.items() if k in config} == config


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner:
                    st.lists(inner) | st.dictionaries(st.sampled_from(
                        ["type", "properties", "oneOf", "anyOf", "allOf", "items", "enum", "const",
                         "default", "required", "order", "title", "examples", "description"]),
                        inner)))  # fmt: skip
def test_no_schema_breaks_the_form(found: Any) -> None:
    odd = {"properties": {"x": found, "y": {"oneOf": [found, {"properties": found}]}}}
    fields = schema.fields(odd, {"x": 1}, {})
    assert all(f.path for f in fields)
    schema.read(odd, {"c/x": "1", "o/y": "7"}, {"x": 1}, [])
