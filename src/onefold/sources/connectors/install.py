"""Packages of the package index, each in a virtual environment of its own in the data folder.

Made with `uv` where that is installed, else with `venv` and `pip`. A finished environment has a
file that says so: one that was left half done is made anew. The installer sees nothing of our
environment but what leads it to its index: a package's build may run code.
"""

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from onefold.kernel import errors, limits
from onefold.sources.connectors.drive import Begun, folder
from onefold.sources.connectors.process import Process, Words

_PINNED = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"  # name
    r"(\[[A-Za-z0-9._,-]+\])?==([A-Za-z0-9.+!_-]+)"  # extras, version
)
_PYTHON = re.compile(r"[A-Za-z0-9._/+-]{1,200}")
_DONE = ".onefold-done"
_TOOLS = ("PIP_", "UV_", "XDG_CONFIG_", "XDG_DATA_", "XDG_CACHE_")
_SCRIPTS = """
import importlib.metadata, json, sys
found = importlib.metadata.distribution(sys.argv[1]).entry_points
print(json.dumps([e.name for e in found if e.group == "console_scripts"]))
"""


def check(package: str, executable: str, python: str) -> list[errors.Fault]:
    """What is wrong with the names."""
    faults = []
    if not _PINNED.fullmatch(package) or len(package) > limits.name_chars_max:
        faults.append(
            errors.Fault("package", "names no version.", "Write `tap-name==1.2.3`: what runs "
                         "tomorrow is what ran today.")
        )  # fmt: skip
    if executable and Path(executable).name != executable:
        faults.append(errors.Fault("executable", "is no name of a program.", "Leave it empty."))
    if python and (not _PYTHON.fullmatch(python) or python.startswith("-")):
        faults.append(errors.Fault("python", "is no interpreter.", "Write `3.11`, or a path."))
    return faults


def home(package: str, python: str, data: Path) -> Path:
    """Where its environment is."""
    name = package if not python else f"{package} {python}"
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    label = re.sub(r"[^A-Za-z0-9.]+", "-", package)[:80]
    return (data / "connectors" / "environments" / f"{label}-{mark}").absolute()


def install(
    package: str, executable: str, python: str, data: Path, words: Words, begun: Begun
) -> str:
    """Install it, if it is not; its executable's path. Raises `Invalid`."""
    where = home(package, python, data)
    where.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with folder(data) as place:

        def do(command: list[str], said: Words) -> list[bytes]:
            return _do(command, place, said, begun)

        if not (where / _DONE).exists():
            shutil.rmtree(where, ignore_errors=True)
            interpreter = python or sys.executable
            uv = shutil.which("uv")
            words.add(f"Making a virtual environment for {package}")
            if uv:
                do([uv, "venv", "--python", interpreter, str(where)], words)
                step = [uv, "pip", "install", "--python", str(where / "bin/python"), package]
            else:
                do([_interpreter(interpreter), "-m", "venv", str(where)], words)
                step = [str(where / "bin/python"), "-m", "pip", "install", package]
            words.add(f"Installing {package}")
            do(step, words)
            (where / _DONE).touch()
        return _program(package, executable, where, words, do)


def remove(package: str, python: str, data: Path) -> None:
    """Drop its environment."""
    shutil.rmtree(home(package, python, data), ignore_errors=True)


def _interpreter(python: str) -> str:
    """`3.11` without uv is `python3.11` on the path."""
    return f"python{python}" if re.fullmatch(r"\d+(\.\d+)*", python) else python


def _program(
    package: str,
    executable: str,
    where: Path,
    words: Words,
    do: Callable[[list[str], Words], list[bytes]],
) -> str:
    """The executable: the one named, else the only one that the package has, or the likeliest."""
    found = _PINNED.fullmatch(package)
    name = found[1] if found else package
    if executable:
        names = [executable]
    else:
        lines = do([str(where / "bin/python"), "-c", _SCRIPTS, name], Words(str))
        try:
            names = msgspec.json.decode(lines[-1], type=list[str]) if lines else []
        except msgspec.MsgspecError:
            names = []
    likely = [n for n in names if n == name or n.startswith(("tap-", "source-"))]
    chosen = names if len(names) == 1 else likely[:1] if len(likely) == 1 else []
    if chosen and (where / "bin" / chosen[0]).exists():
        words.add(f"Its program is {chosen[0]}")
        return str(where / "bin" / chosen[0])
    shown = ", ".join(names[:20]) or "none"
    raise errors.Invalid(
        errors.Fault(
            "executable",
            f"`{executable or name}` is not among the programs of `{package}`: {shown}.",
            "Name one of them.",
        )
    )


def _do(command: list[str], place: Path, words: Words, begun: Begun) -> list[bytes]:
    env = {n: v for n, v in os.environ.items() if n.startswith(_TOOLS)}
    env["HOME"] = os.environ.get("HOME", "/")
    out: list[bytes] = []
    with Process(command, place, words, env) as child:
        begun(child)
        for line in child.lines():
            words.add((line or b"").decode("utf-8", "replace"))
            out = [*out[-20:], line or b""]
        code = child.wait()
    if code:
        last = " ".join(words.list()[-6:])[-1_000:]
        raise errors.Invalid(
            errors.Fault("package", f"can't be installed: {last}", "Check its name and version.")
        )
    return out
