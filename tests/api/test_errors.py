"""One shape for every error, and bodies that no store could hold are refused by name."""

from typing import Any

from litestar import get
from litestar.testing import TestClient

from onefold.api import answers
from onefold.api import door as doors
from tests.api.conftest import Door

TICKETS = "/api/tickets"


def shape(answer: Any) -> dict[str, Any]:
    """The error, checked for its shape."""
    body = answer.json()
    assert set(body) == {"error"}
    assert {"code", "message", "faults"} <= set(body["error"])
    for fault in body["error"]["faults"]:
        assert set(fault) == {"field", "problem", "remedy"}
    assert answer.headers["content-type"] == "application/json"
    error: dict[str, Any] = body["error"]
    return error


def test_an_unknown_path_is_404_and_names_the_nearest(door: Door) -> None:
    answer = door("GET", "/api/tickts")
    assert answer.status_code == 404
    error = shape(answer)
    assert error["code"] == "not_found"
    assert "/api/tickets" in error["message"]


def test_a_wrong_method_is_405_and_says_which_are_right(door: Door) -> None:
    answer = door("DELETE", TICKETS)
    assert answer.status_code == 405
    assert shape(answer)["code"] == "method_not_allowed"
    assert "GET" in answer.headers["allow"]


BAD_BODIES = [
    b"{",
    b"nope",
    b"\xff\xfe",
    b'{"subject": "\xff"}',
    b'{"subject": "\\ud800"}',
    b'{"subject": NaN}',
    b'{"subject": 1e999}',
    b"[" * 100_000,
    b'{"a":' * 500 + b"1" + b"}" * 500,
    b'{"subject": "a\\u0000b"}',
    b'{"\\u0000": 1}',
    b'{"subject": ' + b"9" * 400 + b"}",
    b'{"tags": [12345678901234567890123]}',
    b"[]",
    b'"text"',
    b"null",
    b"",
    b'{"subject": {"deep": 1}, "email": "a@b.co"}',
]


def test_what_is_no_good_json_object_is_400(door: Door) -> None:
    for raw in BAD_BODIES:
        for method, path in (("POST", TICKETS), ("POST", "/api/users"), ("POST", "/api/audiences")):
            answer = door(method, path, content=raw, headers={"Content-Type": "application/json"})
            assert answer.status_code == 400, (path, raw[:30], answer.text[:200])
            assert shape(answer)["code"] == "invalid_request"


def test_an_oversize_body_is_413(door: Door) -> None:
    answer = door("POST", TICKETS, {"subject": "x", "content": "y" * 1_100_000})
    assert answer.status_code == 413
    assert shape(answer)["code"] == "too_large"


def test_unknown_fields_are_named(door: Door) -> None:
    assert door.faults("POST", TICKETS, {"subjct": "x", "email": "a@b.co"}) == ["subjct", "subject"]
    assert door.faults("POST", "/api/sources", {"name": "x", "colour": "red"}) == ["colour"]
    assert door.faults("POST", "/api/keys", {"name": "x", "role": "reader", "a": 1}) == ["a"]


def test_missing_and_mistyped_fields_are_named(door: Door) -> None:
    assert door.faults("POST", "/api/sources", {}) == ["name"]
    assert door.faults("POST", "/api/sources", {"name": 4}) == ["name"]
    assert door.faults("PATCH", "/api/sources/src_1", {"enabled": "yes"}) == ["enabled"]
    assert door.faults("POST", "/api/users") == ["body"]


def test_misspelt_parameters_are_refused_not_ignored(door: Door) -> None:
    assert door.faults("GET", "/api/people?audiance=x") == ["audiance"]
    assert door.faults("GET", "/api/tickets?colour=red") == ["colour"]
    assert door.faults("GET", "/api/people?limit=ten") == ["limit"]
    assert door.faults("GET", "/api/people?limit=0") == ["limit"]
    assert door.faults("GET", "/api/people?sort=shoe") == ["sort"]
    assert door.faults("GET", "/api/people?cursor=abc") == ["cursor"]
    assert door.faults("GET", "/api/tickets?limit=9999999999999999999") == ["limit"]


def test_an_error_nobody_planned_is_500_with_an_id_and_nothing_of_the_inside() -> None:
    @get("/api/broken", opt=doors.OPEN, sync_to_thread=True)
    def broken() -> None:
        raise ZeroDivisionError("the secret is 42")

    from litestar import Litestar

    app = Litestar([broken], exception_handlers={Exception: answers.answer_error})
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/api/broken")
    assert answer.status_code == 500
    error = shape(answer)
    assert "err_" in error["message"]
    assert "the secret" not in answer.text
    assert "ZeroDivision" not in answer.text


def test_a_conflict_answers_the_record_as_it_stands(door: Door) -> None:
    made = door.ok("POST", TICKETS, {"subject": "Slow", "email": "ann@acme.co"})
    path = f"{TICKETS}/{made['id']}"
    door.ok("PATCH", path, {"priority": "high", "expected_version": made["version"]})
    late = door("PATCH", path, {"priority": "low", "expected_version": made["version"]})
    assert late.status_code == 409
    current = shape(late)["current"]
    assert current["priority"] == "high"
    header = {"If-Match": f'"{made["version"]}"'}
    assert door("PATCH", path, {"priority": "low"}, headers=header).status_code == 409
    header = {"If-Match": f'W/"{current["version"]}"'}
    assert door.ok("PATCH", path, {"priority": "low"}, headers=header)["priority"] == "low"


BAD_VERSIONS = [0, -1, 2**31, "1", 1.5, True, [1]]


def test_a_version_that_is_none_is_refused(door: Door) -> None:
    for version in BAD_VERSIONS:
        made = door.ok("POST", TICKETS, {"subject": "Slow", "email": "ann@acme.co"})
        fields = door.faults("PATCH", f"{TICKETS}/{made['id']}", {"expected_version": version})
        assert fields == ["expected_version"]


BAD_IDS = ["abc", "con_1", "-1", "0", "9" * 30, "%00", "1%2F2", "tkt_"]


def test_an_id_that_cannot_be_one_is_404(door: Door) -> None:
    for record_id in BAD_IDS:
        for room in ("tickets", "contacts", "tasks", "people", "accounts"):
            answer = door("GET", f"/api/{room}/{record_id}")
            if room == "contacts" and record_id == "con_1":
                continue
            assert answer.status_code == 404, (room, record_id, answer.text)
            shape(answer)
        assert door("PATCH", f"{TICKETS}/{record_id}", {"status": "open"}).status_code == 404
