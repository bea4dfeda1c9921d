"""What a batch says for its items, external ids, merge calls, and campaigns."""

from typing import Any

import pytest

from onefold.governance.intake import LEGACY
from onefold.kernel import limits
from tests.governance.test_admit import NOW, one, refused, track

LANDING = "https://shop.example/?utm_source=news&utm_campaign=spring&gclid=g1&x=1#top"


def named(item: Any, **kwargs: Any) -> list[str]:
    return [str(i) for i in one(item, **kwargs).identifiers]


# ── the batch's context ────────────────────────────────────────────────────────────────────────


def test_the_batchs_context_fills_in_what_the_item_does_not_say() -> None:
    shared = {"traits": {"plan": "pro", "email": "a@b.co"}, "groupId": "acme", "ip": "1.1.1.1"}
    fact = one(track(context={"traits": {"plan": "free"}, "locale": "de"}), context=shared)
    assert fact.traits == {"plan": "free", "email": "a@b.co"}
    assert fact.account == "acme"
    assert one(track(context={"groupId": "other"}), context=shared).account == "other"
    assert one(track(), context=shared).traits == shared["traits"]


def test_one_part_of_the_wrong_type_costs_no_other() -> None:
    shared = {"traits": [1], "groupId": "acme", "page": 5, "campaign": {"source": "x"}}
    fact = one(track(context={"page": "no", "externalIds": {}}), context=shared)
    assert (fact.account, fact.traits, fact.campaign) == ("acme", {}, {"source": "x"})


# ── external ids ───────────────────────────────────────────────────────────────────────────────


def outside(*found: Any) -> dict[str, Any]:
    return {"context": {"externalIds": list(found)}}


def test_external_ids_stand_between_the_email_and_the_device() -> None:
    ids = outside(
        {"type": "stripe_customer", "id": "cus_1", "collection": "users", "encoding": "none"},
        {"type": "email", "id": "Ann@Acme.co"},
    )
    assert named(track(anonymousId="d1", **ids)) == [
        "user_id:u1", "email:ann@acme.co", "stripe_customer:cus_1", "anonymous_id:d1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "contact", "id": "1"}, {"type": "account_id", "id": "acme"},
        {"type": "company", "id": "acme"}, {"type": "android.idfa", "id": "x9"},
        {"type": "ga_client_id", "id": "x9"}, {"type": "email", "id": "null"},
        {"type": "phone", "id": "123", "collection": "accounts"}, {"type": "phone"},
        {"type": "phone", "id": True}, {"type": ["phone"], "id": "1"}, {"id": "1"}, {},
        {"type": "Robert'); DROP TABLE", "id": "1"},
    ],
)  # fmt: skip
def test_what_does_not_name_a_person_is_left_out(entry: Any) -> None:
    assert named(track(**outside(entry))) == ["user_id:u1"]


def test_somebody_can_be_named_by_an_external_id_alone() -> None:
    item = {"type": "track", "event": "Paid", **outside({"type": "stripe_customer", "id": 7})}
    assert str(one(item).home) == "stripe_customer:7"


def test_a_thousand_external_ids_are_cut() -> None:
    found = [{"type": "loyalty_card", "id": str(i)} for i in range(1_000)]
    assert len(list(LEGACY.external(found, "id"))) == limits.external_ids_max


# ── merge ──────────────────────────────────────────────────────────────────────────────────────


def test_a_merge_call_names_two_identifiers_of_one_person() -> None:
    ids = [{"type": "email", "value": "Ann@Acme.co"}, {"type": "userId", "value": "u9"}]
    fact = one({"type": "merge", "mergeProperties": ids})
    assert (fact.kind, str(fact.home)) == ("alias", "user_id:u9")
    assert [str(i) for i in fact.identifiers] == ["user_id:u9", "email:ann@acme.co"]


def test_of_two_user_ids_in_a_merge_call_the_second_is_a_former_one() -> None:
    ids = [{"type": "user_id", "value": "u1"}, {"type": "user_id", "value": "u2"}]
    found = ["user_id:u1", "former_id:u2"]
    for item in ({"type": "merge"}, {"type": "merge", "userId": "u1"}):
        assert [str(i) for i in one({**item, "mergeProperties": ids}).identifiers] == found


def test_the_former_id_of_an_alias_call_is_a_devices_or_a_users() -> None:
    def found(**item: str) -> list[str]:
        return [str(i) for i in one({"type": "alias", **item}).identifiers]

    assert found(userId="u2", previousId="u1") == ["user_id:u2", "anonymous_id:u1", "former_id:u1"]
    assert found(userId="u2", previousId="d", anonymousId="d") == ["user_id:u2", "anonymous_id:d"]
    assert found(userId="u2", previousId="u2") == ["user_id:u2", "anonymous_id:u2"]
    assert found(anonymousId="e", previousId="d") == ["anonymous_id:e", "anonymous_id:d"]
    assert found(userId="null", anonymousId="e", previousId="d") == [
        "anonymous_id:e", "anonymous_id:d",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "kind", ["former_id", "cross_domain_id", "gclid", "Braze Device-ID", "ios.idfa", "apns_token"]
)
def test_what_names_no_person_is_no_external_id(kind: str) -> None:
    assert LEGACY.namespace(kind) is None


@pytest.mark.parametrize("given", [None, [], 5, [{"type": "email", "value": "a@b.co"}], [1, 2]])
def test_a_merge_call_that_names_fewer_is_refused(given: Any) -> None:
    item = {"type": "merge", "userId": "u1", "mergeProperties": given}
    assert refused(item).field == "mergeProperties"


# ── campaigns ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "item",
    [
        track(context={"page": {"url": LANDING}}),
        track(context={"page": {"url": "https://a.example/", "search": LANDING[21:]}}),
        {"type": "page", "userId": "u", "properties": {"url": LANDING}},
        {"type": "identify", "userId": "u", "context": {"page": {"search": LANDING[22:]}}},
    ],
)
def test_the_campaign_is_read_from_the_pages_address(item: Any) -> None:
    assert one(item).campaign == {"source": "news", "name": "spring", "gclid": "g1"}


def test_what_the_sdk_says_wins_and_the_address_adds_the_click() -> None:
    given = {"source": "mail", "utm_term": "t", "campaign": "c", "n": 5, "bad": [1], "empty": " "}
    fact = one(track(context={"campaign": given, "page": {"url": LANDING}}))
    assert fact.campaign == {"source": "mail", "term": "t", "name": "c", "n": "5", "gclid": "g1"}


@pytest.mark.parametrize(
    "item",
    [
        track(), track(context={}), track(context={"campaign": {}, "page": {}}),
        track(context={"page": {"url": "https://a.example/?q=1", "search": "?q=1"}}),
        track(properties={"url": LANDING}),  # where a link leads is not where the visitor came from
        track(context={"page": {"url": 5, "search": None}}),
        track(context={"page": {"url": LANDING + "&a=" + "x" * 9_000}}),
        track(context={"page": {"url": "?utm_source=" + "&a=1" * 200}}),
    ],
)  # fmt: skip
def test_no_campaign_is_none(item: Any) -> None:
    assert one(item).campaign is None


def test_what_no_store_can_hold_is_replaced_and_what_is_long_is_cut() -> None:
    url = "https://a.example/?utm_source=a%00b&utm_term=" + "x" * 500
    found = one(track(context={"page": {"url": url}})).campaign
    assert found == {"source": "a\ufffdb", "term": "x" * limits.campaign_value_chars_max}


def test_the_time_is_that_of_the_event() -> None:
    assert one(track(timestamp="2026-01-01T00:00:00Z")).at_ms < NOW
