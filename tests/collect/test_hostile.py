"""Hostile bodies, each with the answer that docs/reference/collection.md gives for it.

The rows that were stored are admitted as the worker would: nothing may raise, nothing may vanish,
and the good neighbours of a bad item must become facts.
"""

import gzip
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from onefold import governance, sources, storage
from onefold.kernel import facts, limits
from tests.collect import harness
from tests.collect.harness import Running

GOOD = b'{"type":"track","event":"Seen","userId":"u1","messageId":"m"}'


def beside(item: bytes) -> bytes:
    """A batch in which the item stands between two good ones."""
    return b'{"batch":[' + GOOD + b"," + item + b"," + GOOD + b"]}"


def event(**more: Any) -> bytes:
    return json.dumps({"type": "track", "event": "Odd", "userId": "u1", **more}).encode()


def deep(n: int) -> bytes:
    return b'{"type":"track","event":"Odd","userId":"u1","properties":{"a":%b}}' % (
        b"[" * n + b"]" * n
    )


class Case(NamedTuple):
    """`items` is what becomes of each stored item: `fact`, or the code of its refusal."""

    body: bytes
    status: int
    items: Sequence[str] = ()
    path: str = "/v1/batch"


FACTS = ["fact", "fact", "fact"]
MIDDLE = ["fact", "invalid_item", "fact"]
CASES = {
    # the request as a whole
    "not JSON": Case(b"hello", 400),
    "empty body": Case(b"", 400),
    "half a body": Case(b'{"batch":[' + GOOD, 400),
    "a call that is not JSON": Case(b"{event:1}", 400, path="/v1/track"),
    "a list for a body": Case(b"[" + GOOD + b"]", 400),
    "a list for a call": Case(b"[" + GOOD + b"]", 400, path="/v1/track"),
    "batch is an object": Case(b'{"batch":{}}', 400),
    "batch is text": Case(b'{"batch":"[]"}', 400),
    "batch is missing": Case(GOOD, 400),
    "UTF-16": Case('{"batch":[]}'.encode("utf-16"), 400),
    "5 MB": Case(b'{"batch":["' + b"x" * 5_000_000 + b'"]}', 413),
    "64 MB": Case(b'{"batch":["' + b"x" * 64_000_000 + b'"]}', 413),
    "a gzip bomb": Case(gzip.compress(b"0" * 200_000_000, 1), 413),
    "half a gzip": Case(gzip.compress(beside(GOOD))[:-12], 400),
    "10,001 items": Case(b'{"batch":[' + b",".join([b"{}"] * 10_001) + b"]}", 413),
    "5,000 keys and NaN": Case(
        b"{" + b",".join(b'"k%d":NaN' % i for i in range(5_000)) + b"}", 400
    ),
    "200,000 open brackets": Case(b"[" * 200_000, 400),
    # a batch with one odd item
    "an empty batch": Case(b'{"batch":[]}', 200),
    "unknown keys": Case(beside(event(nonsense={"a": [1]})), 200, FACTS),
    "unknown keys beside the batch": Case(
        b'{"zzz":{"a":1},"batch":[' + GOOD + b"]}", 200, ["fact"]
    ),
    "doubled keys": Case(beside(b'{"event":"a",' + event()[1:]), 200, FACTS),
    "a doubled batch": Case(b'{"batch":[1],"batch":[' + GOOD + b"]}", 200, ["fact"]),
    "null for an item": Case(beside(b"null"), 200, MIDDLE),
    "a number for an item": Case(beside(b"5"), 200, MIDDLE),
    "a list for an item": Case(beside(b"[1]"), 200, MIDDLE),
    "a list for properties": Case(beside(event(properties=[1])), 200, MIDDLE),
    "an object for userId": Case(beside(event(userId={"a": 1})), 200, MIDDLE),
    "a number for userId": Case(beside(event(userId=42)), 200, FACTS),
    "an unknown type": Case(beside(b'{"type":"buy","userId":"u"}'), 200, MIDDLE),
    "malformed item": Case(beside(b'{"type":tru}'), 200, MIDDLE),
    "mismatched brackets in an item": Case(beside(b'{"a":[1}]'), 200, MIDDLE),
    "NaN": Case(beside(event(properties={"n": float("nan")})), 200, FACTS),
    "a NUL escape": Case(beside(event(event="a\0b", properties={"k\0": "v\0"})), 200, FACTS),
    "a NUL byte": Case(beside(b'{"event":"a\0b"}'), 200, MIDDLE),
    "a lone surrogate": Case(beside(event(event="a\ud800b")), 200, FACTS),
    "a lone surrogate in the context": Case(
        b'{"context":{"traits":{"a":"\\udfff\\u0000"}},"batch":[' + GOOD + b"]}", 200, ["fact"]
    ),
    "invalid UTF-8": Case(beside(event(event="a").replace(b'"a"', b'"\xff\xfe"')), 200, FACTS),
    "a number of 5,000 digits": Case(
        beside(event(properties={"n": 0}).replace(b"0", b"9" * 5_000)), 200, MIDDLE
    ),
    "1e999999": Case(beside(event(properties={"n": 0}).replace(b"0", b"1e999999")), 200, FACTS),
    "60 levels": Case(beside(deep(58)), 200, FACTS),
    "1,000 levels": Case(beside(deep(1_000)), 200, MIDDLE),
    "100,000 levels": Case(beside(deep(100_000)), 200, MIDDLE),
    "100,000 levels beside the batch": Case(
        b'{"context":' + deep(100_000) + b',"batch":[' + GOOD + b"]}", 200, ["fact"]
    ),
    "100,000 levels in a call": Case(deep(100_000), 200, ["invalid_item"], "/v1/track"),
    "10,000 traits": Case(
        beside(event(traits={f"t{i}": i for i in range(10_000)})), 200, ["fact", "too_many", "fact"]
    ),
    "10,000 properties": Case(
        beside(event(properties={f"t{i}": i for i in range(10_000)})),
        200,
        ["fact", "too_many", "fact"],
    ),
    "an item of 600 kB": Case(
        beside(event(properties={"x": "y" * 600_000})), 200, ["fact", "too_large", "fact"]
    ),
    "a userId of 600 characters": Case(
        beside(event(userId="u" * 600)), 200, ["fact", "too_long", "fact"]
    ),
    "nobody in it": Case(
        beside(b'{"type":"track","event":"a"}'), 200, ["fact", "no_identifier", "fact"]
    ),
    "a forged wrapper": Case(beside(b'{"_unparsable":5}'), 200, MIDDLE),
    "a forged wrapper, not base64": Case(beside(b'{"_unparsable":"!"}'), 200, MIDDLE),
    "a forged wrapper for a call": Case(
        b'{"_unparsable":null}', 200, ["invalid_item"], "/v1/track"
    ),
    "a far future": Case(beside(event(timestamp="9999-12-31T23:59:59Z")), 200, FACTS),
    "a far past": Case(beside(event(timestamp="0001-01-01T00:00:00+23:59")), 200, FACTS),
    "an envelope of wrong types": Case(
        b'{"sentAt":[1],"context":5,"integrations":"x","batch":[' + GOOD + b"]}", 200, ["fact"]
    ),
}


@pytest.fixture(scope="module")
def source(shared_conn: storage.Connection) -> sources.Source:
    return harness.make_source(shared_conn)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_hostile_body_gets_its_documented_answer(
    shared_server: Running, shared_conn: storage.Connection, source: sources.Source, case: Case
) -> None:
    before = len(harness.stored(shared_conn))
    answer = shared_server.send(case.path, case.body, key=source.write_key)
    told = answer.json()
    assert answer.status == case.status, told
    stored = harness.stored(shared_conn)[before:]
    if case.status != 200:
        assert stored == []
        assert told["success"] is False
        assert set(told) == {"success", "code", "message", "error", "msg"}
        assert told["message"].startswith("`")
        assert told["message"].rstrip(".").count(".") >= 1  # what is wrong, and what to do
        return
    assert answer.body == b'{"success":true}'
    admitted = [one for row, _, _ in stored for one in governance.admit(row)]
    assert len(admitted) == sum(row.items for row, _, _ in stored)
    outcomes = [one.code if isinstance(one, facts.Refusal) else "fact" for one in admitted]
    assert outcomes == list(case.items)


@pytest.mark.parametrize("bad", [deep(100_000), b'{"type":tru}', b'{"_unparsable":5}', b"null"])
def test_a_refusal_keeps_the_bytes_as_they_were_sent(
    shared_server: Running, shared_conn: storage.Connection, source: sources.Source, bad: bytes
) -> None:
    before = len(harness.stored(shared_conn))
    assert shared_server.send("/v1/batch", beside(bad), key=source.write_key).status == 200
    ((row, _, _),) = harness.stored(shared_conn)[before:]
    refusal = list(governance.admit(row))[1]
    assert isinstance(refusal, facts.Refusal)
    assert refusal.raw == bad
    assert refusal.problem
    assert refusal.remedy


def test_a_hostile_sender_holds_up_no_other(
    shared_server: Running, shared_conn: storage.Connection, source: sources.Source
) -> None:
    """4 MB of brackets are split beside the event loop: others are answered meanwhile."""
    brackets = b'{"batch":[' + b"[1]," * 990_000 + b"NaN]}"
    assert len(brackets) < limits.request_bytes_max
    key = source.write_key
    with ThreadPoolExecutor(8) as threads:
        slow = [threads.submit(shared_server.send, "/v1/b", brackets, key=key) for _ in range(8)]
        answered = 0
        while not all(one.done() for one in slow):
            assert shared_server.send("/v1/batch", beside(GOOD), key=key).status == 200
            answered += 1
        assert [one.result().status for one in slow] == [413] * 8
    assert answered > 1
