"""Users: who signs in. Passwords are kept as argon2 hashes and leave no trace in facts or logs."""

from typing import Any

import pwdlib
from pwdlib.hashers.argon2 import Argon2Hasher

from onefold.crm import fields
from onefold.crm import users_store as store
from onefold.crm.model import Row, User
from onefold.governance import audit
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import ROLES, Viewer
from onefold.storage import Connection

_hasher = pwdlib.PasswordHash((Argon2Hasher(),))
# Checked when no user has the e-mail, so that the time taken does not tell.
_NOBODY_HASH = _hasher.hash("nobody")
_FIELDS = (
    fields.Field("email", "email", limits.email_chars_max, required=True),
    fields.Field("name", required=True),
    fields.Field("role", "enum", options=ROLES, required=True),
)


def create(
    conn: Connection, viewer: Viewer, email: str, name: str, role: str, password: str, now_ms: int
) -> User:
    """A new user. Raises `Invalid` with every fault, `Conflict` when the e-mail is taken."""
    viewer.must_admin()
    values = {"email": email, "name": name, "role": role}
    columns, faults = fields.clean(_FIELDS, (), values, creating=True)
    least, most = limits.password_chars_min, limits.password_chars_max
    if not isinstance(password, str) or not least <= len(password) <= most:
        faults.append(
            errors.Fault("password", "is too short or too long.", f"Use {least} to {most} letters.")
        )
    if faults:
        raise errors.Invalid(*faults)
    row = store.insert_user(
        conn, columns["email"], columns["name"], columns["role"],
        _hasher.hash(password), clock.to_datetime(now_ms),
    )  # fmt: skip
    if row is None:
        raise errors.Conflict(f"There is a user with the e-mail `{columns['email']}` already.")
    audit.note(
        conn, viewer, "user.created", ids.api_id("usr", row["id"]),
        {"role": audit.Change(None, row["role"])},
    )  # fmt: skip
    return _present(row)


def change(
    conn: Connection,
    viewer: Viewer,
    user_id: str | int,
    *,
    role: str | None = None,
    enabled: bool | None = None,
) -> User:
    """A user with another role, or let in no longer; None leaves a field as it is.

    Raises `NotFound`, `Invalid`, or `Conflict` when nobody would be left to administer.
    """
    viewer.must_admin()
    if role is not None and role not in ROLES:
        raise errors.Invalid(
            errors.Fault("role", "is not a role.", f"Use one of {', '.join(ROLES)}.")
        )
    wanted = ids.parse_id("usr", user_id)
    admins = store.lock_admins(conn)
    row = store.lock_user(conn, wanted)
    if row is None:
        raise errors.NotFound(f"There is no user `{user_id}`. Check the id.")
    new_role = str(row["role"] if role is None else role)
    let_in = bool(row["enabled"] if enabled is None else enabled)
    if admins == [wanted] and (new_role != "admin" or not let_in):
        raise errors.Conflict("This is the last admin. Make somebody else an admin first.")
    changes = {
        field: audit.Change(row[field], value)
        for field, value in (("role", new_role), ("enabled", let_in))
        if row[field] != value
    }
    if not changes:
        return _present(row)
    audit.note(conn, viewer, "user.changed", ids.api_id("usr", wanted), changes)
    return _present(store.update_user(conn, wanted, new_role, let_in) or row)


def verify_password(conn: Connection, email: str, password: str) -> User | None:
    """The enabled user with this e-mail and password, else None. Takes the same time either way."""
    row = store.user_by_email(conn, email.strip().lower()) if "\0" not in email else None
    kept = str(row["password_hash"]) if row else _NOBODY_HASH
    right = len(password) <= limits.password_chars_max and _hasher.verify(password, kept)
    return _present(row) if right and row is not None and row["enabled"] else None


def get(conn: Connection, viewer: Viewer, user_id: str | int) -> User:
    """One user. Raises `NotFound`."""
    viewer.must_read()
    row = store.user(conn, ids.parse_id("usr", user_id))
    if row is None:
        raise errors.NotFound(f"There is no user `{user_id}`. Check the id.")
    return _present(row)


def by_email(conn: Connection, viewer: Viewer, email: str) -> User | None:
    """The user with this e-mail, enabled or not."""
    viewer.must_read()
    row = store.user_by_email(conn, fields.email("email", email))
    return _present(row) if row else None


def list_all(conn: Connection, viewer: Viewer) -> list[User]:
    """All users by name, disabled ones included."""
    viewer.must_read()
    return [_present(row) for row in store.users(conn)]


def as_viewer(user: User) -> Viewer:
    """The user as the one who asks."""
    role: Any = user.role
    return Viewer(kind="user", id=ids.parse_id("usr", user.id), name=user.name, role=role)


def _present(row: Row) -> User:
    return User(
        id=ids.api_id("usr", row["id"]),
        email=row["email"],
        name=row["name"],
        role=row["role"],
        enabled=row["enabled"],
        created_at=clock.iso(clock.from_datetime(row["created_at"])) or "",
    )
