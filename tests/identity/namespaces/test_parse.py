"""A set of namespaces as people may write it, and settings of Segment Unify."""

from typing import Any

import pytest

from onefold.identity import namespaces
from onefold.identity.namespaces import Row, segment
from onefold.kernel import errors

HOUSE = [
    Row("user_id", priority=10, limit=1, verified=("*",), types=("userid",)),
    Row("email", priority=30, form="email", traits=("email",)),
    Row("anonymous_id", "device", 90, None),
    Row("account_id", "account", 100, None, types=("group_id",)),
    Row("ios_idfa", "device", 92, None, types=("idfa",)),
]


def faults(*given: Any) -> list[str]:
    with pytest.raises(errors.Invalid) as raised:
        namespaces.proposed(list(given), HOUSE)
    return [fault.field for fault in raised.value.faults]


def test_what_is_left_out_stays_as_it_is() -> None:
    rows = namespaces.proposed([{"name": "email", "limit": 3}, {"name": "loyalty_id"}], HOUSE)
    by_name = {row.name: row for row in rows}
    assert by_name["email"] == Row("email", priority=30, limit=3, form="email", traits=("email",))
    assert by_name["loyalty_id"] == Row("loyalty_id")
    assert len(rows) == len(HOUSE) + 1
    assert namespaces.changes(HOUSE, rows) == [
        ("email", "limit", 5, 3), ("loyalty_id", "name", None, "loyalty_id"),
    ]  # fmt: skip


def test_every_fault_is_told() -> None:
    assert faults(
        {"name": "Loyalty"}, 7, {"name": "email", "limit": 0, "form": "esperanto", "colour": 1},
        {"name": "user_id", "kind": "device"}, {"name": "email", "patterns": ["(?=x)"]},
        {"name": "email", "patterns": [".*"]}, {"name": "user_id", "verified": ["marketing"]},
        {"name": "ios_idfa", "hub": 51}, {"name": "anonymous_id", "window_days": 7},
        {"name": "phone", "form": "phone", "region": "XX"}, {"name": "email", "traits": ["mail"]},
        {"name": "email", "blocked": "x"},
    ) == [
        "namespaces[0].name", "namespaces[1].name", "email.limit", "email.form", "email.colour",
        "user_id.kind", "email.patterns", "email.patterns", "user_id.verified", "ios_idfa.hub",
        "anonymous_id.window_days", "phone.region", "email.traits", "email.blocked",
    ]  # fmt: skip


def test_a_type_means_one_namespace() -> None:
    assert faults({"name": "other_id", "types": ["userid", "email"]}) == [
        "other_id.types", "other_id.types",
    ]  # fmt: skip


def test_block_lists_take_values_in_any_case_and_patterns() -> None:
    rows = namespaces.proposed(
        [{"name": "user_id", "blocked": ["Demo"], "patterns": ["^test-[0-9]+$"]}], HOUSE
    )
    rule = namespaces.compiled(rows).of("user_id")
    assert [rule.blocked(v) for v in ("demo", "DEMO", "test-7", "test-x", "demo1")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_a_pattern_takes_time_that_grows_with_the_value_alone() -> None:
    rows = namespaces.proposed([{"name": "user_id", "patterns": ["^(a+)+$"]}], HOUSE)
    assert not namespaces.compiled(rows).of("user_id").blocked("a" * 500 + "!")


SETTINGS: list[Any] = [
    {
        "identifiers": [
            {"type": "email", "limit": 5, "frequency": "ever", "priority": 2},
            {"type": "user_id", "limit": 1, "frequency": "Ever", "priority": 1,
             "blockedValues": ["anonymous", "^[0-]*$", "Zeroes and Dashes"]},
            {"type": "ios.idfa", "limit": 3, "frequency": "weekly", "priority": 3},
            {"type": "group_id", "limit": 5, "priority": 5},
            {"type": "loyalty.id", "limit": 2, "frequency": "annually", "priority": 4},
        ]
    },
    [
        {"Identifier": "user_id", "Limit": "1", "Frequency": "ever",
         "Blocked Values": [{"value": "anonymous"}, {"regex": "^[0-]*$"}]},
        {"Identifier": "email", "Limit": "5"},
        {"Identifier": "ios.idfa", "Limit": "3", "Frequency": "Weekly"},
        {"Identifier": "loyalty.id", "Limit": 2, "Frequency": "yearly"},
    ],
]  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS)
def test_settings_of_segment_unify_become_namespaces(settings: Any) -> None:
    found = {row.name: row for row in namespaces.proposed(segment.read(settings, HOUSE), HOUSE)}
    user, email, idfa, own = (found[n] for n in ("user_id", "email", "ios_idfa", "loyalty_id"))
    assert (user.limit, user.window_days, user.blocked) == (1, None, ("anonymous",))
    assert user.patterns == ("^[0-]*$",)
    assert (email.limit, email.form) == (5, "email")
    assert (idfa.kind, idfa.limit, idfa.window_days) == ("device", 3, 7)
    assert (own.kind, own.limit, own.window_days) == ("person", 2, 365)
    assert user.priority < email.priority < idfa.priority < own.priority
    assert found["account_id"] == HOUSE[3]


def test_settings_without_identifiers_are_refused() -> None:
    for given in ({}, [], {"identifiers": []}, "x", {"identifiers": [{"limit": 3}]}):
        with pytest.raises(errors.Invalid):
            segment.read(given, HOUSE)
