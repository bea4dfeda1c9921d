"""The audit log: what is told of users, keys and log-ins, and that nobody changes it."""

import psycopg
import pytest

from onefold import crm, record, storage
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from tests.api.conftest import Door


def test_users_and_keys_leave_acts_and_a_disabled_users_sessions_end_for_good(
    door: Door, database: str
) -> None:
    with storage.connect(database) as conn:
        eve = crm.users.create(conn, SYSTEM, "eve@us.co", "Eve", "member", "long enough", 1)
        session = record.log_in(
            conn, "eve@us.co", "long enough", clock.now_ms(), throttle=record.Throttle()
        )
    where = f"/api/users/{eve.id}"
    assert door("PATCH", where, {"role": "reader"}, role="member").status_code == 403
    assert door("PATCH", "/api/users/usr_999", {}).status_code == 404
    assert door.faults("PATCH", where, {"role": "king"}) == ["role"]
    assert door.ok("PATCH", where, {"role": "reader"})["role"] == "reader"
    assert door.ok("PATCH", where, {"role": "reader"})["role"] == "reader"  # leaves no act
    door.client.cookies.set(record.SESSION_COOKIE, session.token)
    assert door.ok("GET", "/api/me", role=None)["role"] == "reader"
    assert door.ok("PATCH", where, {"enabled": False})["enabled"] is False
    assert door("GET", "/api/me", role=None).status_code == 401
    door.ok("PATCH", where, {"enabled": True})
    assert door("GET", "/api/me", role=None).status_code == 401
    door.client.cookies.clear()
    key = door.ok("POST", "/api/keys", {"name": "CI", "role": "reader"})
    for _ in range(2):
        door.ok("DELETE", f"/api/keys/{key['id']}")

    acts = door.ok("GET", "/api/audit?limit=7")["items"]
    admin = door.ok("GET", "/api/me")["id"].replace("_", ":")
    assert [(a["action"], a["subject"], a["actor"]) for a in acts] == [
        ("key.revoked", key["id"], admin),
        ("key.created", key["id"], admin),
        ("user.changed", eve.id, admin),
        ("user.changed", eve.id, admin),
        ("user.changed", eve.id, admin),
        ("login", eve.id, eve.id.replace("usr_", "user:")),
        ("user.created", eve.id, "system:0"),
    ]
    assert acts[4]["changes"] == {"role": {"from": "member", "to": "reader"}}
    assert key["secret"] not in str(acts)


def test_the_log_is_filtered_and_read_in_pages(door: Door) -> None:
    first = door.ok("GET", "/api/audit?action=key.created&limit=2")
    rest = door.ok("GET", f"/api/audit?action=key.created&before={first['next']}")
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    assert door.ok("GET", "/api/audit?actor=user:9")["items"] == []
    assert door.faults("GET", "/api/audit?action=nothing&before=-1&limit=0") == [
        "action", "before", "limit",
    ]  # fmt: skip
    assert door("GET", "/api/audit", role="member").status_code == 403


@pytest.mark.parametrize(
    "change", ["UPDATE audit SET actor = 'user:1'", "DELETE FROM audit", "TRUNCATE audit"]
)
def test_no_row_is_ever_changed(door: Door, database: str, change: str) -> None:
    with (
        storage.connect(database) as conn,
        pytest.raises(psycopg.errors.RaiseException, match="only ever added to"),
    ):
        conn.execute(change)
