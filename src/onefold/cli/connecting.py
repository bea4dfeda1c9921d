"""Connectors from the command line: the work is done by the server when one runs, else here.

A config comes from a file or stdin, never from the command line, where others could read it.
"""

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml

from onefold import sources, storage
from onefold.app.jobs import Jobs, drain
from onefold.cli import database
from onefold.kernel import clock, errors, ids, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import connecting
from onefold.sources import connectors
from onefold.sources.connectors import setup, store
from onefold.storage import Connection, jobs

_POLL_S = 0.2


@contextmanager
def _opened(data: Path | None, database_url: str | None) -> Iterator[tuple[Connection, str]]:
    with (
        database.located(data, database_url) as url,
        storage.connect(url, application="onefold-cli") as conn,
    ):
        yield conn, url


def listed(data: Path | None, database_url: str | None) -> None:
    """Every connector, a line each."""
    with _opened(data, database_url) as (conn, _):
        last = store.last_runs(conn, SYSTEM)
        for one in store.list_all(conn, SYSTEM):
            newest = last.get(one.id)
            state = f"{newest.kind} {newest.status}" if newest else "new"
            print(f"{one.api_id}\t{one.name}\t{one.protocol}\t{len(one.streams)}\t{state}")


def create(
    name: str,
    protocol: str,
    package: str,
    command: str,
    executable: str,
    python: str,
    category: str,
    source: str | None,
    data: Path | None,
    database_url: str | None,
) -> None:
    """Add one and wait for its installation; its id is alone on the last line of stdout."""
    with _opened(data, database_url) as (conn, url):
        made = setup.add(
            conn, SYSTEM, name=name, protocol=protocol, command=shlex.split(command),
            package=package, executable=executable, python=python, category=category,
            source_id=None if source is None else _source(conn, source),
        )  # fmt: skip
        conn.commit()
        done = _wait(conn, url, data, made.id)
    print(made.api_id)
    _end(done)


def configure(ref: str, file: str, data: Path | None, database_url: str | None) -> None:
    """Send a config, wait for the check, print the streams."""
    text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    try:
        config = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise errors.Invalid(
            errors.Fault("file", f"is no JSON object: {error}.", "Correct it.")
        ) from None
    number = _number(ref)
    with _opened(data, database_url) as (conn, url):
        setup.configure(conn, SYSTEM, number, config)
        conn.commit()
        done = _wait(conn, url, data, number)
        if done.status == "done":
            for stream in store.get(conn, SYSTEM, number).catalog:
                print(stream.name)
    _end(done)


def streams(
    ref: str,
    read: list[str] | None,
    plans: Path | None,
    data: Path | None,
    database_url: str | None,
) -> None:
    """Choose streams, or say what they become: as the file of plans would have it."""
    number = _number(ref)
    with _opened(data, database_url) as (conn, _):
        if plans is not None:
            setup.choose(conn, SYSTEM, number, _plans(plans))
        elif read is not None:
            one = store.get(conn, SYSTEM, number)
            setup.choose(conn, SYSTEM, number, {name: one.streams.get(name) for name in read})
        conn.commit()
        one = store.get(conn, SYSTEM, number)
        shown = {
            stream.name: one.streams.get(stream.name) or setup.proposal(conn, one, stream)
            for stream in one.catalog
        }
    for name in shown:
        _say(f"{'read' if name in one.streams else 'proposed'}\t{name}")
    print(yaml.safe_dump(msgspec.to_builtins(shown), sort_keys=False, allow_unicode=True), end="")


def _plans(file: Path) -> dict[str, connectors.Plan | None]:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
        return msgspec.convert(found, dict[str, connectors.Plan | None])
    except (OSError, yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise errors.Invalid(
            errors.Fault("plans", f"`{file}` cannot be read: {error}.", "Write YAML or JSON.")
        ) from None


def preview(ref: str, stream: str, data: Path | None, database_url: str | None) -> None:
    """First rows, and what they would become."""
    number = _number(ref)
    with _opened(data, database_url) as (conn, url):
        setup.sample(conn, SYSTEM, number, [stream])
        conn.commit()
        done = _wait(conn, url, data, number)
        if done.status == "done":
            found = connecting.preview(conn, SYSTEM, number, stream, None, clock.now_ms())
            _say(
                f"{found.rows:,} rows: {found.created:,} new, {found.matched:,} known, "
                f"{found.refused:,} refused, {found.filtered:,} filtered"
            )
            for fault in found.faults:
                _say(f"  {fault}")
            for example in found.examples:
                print(msgspec.json.encode(example).decode())
    _end(done)


def run(ref: str, data: Path | None, database_url: str | None) -> None:
    """Read it and wait."""
    number = _number(ref)
    with _opened(data, database_url) as (conn, url):
        setup.start(conn, SYSTEM, number)
        conn.commit()
        done = _wait(conn, url, data, number)
    for name, counts in done.streams.items():
        _say(f"  {name}: {_counted(counts)}")
    for fault in done.faults:
        _say(f"  {fault}")
    print(_counted(done.counts))
    _end(done)


def runs(ref: str, data: Path | None, database_url: str | None) -> None:
    """Its runs, a line each."""
    with _opened(data, database_url) as (conn, _):
        found = store.runs(conn, SYSTEM, _number(ref), 100)
    for one in found:
        at = clock.iso(clock.from_datetime(one.created_at))
        print(f"{one.id}\t{at}\t{one.kind}\t{one.status}\t{_counted(one.counts)}\t{one.error}")
    for line in found[0].lines if found else ():
        _say(line)


def schedule(ref: str, often: str, data: Path | None, database_url: str | None) -> None:
    """Set when it runs."""
    with _opened(data, database_url) as (conn, _):
        one = setup.set_schedule(conn, SYSTEM, _number(ref), often, clock.now_ms())
        conn.commit()
    _say(f"`{one.name}` runs {one.schedule or 'by hand'}.")


def stop(ref: str, data: Path | None, database_url: str | None) -> None:
    """Stop its open run."""
    with _opened(data, database_url) as (conn, _):
        setup.cancel(conn, SYSTEM, _number(ref))
        conn.commit()
    _say("Stopped.")


def reset(ref: str, stream: str | None, data: Path | None, database_url: str | None) -> None:
    """Forget where it stands."""
    with _opened(data, database_url) as (conn, _):
        setup.reset(conn, SYSTEM, _number(ref), stream)
        conn.commit()
    _say("It begins anew.")


def delete(ref: str, data: Path | None, database_url: str | None) -> None:
    """Delete it; what is left of it goes with the next work of the server, or here."""
    chosen = settings.load(data=data)
    with _opened(data, database_url) as (conn, url):
        setup.delete(conn, SYSTEM, _number(ref))
        conn.commit()
        if not jobs.served(conn):
            conn.commit()
            drain(Jobs(url, chosen), conn)
    _say("Deleted.")


def _wait(conn: Connection, url: str, data: Path | None, number: int) -> connectors.Run:
    """Wait for the newest run's end, telling what is said; without a server it is done here."""
    conn.commit()
    if not jobs.served(conn):
        conn.commit()
        drain(Jobs(url, settings.load(data=data)), conn)
    told: list[str] = []
    while True:
        (one,) = store.runs(conn, SYSTEM, number, 1)
        conn.commit()
        new = one.lines[len(told) :] if one.lines[: len(told)] == told else one.lines[-1:]
        for line in new:
            _say(f"  {line}")
        told = one.lines
        if not one.open:
            return one
        time.sleep(_POLL_S)


def _end(done: connectors.Run) -> None:
    if done.status != "done":
        _say(f"onefold: {done.status}. {done.error}")
        sys.exit(1)


def _counted(n: connectors.Counts) -> str:
    return (
        f"{n.read:,} read, {n.appended:,} taken, {n.duplicates:,} known, {n.refused:,} refused, "
        f"{n.filtered:,} filtered"
    )


def _number(ref: str) -> int:
    return ids.parse_id("cnn", ref)


def _source(conn: Connection, key: str) -> int:
    for source in sources.list_all(conn, SYSTEM):
        if key in (source.key, source.api_id):
            return source.id
    raise errors.NotFound(f"There is no source `{key}`. See: onefold sources list")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
