"""Setting a connector up: add, configure, choose, schedule, start, stop, reset, delete.

Whatever asks the connector something is left to the process `jobs` as a run, which pages and the
API follow.
"""

import shutil
from typing import Any

from onefold import sources
from onefold.kernel import clock, errors, limits, schedule
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.sources.connectors import drive, hidden, install, messages, model, run, store, suggest
from onefold.storage import Connection


def add(
    conn: Connection,
    viewer: Viewer,
    *,
    name: str,
    protocol: str,
    command: list[str],
    package: str = "",
    executable: str = "",
    python: str = "",
    category: str = "product",
    source_id: int | None = None,
) -> model.Connector:
    """A new connector, with a source of its own unless one is given; its installation begins.

    `command` is an executable and its arguments; with a package the arguments alone. Raises
    `Invalid`.
    """
    viewer.must_admin()
    faults = _wrong(name, protocol, command, package, executable, python)
    if faults:
        raise errors.Invalid(*faults)
    if source_id is None:
        source_id = sources.create(conn, viewer, name, category).id
    elif sources.get(conn, viewer, source_id).test:
        raise errors.Invalid(
            errors.Fault(
                "source_id", "is a test source, whose items never become facts.", "Take another."
            )
        )
    made = store.create(
        conn, viewer, name=name.strip(), source_id=source_id, protocol=protocol, command=command,
        package=package, executable=executable, python=python,
    )  # fmt: skip
    run.start(conn, made.id, "install")
    return made


def _wrong(
    name: str, protocol: str, command: list[str], package: str, executable: str, python: str
) -> list[errors.Fault]:
    faults = []
    if not name.strip() or len(name.strip()) > limits.source_name_chars_max:
        faults.append(
            errors.Fault("name", f"must have 1 to {limits.source_name_chars_max} characters.", "")
        )
    if protocol not in model.PROTOCOLS:
        faults.append(errors.Fault("protocol", "is not known.", "Use singer or airbyte."))
    if len(command) > limits.connector_command_parts_max or "\0" in "".join(command):
        faults.append(errors.Fault("command", "has too many parts.", "Use a script of your own."))
    if package:
        faults += install.check(package, executable, python)
    elif not command or not command[0].strip():
        faults.append(
            errors.Fault("command", "is empty.", "Give an executable, or name a package.")
        )
    elif shutil.which(command[0]) is None:
        faults.append(
            errors.Fault(
                "command",
                f"`{command[0][:100]}` is no program of this machine.",
                "Give the whole path of an executable file.",
            )
        )
    return faults


def reinstall(
    conn: Connection,
    viewer: Viewer,
    connector_id: int,
    *,
    package: str | None = None,
    executable: str | None = None,
    python: str | None = None,
) -> model.Run:
    """Install it, or another version of its package, and ask for its spec again."""
    viewer.must_admin()
    one = store.for_run(conn, connector_id, hold=True)
    if one.package or package:
        if not one.package:
            raise errors.Conflict(f"`{one.name}` is an executable of yours, not a package.")
        columns = {
            "package": package or one.package,
            "executable": one.executable if executable is None else executable,
            "python": one.python if python is None else python,
        }
        faults = install.check(**columns)
        if faults:
            raise errors.Invalid(*faults)
        store.change(conn, viewer, connector_id, **columns)
    return _begin(conn, one, "install")


def configure(
    conn: Connection, viewer: Viewer, connector_id: int, config: dict[str, Any]
) -> model.Run:
    """A new config; a mask keeps the secret that is set. It holds once the connector takes it.

    Raises `Invalid` with what its schema refuses.
    """
    viewer.must_admin()
    one = store.for_run(conn, connector_id, hold=True)
    before = one.config if one.pending is None else one.pending
    full = hidden.keep(before, config)
    drive.check_config(one.spec, full)
    store.change(conn, viewer, connector_id, pending=full)
    return _begin(conn, one, "check")


def check(conn: Connection, viewer: Viewer, connector_id: int) -> model.Run:
    """Let it try its config again, and ask for its streams."""
    viewer.must_admin()
    one = store.for_run(conn, connector_id, hold=True)
    if not one.config and one.pending is None:
        raise errors.Conflict(f"`{one.name}` has no config yet. Give it one first.")
    return _begin(conn, one, "check")


def sample(conn: Connection, viewer: Viewer, connector_id: int, streams: list[str]) -> model.Run:
    """Ask for the first rows of streams, to see what they would become."""
    viewer.must_admin()
    one = store.for_run(conn, connector_id, hold=True)
    unknown = [name for name in streams if one.stream(name) is None]
    if unknown or not streams or len(streams) > limits.connector_samples_max:
        problem = f"`{unknown[0]}` is no stream of it." if unknown else "names none, or too many."
        raise errors.Invalid(
            errors.Fault("streams", problem, f"Name 1 to {limits.connector_samples_max}.")
        )
    return _begin(conn, one, "sample", {"streams": streams})


def choose(
    conn: Connection,
    viewer: Viewer,
    connector_id: int,
    plans: dict[str, model.Plan | None],
) -> model.Connector:
    """Choose streams; None asks for the proposal. Raises `Invalid`."""
    viewer.must_admin()
    one = store.for_run(conn, connector_id, hold=True)
    whole, faults = {}, []
    for name, plan in plans.items():
        stream = one.stream(name)
        if stream is None:
            faults.append(errors.Fault(f"streams.{name}", "is no stream of it.", "See its list."))
        else:
            whole[name] = plan or proposal(conn, one, stream)
    if faults:
        raise errors.Invalid(*faults)
    suggest.check(one.catalog, whole)
    store.change(conn, viewer, connector_id, streams=whole)
    return store.get(conn, viewer, connector_id)


def proposal(
    conn: Connection,
    one: model.Connector,
    stream: model.Stream,
    target: Any = None,
) -> model.Plan:
    """How a stream would best be taken, by its schema and the rows seen of it."""
    seen = store.sampled(conn, SYSTEM, one.id, stream.name)
    return suggest.plan(stream, seen, target)


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
    return _begin(conn, one, "read")


def cancel(conn: Connection, viewer: Viewer, connector_id: int) -> model.Run:
    """Stop the run that is open; what is in the log stays, and the next goes on from there."""
    viewer.must_admin()
    one = store.for_run(conn, connector_id)
    for last in store.runs(conn, viewer, connector_id, 1):
        held = store.run(conn, viewer, last.id, hold=True)
        if held.open:
            now = clock.to_datetime(clock.now_ms())
            store.change_run(conn, held.id, status="cancelled", done_at=now)
            if held.args.get("history"):
                sources.set_backfill(conn, SYSTEM, one.source_id, False)
            return store.run(conn, viewer, held.id)
    raise errors.Conflict("No run of it is open: there is nothing to stop.")


def reset(
    conn: Connection, viewer: Viewer, connector_id: int, stream: str | None = None
) -> model.Connector:
    """Let it begin anew, or one stream of it. Rows that are known stay known: they are duplicates
    when they come again. Raises `Conflict` while a run is open."""
    viewer.must_admin()
    one = store.for_run(conn, connector_id, hold=True)
    _idle(conn, one)
    state = None
    if stream is not None:
        if one.stream(stream) is None:
            raise errors.Invalid(errors.Fault("stream", "is no stream of it.", "See its list."))
        state = messages.without(one.state, stream)
        if state is None and one.state and len(one.streams) > 1:
            raise errors.Conflict(
                f"`{one.name}` keeps one state for all streams. Reset the whole of it."
            )
    store.change(conn, viewer, connector_id, state=state)
    return store.get(conn, viewer, connector_id)


def delete(conn: Connection, viewer: Viewer, connector_id: int) -> None:
    """Delete it, and in the background what is remembered of its rows. Its facts stay, as does its
    source. Raises `Conflict` while a run is open."""
    viewer.must_admin()
    one = store.for_run(conn, connector_id, hold=True)
    _idle(conn, one)
    run.start(conn, connector_id, "delete")
    now = clock.to_datetime(clock.now_ms())
    store.change(
        conn, viewer, connector_id, deleted_at=now, next_at=None, config={}, pending=None,
        state=None,
    )  # fmt: skip


def _idle(conn: Connection, one: model.Connector) -> None:
    if any(r.open for r in store.runs(conn, SYSTEM, one.id, 1)):
        raise errors.Conflict(f"A run of `{one.name}` is waiting or under way. Stop it first.")


def _begin(
    conn: Connection,
    one: model.Connector,
    kind: model.Kind,
    args: dict[str, Any] | None = None,
) -> model.Run:
    made = run.start(conn, one.id, kind, args)
    if made is None:
        raise errors.Conflict(f"A run of `{one.name}` is waiting or under way. Stop it first.")
    return made
