"""Matching by the API: settings, models, the queue; what it refuses says what to do."""

from tests.api.conftest import Door


def test_settings_are_read_and_changed_by_version(door: Door) -> None:
    found = door("GET", "/api/identity/matching", role="reader").json()
    assert found["certain_from"] is None  # nobody is joined unless somebody switches it on
    change = {"certain_from": 0.999, "expected_version": found["version"]}
    assert door("PATCH", "/api/identity/matching", role="member", json=change).status_code == 403
    changed = door("PATCH", "/api/identity/matching", role="admin", json=change)
    assert changed.json()["certain_from"] == 0.999
    stale = door("PATCH", "/api/identity/matching", role="admin", json=change)
    assert stale.status_code == 409
    wrong = door(
        "PATCH", "/api/identity/matching", role="admin",
        json={"certain_from": 0.5, "review_from": 7, "assignee": "usr_999"},
    )  # fmt: skip
    assert wrong.status_code == 400
    assert {f["field"] for f in wrong.json()["error"]["faults"]} == {
        "certain_from", "review_from", "assignee",
    }  # fmt: skip
    off = door("PATCH", "/api/identity/matching", role="admin", json={"certain_from": None})
    assert off.json()["certain_from"] is None


def test_a_run_is_asked_for_once(door: Door) -> None:
    first = door("POST", "/api/identity/matching/runs", role="admin").json()
    again = door("POST", "/api/identity/matching/runs", role="admin").json()
    assert first["id"] == again["id"]
    assert (first["kind"], first["status"]) == ("full", "waiting")


def test_what_is_not_there_yet_says_so(door: Door) -> None:
    assert door("GET", "/api/identity/matching/model", role="reader").status_code == 404
    assert door("GET", "/api/identity/trust", role="reader").status_code == 404
    queue = door("GET", "/api/identity/review", role="reader").json()
    assert (queue["items"], queue["open"]) == ([], 0)
    nobody = door("GET", "/api/identity/duplicates?name=Ann%20Lee", role="reader").json()
    assert nobody["items"] == []
    bad = door("PUT", "/api/identity/matching/model.json", role="admin", content=b"{}")
    assert bad.status_code == 400
    assert "save_model_to_json" in bad.text
    batch = {"batch": 12345}
    assert door("POST", "/api/identity/review/undo", role="member", json=batch).status_code == 404
