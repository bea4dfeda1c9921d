"""Secrets that the database keeps for others (passwords, tokens) are sealed before they are stored.

The keys are no part of the database, so a dump of it holds none: they come from the setting
`secret_keys`, else from `secret.key` in the data folder, which is made (mode 0600) when it is first
needed. The first key seals, all of them open; so a key is changed by putting a new one before it
and sealing anew. What was stored before there were keys is read as it stands. The database knows
which key it goes by (a hash of it), so that nobody seals with one that the server does not have.
"""

import base64
import contextlib
import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from onefold.kernel import errors, limits
from onefold.kernel import settings as settings_
from onefold.storage.database import Connection

FILE = "secret.key"
_MARK = "sealed:"
_TOKEN = f"{_MARK}gAAAA"  # how every token of the first format begins
_DERIVE = b"onefold: secrets at rest\0"
MARK = "SELECT value FROM install_secret WHERE name = 'sealed_by'"
ADD_MARK = """
INSERT INTO install_secret (name, value) VALUES ('sealed_by', %s) ON CONFLICT (name) DO NOTHING
"""
SET_MARK = """
INSERT INTO install_secret (name, value) VALUES ('sealed_by', %s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""


class Box:
    """Seals and opens with keys that are texts of enough randomness."""

    def __init__(self, keys: Sequence[str]) -> None:
        ciphers = [Fernet(_derived(key)) for key in keys]
        self._first = ciphers[0]
        self.marks = [hashlib.sha256(_DERIVE + _derived(key)).digest() for key in keys]
        self._all = MultiFernet(ciphers)

    def seal(self, text: str) -> str:
        """The text as it may be stored; what is sealed, or empty, stays as it is."""
        if not text or is_sealed(text):
            return text
        return _MARK + self._all.encrypt(text.encode()).decode()

    def open(self, stored: str) -> str:
        """The inverse of `seal`. Raises `Unavailable` when it was sealed with none of the keys."""
        if not is_sealed(stored):
            return stored
        try:
            return self._all.decrypt(stored[len(_MARK) :].encode()).decode()
        except InvalidToken:
            raise errors.Unavailable(
                "A stored secret can't be read: its key is missing. Put back "
                f"`{FILE}` of the data folder or the key in ONEFOLD_SECRET_KEYS, "
                "or enter the secret again."
            ) from None

    def resealed(self, stored: str) -> str | None:
        """As the first key seals it; None where that has been done, or can't be."""
        if not stored:
            return None
        if not is_sealed(stored):
            return self.seal(stored)
        token = stored[len(_MARK) :].encode()
        with contextlib.suppress(InvalidToken):
            self._first.decrypt(token)
            return None
        with contextlib.suppress(InvalidToken):
            return _MARK + self._all.rotate(token).decode()
        return None


def is_sealed(stored: str) -> bool:
    """Whether a text is a sealed one, whatever its key."""
    return stored.startswith(_TOKEN)


def _derived(key: str) -> bytes:
    digest = hashlib.sha256(_DERIVE + key.encode()).digest()
    return base64.urlsafe_b64encode(digest)


_boxes: dict[settings_.Settings, Box] = {}
_chosen: settings_.Settings | None = None
_lock = threading.Lock()


def use(chosen: settings_.Settings) -> None:
    """Let this process seal and open with the keys of these settings."""
    global _chosen  # noqa: PLW0603 - one process, one data folder
    _chosen = chosen
    _boxes.pop(chosen, None)


def seal(conn: Connection, text: str) -> str:
    """The text as it may be stored, by this process' settings; a key is made if there is none.

    Raises `Conflict` when the database goes by a key that is not here.
    """
    if not text or is_sealed(text):
        return text
    one = _box()
    row = conn.execute(MARK).fetchone()
    if row is None:
        conn.execute(ADD_MARK, (one.marks[0],))
    elif row[0] not in one.marks:
        one = _box(again=True)
        if row[0] not in one.marks:
            raise errors.Conflict(
                "This database's secrets are sealed with another key than the one here. Name the "
                "server's folder with --data, or set ONEFOLD_SECRET_KEYS as the server has it."
            )
    return one.seal(text)


def unseal(stored: str) -> str:
    """The inverse of `seal`. Raises `Unavailable` when the key is missing."""
    try:
        return _box().open(stored)
    except errors.Unavailable:
        return _box(again=True).open(stored)  # another process put a new key into the file


def resealed(stored: str) -> str | None:
    """As the newest key seals it; None where that has been done, or can't be. See `renew`."""
    return _box(again=True).resealed(stored)


def renew(conn: Connection) -> None:
    """Let the database go by the newest key; the caller then has its secrets sealed anew."""
    conn.execute(SET_MARK, (_box(again=True).marks[0],))


def _box(*, again: bool = False) -> Box:
    chosen = _chosen or settings_.load()
    with _lock:
        if again or chosen not in _boxes:
            _boxes[chosen] = Box(_keys(chosen))
        return _boxes[chosen]


def rotate(chosen: settings_.Settings) -> None:
    """Put a new key before those in the file. Raises `Conflict` where a setting has the keys."""
    if chosen.secret_keys:
        raise errors.Conflict(
            "The keys come from ONEFOLD_SECRET_KEYS: put a new one first there, separated by a "
            "comma, and start the server again."
        )
    path = chosen.data / FILE
    with _lock:
        _write(path, [_new(), *_read(path)], new=False)
        _boxes.pop(chosen, None)


def _keys(chosen: settings_.Settings) -> list[str]:
    path = chosen.data / FILE
    given = [key.strip() for key in chosen.secret_keys.split(",") if key.strip()]
    for key in given:
        if len(key) < limits.secret_key_chars_min:
            raise errors.Conflict(
                f"A key in ONEFOLD_SECRET_KEYS has {len(key)} characters, and needs "
                f"{limits.secret_key_chars_min}. Make one with: openssl rand -base64 32"
            )
    if not given and not path.exists():
        _write(path, [_new()], new=True)
    return [*given, *_read(path)]


def _new() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _read(path: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    return []


def _write(path: Path, keys: Sequence[str], *, new: bool) -> None:
    """Whole or not at all; a `new` file gives way to one that another process made meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{FILE}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write("".join(f"{key}\n" for key in keys))
        out.flush()
        os.fsync(out.fileno())
    try:
        if new:
            with contextlib.suppress(FileExistsError):
                os.link(part, path)
        else:
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
