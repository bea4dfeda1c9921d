"""The lake from the command line: what it holds, its files, and questions in SQL."""

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import cyclopts
import msgspec
from pyiceberg.io.pyarrow import PyArrowFileIO

from onefold import lake, log, storage
from onefold.cli import database
from onefold.kernel import clock, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import history
from onefold.storage import Connection

app = cyclopts.App(name="lake", help="History as Iceberg tables.")
Data = Annotated[Path | None, cyclopts.Parameter(help="Folder of the server's data.")]
Name = Literal["facts", "identifiers", "people", "accounts", "person_accounts", "memberships"]


@contextmanager
def _opened(data: Path | None, database_url: str | None) -> Iterator[tuple[Connection, lake.Lake]]:
    chosen = settings.load(data=data, database_url=database_url)
    with (
        database.located(data, database_url) as url,
        storage.connect(url, application="onefold-cli") as conn,
        history.open_lake(url, chosen) as one,
    ):
        yield conn, one


@app.command
def status(*, data: Data = None, database_url: str | None = None) -> None:
    """What each table holds, and how far the lake is behind, as JSON on the last line."""
    with _opened(data, database_url) as (conn, one):
        told = history.status(conn, SYSTEM, one, clock.now_ms())
    for size in told.tables:
        age = f", made {clock.iso(size.as_of_ms)}" if size.as_of_ms else ""
        _say(f"{size.name:16} {size.rows:>14,} rows {size.files:>6,} files "
             f"{size.bytes / 1e6:>10,.1f} MB{age}")  # fmt: skip
    _say(f"{told.behind_rows:,} log rows are not in the files yet; reading takes them in.")
    print(msgspec.json.encode(told).decode())


@app.command
def files(table: Name = "facts", *, data: Data = None, database_url: str | None = None) -> None:
    """Print a table's data files as they are now, one a line, for any engine to read.

    The files stay for hours after others have taken their place, so a reader may take its time.
    """
    with _opened(data, database_url) as (_, one):
        for file in one.files(one.table(table)):
            scheme, _netloc, path = PyArrowFileIO.parse_location(file.file_path)
            print(path if scheme == "file" else file.file_path)


@app.command
def sql(text: str, *, data: Data = None, database_url: str | None = None) -> None:
    """Ask history in DuckDB's SQL; the answer is CSV on stdout.

    Parameters
    ----------
    text: A query over facts, identifiers, people, accounts, person_accounts and memberships.
    """
    with (
        _opened(data, database_url) as (conn, one),
        history.opened(conn, SYSTEM, one) as duck,
    ):
        found = duck.execute(text)
        writer = csv.writer(sys.stdout)
        writer.writerow([column[0] for column in found.description or ()])
        while rows := found.fetchmany(10_000):
            writer.writerows(rows)


@app.command
def keep(*, data: Data = None, database_url: str | None = None) -> None:
    """Bring the lake up to now and tidy it, as the server does by itself."""
    with (
        database.located(data, database_url) as url,
        storage.connect(url, autocommit=True, application="onefold-lake") as lock,
        lake.store.writing(lock) as ours,
    ):
        if not ours:
            _say("The server is writing to the lake just now.")
            sys.exit(1)
        chosen = settings.load(data=data, database_url=database_url)
        with history.open_lake(url, chosen) as one, storage.connect(url) as conn:
            facts = history.append(conn, one, _go_on)
            history.extract(conn, one, clock.now_ms())
            history.keep(conn, one, clock.now_ms(), _go_on)
            _say(f"{facts:,} facts appended; up to log row {log.checkpoint(conn, 'worker'):,}.")


def _go_on() -> None:
    """Nothing asks a command to stop but Ctrl-C, which raises by itself."""


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
