"""What the tests of the supervisor share: processes to kill, a table to keep."""

import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

SUPERVISOR = """
import os, sys, time
from pathlib import Path
from onefold.storage import Cluster
cluster = Cluster(Path(sys.argv[1]))
cluster.start()
child = os.fork() if sys.argv[2:] == ["fork"] else 0
if child or sys.argv[2:] != ["fork"]:
    print("pids", cluster.pid, child, flush=True)
time.sleep(600)
"""


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.02)


def supervise(data: Path, *words: str) -> tuple[subprocess.Popen[str], int, int]:
    """A supervisor in a process of its own; it, its postmaster's pid, its child's pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(data), *words], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("pids"):
            _, pid, child = line.split()
            break
    else:
        raise AssertionError("the supervisor ended early")
    process.stdout.close()
    return process, int(pid), int(child)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def put(url: str, n: int) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE IF NOT EXISTS kept (n integer)")
        conn.execute("INSERT INTO kept VALUES (%s)", (n,))


def kept(url: str) -> list[int]:
    with psycopg.connect(url) as conn:
        return [n for (n,) in conn.execute("SELECT n FROM kept ORDER BY n")]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)
