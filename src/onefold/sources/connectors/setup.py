"""Setting a connector up: add, install, configure, discover, choose, schedule, start, cancel.

What asks the connector something takes no connection: it may last minutes.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from onefold import sources
from onefold.kernel import clock, errors, limits, schedule
from onefold.kernel.viewer import Viewer
from onefold.sources.connectors import drive, hidden, model, rows, run, store
from onefold.storage import Connection


def add(
    conn: Connection,
    viewer: Viewer,
    *,
    name: str,
    protocol: str,
    command: list[str],
    package: str = "",
    category: str = "product",
    source_id: int | None = None,
) -> model.Connector:
    """A new connector, with a source of its own unless one is given. Raises `Invalid`."""
    viewer.must_admin()
    faults = []
    if protocol not in model.PROTOCOLS:
        faults.append(errors.Fault("protocol", "is not known.", "Use singer or airbyte."))
    if not command or not command[0].strip() or "\0" in "".join(command):
        faults.append(errors.Fault("command", "is empty.", "Give the connector's executable."))
    if len(command) > limits.connector_command_parts_max:
        faults.append(errors.Fault("command", "has too many parts.", "Use a script of your own."))
    if faults:
        raise errors.Invalid(*faults)
    if source_id is None:
        source_id = sources.create(conn, viewer, name, category).id
    else:
        sources.get(conn, viewer, source_id)
    clean = name.strip()[: limits.name_chars_max]
    return store.create(
        conn, viewer, name=clean, source_id=source_id, protocol=protocol, command=command,
        package=package,
    )  # fmt: skip


def install(package: str, executable: str, python: str, data: Path) -> str:
    """Put a pinned package into a virtual environment of its own; the executable's path.

    `package` is `name==version`: what runs tomorrow is what ran today. Raises `Invalid`.
    """
    name, pinned, version = package.partition("==")
    if (
        not pinned
        or not version
        or not (name + version)
        .replace("[", "")
        .replace("]", "")
        .replace(",", "")
        .replace("-", "")
        .replace("_", "")
        .replace(".", "")
        .isalnum()
    ):
        raise errors.Invalid(
            errors.Fault("package", "names no version.", "Write `tap-name==1.2.3`.")
        )
    home = (data / "connectors" / "environments" / package.replace("==", "-")).absolute()
    home.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    program = home / "bin" / (executable or name.partition("[")[0])
    if not program.exists():
        shutil.rmtree(home, ignore_errors=True)
        uv = shutil.which("uv")
        if uv:
            _do([uv, "venv", "--quiet", "--python", python or sys.executable, str(home)])
            _do([uv, "pip", "install", "--quiet", "--python", str(home / "bin/python"), package])
        else:
            _do([python or sys.executable, "-m", "venv", str(home)])
            _do([str(home / "bin/python"), "-m", "pip", "install", "--quiet", package])
    if not program.exists():
        found = ", ".join(sorted(p.name for p in (home / "bin").iterdir())[:20])
        raise errors.Invalid(
            errors.Fault("executable", f"`{program.name}` is not in `{package}`.", f"See: {found}.")
        )
    return str(program)


def _do(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=limits.connector_install_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise errors.Invalid(errors.Fault("package", f"can't be installed: {error}")) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-1_000:]
        raise errors.Invalid(
            errors.Fault("package", f"can't be installed: {said}", "Check its name and version.")
        )


def look(one: model.Connector, data: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Its spec; then its config checked and its streams found: the columns to store.

    `one` is as the runner sees it. `config` may hold masks for secrets that are set.
    """
    spec = drive.spec(one, data)
    full = hidden.keep(one.config, config)
    drive.check_config(spec, full)
    one = msgspec.structs.replace(one, spec=spec, config=full)
    drive.check(one, data)
    return {"spec": spec, "config": full, "catalog": drive.discover(one, data)}


def choose(
    conn: Connection,
    viewer: Viewer,
    connector_id: int,
    plans: dict[str, model.Plan | None],
) -> model.Connector:
    """Choose streams; None asks for the proposal. Raises `Invalid`."""
    viewer.must_admin()
    one = store.for_run(conn, connector_id, hold=True)
    known = {s.name: s for s in one.catalog}
    full = {
        name: plan if plan is not None or name not in known else rows.suggest(known[name])
        for name, plan in plans.items()
    }
    missing = [name for name, plan in full.items() if plan is None]
    if missing:
        raise errors.Invalid(
            *(errors.Fault(f"streams.{n}", "is no stream of it.", "See its list.") for n in missing)
        )
    whole = {name: plan for name, plan in full.items() if plan is not None}
    rows.check(one.catalog, whole)
    store.change(conn, viewer, connector_id, streams=whole)
    return store.get(conn, viewer, connector_id)


def set_schedule(
    conn: Connection, viewer: Viewer, connector_id: int, text: str, now_ms: int
) -> model.Connector:
    """Run it by the clock: `every 1h`, a cron line, or empty for by hand only."""
    viewer.must_admin()
    store.for_run(conn, connector_id, hold=True)
    often = schedule.parse(text)
    following = schedule.next_ms(often, now_ms)
    at = None if following is None else clock.to_datetime(following)
    store.change(conn, viewer, connector_id, schedule=often, next_at=at)
    return store.get(conn, viewer, connector_id)


def start(conn: Connection, viewer: Viewer, connector_id: int) -> model.Run:
    """Run it now. Raises `Conflict` when a run is open or nothing is chosen."""
    viewer.must_admin()
    one = store.for_run(conn, connector_id)
    if not one.streams:
        raise errors.Conflict(f"`{one.name}` has no streams chosen. Choose some first.")
    made = run.start(conn, connector_id)
    if made is None:
        raise errors.Conflict(f"A run of `{one.name}` is waiting or under way.")
    return made


def cancel(conn: Connection, viewer: Viewer, connector_id: int) -> model.Run:
    """Stop the run that is open; what is in the log stays, and the next goes on from there."""
    viewer.must_admin()
    for one in store.runs(conn, viewer, connector_id, 1):
        held = store.run(conn, viewer, one.id, hold=True)
        if held.open:
            now = clock.to_datetime(clock.now_ms())
            store.change_run(conn, held.id, status="cancelled", done_at=now)
            return store.run(conn, viewer, held.id)
    raise errors.Conflict("No run of it is open: there is nothing to stop.")
