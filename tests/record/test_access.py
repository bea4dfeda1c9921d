"""Keys, sessions, log-ins, and the gate that remembers them."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold import crm, storage
from onefold.kernel import errors, ids, limits
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import access
from onefold.record.connections import Connections
from onefold.record.errors import TooMany

NOW = 1_760_000_000_000
MINUTE = 60_000


@pytest.fixture
def user(conn: storage.Connection) -> int:
    made = crm.users.create(conn, SYSTEM, "Ann@acme.test", "Ann", "member", "correct horse", NOW)
    conn.commit()
    return ids.parse_id("usr", made.id)


@pytest.fixture
def connections(database: str) -> Iterator[Connections]:
    with storage.pool(database, size=2) as pool:
        yield Connections(pool)


def test_a_key_signs_its_holder_in(conn: storage.Connection) -> None:
    row, key = access.create_key(conn, SYSTEM, "sync", "member")
    assert key.startswith("of_")
    assert key.endswith(row.hint)
    viewer = access.viewer_of_key(conn, key, NOW)
    assert viewer == Viewer(kind="key", id=row.id, name="sync", role="member")


def test_only_the_hash_of_a_key_is_stored(conn: storage.Connection) -> None:
    _, key = access.create_key(conn, SYSTEM, "sync", "reader")
    rows = conn.execute("SELECT api_key::text FROM api_key").fetchall()
    assert rows
    assert all(key not in text for (text,) in rows)


def test_a_revoked_key_is_unknown(conn: storage.Connection) -> None:
    row, key = access.create_key(conn, SYSTEM, "sync", "reader")
    access.revoke_key(conn, SYSTEM, row.id, NOW)
    again = access.revoke_key(conn, SYSTEM, row.id, NOW + MINUTE)
    assert again.revoked_at is not None
    assert again.revoked_at.timestamp() * 1000 == NOW
    with pytest.raises(errors.NotSignedIn):
        access.viewer_of_key(conn, key, NOW)


NO_KEYS = ["", "of_", "of_unknown", "Bearer of_x", "of_\ud800", "of_\0"]


def test_what_is_no_key_is_not_signed_in(conn: storage.Connection) -> None:
    for key in NO_KEYS:
        with pytest.raises(errors.NotSignedIn):
            access.viewer_of_key(conn, key, NOW)


def test_last_use_is_written_at_most_once_a_minute(conn: storage.Connection) -> None:
    _, key = access.create_key(conn, SYSTEM, "sync", "reader")
    seen = []
    for at in (NOW, NOW + 30_000, NOW + 61_000):
        access.viewer_of_key(conn, key, at)
        (found,) = access.list_keys(conn, SYSTEM)
        assert found.used_at
        seen.append(int(found.used_at.timestamp() * 1000))
    assert seen == [NOW, NOW, NOW + 61_000]


def test_only_admins_make_and_see_keys(conn: storage.Connection) -> None:
    member = Viewer(kind="user", id=1, name="Ann", role="member")
    with pytest.raises(errors.Forbidden):
        access.create_key(conn, member, "mine", "reader")
    with pytest.raises(errors.Forbidden):
        access.list_keys(conn, member)
    with pytest.raises(errors.Forbidden):
        access.revoke_key(conn, member, 1, NOW)


def test_all_faults_of_a_new_key_are_named(conn: storage.Connection) -> None:
    with pytest.raises(errors.Invalid) as caught:
        access.create_key(conn, SYSTEM, " ", "root")
    assert [f.field for f in caught.value.faults] == ["name", "role"]


def test_a_log_in_lasts_until_log_out(conn: storage.Connection, user: int) -> None:
    session = access.log_in(conn, "ann@ACME.test", "correct horse", NOW, throttle=access.Throttle())
    signed_in = access.viewer_of_session(conn, session.token, NOW)
    assert signed_in.viewer == Viewer(kind="user", id=user, name="Ann", role="member")
    assert signed_in.csrf == session.signed_in.csrf
    access.log_out(conn, session.token)
    with pytest.raises(errors.NotSignedIn):
        access.viewer_of_session(conn, session.token, NOW)


def test_a_session_ends_by_itself_and_with_its_user(conn: storage.Connection, user: int) -> None:
    session = access.log_in(conn, "ann@acme.test", "correct horse", NOW, throttle=access.Throttle())
    with pytest.raises(errors.NotSignedIn):
        access.viewer_of_session(conn, session.token, session.expires_ms)
    conn.execute("UPDATE app_user SET enabled = false WHERE id = %s", (user,))
    with pytest.raises(errors.NotSignedIn):
        access.viewer_of_session(conn, session.token, NOW)


WRONG_LOG_INS = [
    ("ann@acme.test", "wrong"),
    ("bob@acme.test", "correct horse"),
    ("ann@acme.test", "x" * 100_000),
    ("ann\0@acme.test", "correct horse"),
    ("", ""),
]


def test_wrong_log_ins_all_sound_alike(conn: storage.Connection, user: int) -> None:
    for email, password in WRONG_LOG_INS:
        with pytest.raises(errors.NotSignedIn, match="do not match"):
            access.log_in(conn, email, password, NOW, throttle=access.Throttle())


def test_guessing_is_slowed_by_email_and_the_right_password_must_wait(
    conn: storage.Connection, user: int
) -> None:
    throttle = access.Throttle()
    for _ in range(limits.login_email_failures_max):
        with pytest.raises(errors.NotSignedIn):
            access.log_in(conn, "ann@acme.test", "wrong", NOW, throttle=throttle)
    with pytest.raises(TooMany) as caught:
        access.log_in(conn, "ANN@acme.test", "correct horse", NOW, throttle=throttle)
    later = NOW + caught.value.retry_s * 1000
    access.log_in(conn, "ann@acme.test", "correct horse", later, throttle=throttle)


def test_guessing_is_slowed_by_address_over_many_emails() -> None:
    throttle = access.Throttle()
    for i in range(limits.login_address_failures_max):
        throttle.attempt(f"{i}@acme.test", "10.0.0.1", NOW)
    with pytest.raises(TooMany):
        throttle.attempt("new@acme.test", "10.0.0.1", NOW)
    throttle.attempt("new@acme.test", "10.0.0.2", NOW)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2_000_000)), max_size=60))
def test_never_more_failures_within_a_window_than_the_limit(tries: list[tuple[str, int]]) -> None:
    throttle, heard = access.Throttle(), {}
    now = NOW
    for email, gap in tries:
        now += gap
        try:
            throttle.attempt(email, "", now)
        except TooMany:
            continue
        heard.setdefault(email, []).append(now)
    window = limits.login_window_s * 1000
    for times in heard.values():
        for start in times:
            inside = [t for t in times if start <= t < start + window]
            assert len(inside) <= limits.login_email_failures_max


def test_the_throttle_forgets_the_oldest_names_first() -> None:
    throttle = access.Throttle()
    for i in range(limits.login_names_max + 5):
        throttle.attempt(f"{i}@acme.test", "", NOW)
    assert len(throttle._failures) == limits.login_names_max
    assert "email 0@acme.test" not in throttle._failures


def test_the_gate_remembers_for_two_seconds_and_no_longer(
    conn: storage.Connection, connections: Connections
) -> None:
    row, key = access.create_key(conn, SYSTEM, "sync", "reader")
    conn.commit()
    now = [NOW]
    gate = access.Gate(connections, lambda: now[0])
    assert gate.remembered(key, None) is None
    gate.sign_in(key, None)
    access.revoke_key(conn, SYSTEM, row.id, NOW)
    conn.commit()
    assert gate.remembered(key, None) is not None
    now[0] += limits.sign_in_remembered_s * 1000
    assert gate.remembered(key, None) is None
    with pytest.raises(errors.NotSignedIn):
        gate.sign_in(key, None)


def test_the_gate_forgets_on_log_out(
    conn: storage.Connection, user: int, connections: Connections
) -> None:
    session = access.log_in(conn, "ann@acme.test", "correct horse", NOW, throttle=access.Throttle())
    conn.commit()
    gate = access.Gate(connections, lambda: NOW)
    gate.sign_in(None, session.token)
    gate.forget(session.token)
    assert gate.remembered(None, session.token) is None


def test_without_a_key_or_session_the_answer_says_what_to_send(connections: Connections) -> None:
    with pytest.raises(errors.NotSignedIn, match="Authorization: Bearer"):
        access.Gate(connections).sign_in(None, None)
