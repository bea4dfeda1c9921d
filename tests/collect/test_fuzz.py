"""Whatever is sent: no 5xx, no lost neighbour, bounded memory."""

import gzip
import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks

from onefold import governance, log, storage
from onefold.collect import description, envelope
from onefold.collect.errors import Hopeless
from onefold.kernel import errors, facts
from tests.collect import harness
from tests.collect.harness import Running
from tests.collect.test_hostile import GOOD, beside

API = schemathesis.openapi.from_dict(description.described())
KEY = "wk_fuzz"


# ── Schemathesis ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def fuzzed(shared_server: Running, shared_conn: storage.Connection) -> Iterator[Running]:
    """A server for the cases; what they left in the log is admitted afterwards."""
    harness.make_source(shared_conn, "Fuzz", KEY)
    yield shared_server
    for row, _, items in harness.stored(shared_conn):
        assert len(list(governance.admit(row))) == len(items)


def check(case: schemathesis.Case, server: Running) -> None:
    """The answer is one that the description names, in the shape that it names."""
    response = case.call(base_url=server.url, headers={"Authorization": "Basic d2tfZnV6ejo="})
    case.validate_response(
        response,
        checks=[
            checks.not_a_server_error, checks.status_code_conformance,
            checks.content_type_conformance, checks.response_schema_conformance,
        ],
    )  # fmt: skip


EXAMPLES = settings(
    max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
MAIN = ["/v1/batch", "/v1/track", "/v1/identify", "/v1/group", "/v1/pixel/track", "/sourceConfig"]


@API.include(path=MAIN).parametrize()
@EXAMPLES
def test_the_main_operations_answer_as_described(case: schemathesis.Case, fuzzed: Running) -> None:
    check(case, fuzzed)


@pytest.mark.slow
@API.exclude(path=MAIN).parametrize()
@EXAMPLES
def test_the_other_operations_answer_as_described(case: schemathesis.Case, fuzzed: Running) -> None:
    check(case, fuzzed)


# ── neighbours ─────────────────────────────────────────────────────────────────────────────────

TOKENS = st.sampled_from(
    [
        b"1", b"null", b"true", b'"u1"', b'"track"', b"1e999999", b"-", b"NaN", b"-Infinity",
        b"0x1", b"tru", b"01", b"1.", b'"\\ud800"', b'"\\u0000"', b'"\x00"', b'"\xff\xfe"',
        b'"\\q"', b'"tab\there"', b"9" * 5_000, b"1" + b"0" * 400, b'"' + b"x" * 3_000 + b'"',
        b"[" * 900 + b"]" * 900, b"5 5", b"'a'", b"\xf0\x9f", b'"\\"', b"\xef\xbb\xbf1",
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    [
        b'"type"', b'"event"', b'"userId"', b'"anonymousId"', b'"traits"', b'"properties"',
        b'"context"', b'"campaign"', b'"page"', b'"url"', b'"externalIds"', b'"mergeProperties"',
        b'"groupId"', b'"messageId"', b'"timestamp"', b'"sentAt"', b'"_unparsable"', b'"name"',
        b'"\\ud800"', b'""', b'"\xff"',
    ]
)  # fmt: skip


def _object(members: list[tuple[bytes, bytes]]) -> bytes:
    return b"{" + b",".join(name + b":" + value for name, value in members) + b"}"


def _list(values: list[bytes]) -> bytes:
    return b"[" + b",".join(values) + b"]"


def _containers(inside: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    members = st.lists(st.tuples(NAMES, inside), max_size=8)  # doubled names included
    return members.map(_object) | st.lists(inside, max_size=4).map(_list)


BALANCED = TOKENS.filter(lambda token: token.count(b'"') % 2 == 0 and token != b'"\\"')
ITEMS = st.recursive(BALANCED, _containers, max_leaves=12)


def outcomes(body: bytes) -> list[facts.Admitted]:
    """What becomes of a body's items, without the way over HTTP."""
    try:
        parsed = envelope.read(body, "")
    except Hopeless:
        parsed = envelope.recover(body, "")
    row = log.Row(
        source_id=1, category="product", received_ms=1_790_000_000_000, items=parsed.items,
        body=log.pack(parsed.envelope), seq=1,
    )  # fmt: skip
    return list(governance.admit(row))


@pytest.mark.slow
@API.parametrize()
@settings(EXAMPLES, max_examples=100, derandomize=False)
def test_all_operations_answer_as_described_whatever_is_tried(
    case: schemathesis.Case, fuzzed: Running
) -> None:
    check(case, fuzzed)


@given(ITEMS)
@settings(max_examples=400)
def test_no_item_costs_its_neighbours(item: bytes) -> None:
    keeps_neighbours(item)


@pytest.mark.slow
@given(ITEMS)
@settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_item_costs_its_neighbours_however_long_one_looks(item: bytes) -> None:
    keeps_neighbours(item)


def keeps_neighbours(item: bytes) -> None:
    first, middle, last = outcomes(beside(item))
    assert isinstance(first, facts.Fact)
    assert isinstance(last, facts.Fact)
    assert isinstance(middle, facts.Fact | facts.Refusal)
    if isinstance(middle, facts.Refusal):
        assert middle.problem


@given(ITEMS)
@settings(max_examples=200)
def test_no_context_costs_the_items(context: bytes) -> None:
    body = b'{"context":' + context + b',"batch":[' + GOOD + b"]}"
    (only,) = outcomes(body)
    assert only.pos >= 0


@given(st.binary(max_size=300))
def test_no_bytes_at_all_break_the_door(body: bytes) -> None:
    for one in (body, beside(body)):
        with suppress(errors.Invalid, errors.TooLarge):
            outcomes(one)


# ── memory ─────────────────────────────────────────────────────────────────────────────────────

LARGE = {
    "64 MB of text": b'{"batch":["' + b"x" * 64_000_000 + b'"]}',
    "64 MB of brackets": b"[" * 64_000_000,
    "a gzip bomb of 1 GB": gzip.compress(b"[" * 8_000_000, 9) * 125,
    "a bomb in a good shape": gzip.compress(b'{"batch":[' + b'{"a":1},' * 7_000_000 + b"1]}", 9),
    "4 MB of tiny items": b'{"batch":[' + b"[1]," * 990_000 + b"NaN]}",
    "4 MB of open brackets": b'{"batch":[' + b"[" * 1_900_000 + b"]" * 1_900_000 + b"]}",
    "4 MB of doubled keys": b"{" + b'"a":1,' * 600_000 + b'"batch":[' + GOOD + b"]}",
    "4 MB of digits": b'{"batch":[' + b"9" * 3_900_000 + b"]}",
}
GROWTH_MB_MAX = 300  # 24 such bodies at once took 124 MB


@pytest.fixture
def apart(database: str) -> Iterator[tuple[int, psutil.Process]]:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.collect.serve", database], cwd=root,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stdin
        yield int(process.stdout.readline()), psutil.Process(process.pid)
        process.stdin.close()


def watch(process: psutil.Process, until: threading.Event) -> int:
    """The most memory that the process held, in MB."""
    most = 0
    while not until.wait(0.01):
        most = max(most, process.memory_info().rss)
    return most // 1_000_000


def post(port: int, body: bytes) -> int:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        client.request("POST", "/v1/batch", body, {"Authorization": "Basic d2tfZnV6ejo="})
        answer = client.getresponse()
        told = json.loads(answer.read())
        assert isinstance(told, dict)
        return answer.status
    finally:
        client.close()


def test_large_bodies_are_answered_in_bounded_memory(
    apart: tuple[int, psutil.Process], conn: storage.Connection, record_property: Callable[..., Any]
) -> None:
    port, process = apart
    harness.make_source(conn, "Fuzz", KEY)
    assert post(port, beside(GOOD)) == 200
    start = process.memory_info().rss // 1_000_000
    over = threading.Event()
    with ThreadPoolExecutor(9) as threads:
        peak = threads.submit(watch, process, over)
        sent = [threads.submit(post, port, body) for body in list(LARGE.values()) * 3]
        found = [one.result() for one in sent]
        over.set()
    assert set(found) <= {200, 400, 413}
    record_property("growth_mb", peak.result() - start)
    assert peak.result() - start < GROWTH_MB_MAX
    assert post(port, beside(GOOD)) == 200  # and it serves on
    kept = [one for row, _, _ in harness.stored(conn) for one in governance.admit(row)]
    assert sum(isinstance(one, facts.Fact) for one in kept) >= 6
