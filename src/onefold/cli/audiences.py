"""Audiences from the command line: as files, previews of files, members out, lists in."""

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import cyclopts
import msgspec

from onefold import audiences, record, storage
from onefold.cli import database
from onefold.kernel import clock, errors, limits, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import lists

app = cyclopts.App(name="audiences", help="Audiences: definitions, previews, members, lists.")
Data = Annotated[Path | None, cyclopts.Parameter(help="Folder of the server's data.")]


@app.command(name="list")
def list_(*, data: Data = None, database_url: str | None = None) -> None:
    """List audiences: kind, status, number of members, key."""
    with database.connected(data, database_url) as conn:
        for one in audiences.list_all(conn, SYSTEM):
            members = f"{one.members or 0:,}"
            print(f"{one.kind:5} {one.of:8} {one.status:9} {members:>12}  {one.key}")


@app.command
def show(key: str, *, data: Data = None, database_url: str | None = None) -> None:
    """Print an audience's definition as JSON, which `create` takes."""
    with database.connected(data, database_url) as conn:
        one = audiences.get(conn, SYSTEM, key)
    told = {"audience": one.key, "name": one.name, **one.source}
    print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())


@app.command
def create(
    file: Path, *, feature: str = "", data: Data = None, database_url: str | None = None
) -> None:
    """Create an audience from a file, or change the one of its key.

    Parameters
    ----------
    file: A definition in YAML or JSON, with its key as `audience`.
    feature: Of a campaign: an open ticket with that tag keeps a person out meanwhile.
    """
    text = _text(file)
    with _told(), database.connected(data, database_url) as conn:
        try:
            made = audiences.create(conn, SYSTEM, "", "", text, feature)
        except errors.Conflict as found:
            key = str((found.current or {})["key"])
            made = audiences.update(conn, SYSTEM, key, source=text, feature=feature or None)
        conn.commit()
    print(f"{made.key}: {made.status}")


@app.command
def preview(
    file: Path, *, feature: str = "", data: Data = None, database_url: str | None = None
) -> None:
    """Say whom a definition in a file would have now, as JSON; nothing is kept."""
    text = _text(file)
    with _told(), _drafts(data, database_url) as drafts:
        found = drafts.preview(SYSTEM, text, clock.now_ms(), feature)
    print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())


@app.command
def export(key: str, *, data: Data = None, database_url: str | None = None) -> None:
    """Print an audience's members as CSV: id, name, email, since."""
    writer = csv.writer(sys.stdout)
    writer.writerow(("id", "name", "email", "since"))
    with _told(), database.connected(data, database_url) as conn:
        cursor: str | None = None
        while True:
            page = record.list_members(conn, SYSTEM, key, cursor, limits.page_rows_max)
            writer.writerows((m["id"], m["name"], m["email"], m["since"]) for m in page["items"])
            cursor = page["next"]
            if cursor is None:
                return


@app.command
def upload(
    key: str,
    file: Path,
    *,
    remove: bool = False,
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Put the identifiers of a CSV or JSON file on a list; what came of it, as JSON.

    Parameters
    ----------
    file: E-mails, user ids, account keys or domains: a column of that name, else the first one.
    remove: Take them off the list instead.
    """
    text = _text(file)
    with _told(), database.connected(data, database_url) as conn:
        side = "remove" if remove else "add"
        done = lists.change(conn, SYSTEM, key, clock.now_ms(), **{side: text})
        conn.commit()
    print(msgspec.json.encode(done).decode())


@contextmanager
def _drafts(data: Path | None, database_url: str | None) -> Iterator[record.Drafts]:
    chosen = settings.load(data=data, database_url=database_url)
    with (
        database.located(data, database_url) as url,
        storage.pool(url, size=2, application="onefold-cli") as pool,
    ):
        chosen = msgspec.structs.replace(chosen, database_url=url)
        drafts = record.Drafts(record.Connections(pool), chosen)
        try:
            yield drafts
        finally:
            drafts.close()


@contextmanager
def _told() -> Iterator[None]:
    """Faults as lines on stderr rather than a traceback."""
    try:
        yield
    except errors.Invalid as wrong:
        for fault in wrong.faults:
            print(f"{fault.field}: {fault.problem} {fault.remedy}", file=sys.stderr)
        sys.exit(1)
    except errors.OnefoldError as wrong:
        print(str(wrong), file=sys.stderr)
        sys.exit(1)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        print(f"{file} cannot be read: {error}", file=sys.stderr)
        sys.exit(1)
