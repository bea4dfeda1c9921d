"""`onefold serve`: starts PostgreSQL, the HTTP process, worker and jobs, and keeps them running.

A child that ends is started again after a pause that doubles up to `_PAUSE_MAX_S`; an embedded
PostgreSQL that ends is started again first. Stopping goes the other way round: HTTP (nothing new is
accepted), jobs, worker, PostgreSQL.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import structlog

from onefold import storage
from onefold.kernel.settings import Settings

_PAUSE_S = 0.2
_PAUSE_MAX_S = 5.0
_STOP_S = 20
_STEADY_S = 10

# What is freed goes back to the system: threads that each keep theirs, and blocks of a large batch
# that stay for the next one, would double the memory.
_MALLOC = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "1000000",
    "MALLOC_TRIM_THRESHOLD_": "8000000",
}

logger = structlog.get_logger("onefold.supervisor")


class Child:
    """One process and when it may be started again."""

    def __init__(self, name: str, env: dict[str, str]) -> None:
        self.name = name
        self.env = env
        self.process: subprocess.Popen[bytes] | None = None
        self.pause_s = _PAUSE_S
        self.started = 0.0
        self.not_before = 0.0

    def watch(self) -> None:
        """Start the process when it is not running and its pause is over."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is None:
            if now - self.started > _STEADY_S:
                self.pause_s = _PAUSE_S
            return
        if self.process is not None:
            logger.warning("process ended", child=self.name, code=self.process.returncode)
            self.process = None
            self.not_before = now + self.pause_s
            self.pause_s = min(self.pause_s * 2, _PAUSE_MAX_S)
        if now >= self.not_before:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "onefold.app.process", self.name],
                env=self.env,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops in order
            )
            self.started = now

    def stop(self) -> None:
        """End the process: politely, then not."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            logger.warning("process killed", child=self.name)
            self.process.kill()
            self.process.wait()


class Supervisor:
    """The processes of one server."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.cluster = None if settings.database_url else storage.Cluster(settings.data)
        self.url = settings.database_url
        self.children: list[Child] = []

    def start(self) -> str:
        """Start PostgreSQL, migrate, start the processes. Returns the database's URL."""
        if self.cluster is not None:
            self.url = self.cluster.start()
        storage.migrate(self.url)
        metrics = self.settings.data / "run" / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir(parents=True, mode=0o700)
        env = {
            **_MALLOC,
            **os.environ,
            "ONEFOLD_DATABASE_URL": self.url,
            "ONEFOLD_DATA": str(self.settings.data),
            "ONEFOLD_HOST": self.settings.host,
            "ONEFOLD_PORT": str(self.settings.port),
            "ONEFOLD_LOG_LEVEL": self.settings.log_level,
            "ONEFOLD_LOG_FORMAT": self.settings.log_format,
            "ONEFOLD_PUBLIC_URL": self.settings.public_url,
            "ONEFOLD_SUPERVISOR": str(os.getpid()),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        }
        self.children = [Child(name, env) for name in ("worker", "jobs", "http")]
        self._watch()
        return self.url

    def run(self, stop: threading.Event) -> None:
        """Watch until `stop` is set, then stop everything."""
        try:
            while not stop.wait(0.1):
                self._watch()
        finally:
            self.stop()

    def _watch(self) -> None:
        if self.cluster is not None and not self.cluster.is_running():
            logger.warning("PostgreSQL ended, starting it again")
            self.cluster.start()
        for child in self.children:
            child.watch()

    def stop(self) -> None:
        """Stop in order: HTTP, jobs, worker, PostgreSQL."""
        for child in reversed(self.children):
            child.stop()
        if self.cluster is not None:
            self.cluster.stop()
