"""How the embedded PostgreSQL is made and tuned: `initdb`, postgresql.conf, pg_hba.conf.

The configuration is written anew at each start, so that a new version's tuning reaches old folders;
what the operator wants otherwise goes into HOME/local.conf, which is read last.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from onefold.storage.cluster_files import Layout
from onefold.storage.errors import ClusterFailed

# For two cores and a few gigabytes. Sizes of memory are per server but `work_mem`, per sort.
CONFIG = """\
# Written by Onefold at each start. Put your own settings into local.conf beside this file.
data_directory = '{pgdata}'
hba_file = '{home}/pg_hba.conf'
listen_addresses = ''
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
port = {port}
password_encryption = 'scram-sha-256'
max_connections = 100
superuser_reserved_connections = 3

shared_buffers = '256MB'
effective_cache_size = '1GB'
work_mem = '16MB'
maintenance_work_mem = '128MB'
dynamic_shared_memory_type = '{shared_memory}'
jit = off
random_page_cost = 1.1
max_worker_processes = 4
max_parallel_workers = 2
max_parallel_workers_per_gather = 1

# An answered request is on disk. Checkpoints are rare: a crash costs a longer recovery instead.
synchronous_commit = on
fsync = on
wal_buffers = '16MB'
wal_compression = off
min_wal_size = '512MB'
max_wal_size = '4GB'
checkpoint_timeout = '15min'
checkpoint_completion_target = 0.9

autovacuum_max_workers = 2
autovacuum_naptime = '20s'
autovacuum_vacuum_scale_factor = 0.1
autovacuum_analyze_scale_factor = 0.05
autovacuum_vacuum_cost_limit = 1000
client_connection_check_interval = '5s'

# A week of logs, one file a day of the week. Terse, as details quote customers' data.
logging_collector = on
log_directory = '{home}/log'
log_filename = 'postgresql-%a.log'
log_rotation_age = '1d'
log_rotation_size = 0
log_truncate_on_rotation = on
log_file_mode = 0600
log_line_prefix = '%m [%p] %a '
log_error_verbosity = terse
log_min_error_statement = panic
log_timezone = 'UTC'
timezone = 'UTC'
datestyle = 'iso, mdy'
default_text_search_config = 'pg_catalog.simple'
include = '{home}/local.conf'
"""

ACCESS = """\
# Written by Onefold at each start. By the socket, with a password; nothing else.
local all all scram-sha-256
"""
LOCAL = """\
# Your own settings, read last. Onefold never changes this file.
"""

_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - asked for its size, not written
_SHARED_MEMORY_BYTES = 256 << 20
_LOCALES = ("C.UTF-8", "C.utf8", "en_US.UTF-8", "C")


def write(layout: Layout) -> None:
    """Write the configuration where PostgreSQL may read it but not change it."""
    values = {
        "pgdata": _quoted(layout.pgdata),
        "home": _quoted(layout.home),
        "socket": _quoted(layout.socket),
        "port": layout.port,
        "shared_memory": _shared_memory(),
    }
    for path, text in (
        (layout.config, CONFIG.format(**values)),
        (layout.home / "pg_hba.conf", ACCESS),
        (layout.home / "local.conf", LOCAL),
    ):
        if path.name == "local.conf" and path.exists():
            continue
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        path.chmod(0o644)


def initialise(layout: Layout, binaries: Path) -> None:
    """Make `pgdata` when it is not there yet: all of it or, after a crash, nothing."""
    if layout.pgdata.exists():
        _check_version(layout, binaries)
        return
    for unfinished in layout.home.glob("new-*"):
        shutil.rmtree(unfinished)
    failures = []
    for locale in _LOCALES:
        work = Path(tempfile.mkdtemp(prefix="new-", dir=layout.home))
        try:
            failure = _initdb(layout, binaries, work, locale)
            if failure is None:
                (work / "pgdata").rename(layout.pgdata)
                _sync(layout.home)
                return
            failures.append(failure)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    raise ClusterFailed(f"initdb failed in `{layout.home}`:\n" + "\n".join(failures))


def major_version(binaries: Path) -> int:
    """The major version of the binaries' PostgreSQL: 18."""
    answer = subprocess.run(
        [binaries / "postgres", "--version"], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"\) (\d+)", answer)
    if found is None:
        raise ClusterFailed(f"`{binaries}/postgres --version` answered {answer!r}.")
    return int(found[1])


def _initdb(layout: Layout, binaries: Path, work: Path, locale: str) -> str | None:
    """Run initdb into `work`; the reason when it fails.

    The provider is PostgreSQL's own where it has one: names sort alike on every machine. The
    locale of libc still decides what a letter is for pg_trgm, so plain C is the last resort.
    """
    account = layout.account
    password = work / "password"
    password.touch(mode=0o600)
    password.write_text(layout.secrets.superuser + "\n", encoding="utf-8")
    if account.switch:
        for path in (work, password):
            os.chown(path, account.uid, account.gid)
    provider = (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if major_version(binaries) >= 17
        else ["--locale-provider=libc"]
    )
    done = account.run(
        [
            str(binaries / "initdb"), "-D", str(work / "pgdata"), "-U", "postgres", "-E", "UTF8",
            f"--locale={locale}", *provider, "--auth=scram-sha-256", f"--pwfile={password}",
        ]
    )  # fmt: skip
    return None if done.returncode == 0 else f"{locale}: {done.stderr.strip()}"


def _check_version(layout: Layout, binaries: Path) -> None:
    path = layout.pgdata / "PG_VERSION"
    try:
        there = int(path.read_text("ascii"))
    except (OSError, ValueError) as error:
        raise ClusterFailed(
            f"`{layout.pgdata}` is not a PostgreSQL folder ({error}). Restore it from a backup, or "
            "move it away to begin with an empty database."
        ) from error
    ours = major_version(binaries)
    if there != ours:
        raise ClusterFailed(
            f"`{layout.pgdata}` was made by PostgreSQL {there}, and these binaries are {ours}. "
            f"Dump it with the Onefold that has PostgreSQL {there} and restore it into a new "
            "folder: see docs/operations/postgres.md."
        )


def _shared_memory() -> str:
    """Posix shared memory, unless a container left too little of it."""
    try:
        room = os.statvfs(_SHARED_MEMORY)
    except OSError:
        return "mmap"
    return "posix" if room.f_bavail * room.f_frsize >= _SHARED_MEMORY_BYTES else "mmap"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''").replace("\\", "\\\\")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
