"""Imports by API: a file in the body, its mapping, a preview, a start."""

from onefold.kernel import limits
from tests.api.conftest import Door

FILE = b"user id,email,plan,seats\nu1,ann@acme.co,pro,5\nu2,bob@acme.co,free,many\n,,x,1\n"


def test_a_file_is_uploaded_mapped_previewed_and_started(door: Door) -> None:
    made = door("POST", "/api/imports?name=people.csv&target=people", content=FILE, role="admin")
    assert made.status_code == 201, made.text
    one = made.json()
    assert one["status"] == "draft"
    assert one["mapping"]["columns"]["user id"] == {"to": "user_id", "as": "text"}
    path = f"/api/imports/{one['id']}"
    mapping = one["mapping"]
    mapping["columns"]["seats"] = {"to": "traits.seats", "as": "number"}
    changed = door("PATCH", path, json={"mapping": mapping}, role="admin")
    assert changed.status_code == 200, changed.text
    seen = door("GET", f"{path}/preview", role="reader").json()
    assert (seen["rows"], seen["created"], seen["refused"]) == (3, 1, 2)
    assert [f["line"] for f in seen["faults"]] == [3, 4]
    started = door("POST", f"{path}/start", role="admin")
    assert started.json()["status"] == "waiting"
    assert door("POST", f"{path}/revert", role="admin").status_code == 409
    assert door("POST", f"{path}/cancel", role="admin").json()["status"] == "cancelled"
    listed = door("GET", "/api/imports", role="reader").json()
    assert listed["items"][0]["id"] == one["id"]


def test_a_large_file_is_no_fault_and_a_wrong_one_says_what_to_do(door: Door) -> None:
    large = FILE + b"u9,e@x.co,pro,1\n" * (limits.api_body_bytes_max // 10)
    made = door("POST", "/api/imports?name=f.csv&target=people", content=large, role="admin")
    assert made.status_code == 201, made.text
    wrong = door("POST", "/api/imports?name=f.csv", content=b"", role="admin")
    assert wrong.status_code == 400
    assert wrong.json()["error"]["faults"][0]["remedy"]
    wrong = door("POST", "/api/imports?name=f.csv&target=dogs", content=FILE, role="admin")
    assert wrong.json()["error"]["faults"][0]["field"] == "as"
