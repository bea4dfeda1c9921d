"""A connector as a process: its own session, a bare environment, bounded lines, an orderly end.

Its stdout is read only as fast as rows are stored, so a fast connector waits in its pipe. Its
stderr is its log: the last lines are kept.
"""

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

import psutil

from onefold.kernel import errors, limits

_PASSED = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY",
           "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy")  # fmt: skip
_BLOCK_BYTES = 65_536


class Words:
    """The last lines that a connector said, without its secrets."""

    def __init__(self, scrub: Callable[[str], str], before: list[str] | None = None) -> None:
        self._scrub = scrub
        self._lines: deque[str] = deque(before or (), maxlen=limits.connector_words_max)
        self.at = time.monotonic()

    def add(self, text: str) -> None:
        """Note a line."""
        self.at = time.monotonic()
        clean = self._scrub(text.replace("\0", "�").rstrip())
        if clean:
            self._lines.append(clean[: limits.connector_word_chars_max])

    def list(self) -> list[str]:
        """The lines so far, the oldest first."""
        return list(self._lines)


class Process:
    """A connector under way. Use as a context: at the end nothing of it runs any more."""

    def __init__(
        self,
        command: list[str],
        folder: Path,
        words: Words,
        env: Mapping[str, str] | None = None,
    ) -> None:
        bare = {name: os.environ[name] for name in _PASSED if name in os.environ}
        bare |= {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1",
                 "DO_NOT_TRACK": "1", "AIRBYTE_OFFLINE_MODE": "1"}  # fmt: skip
        try:
            self._child = subprocess.Popen(
                command, cwd=folder, env={**bare, **(env or {})}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError, IndexError) as error:
            said = error.strerror if isinstance(error, OSError) else str(error)
            raise errors.Invalid(
                errors.Fault(
                    "command",
                    f"`{command[0] if command else ''}` can't be started: {said}.",
                    "Give the path of an executable, or install a package.",
                )
            ) from None
        self.words = words
        self.stopped = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        if self._child.poll() is None:
            self.stop()
        end_group(self._child.pid)  # what it started and left behind
        self._child.wait()
        self._listener.join(limits.connector_stop_s)
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None and not (pipe is self._child.stderr and self._listener.is_alive()):
                pipe.close()

    @property
    def mark(self) -> tuple[int, float]:
        """What tells this process from a later one with the same id."""
        return self._child.pid, _started(self._child.pid)

    def lines(
        self, most: int = limits.connector_line_bytes_max, idle_s: float | None = None
    ) -> Iterator[bytes | None]:
        """Its stdout line by line; None for a line of more than `most` bytes, whose bytes are not
        kept; with `idle_s` an empty one each time it says nothing for so long."""
        out = self._child.stdout
        assert out is not None  # noqa: S101 it is a pipe
        number = out.fileno()
        kept, skipping = bytearray(), False
        while True:
            if idle_s is not None and not select.select([number], [], [], idle_s)[0]:
                yield b""
                continue
            block = os.read(number, _BLOCK_BYTES)
            if not block:
                break
            first, *rest = block.split(b"\n")
            if not skipping:
                kept += first
                if len(kept) > most:
                    skipping = True
                    kept.clear()
            for part in rest:
                yield None if skipping else bytes(kept)
                skipping = False
                kept.clear()
                kept += part
        if skipping or kept:
            yield None if skipping else bytes(kept)

    def wait(self) -> int:
        """Its exit code, once stdout has ended."""
        try:
            return self._child.wait(limits.connector_stop_s)
        except subprocess.TimeoutExpired:
            self.stop()
            return self._child.wait()

    def stop(self) -> None:
        """End it, at first politely."""
        self.stopped.set()
        _signal(self._child.pid, signal.SIGTERM)
        try:
            self._child.wait(limits.connector_stop_s)
        except subprocess.TimeoutExpired:
            end_group(self._child.pid)

    def _listen(self) -> None:
        err: IO[bytes] | None = self._child.stderr
        assert err is not None  # noqa: S101 it is a pipe
        most = limits.connector_said_bytes_max
        while line := err.readline(most):
            # A longer line is cut where what is kept of it has long ended, so that no secret of a
            # config can lie across the cut.
            while not line.endswith(b"\n") and (rest := err.readline(most)):
                line = line[:most] + rest[-1:]
            self.words.add(line.decode("utf-8", "replace"))


def end_group(pid: int) -> None:
    """End a connector and all that it started."""
    _signal(pid, signal.SIGKILL)


def end_left(mark: object) -> None:
    """End a connector whose runner was killed, if it is still that process."""
    if isinstance(mark, list) and len(mark) == 2 and _started(mark[0]) == mark[1]:
        end_group(mark[0])


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _started(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0
