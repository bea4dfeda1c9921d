"""Which process is the PostgreSQL of a folder?

A pid says little: the number in a stale `postmaster.pid` may belong to anything by now, after a
reboot or in a container almost surely. So each cluster has a name of its own, given to PostgreSQL
as `cluster_name` on its command line, from where its helper processes take it into their titles.
A postmaster is ours when the name and the folder agree. Command lines can be read across users
without special rights, unlike a process's working folder or open files.
"""

import contextlib
from pathlib import Path

import psutil

PID_FILE = "postmaster.pid"
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied)


def arguments(name: str, pgdata: Path, config: Path) -> list[str]:
    """The command line after `postgres`, by which `find` recognises the process."""
    return ["-D", str(pgdata), "-c", f"cluster_name={name}", "-c", f"config_file={config}"]


def find(name: str, pgdata: Path) -> psutil.Process | None:
    """The living postmaster of `pgdata`, whoever started it; None when there is none."""
    try:
        process = psutil.Process(int((pgdata / PID_FILE).read_bytes().split(b"\n", 1)[0]))
        return process if alive(process) and _serves(process, name, pgdata) else None
    except (OSError, ValueError, *_GONE):
        return None


def alive(process: psutil.Process) -> bool:
    """Whether this very process (not another with its number) still runs."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except _GONE:
        return False


def orphans(name: str) -> list[psutil.Process]:
    """Helper processes of the cluster whose postmaster is dead; they block a new one."""
    found = []
    for process in psutil.process_iter():
        try:
            title = process.cmdline()
            if title and title[0].startswith(f"postgres: {name}:"):
                parent = process.parent()
                if parent is None or parent.name() != "postgres":
                    found.append(process)
        except _GONE:
            continue
    return found


def work_done(process: psutil.Process) -> float:
    """A number that grows while the server or one of its helpers does anything."""
    total = 0.0
    for each in [process, *_children(process)]:
        with contextlib.suppress(*_GONE):
            times = each.cpu_times()
            total += times.user + times.system
        with contextlib.suppress(*_GONE, AttributeError, OSError):
            counters = each.io_counters()
            total += counters.read_count + counters.write_count
    return total


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except _GONE:
        return []


def _serves(process: psutil.Process, name: str, pgdata: Path) -> bool:
    line = process.cmdline()
    if f"cluster_name={name}" not in line or "-D" not in line:
        return False
    folder = Path(line[line.index("-D") + 1])
    with contextlib.suppress(OSError):
        if folder.samefile(pgdata):
            return True
    with contextlib.suppress(OSError, *_GONE):  # the folder was moved while the server runs
        return Path(process.cwd()).samefile(pgdata)
    return False
