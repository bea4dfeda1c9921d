"""Imports from the command line: by the server when one runs, else here."""

import sys
import time
from pathlib import Path

import psycopg

from onefold import sources, storage
from onefold.app.jobs import Jobs, drain
from onefold.cli import database
from onefold.kernel import clock, errors, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import import_files, importing
from onefold.sources import imports
from onefold.storage import Connection, jobs

_POLL_S = 0.2


def run(
    file: Path,
    target: str | None,
    mapped: list[str],
    constants: list[str],
    source: str | None,
    dry_run: bool,
    data: Path | None,
    database_url: str | None,
) -> None:
    """Make an import of the file, say what it would do, run it and wait."""
    if not file.is_file():
        raise errors.NotFound(f"There is no file `{file}`.")
    chosen = settings.load(data=data, database_url=database_url)
    with (
        database.located(data, database_url) as url,
        storage.connect(url, application="onefold-cli") as conn,
    ):
        with file.open("rb") as opened:
            path = import_files.keep_file(chosen.data, file.name, opened)
        try:
            one = _draft(conn, path, file.name, target or "", source)
            one = _mapped(conn, one, mapped, constants)
            _tell_mapping(one)
            if dry_run:
                _tell_preview(importing.preview(conn, SYSTEM, one, rows_max=sys.maxsize))
        except Exception:
            path.unlink(missing_ok=True)
            raise
        if dry_run:
            path.unlink(missing_ok=True)
            conn.rollback()
            return
        importing.start(conn, SYSTEM, one.id)
        conn.commit()
        one = _wait_or_say(conn, url, chosen, one, ("done", "failed", "cancelled"))
        _tell_result(one)
    print(one.api_id)
    if one.status != "done":
        sys.exit(1)


def revert(ref: str, data: Path | None, database_url: str | None) -> None:
    """Ask for an import to be taken back and wait until it is."""
    chosen = settings.load(data=data, database_url=database_url)
    with (
        database.located(data, database_url) as url,
        storage.connect(url, application="onefold-cli") as conn,
    ):
        if not jobs.served(conn):
            raise errors.Unavailable("The server is not running. Start it first: onefold serve")
        one = importing.revert(conn, SYSTEM, importing.number_of(ref))
        conn.commit()
        one = _wait_or_say(conn, url, chosen, one, ("reverted", "failed"))
        for line in importing.report(conn, SYSTEM, one):
            _say(line)
    print(one.status)


def _draft(
    conn: Connection, path: Path, name: str, target: str, source: str | None
) -> imports.Import:
    source_id = None
    if source:
        found = [s for s in sources.list_all(conn, SYSTEM) if source in (s.key, s.api_id)]
        if not found:
            raise errors.NotFound(f"There is no source `{source}`. See: onefold sources list")
        source_id = found[0].id
    return importing.draft(
        conn, SYSTEM, path=path, name=name, target=target, now_ms=clock.now_ms(),
        source_id=source_id,
    )  # fmt: skip


def _mapped(
    conn: Connection, one: imports.Import, mapped: list[str], constants: list[str]
) -> imports.Import:
    if not mapped and not constants:
        return one
    columns = dict(one.mapping.columns)
    for text in mapped:
        name, to = _pair(text, "--map")
        columns = {
            c: imports.Column() if to and v.to == to and c != name else v
            for c, v in columns.items()
        }
        to, _, kind = to.partition(":")
        old = columns.get(name)
        kind = kind or (old.kind if old is not None and old.to == to else "text")
        columns[name] = imports.Column(to, kind)  # type: ignore[arg-type] # checked by set_up
    given = {**one.mapping.constants, **dict(_pair(text, "--set") for text in constants)}
    taken = {c.to for c in columns.values()}
    given = {n: v for n, v in given.items() if n not in taken}
    return importing.set_up(conn, SYSTEM, one.id, mapping=imports.Mapping(columns, given))


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise errors.Invalid(
            errors.Fault(flag, f"`{text}` has no `=`.", "Write `E-mail=email` or `Notes=`.")
        )
    return name.strip(), value.strip()


def _wait_or_say(
    conn: Connection,
    url: str,
    chosen: settings.Settings,
    one: imports.Import,
    ends: tuple[str, ...],
) -> imports.Import:
    """Wait; when the database goes away meanwhile, say so and how it goes on."""
    try:
        return _wait(conn, url, chosen, one.id, ends)
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        said = str(error).strip().splitlines()
        raise errors.Unavailable(
            f"PostgreSQL went away while {one.api_id} ran"
            + (f" ({said[0]})" if said else "")
            + f". What was committed is kept, and nothing counts twice: start the server again "
            f"(onefold serve), and {one.api_id} goes on by itself where it stopped. "
            f"See it on the page /imports/{one.api_id}."
        ) from error


def _wait(
    conn: Connection, url: str, chosen: settings.Settings, import_id: int, ends: tuple[str, ...]
) -> imports.Import:
    """Wait for the server; without one the work is done here."""
    if not jobs.served(conn):
        conn.commit()
        drain(Jobs(url, chosen), conn)
    shown = -1
    while True:
        one = imports.store.get(conn, SYSTEM, import_id)
        conn.commit()
        if one.rows_done != shown:
            shown = one.rows_done
            of = f" of about {one.rows_total:,}" if one.rows_total else ""
            _say(f"{one.status}: {shown:,} rows{of} ({one.percent} %)")
        if one.status in ends:
            return one
        time.sleep(_POLL_S)


def _tell_mapping(one: imports.Import) -> None:
    _say(f"{one.name} as {one.target} ({one.format.kind}, {one.format.encoding})")
    for name in importing.sample(one).columns:
        column = one.mapping.columns.get(name, imports.Column())
        if column.to:
            _say(f"  {name} → {column.to}" + (f" ({column.kind})" if column.kind != "text" else ""))
    for name, value in one.mapping.constants.items():
        _say(f"  {name} = {value}")


def _tell_preview(found: importing.Preview) -> None:
    _say(
        f"{found.rows:,} rows: {found.created:,} new, {found.matched:,} known, "
        f"{found.refused:,} refused{_filtered(found.filtered)}"
    )
    for fault in found.faults:
        _say(f"  {fault}")


def _tell_result(one: imports.Import) -> None:
    _say(
        f"{one.rows_done:,} rows: {one.created:,} new, {one.matched:,} known, "
        f"{one.unchanged:,} unchanged, {one.refused:,} refused{_filtered(one.filtered)}"
    )
    for fault in one.faults:
        _say(f"  {fault}")
    if one.refused > len(one.faults):
        _say(f"  … and {one.refused - len(one.faults):,} more")
    if one.error:
        _say(f"  {one.error}")


def _filtered(rows: int) -> str:
    return f", {rows:,} kept out by the source's rules" if rows else ""


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
