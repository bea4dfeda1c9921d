"""From a body to the log row's envelope: items untouched, neighbours safe."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold import log
from onefold.collect import envelope
from onefold.collect.errors import Hopeless
from onefold.collect.model import Parsed
from onefold.kernel import errors, limits

GOOD = b'{"type":"track","event":"Seen"}'
DEEP = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
items = st.lists(st.dictionaries(st.text(max_size=5), plain, max_size=4), max_size=5)


def parse(body: bytes, kind: str = "") -> Parsed:
    """As the collector does it."""
    try:
        return envelope.read(body, kind)
    except Hopeless:
        return envelope.recover(body, kind)


def opened(parsed: Parsed) -> log.Envelope:
    """As the worker does it."""
    found = log.unpack(log.pack(parsed.envelope))
    assert len(found.batch) == parsed.items
    return found


def sent(parsed: Parsed) -> list[bytes]:
    """The items as they were sent, wrapped or not."""
    out = []
    for raw in opened(parsed).batch:
        item = bytes(raw)
        if item.startswith(b'{"_unparsable"'):
            wrapper = json.loads(item)
            assert wrapper["reason"]
            item = base64.b64decode(wrapper["_unparsable"])
        out.append(item)
    return out


@settings(deadline=None)
@given(items, plain)
def test_items_and_shared_values_come_through_as_sent(found: list[Any], context: Any) -> None:
    body = json.dumps({"context": context, "batch": found, "writeKey": "wk", "x": 1}).encode()
    parsed = parse(body)
    assert parsed.write_key == "wk"
    assert parsed.items == len(found)
    if found:
        kept = opened(parsed)
        assert [json.loads(raw) for raw in sent(parsed)] == found
        nul = "\\u0000" in json.dumps(context)
        assert kept.context == context or nul
        assert b"writeKey" not in parsed.envelope


@settings(deadline=None)
@given(items)
def test_recovering_finds_what_reading_finds(found: list[Any]) -> None:
    body = json.dumps({"batch": found, "sentAt": "2026-11-23T20:00:00Z", "writeKey": "k"}).encode()
    assert envelope.recover(body, "") == envelope.read(body, "")


BAD_ITEMS = {
    "deep nesting": DEEP,
    "a lone surrogate": b'{"event":"\\ud800"}',
    "a lone surrogate as a key": b'{"\\udfff":1}',
    "NaN": b'{"n":NaN}',
    "a raw control character": b'{"event":"a\x00b"}',
    "a bad escape": b'{"event":"\\q"}',
    "a number that is none": b'{"n":01}',
    "a bare word": b"tru",
    "mismatched brackets": b'{"a":[1}]',
    "invalid UTF-8": b'{"event":"\xff\xfe"}',
    "a NUL escape": b'{"event":"a\\u0000b"}',
    "doubled keys": b'{"event":"a","event":"b"}',
    "a number beyond doubles": b'{"n":1e999999}',
    "a number of 5,000 digits": b'{"n":' + b"9" * 5_000 + b"}",
    "null": b"null",
    "a list": b"[1,2]",
    "a text": b'"text, with ] and }"',
    "a forged wrapper": b'{"_unparsable":5}',
    "10,000 traits": json.dumps({"traits": {f"t{i}": i for i in range(10_000)}}).encode(),
    "600 kB": b'{"event":"' + b"x" * 600_000 + b'"}',
}


@pytest.mark.parametrize("bad", BAD_ITEMS.values(), ids=BAD_ITEMS)
def test_a_bad_item_costs_no_neighbour(bad: bytes) -> None:
    parsed = parse(b'{"batch":[' + GOOD + b"," + bad + b", " + GOOD + b'],"writeKey":"k"}')
    assert parsed.write_key == "k"
    assert sent(parsed) == [GOOD, bad, GOOD]


@pytest.mark.parametrize("bad", [DEEP, b'{"event":"\\ud800"}', b'{"n":NaN}', b'{"_unparsable":5}'])
def test_a_call_that_only_lenient_readers_take_is_kept_wrapped(bad: bytes) -> None:
    parsed = parse(bad, "track")
    assert parsed.wrapped == 1
    assert sent(parsed) == [bad]
    assert opened(parsed).type == "track"


def test_a_call_is_an_envelope_of_one_item_and_its_kind() -> None:
    parsed = parse(b' {"userId":"u","writeKey":"wk"}\n', "identify")
    assert parsed.envelope == (
        b'{"type":"identify","times":2,"batch":[{"userId":"u","writeKey":"wk"}]}'
    )
    assert (parsed.items, parsed.write_key) == (1, "wk")


def test_a_byte_order_mark_is_overlooked() -> None:
    parsed = parse(b'\xef\xbb\xbf{"batch":[' + GOOD + b"]}")
    assert (parsed.wrapped, sent(parsed)) == (0, [GOOD])
    assert sent(parse(b"\xef\xbb\xbf" + GOOD, "track")) == [GOOD]


def test_items_stay_readable_however_deep_the_readers_stack() -> None:
    n = limits.envelope_depth_safe
    shallow, deep = (b'{"a":' + b"[" * k + b"]" * k + b"}" for k in (n - 1, n))
    parsed = parse(b'{"batch":[' + shallow + b"," + deep + b"]}")
    assert parsed.wrapped == 1
    assert bytes(opened(parsed).batch[0]) == shallow
    assert sent(parsed) == [shallow, deep]


@pytest.mark.parametrize(
    ("shared", "kept"),
    [
        (b'{"groupId":"acme"}', {"groupId": "acme"}),
        (b'{"groupId":"a\\ud800"}', {"groupId": "a\ufffd"}),
        (b'{"groupId":"a\\u0000"}', {"groupId": "a\ufffd"}),
        (b'{"groupId":"a\xff"}', {"groupId": "a\ufffd"}),
        (b'{"n":NaN}', {"n": None}),
        (DEEP, None),
        (b'"' + b"x" * limits.shared_value_bytes_max + b'"', None),
        (b"tru", None),
        (b"5", 5),
    ],
)
def test_a_shared_context_is_kept_as_far_as_it_can_be_read(shared: bytes, kept: Any) -> None:
    parsed = parse(b'{"context":' + shared + b',"batch":[' + GOOD + b"]}")
    assert opened(parsed).context == kept
    assert sent(parsed) == [GOOD]


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"", "", "`body`: is not JSON"),
        (b"hello", "", "`body`: is not JSON"),
        (b'{"batch":[{"a":1}', "", "`body`: is not JSON"),
        (b'{"batch":[{"a":1]}', "", "`body`: is not JSON"),
        (b'{"batch":[{"a":1},]}', "", "`batch`: is not an array"),
        (b'{"batch":[] ,}', "", "`body`: is not JSON"),
        (b'{"batch"}', "", "`body`: is not JSON"),
        (b"\xff\xfe{\x00}\x00", "", "`body`: is not JSON"),
        (b"[]", "", "`body`: is not a JSON object"),
        (b"null", "", "`body`: is not a JSON object"),
        (b"{}", "", "`batch`: is missing"),
        (b'{"batch":{"a":1}}', "", "`batch`: is not an array"),
        (b'{"batch":"[]"}', "", "`batch`: is not an array"),
        (b'{"batch":null}', "", "`batch`: is not an array"),
        (b"", "track", "`body`: is not JSON"),
        (b"{", "track", "`body`: is not JSON"),
        (b'{"event":tru}', "track", "`body`: is not JSON"),
        (b"[{}]", "track", "`body`: is not a JSON object"),
        (b'"x"', "track", "`body`: is not a JSON object"),
        (b"[" * 100_000 + b"]" * 100_000, "track", "`body`: is not a JSON object|is not JSON"),
        (b"[" * 100_000, "", "`body`: is not"),
    ],
)
def test_a_body_that_is_wrong_as_a_whole_says_so(body: bytes, kind: str, words: str) -> None:
    with pytest.raises(errors.Invalid, match=words):
        parse(body, kind)


def test_the_number_of_items_and_of_top_keys_is_bounded() -> None:
    n = limits.request_items_max
    assert parse(b'{"batch":[' + b",".join([b"{}"] * n) + b"]}").items == n
    with pytest.raises(errors.TooLarge, match="10,001 items"):
        parse(b'{"batch":[' + b",".join([b"{}"] * (n + 1)) + b"]}")
    keys = b",".join(b'"k%d":NaN' % i for i in range(limits.request_members_max + 1))
    with pytest.raises(errors.Invalid, match="1,001 keys"):
        parse(b"{" + keys + b"}")


def test_an_empty_batch_is_nothing_to_store() -> None:
    assert parse(b'{"batch":[],"writeKey":"k"}') == Parsed(
        envelope=b"", items=0, wrapped=0, write_key="k"
    )


@pytest.mark.parametrize("key", [b"5", b'""', b"null", b'"\\ud800"', b"{}"])
def test_a_write_key_that_is_no_text_is_none(key: bytes) -> None:
    assert parse(b'{"batch":[],"writeKey":' + key + b"}").write_key is None
