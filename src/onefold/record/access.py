"""Who is at the door: API keys and page sessions become a `Viewer`.

Both doors (`api`, `web`) use this. Secrets are stored as SHA-256 only: they are 192 random bits, so
no slow hash is needed; passwords are the CRM's (argon2). A `Gate` remembers who signed in for
`sign_in_remembered_s`, so that most requests need no look-up and a revoked key works no longer
than that.
"""

import hashlib
import threading
from collections.abc import Callable
from datetime import datetime

import msgspec

from onefold import crm
from onefold.governance import audit
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import ROLES, Role, Viewer
from onefold.record import store
from onefold.record.connections import Connections
from onefold.record.errors import TooMany
from onefold.storage import Connection

KEY_PREFIX = "of_"
SESSION_PREFIX = "ofs_"
SESSION_COOKIE = "onefold_session"
CSRF_HEADER = "X-CSRF-Token"


class ApiKey(msgspec.Struct, frozen=True):
    """A key as lists show it; `hint` is its last four characters."""

    id: int
    name: str
    role: Role
    hint: str
    created_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class SignedIn(msgspec.Struct, frozen=True):
    """Who is asking. `csrf` is set for a session and must come with every change it makes."""

    viewer: Viewer
    csrf: str | None = None


class Session(msgspec.Struct, frozen=True):
    """A new log-in. `token` goes into the cookie and is nowhere else."""

    token: str
    signed_in: SignedIn
    expires_ms: int


# ── API keys ──────────────────────────────────────────────────────────────────────────────────────


def create_key(conn: Connection, viewer: Viewer, name: str, role: str) -> tuple[ApiKey, str]:
    """Make a key. Returns its row and the key itself, which can never be shown again."""
    viewer.must_admin()
    faults = []
    if not name.strip() or len(name) > limits.name_chars_max:
        faults.append(
            errors.Fault(
                "name",
                f"has {len(name)} characters; a key's name has 1 to {limits.name_chars_max}.",
                "Name it after the program that will use it.",
            )
        )
    if role not in ROLES:
        faults.append(
            errors.Fault("role", f"`{role}` is not a role.", f"Use one of {', '.join(ROLES)}.")
        )
    if faults:
        raise errors.Invalid(*faults)
    key = clock.token(KEY_PREFIX)
    row = store.insert_key(conn, name.strip(), role, _digest(key), key[-4:])
    subject = ids.api_id("key", row["id"])
    audit.note(conn, viewer, "key.created", subject, {"role": audit.Change(None, role)})
    return msgspec.convert(row, ApiKey), key


def list_keys(conn: Connection, viewer: Viewer) -> list[ApiKey]:
    """All keys, newest first, revoked ones last."""
    viewer.must_admin()
    return msgspec.convert(store.keys(conn), list[ApiKey])


def revoke_key(conn: Connection, viewer: Viewer, key_id: int, now_ms: int) -> ApiKey:
    """End a key for good. Revoking it twice changes nothing."""
    viewer.must_admin()
    held = store.lock_key(conn, key_id)
    row = store.revoke_key(conn, key_id, clock.to_datetime(now_ms))
    if row is None:
        raise errors.NotFound(f"There is no key `{key_id}`. List the keys to see their ids.")
    if held:
        audit.note(conn, viewer, "key.revoked", ids.api_id("key", key_id))
    return msgspec.convert(row, ApiKey)


def viewer_of_key(conn: Connection, key: str, now_ms: int) -> Viewer:
    """Who holds the key. Raises `NotSignedIn` when it is unknown or revoked.

    `used_at` is written at most once a minute.
    """
    found = store.key_by_hash(conn, _digest(key)) if key.startswith(KEY_PREFIX) else None
    if found is None:
        raise errors.NotSignedIn(
            "This API key is unknown or revoked. Make one with `onefold keys create`."
        )
    key_id, name, role, used_at = found
    now = clock.to_datetime(now_ms)
    if used_at is None or (now - used_at).total_seconds() > limits.key_used_every_s:
        store.touch_key(conn, key_id, now)
    return Viewer(kind="key", id=key_id, name=name, role=role)


# ── page sessions ─────────────────────────────────────────────────────────────────────────────────


class Throttle:
    """Failed log-ins of the last quarter of an hour, by e-mail and by address, in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: dict[str, list[int]] = {}

    def attempt(self, email: str, address: str, now_ms: int) -> None:
        """Count an attempt as failed until `forgive`. Raises `TooMany` past the limit."""
        since = now_ms - limits.login_window_s * 1000
        with self._lock:
            for name, most in self._named(email, address):
                recent = [t for t in self._failures.get(name, ()) if t > since]
                if len(recent) >= most:
                    retry_s = max(1, (recent[-most] - since) // 1000)
                    raise TooMany(
                        f"Too many failed log-ins. Try again in {-(-retry_s // 60)} min.", retry_s
                    )
            for name, _ in self._named(email, address):
                recent = [t for t in self._failures.pop(name, ()) if t > since]
                self._failures[name] = [*recent, now_ms]
            while len(self._failures) > limits.login_names_max:
                del self._failures[next(iter(self._failures))]

    def forgive(self, email: str, address: str) -> None:
        """The log-in succeeded: its e-mail starts anew, the address loses this one attempt."""
        with self._lock:
            (mail, _), *rest = self._named(email, address)
            self._failures.pop(mail, None)
            for name, _ in rest:
                if self._failures.get(name):
                    self._failures[name].pop()

    @staticmethod
    def _named(email: str, address: str) -> list[tuple[str, int]]:
        out = [(f"email {email.casefold()}", limits.login_email_failures_max)]
        if address:
            out.append((f"address {address}", limits.login_address_failures_max))
        return out


_throttle = Throttle()


def log_in(
    conn: Connection,
    email: str,
    password: str,
    now_ms: int,
    *,
    address: str = "",
    throttle: Throttle = _throttle,
) -> Session:
    """A new session for the user with this e-mail and password; `address` is the client's.

    Raises `NotSignedIn` (the same for an unknown e-mail and a wrong password) or `TooMany`.
    """
    email = email.strip()[: limits.email_chars_max]
    throttle.attempt(email, address, now_ms)
    user = crm.users.verify_password(conn, email, password)
    if user is None:
        raise errors.NotSignedIn("This e-mail and password do not match. Check both and try again.")
    throttle.forgive(email, address)
    viewer = crm.users.as_viewer(user)
    token, csrf = clock.token(SESSION_PREFIX), clock.token("")
    expires_ms = now_ms + limits.session_days * clock.DAY_MS
    store.end_expired_sessions(conn, clock.to_datetime(now_ms))
    store.insert_session(conn, _digest(token), viewer.id, csrf, clock.to_datetime(expires_ms))
    audit.note(conn, viewer, "login", ids.api_id("usr", viewer.id))
    return Session(token=token, signed_in=SignedIn(viewer, csrf), expires_ms=expires_ms)


def viewer_of_session(conn: Connection, token: str, now_ms: int) -> SignedIn:
    """Who is logged in. Raises `NotSignedIn` when the session ended or its user was disabled."""
    now = clock.to_datetime(now_ms)
    found = store.session(conn, _digest(token), now)
    if found is None:
        raise errors.NotSignedIn("Your session has ended. Log in again.")
    user_id, name, role, csrf = found
    return SignedIn(Viewer(kind="user", id=user_id, name=name, role=role), csrf)


def change_user(
    conn: Connection,
    viewer: Viewer,
    user_id: str,
    *,
    role: str | None = None,
    enabled: bool | None = None,
) -> crm.User:
    """A user with another role, or let in no longer: their sessions end, and stay ended.

    Raises what `crm.users.change` raises.
    """
    user = crm.users.change(conn, viewer, user_id, role=role, enabled=enabled)
    if not user.enabled:
        store.end_sessions_of(conn, ids.parse_id("usr", user.id))
    return user


def log_out(conn: Connection, token: str) -> None:
    """End a session; an unknown one is ended already."""
    store.end_session(conn, _digest(token))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


# ── the gate ──────────────────────────────────────────────────────────────────────────────────────


class Gate:
    """Signs requests in, and remembers for `sign_in_remembered_s`. Safe in threads."""

    def __init__(self, connections: Connections, now_ms: Callable[[], int] = clock.now_ms) -> None:
        self._connections = connections
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[int, SignedIn]] = {}

    def remembered(self, key: str | None, session: str | None) -> SignedIn | None:
        """Who signed in moments ago with this key or session; no I/O."""
        secret = key if key is not None else session
        if secret is None:
            return None
        found = self._known.get(_digest(secret))
        if found is None or self._now_ms() >= found[0]:
            return None
        return found[1]

    def sign_in(self, key: str | None, session: str | None) -> SignedIn:
        """Look a key, or else a session, up. Raises `NotSignedIn`. Blocks: call it in a thread."""
        now_ms = self._now_ms()
        with self._connections.open() as conn:
            if key is not None:
                signed_in = SignedIn(viewer_of_key(conn, key, now_ms))
            elif session is not None:
                signed_in = viewer_of_session(conn, session, now_ms)
            else:
                raise errors.NotSignedIn(
                    "Sign in first: send `Authorization: Bearer of_…` with an API key, or log in."
                )
        self._remember(key or session or "", now_ms, signed_in)
        return signed_in

    def forget(self, secret: str | None = None) -> None:
        """Look the next request up again: after a log-out or a revocation through this process."""
        with self._lock:
            if secret is None:
                self._known.clear()
            else:
                self._known.pop(_digest(secret), None)

    def _remember(self, secret: str, now_ms: int, signed_in: SignedIn) -> None:
        until_ms = now_ms + limits.sign_in_remembered_s * 1000
        with self._lock:
            if len(self._known) >= limits.sign_ins_remembered_max:
                self._known.clear()
            self._known[_digest(secret)] = (until_ms, signed_in)
