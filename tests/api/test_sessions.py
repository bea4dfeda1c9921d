"""Page sessions at the API: the cookie signs in, changes need the session's token."""

import pytest

from onefold import crm, record, storage
from onefold.kernel.viewer import SYSTEM
from tests.api.conftest import Door

NOW = 1_760_000_400_000


@pytest.fixture
def session(database: str) -> record.Session:
    from onefold.kernel import clock

    with storage.connect(database) as conn:
        crm.users.create(conn, SYSTEM, "eve@us.co", "Eve", "member", "long enough", NOW)
        return record.log_in(
            conn, "eve@us.co", "long enough", clock.now_ms(), throttle=record.Throttle()
        )


def test_the_cookie_signs_in(door: Door, session: record.Session) -> None:
    door.client.cookies.set(record.SESSION_COOKIE, session.token)
    me = door("GET", "/api/me", role=None)
    assert me.json() == {"kind": "user", "id": "usr_1", "name": "Eve", "role": "member"}
    assert door("GET", "/api/keys", role=None).status_code == 403


def test_a_change_by_session_needs_its_token(door: Door, session: record.Session) -> None:
    door.client.cookies.set(record.SESSION_COOKIE, session.token)
    body = {"subject": "Call"}
    assert door("POST", "/api/tasks", body, role=None).status_code == 403
    wrong = {record.CSRF_HEADER: "guess"}
    assert door("POST", "/api/tasks", body, role=None, headers=wrong).status_code == 403
    odd = {record.CSRF_HEADER: "ä".encode("latin-1")}
    assert door("POST", "/api/tasks", body, role=None, headers=odd).status_code == 403
    right = {record.CSRF_HEADER: session.signed_in.csrf}
    assert door("POST", "/api/tasks", body, role=None, headers=right).status_code == 201


def test_a_key_needs_no_token_and_wins_over_the_cookie(door: Door, session: record.Session) -> None:
    door.client.cookies.set(record.SESSION_COOKIE, session.token)
    assert door.ok("GET", "/api/me", role="reader")["kind"] == "key"
    assert door("POST", "/api/tasks", {"subject": "Call"}, role="member").status_code == 201


def test_after_log_out_the_cookie_is_nothing(
    door: Door, session: record.Session, database: str
) -> None:
    door.client.cookies.set(record.SESSION_COOKIE, session.token)
    assert door("GET", "/api/me", role=None).status_code == 200
    with storage.connect(database) as conn:
        record.log_out(conn, session.token)
    door.client.app.state.gate.forget(session.token)
    assert door("GET", "/api/me", role=None).status_code == 401
