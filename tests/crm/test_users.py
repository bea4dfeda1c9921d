"""Users: made by admins, known by password, never telling it."""

import pytest

from onefold import crm, storage
from onefold.kernel import errors
from onefold.kernel.viewer import SYSTEM, Viewer

NOW = 1_796_000_000_000
SECRET = "correct horse battery"


@pytest.fixture
def ann(conn: storage.Connection) -> crm.User:
    return crm.users.create(conn, SYSTEM, "Ann@Acme.co", "Ann", "member", SECRET, NOW)


def test_the_right_password_opens_and_others_do_not(
    conn: storage.Connection, ann: crm.User
) -> None:
    assert crm.users.verify_password(conn, " ANN@acme.co", SECRET) == ann
    for email, password in (
        ("ann@acme.co", SECRET + "x"), ("ann@acme.co", ""), ("bob@acme.co", SECRET),
        ("ann@acme.co\0", SECRET), ("ann@acme.co", SECRET + "x" * 300),
    ):  # fmt: skip
        assert crm.users.verify_password(conn, email, password) is None
    conn.execute("UPDATE app_user SET enabled = false")
    assert crm.users.verify_password(conn, "ann@acme.co", SECRET) is None


def test_users_are_read_without_their_secrets(conn: storage.Connection, ann: crm.User) -> None:
    assert crm.users.get(conn, SYSTEM, ann.id) == ann
    assert crm.users.by_email(conn, SYSTEM, "ann@ACME.co") == ann
    assert crm.users.by_email(conn, SYSTEM, "bob@acme.co") is None
    assert crm.users.list_all(conn, SYSTEM) == [ann]
    assert crm.users.as_viewer(ann) == Viewer("user", int(ann.id[4:]), "Ann", "member")
    assert "password" not in "".join(ann.__struct_fields__)
    row = conn.execute("SELECT password_hash FROM app_user").fetchone()
    assert row is not None
    assert row[0].startswith("$argon2")
    with pytest.raises(errors.NotFound):
        crm.users.get(conn, SYSTEM, 999)


def test_an_address_has_one_user(conn: storage.Connection, ann: crm.User) -> None:
    with pytest.raises(errors.Conflict, match=r"ann@acme\.co"):
        crm.users.create(conn, SYSTEM, "ANN@acme.co", "Other", "reader", SECRET, NOW)


def test_faults_of_a_new_user_come_together_and_do_not_repeat_the_password(
    conn: storage.Connection,
) -> None:
    with pytest.raises(errors.Invalid) as caught:
        crm.users.create(conn, SYSTEM, "nobody", "", "owner", "tiny", NOW)
    assert [f.field for f in caught.value.faults] == ["email", "role", "name", "password"]
    assert "tiny" not in str(caught.value)


def test_only_admins_make_users(conn: storage.Connection, rep: Viewer, facts: object) -> None:
    with pytest.raises(errors.Forbidden):
        crm.users.create(conn, rep, "x@acme.co", "X", "admin", SECRET, NOW)


def test_the_last_admin_stays_and_faults_are_told(conn: storage.Connection, ann: crm.User) -> None:
    boss = crm.users.create(conn, SYSTEM, "bo@acme.co", "Bo", "admin", SECRET, NOW)
    for change in ({"role": "member"}, {"enabled": False}):
        with pytest.raises(errors.Conflict, match="last admin"):
            crm.users.change(conn, SYSTEM, boss.id, **change)
    assert crm.users.change(conn, SYSTEM, ann.id, role="admin").role == "admin"
    assert crm.users.change(conn, SYSTEM, boss.id, enabled=False).enabled is False
    with pytest.raises(errors.Invalid):
        crm.users.change(conn, SYSTEM, ann.id, role="owner")
    with pytest.raises(errors.NotFound):
        crm.users.change(conn, SYSTEM, 999_999, role="reader")
    member = Viewer("user", 1, "M", "member")
    with pytest.raises(errors.Forbidden):
        crm.users.change(conn, member, ann.id, role="admin")
