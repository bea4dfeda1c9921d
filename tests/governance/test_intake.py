"""Which identifiers items carry follows rules that hold from a log row on."""

from typing import Any

import msgspec
import pytest

from onefold import governance, log
from onefold.governance.intake import Intake, Space
from onefold.kernel.facts import Fact

NOW = 1_790_000_000_000
SPACES = [
    Space("user_id", "person", "text", "", ("userid",), ()),
    Space("email", "person", "email", "", ("e_mail",), ("email",)),
    Space("phone", "person", "phone", "US", ("mobile",), ("phone",)),
    Space("loyalty_id", "person", "lower", "", ("card", "club_card"), ("card",)),
    Space("anonymous_id", "device", "text", "", (), ()),
    Space("ios_idfa", "device", "lower", "", ("idfa",), ()),
    Space("account_id", "account", "text", "", ("group_id",), ()),
]


def found(rules: governance.Rules, item: dict[str, Any], seq: int = 5) -> list[str]:
    body = log.pack(msgspec.json.encode({"batch": [{"messageId": "m", **item}]}))
    (one,) = governance.admit(log.Row(1, "product", NOW, 1, body, seq), rules)
    assert isinstance(one, Fact), one
    assert one.home == one.identifiers[0]
    return [str(i) for i in one.identifiers]


@pytest.fixture(scope="module")
def rules() -> governance.Rules:
    return governance.Rules(intakes=[(4, Intake(SPACES))])


ITEM = {
    "type": "identify", "userId": "u1", "anonymousId": "d1",
    "traits": {"email": " Ann@ACME.co", "phone": "(415) 555-2671", "card": "AB-7"},
    "context": {"externalIds": [
        {"type": "idfa", "id": "AAAA-1"}, {"type": "group_id", "id": "acme"},
        {"type": "Club.Card", "id": "ab-8"}, {"type": "somebodys", "id": "9"},
    ]},
}  # fmt: skip


def test_traits_types_and_devices_become_identifiers_in_their_normal_form(
    rules: governance.Rules,
) -> None:
    assert found(rules, ITEM) == [
        "user_id:u1", "email:ann@acme.co", "phone:+14155552671", "loyalty_id:ab-7",
        "loyalty_id:ab-8", "somebodys:9", "anonymous_id:d1", "ios_idfa:aaaa-1",
    ]  # fmt: skip


def test_a_row_from_before_is_read_as_it_first_was(rules: governance.Rules) -> None:
    before = ["user_id:u1", "email:ann@acme.co", "somebodys:9", "anonymous_id:d1"]
    assert found(rules, ITEM, seq=3) == before
    assert found(governance.NO_RULES, ITEM) == before


def test_a_value_that_has_no_normal_form_identifies_nobody(rules: governance.Rules) -> None:
    item = {
        "type": "identify", "anonymousId": "d1",
        "traits": {"email": "ann at acme", "phone": "call me"},
    }  # fmt: skip
    assert found(rules, item) == ["anonymous_id:d1"]


def test_a_device_alone_is_at_home_with_itself(rules: governance.Rules) -> None:
    context = {"externalIds": [{"type": "idfa", "id": "X"}]}
    item = {"type": "track", "event": "Opened", "context": context}
    assert found(rules, item) == ["ios_idfa:x"]
