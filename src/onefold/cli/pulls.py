"""Pulls from the command line: by the server when one runs, else here."""

import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from onefold import storage
from onefold.app.jobs import Jobs, drain
from onefold.cli import database
from onefold.kernel import clock, errors, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import pulling
from onefold.sources import imports, pulls
from onefold.storage import Connection, jobs

_POLL_S = 0.2
_KINDS = {"postgres": "postgresql", "mariadb": "mysql"}


class Wanted(msgspec.Struct, frozen=True):
    """What is to be read, as the options say it; None where the proposal is taken."""

    table: str
    query: str
    target: str
    mapped: list[str]
    constants: list[str]
    keys: list[str] | None
    cursor: str | None


def create(
    name: str,
    location: str,
    wanted: Wanted,
    every: str,
    category: str,
    password_file: str | None,
    dry_run: bool,
    data: Path | None,
    database_url: str | None,
) -> None:
    """Connect, look, choose; all or nothing."""
    chosen = settings.load(data=data, database_url=database_url)
    place, password = place_of(location)
    if password_file is not None:
        password = _read(password_file)
    with database.connected(data, database_url) as conn:
        made = pulls.setup.create(
            conn, SYSTEM, name=name, place=place, secret=password, category=category
        )
        one = pulls.store.for_run(conn, made.id)
        found = pulls.setup.look(one, wanted.table, wanted.query, wanted.target, chosen.pull_files)
        choice = pulls.setup.Choice(
            relation=wanted.table, query=wanted.query, target=wanted.target,
            mapping=_mapping(found.mapping, wanted),
            keys=found.keys if wanted.keys is None else wanted.keys,
            cursor_column=found.cursor_column if wanted.cursor is None else wanted.cursor,
            overlap=None, time_zone="UTC",
        )  # fmt: skip
        one = pulls.setup.check(one, found, choice)
        _tell(one)
        if dry_run:
            seen = pulling.preview(conn, SYSTEM, one, chosen.pull_files, None)
            _say(
                f"{seen.rows:,} rows: {seen.created:,} new, {seen.matched:,} known, "
                f"{seen.refused:,} refused"
            )
            for fault in seen.faults:
                _say(f"  {fault}")
            conn.rollback()
            return
        pulls.setup.choose(conn, SYSTEM, made.id, one)
        pulls.setup.set_schedule(conn, SYSTEM, made.id, every, True, clock.now_ms())
        conn.commit()
    print(made.api_id)


def place_of(location: str) -> tuple[pulls.Place, str]:
    """A place by its location, and the password in it. Raises `Invalid`."""
    head, colon, rest = location.partition(":")
    kind = _KINDS.get(head, head)
    if kind not in pulls.KINDS or not colon:
        raise errors.Invalid(
            errors.Fault(
                "location", f"`{head[:40]}` is no kind of database.",
                "Write `postgresql://user@host/database`, `sqlite:file.db` or `parquet:folder`.",
            )
        )  # fmt: skip
    if kind in pulls.FILES:
        return pulls.Place(kind, path=rest.removeprefix("//")), ""
    try:
        parts = urlsplit(location)
        port = parts.port or 0
    except ValueError:
        raise errors.Invalid(
            errors.Fault("location", "has no port that is one.", "Write `host:5432`.")
        ) from None
    query = parse_qs(parts.query)
    tls = query.get("tls", ["prefer"])[0]
    if tls not in pulls.TLS:
        raise errors.Invalid(
            errors.Fault("location", f"`tls={tls[:20]}` is not known.", "Use require.")
        )
    host = query.get("host", [parts.hostname or ""])[0]
    place = pulls.Place(
        kind, host=host, port=port, database=unquote(parts.path.strip("/")),
        user=unquote(parts.username or ""), tls=tls,
    )  # fmt: skip
    return place, unquote(parts.password or "")


def show(data: Path | None, database_url: str | None) -> None:
    """A line for each pull."""
    with database.connected(data, database_url) as conn:
        latest = pulls.store.latest(conn, SYSTEM)
        for one in pulls.store.list_all(conn, SYSTEM):
            run = latest.get(one.id)
            often = (one.schedule or "by hand") if one.enabled else "paused"
            print(
                one.api_id, one.name, one.place.kind, one.relation or "query", often,
                run.status if run else "never", sep="\t",
            )  # fmt: skip


def run(ref: str, data: Path | None, database_url: str | None) -> None:
    """Start a run and wait until it is over."""
    chosen = settings.load(data=data, database_url=database_url)
    with (
        database.located(data, database_url) as url,
        storage.connect(url, application="onefold-cli") as conn,
    ):
        made = pulling.start(conn, SYSTEM, pulling.number_of(ref))
        conn.commit()
        done = _wait(conn, url, chosen, made.id)
    _say(
        f"{done.read:,} rows: {done.created:,} new, {done.matched:,} known, "
        f"{done.unchanged:,} in already, {done.refused:,} refused"
    )
    for line in (*done.notes, *map(str, done.faults), *([done.error] if done.error else [])):
        _say(f"  {line}")
    print(done.status)
    if done.status != "done":
        sys.exit(1)


def runs(ref: str, data: Path | None, database_url: str | None) -> None:
    """A line for each run, newest first."""
    with database.connected(data, database_url) as conn:
        number = pulling.number_of(ref)
        pulls.store.get(conn, SYSTEM, number)
        for one in pulls.store.runs(conn, SYSTEM, number):
            seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
            print(
                one.id, one.status, one.read, one.created, one.matched, one.unchanged, one.refused,
                seconds, sep="\t",
            )  # fmt: skip


def _read(name: str) -> str:
    """A password's file, `-` for stdin."""
    if name == "-":
        return sys.stdin.read().rstrip("\n")
    try:
        return Path(name).read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeError):
        fault = errors.Fault("password-file", f"`{name}` can't be read.", "Check it.")
        raise errors.Invalid(fault) from None


def _mapping(proposed: imports.Mapping, wanted: Wanted) -> imports.Mapping:
    columns, constants = dict(proposed.columns), dict(proposed.constants)
    for text in wanted.mapped:
        name, to = _pair(text, "--map")
        to, _, kind = to.partition(":")
        for other, column in columns.items():
            if to and column.to == to and other != name:
                columns[other] = imports.Column()
        old = columns.get(name)
        kind = kind or (old.kind if old is not None and old.to == to else "text")
        columns[name] = imports.Column(to, kind)  # type: ignore[arg-type] # checked by set-up
    constants |= dict(_pair(text, "--set") for text in wanted.constants)
    taken = {column.to for column in columns.values()}
    return imports.Mapping(columns, {n: v for n, v in constants.items() if n not in taken})


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise errors.Invalid(
            errors.Fault(flag, f"`{text}` has no `=`.", "Write `mail=email` or `notes=`.")
        )
    return name.strip(), value.strip()


def _wait(conn: Connection, url: str, chosen: settings.Settings, run_id: int) -> pulls.Run:
    """Wait for the server; without one the work is done here."""
    if not jobs.served(conn):
        conn.commit()
        drain(Jobs(url, chosen), conn)
    shown = -1
    while True:
        one = pulls.store.run(conn, SYSTEM, run_id)
        conn.commit()
        if one.read != shown:
            shown = one.read
            _say(f"{one.status}: {shown:,} rows")
        if not one.open:
            return one
        time.sleep(_POLL_S)


def _tell(one: pulls.Pull) -> None:
    _say(f"{one.name}: rows are {one.target}")
    for name, column in one.mapping.columns.items():
        _say(f"  {name} → {column.to}" + (f" ({column.kind})" if column.kind != "text" else ""))
    for name, value in one.mapping.constants.items():
        _say(f"  {name} = {value}")
    _say(f"  cursor: {one.cursor_column or 'none'}; key: {', '.join(one.keys) or 'none'}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
