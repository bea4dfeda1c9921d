"""What becomes a fact, and what is refused with a reason."""

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold import governance, log
from onefold.kernel import clock, facts

NOW = 1_790_000_000_000
MANY = {str(i): i for i in range(10_000)}


def row(*items: Any, category: str = "product", **envelope: Any) -> log.Row:
    batch = [
        i if isinstance(i, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(i)) for i in items
    ]
    body = msgspec.json.encode({"batch": batch, **envelope})
    return log.Row(
        source_id=3,
        category=category,
        received_ms=NOW,
        items=len(items),
        body=log.pack(body),
        seq=9,
    )


def one(item: Any, **kwargs: Any) -> facts.Fact:
    (fact,) = governance.admit(row(item, **kwargs))
    assert isinstance(fact, facts.Fact), fact
    return fact


def refused(item: Any, **kwargs: Any) -> facts.Refusal:
    (refusal,) = governance.admit(row(item, **kwargs))
    assert isinstance(refusal, facts.Refusal), refusal
    return refusal


def track(**extra: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Seen", "userId": "u1", **extra}


def test_the_home_is_person_kind_before_device() -> None:
    fact = one(track(anonymousId="a1", context={"traits": {"email": "Ann@Acme.co"}}))
    assert str(fact.home) == "user_id:u1"
    assert [str(i) for i in fact.identifiers] == [
        "user_id:u1", "email:ann@acme.co", "anonymous_id:a1",
    ]  # fmt: skip


def test_a_fact_without_a_person_is_at_home_at_its_account() -> None:
    item = {"type": "track", "event": "Account Updated", "context": {"groupId": "acme"}}
    assert str(one(item, category="crm").home) == "account_id:acme"


def test_only_our_own_crm_can_name_a_contact() -> None:
    item = track(context={"externalIds": [{"type": "contact", "id": "4"}]})
    assert [i.namespace for i in one(item).identifiers] == ["user_id"]
    assert [i.namespace for i in one(item, category="crm").identifiers] == ["user_id", "contact"]


def test_small_clock_differences_are_network_delay() -> None:
    stamp = clock.iso(NOW - 60_000)
    assert one(track(timestamp=stamp, sentAt=clock.iso(NOW - 1_000))).at_ms == NOW - 60_000


def test_a_skewed_clock_is_corrected_from_sent_at() -> None:
    hour = 3_600_000
    fact = one(track(timestamp=clock.iso(NOW + hour - 60_000), sentAt=clock.iso(NOW + hour)))
    assert fact.at_ms == NOW - 60_000


def test_sent_at_of_the_batch_holds_for_items_without_one() -> None:
    hour = 3_600_000
    fact = one(track(timestamp=clock.iso(NOW + hour)), sentAt=clock.iso(NOW + hour))
    assert fact.at_ms == NOW


def test_the_future_is_cut_at_receipt() -> None:
    assert one(track(timestamp="9999-12-31T00:00:00Z")).at_ms == NOW


def test_a_callers_time_beside_the_clock_of_its_sdk_counts() -> None:
    year, hour = 365 * 86_400_000, 3_600_000
    item = track(
        timestamp=clock.iso(NOW - year), originalTimestamp=clock.iso(NOW + hour),
        sentAt=clock.iso(NOW + hour),
    )  # fmt: skip
    assert one(item, times=2).at_ms == NOW - year
    assert one(item).at_ms == NOW  # a row of before keeps the time that it had
    near = item | {"timestamp": clock.iso(NOW + hour - 1_000)}
    assert one(near, times=2).at_ms == NOW  # both are the SDK's own: its wrong clock is corrected
    ahead = item | {"timestamp": clock.iso(NOW + 2 * hour)}
    assert one(ahead, times=2).at_ms == NOW


@pytest.mark.parametrize("stamp", ["gestern", {}, [], True, "2026-99-99T00:00:00Z", 1e30])
def test_an_unreadable_timestamp_is_the_time_of_receipt(stamp: Any) -> None:
    assert one(track(timestamp=stamp)).at_ms == NOW


@pytest.mark.parametrize(
    "stamp", [1_700_000_000, 1_700_000_000_000, "2023-11-14T22:13:20Z", "2023-11-14 22:13:20"]
)
def test_common_forms_of_time_are_read(stamp: Any) -> None:
    assert one(track(timestamp=stamp)).at_ms == 1_700_000_000_000


def test_numbers_are_taken_as_ids() -> None:
    assert str(one(track(userId=42)).home) == "user_id:42"


def test_nul_and_lone_surrogates_become_the_replacement_character() -> None:
    raw = msgspec.Raw(
        b'{"type":"track","event":"a\\u0000b","userId":"u1","properties":{"k":"\\u0000"}}'
    )
    fact = one(raw)
    assert fact.name == "a\ufffdb"
    assert fact.properties == {"k": "\ufffd"}
    sent = base64.b64encode(b'{"type":"track","event":"\\ud800","userId":"u1"}').decode()
    wrapped = {"_unparsable": sent, "reason": "lone surrogate"}
    assert one(wrapped).name == "\ufffd"


def test_integers_beyond_64_bits_are_kept_as_text() -> None:
    assert one(track(context={"traits": {"n": 2**70}})).traits == {"n": str(2**70)}


def test_unknown_keys_are_ignored() -> None:
    assert one(track(zzz={"deep": [1, 2]})).name == "Seen"


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"type": "track", "event": "x"}, "userId"),
        ({"type": "track", "userId": "u1"}, "event"),
        ({"type": "track", "event": "x", "userId": "null"}, "userId"),
        ({"type": "nonsense", "userId": "u1"}, "type"),
        ({"userId": "u1"}, "type"),
        ({"type": "group", "userId": "u1"}, "groupId"),
        ({"type": "alias", "userId": "u1"}, "previousId"),
        ({"type": "track", "event": "x", "userId": ["u1"]}, "userId"),
        ({"type": "track", "event": "x", "userId": "u1", "properties": []}, "properties"),
        ({"type": "track", "event": "x", "userId": "u" * 600}, "userId"),
        ({"type": "track", "event": "x" * 300, "userId": "u1"}, "event"),
        ({"type": "identify", "userId": "u1", "traits": MANY}, "traits"),
        ("text", "item"),
        (None, "item"),
        ([], "item"),
    ],
)
def test_a_bad_item_is_refused_and_names_the_field(item: Any, field: str) -> None:
    refusal = refused(item)
    assert refusal.field == field
    assert refusal.problem
    assert refusal.remedy
    assert refusal.raw == msgspec.json.encode(item)


def test_deep_nesting_is_refused_without_its_neighbours() -> None:
    head = b'{"type":"track","event":"x","userId":"u1","properties":'
    deep = head + b'{"a":' * 900 + b"1" + b"}" * 901
    good, bad = governance.admit(row(track(), msgspec.Raw(deep)))
    assert isinstance(good, facts.Fact)
    assert isinstance(bad, facts.Refusal) or bad.name == "x"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["type", "event", "userId", "anonymousId", "groupId", "traits", "properties", "context",
     "timestamp", "sentAt", "messageId", "previousId"]
)  # fmt: skip


@given(st.lists(st.dictionaries(NAMES, JSON, max_size=8) | JSON, min_size=1, max_size=5))
def test_whatever_is_sent_each_item_has_one_outcome(items: list[Any]) -> None:
    try:
        sent = row(*items)
    except (UnicodeEncodeError, msgspec.MsgspecError, OverflowError):
        return
    out = list(governance.admit(sent))
    assert [o.pos for o in out] == [facts.position(9, i) for i in range(len(items))]
    for fact in out:
        if isinstance(fact, facts.Fact):
            assert fact.at_ms <= fact.received_ms
            msgspec.msgpack.encode(fact.traits)
