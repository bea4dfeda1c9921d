"""Payloads nobody here has seen, by their owner's paths."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.kernel import errors, facts
from onefold.sources import webhooks
from onefold.sources.webhooks import mapped, setup
from tests.sources.webhooks.parts import admitted, config, items, made

ORDER = {
    "kind": "order.paid", "ref": "o-1", "at": "2025-10-09T08:00:00Z",
    "buyer": {"mail": "ann@acme.co", "org": "acme"}, "lines": [{"sku": "A", "cents": 990}],
}  # fmt: skip
PATHS = {
    "event": "kind", "names": {"order.paid": "Order Completed"}, "message_id": "ref", "time": "at",
    "email": "buyer.mail", "account_id": "buyer.org",
    "properties": {"first_sku": "lines[0].sku", "total": "sum(lines[].cents)"},
}  # fmt: skip


def json_of(mapping: dict[str, Any]) -> webhooks.Config:
    return setup.config_of("json", {}, mapping)


def test_paths_say_what_a_payload_means() -> None:
    (one,) = items(json_of(PATHS), ORDER)
    assert one == {
        "type": "track", "event": "Order Completed", "messageId": "o-1",
        "timestamp": "2025-10-09T08:00:00+00:00",
        "context": {"traits": {"email": "ann@acme.co"}, "groupId": "acme"},
        "properties": {"first_sku": "A", "total": 990},
    }  # fmt: skip


def test_a_list_is_cut_and_its_root_can_still_be_reached() -> None:
    mapping = {
        "each": "events", "event": "name", "user_id": "root:user", "properties": "@",
        "message_id": "header:X-Delivery", "external_ids": {"device_serial": "serial"},
    }  # fmt: skip
    tree = {"user": 7, "events": [{"name": "A", "serial": "s"}, {"name": "B"}, {"nothing": 1}]}
    one = made(json_of(mapping), tree, {"X-Delivery": "d-1"})
    first, second, third = admitted(one)
    assert isinstance(first, facts.Fact)
    assert isinstance(second, facts.Fact)
    assert (first.name, first.home.value, first.message_id) == ("A", "7", "d-1")
    assert isinstance(third, facts.Refusal)
    assert third.raw == b'{"nothing":1}'


def test_identify_and_group_can_be_mapped() -> None:
    (one,) = items(
        json_of({"type": "identify", "user_id": "id", "traits": "profile"}),
        {"id": "u1", "profile": {"name": "Ann"}},
    )
    assert (one["type"], one["traits"]) == ("identify", {"name": "Ann"})
    (one,) = items(
        json_of({"type": "group", "account_id": "id", "traits": {"plan": "tier"}}),
        {"id": "acme", "tier": "pro"},
    )
    assert (one["groupId"], one["traits"]) == ("acme", {"plan": "pro"})


def test_without_an_id_of_its_own_a_payload_with_a_time_is_told_by_its_content() -> None:
    mapping = {"event": "'Seen'", "user_id": "u", "time": "t"}
    first = items(json_of(mapping), {"u": "1", "t": 1_760_000_000})[0]
    again = items(json_of(mapping), b'{"t":1760000000, "u":"1"}')[0]
    other = items(json_of(mapping), {"u": "1", "t": 1_760_000_001})[0]
    assert first["messageId"] == again["messageId"] != other["messageId"]
    timeless = {"event": "'Seen'", "user_id": "u"}
    assert "messageId" not in items(json_of(timeless), {"u": "1"})[0]


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        ({"event": "a..b", "user_id": "u"}, "mapping.event"),
        ({"event": "a", "user_id": "u[", "properties": {"x": "("}}, "mapping.user_id"),
        ({"user_id": "u"}, "mapping.event"),
        ({"event": "a"}, "mapping.user_id"),
        ({"event": "a", "user_id": "u", "usrid": "x"}, "mapping"),
        ({"event": "a", "user_id": "u", "type": "trak"}, "mapping"),
        ({"event": "a" * 1_001, "user_id": "u"}, "mapping.event"),
        ([1], "mapping"), ("x", "mapping"),
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_work_says_which_field(mapping: Any, field: str) -> None:
    with pytest.raises(errors.Invalid) as told:
        setup.config_of("json", {}, mapping)
    assert told.value.faults[0].field == field


@pytest.mark.parametrize(
    ("kind", "options", "field"),
    [
        ("fax", {}, "kind"), ("stripe", {"account_from": "moon"}, "options.account_from"),
        ("stripe", {"header": "x"}, "options.header"), ("hmac", {"algorithm": "md5"},
                                                        "options.algorithm"),
        ("hmac", {"prefix": 7}, "options.prefix"), ("stripe", [], ""),
    ],
)  # fmt: skip
def test_an_option_that_cannot_work_says_which(kind: str, options: Any, field: str) -> None:
    with pytest.raises(errors.Invalid) as told:
        setup.config_of(kind, options)
    assert told.value.faults[0].field == (field or "options")


@pytest.mark.parametrize(
    ("kind", "secret", "ok"),
    [("stripe", "", False), ("json", "short", False), ("json", "long enough to be a lock", True),
     ("standard", "whsec_äöü", False), ("standard", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", True),
     ("stripe", "x" * 501, False), ("stripe", "whsec_a", True)],
)  # fmt: skip
def test_a_secret_is_looked_at_before_it_is_taken(kind: str, secret: str, ok: bool) -> None:
    if ok:
        setup.check_secret(kind, secret)
        return
    with pytest.raises(errors.Invalid) as told:
        setup.check_secret(kind, secret)
    assert told.value.faults[0].field == "secret"


def test_a_first_mapping_is_suggested_from_the_names_of_the_fields() -> None:
    tree = {"event": "Signed Up", "data": {"user": {"email": "a@b.co", "userId": "7"}, "ts": 1}}
    found = mapped.suggest(tree)
    assert (found.event, found.email, found.user_id) == (
        "event", "data.user.email", "data.user.userId",
    )  # fmt: skip
    assert mapped.faults_of(found) == []
    listed = mapped.suggest([{"type": "x", "customer-email": "a@b.co"}])
    assert (listed.each, listed.email) == ("[]", '"customer-email"')


def test_a_suggestion_without_any_identifier_says_what_is_missing() -> None:
    assert [f.field for f in mapped.faults_of(mapped.suggest({"a": 1}))] == ["mapping.user_id"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "ref", "at", "buyer", "mail", "lines"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_payload_is_a_fact_or_a_refusal_with_a_remedy(tree: Any) -> None:
    one = made(json_of(PATHS), tree)
    for outcome in admitted(one):
        assert isinstance(outcome, facts.Fact) or outcome.remedy
    mapped.suggest(tree)


def test_the_mappings_that_kinds_begin_with_are_right() -> None:
    for kind in webhooks.KINDS.values():
        if kind.mapping is not None:
            assert mapped.faults_of(kind.mapping) == []


def test_github_and_standard_webhooks_work_with_the_mapping_they_begin_with() -> None:
    push = {"ref": "refs/heads/main", "pusher": {"email": "ann@acme.co"}, "sender": {"login": "an"}}
    (one,) = items(config("hmac"), push, {"X-GitHub-Event": "push", "X-GitHub-Delivery": "g1"})
    assert (one["event"], one["messageId"]) == ("push", "g1")
    tree = {"type": "user.created", "timestamp": "2025-10-09T08:00:00Z",
            "data": {"user_id": "u1", "email": "ann@acme.co"}}  # fmt: skip
    (one,) = items(config("standard"), tree, {"webhook-id": "msg_1"})
    assert (one["event"], one["userId"], one["messageId"]) == ("user.created", "u1", "msg_1")
