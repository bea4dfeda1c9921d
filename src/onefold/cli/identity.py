"""Identifier rules from the command line: `onefold identity …`."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import cyclopts
import msgspec

from onefold import storage
from onefold.app.jobs import Jobs, drain
from onefold.cli import database
from onefold.kernel import clock, errors, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import namespaces
from onefold.storage import Connection, jobs

_POLL_S = 0.2
_LISTS = ("verified", "blocked", "patterns", "types", "traits")
Data = Annotated[Path | None, cyclopts.Parameter(help="Folder of the server's data.")]

app = cyclopts.App(name="identity", help="Identifier rules: who may be one person.")


@app.command
def rules(*, data: Data = None, database_url: str | None = None) -> None:
    """List the namespaces that hold, as JSON on stdout."""
    with database.connected(data, database_url) as conn:
        found = namespaces.shown(conn, SYSTEM)
    progress = found["progress"]
    _say(f"version {found['version']}, {progress['state']} ({progress['percent']} %)")
    _print(found["items"])


@app.command
def rebuild(
    *, memory_mb: int | None = None, data: Data = None, database_url: str | None = None
) -> None:
    """Group everybody anew from the stored links, and compare with the live grouping.

    Writes nothing. As JSON on stdout; the exit code is 1 where something differs.

    Parameters
    ----------
    memory_mb: Memory it may take before it uses the disk.
    """
    from onefold.identity import rebuild as anew  # DuckDB only when asked for
    from onefold.kernel import limits

    with database.connected(data, database_url) as conn:
        found = anew.check(conn, SYSTEM, memory_mb or limits.rebuild_memory_mb)
    _say(
        f"{found.fragments:,} fragments, {found.links:,} links: {found.groups:,} people in "
        f"{found.seconds} s; {found.solved:,} components needed the rules"
    )
    _say(f"{found.different:,} fragments are grouped otherwise than live")
    print(msgspec.json.encode(found).decode())
    if found.different:
        raise SystemExit(1)


@app.command(name="set")
def set_(
    name: str,
    *changes: str,
    reason: str = "",
    yes: bool = False,
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Change a namespace or add one: say what that would do, and with --yes do it.

    Parameters
    ----------
    name: The namespace.
    changes: What changes: `limit=3`, `blocked=test,demo`, `kind=device`, `window_days=` for none.
    reason: Why, for the history.
    yes: Apply it after the preview.
    """
    given: dict[str, Any] = {"name": name}
    for text in changes:
        field, equals, value = text.partition("=")
        if not equals:
            fault = errors.Fault(text, "has no `=`.", "Write `limit=3`.")
            raise errors.Invalid(fault)
        given[field.strip()] = _value(field.strip(), value.strip())
    _change(data, database_url, yes, reason, lambda conn: namespaces.propose(
        conn, SYSTEM, [given], None, clock.now_ms()))  # fmt: skip


@app.command(name="import")
def import_(
    file: Path,
    *,
    reason: str = "",
    yes: bool = False,
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Read settings of Segment Unify (JSON): say what they would do, and with --yes apply them.

    Parameters
    ----------
    file: Identifiers with limits, priorities and blocked values.
    reason: Why, for the history.
    yes: Apply them after the preview.
    """
    if not file.is_file():
        raise errors.NotFound(f"There is no file `{file}`.")
    try:
        given = msgspec.json.decode(file.read_bytes())
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise errors.Invalid(errors.Fault("file", f"is not JSON: {error}.")) from None
    _change(data, database_url, yes, reason, lambda conn: namespaces.propose_segment(
        conn, SYSTEM, given, clock.now_ms()))  # fmt: skip


@app.command
def revert(
    version: int,
    *,
    reason: str = "",
    yes: bool = False,
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Go back to a former version: say what that would do, and with --yes do it.

    Parameters
    ----------
    version: The version, as `onefold identity history` numbers them.
    reason: Why, for the history.
    yes: Apply it after the preview.
    """
    _change(data, database_url, yes, reason, lambda conn: namespaces.propose_back(
        conn, SYSTEM, version, clock.now_ms()))  # fmt: skip


@app.command
def history(*, data: Data = None, database_url: str | None = None) -> None:
    """List the versions of the rules, newest first."""
    with database.connected(data, database_url) as conn:
        found = namespaces.history(conn, SYSTEM)["items"]
    for one in found:
        progress = one["progress"]
        why = f": {one['reason']}" if one["reason"] else ""
        print(f"{one['version']} {one['at'] or ''} {one['by']} {progress['state']}{why}")
        for change in one["changes"]:
            print(f"  {_told(change)}")


def _change(data: Path | None, database_url: str | None, yes: bool, reason: str, ask: Any) -> None:
    chosen = settings.load(data=data, database_url=database_url)
    with (
        database.located(data, database_url) as url,
        storage.connect(url, application="onefold-cli") as conn,
    ):
        found: namespaces.Previewed = ask(conn)
        conn.commit()
        if not jobs.served(conn):
            conn.commit()
            drain(Jobs(url, chosen), conn)
        found = _wait(conn, found["id"])
        for change in found["changes"]:
            _say(_told(change))
        _say(
            f"{found['people']:,} people: {found['merged']:,} would merge, {found['split']:,} "
            f"would come apart, {found['moved']:,} would give or get an identifier"
        )
        for one in found["examples"]:
            _say(f"  {one['what']}: {_sides(one['before'])} → {_sides(one['after'])}")
            _say(f"    {one['why']}")
        if yes:
            made = namespaces.apply(conn, SYSTEM, found["id"], reason, clock.now_ms())
            conn.commit()
            _say(f"version {made['version']} holds; it is replayed in the background")
            print(made["version"])
        else:
            _say("Nothing is changed. Add --yes to apply it.")
            print(found["id"])


def _wait(conn: Connection, ref: str) -> namespaces.Previewed:
    shown = -1
    while True:
        found = namespaces.preview(conn, SYSTEM, ref)
        conn.commit()
        if found["percent"] != shown and found["status"] == "running":
            shown = found["percent"]
            _say(f"looking at the links: {shown} %")
        if found["status"] not in ("waiting", "running"):
            break
        time.sleep(_POLL_S)
    if found["status"] != "done":
        raise errors.Conflict(f"The preview is {found['status']}. {found['error']}".strip())
    return found


def _value(field: str, value: str) -> Any:
    if field in _LISTS:
        return [part.strip() for part in value.split(",") if part.strip()]
    if value in ("", "null", "none"):
        return "" if field == "region" else None
    return int(value) if value.lstrip("-").isdigit() else value


def _sides(sides: list[namespaces.Side]) -> str:
    shown = (side["name"] or ", ".join(side["identifiers"][:3]) for side in sides)
    return " | ".join(shown)


def _told(change: namespaces.Change) -> str:
    if change["field"] == "name":
        return f"{change['namespace']}: {'new' if change['before'] is None else 'gone'}"
    before, after = (
        ", ".join(v) if isinstance(v, list | tuple) else v
        for v in (change["before"], change["after"])
    )
    return f"{change['namespace']}.{change['field']}: {before} → {after}"


def _print(value: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
