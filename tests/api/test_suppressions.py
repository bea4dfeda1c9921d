"""Suppressions through the API."""

from tests.api.conftest import Door


def test_somebody_is_named_as_sources_send_them_and_listed_until_it_ends(door: Door) -> None:
    asked = {"namespace": "email", "value": " Ann@ACME.co", "reason": "asked by mail"}
    made = door("POST", "/api/suppressions", role="admin", json=asked)
    assert made.status_code == 201, made.text
    one = made.json()
    assert (one["namespace"], one["value"]) == ("email", "ann@acme.co")
    assert door("POST", "/api/suppressions", role="admin", json=asked).json() == one
    listed = door("GET", "/api/suppressions", role="reader").json()
    assert (listed["items"], listed["next"]) == ([one], None)
    for value in ("b@acme.co", "c@acme.co"):
        door("POST", "/api/suppressions", role="admin", json={**asked, "value": value})
    page = door("GET", "/api/suppressions?limit=2", role="reader").json()
    assert [i["value"] for i in page["items"]] == ["c@acme.co", "b@acme.co"]
    rest = door("GET", f"/api/suppressions?limit=2&cursor={page['next']}", role="reader").json()
    assert rest["items"] == [one]
    path = f"/api/suppressions/{one['id']}"
    assert door("DELETE", path, role="admin").status_code == 204
    assert door("DELETE", path, role="admin").status_code == 404


def test_a_value_that_identifies_nobody_is_refused_by_name(door: Door) -> None:
    answer = door(
        "POST", "/api/suppressions", role="admin", json={"namespace": "user_id", "value": "null"}
    )
    assert answer.status_code == 400, answer.text
    assert "identifies nobody" in answer.text
