"""The validation table, without a database."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.crm import fields
from onefold.kernel import errors

FIELDS = (
    fields.Field("name", required=True, chars_max=20),
    fields.Field("email", "email", 320),
    fields.Field("kind", "enum", options=("call", "email")),
    fields.Field("tags", "tags"),
    fields.Field("due_at", "time"),
    fields.Field("owner_id", "ref", prefix="usr"),
)


def clean(**values: Any) -> tuple[dict[str, Any], list[str]]:
    out, faults = fields.clean(FIELDS, ("id",), values, creating=False)
    return out, [f.field for f in faults]


@given(st.text())
def test_a_line_comes_out_clean_or_is_refused(text: str) -> None:
    out, faults = clean(name=text)
    if not faults:
        assert out["name"] == " ".join(out["name"].split())
        assert 0 < len(out["name"]) <= 20
        assert clean(name=out["name"]) == (out, [])


@given(st.text(max_size=40) | st.emails())
def test_an_address_comes_out_in_its_only_form(text: str) -> None:
    out, faults = clean(email=text)
    if not faults and out["email"]:
        assert out["email"] == out["email"].lower()
        assert clean(email=out["email"]) == (out, [])


@pytest.mark.parametrize(
    ("value", "wanted"), [("usr_4", 4), ("4", 4), (4, 4), (None, None), ("", None)]
)
def test_references_are_read_in_all_their_forms(value: Any, wanted: int | None) -> None:
    assert clean(owner_id=value) == ({"owner_id": wanted}, [])


@pytest.mark.parametrize("value", ["con_4", "usr_", 0, -1, True, 2**63, "٤", 4.0, [], "usr_4 "])
def test_what_is_no_reference_is_refused(value: Any) -> None:
    assert clean(owner_id=value)[1] == ["owner_id"]


@pytest.mark.parametrize(
    "value", ["ann", "ann@", "a b@c.co", "a@b..co", "a@b.co\0", "\ud800@b.co", 4]
)
def test_what_is_no_address_is_refused(value: Any) -> None:
    assert clean(email=value)[1] == ["email"]


@pytest.mark.parametrize("value", ["a@b.test", "jörg@bücher.example", "A@B.CO"])
def test_addresses_need_no_dns(value: str) -> None:
    assert clean(email=value)[1] == []


def test_unknown_names_come_with_the_likely_slip() -> None:
    assert "Did you mean `owner_id`?" in str(fields.unknown("ownerid", [f.name for f in FIELDS]))
    assert "Known are" in str(fields.unknown("zzz", [f.name for f in FIELDS]))
    assert "can be read" in str(fields.unknown("id", [], ("id",)))


def test_an_enum_names_its_choices() -> None:
    with pytest.raises(errors.Invalid, match=r"Use one of call, email\. Did you mean `call`\?"):
        fields.enum("kind", "CALL", ("call", "email"))


def test_too_many_or_too_long_tags_are_refused() -> None:
    assert clean(tags=[f"t{n}" for n in range(21)])[1] == ["tags"]
    assert clean(tags=["x" * 61])[1] == ["tags"]
    assert clean(tags=[1])[1] == ["tags"]
    assert clean(tags=None) == ({"tags": []}, [])


@pytest.mark.parametrize("value", ["soon", 5, "2026-13-01", [], "\0"])
def test_what_is_no_time_is_refused(value: Any) -> None:
    assert clean(due_at=value)[1] == ["due_at"]
