"""Install Debian packages when we may; say what to do when not. Standard library only."""

import os
import shutil
import subprocess
import sys


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def install(*packages: str) -> bool:
    """Install by apt as root or with a sudo that asks nothing; False when that is not possible."""
    if not shutil.which("apt-get"):
        return False
    if os.geteuid() == 0:
        prefix = []
    elif shutil.which("sudo") and _quiet(["sudo", "-n", "true"]):
        prefix = ["sudo", "-n"]
    else:
        return False
    say(f"installing {', '.join(packages)} by apt …")
    command = [
        *prefix, "env", "DEBIAN_FRONTEND=noninteractive",
        "apt-get", "install", "-y", "-q", "--no-install-recommends", *packages,
    ]  # fmt: skip
    if _quiet(command):
        return True
    _quiet([*prefix, "apt-get", "update", "-q"])
    return subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0


def how_to(*packages: str) -> str:
    """The command for the reader."""
    return f"    sudo apt-get install {' '.join(packages)}"


def _quiet(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
