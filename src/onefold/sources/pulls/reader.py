"""A place becomes a reader: the right driver, and for files only what the operator allowed."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onefold.kernel import errors
from onefold.sources.pulls import engine, model, sql
from onefold.storage import secrets

DIALECTS: dict[str, sql.Dialect] = {
    "postgresql": sql.POSTGRESQL, "mysql": sql.MYSQL, "sqlite": sql.SQLITE, "duckdb": sql.DUCKDB,
    "parquet": sql.DUCKDB,
}  # fmt: skip


@contextmanager
def opened(place: model.Place, password: str, allowed: str) -> Iterator[engine.Reader]:
    """A reader, closed at the end. `allowed`: the folder that files must lie in, "" for none.

    Raises `Invalid` with what is wrong and what to do.
    """
    if secrets.is_sealed(password):
        raise errors.Invalid(
            errors.Fault(
                "password",
                "can't be read: the key that it was sealed with is missing.",
                f"Put `{secrets.FILE}` back into the data folder, or enter the password again.",
            )
        )
    with tempfile.TemporaryDirectory(prefix="onefold-pull-") as folder:
        reader = _reader(place, password, allowed, Path(folder))
        try:
            yield reader
        finally:
            reader.close()


def _reader(place: model.Place, password: str, allowed: str, folder: Path) -> engine.Reader:
    if place.kind in model.SERVERS:
        if place.host.startswith("/"):
            inside(place.host, allowed, "socket")
        ca = ""
        if place.ca:
            (folder / "ca.pem").write_text(place.ca, encoding="utf-8")
            ca = str(folder / "ca.pem")
        if place.kind == "mysql":
            from onefold.sources.pulls.mysql import MySQL

            return MySQL(place, password, ca)
        from onefold.sources.pulls.postgres import Postgres

        return Postgres(place, password, ca)
    what = "file or folder" if place.kind == "parquet" else "file"
    path = inside(place.path, allowed, what)
    if place.kind == "sqlite":
        from onefold.sources.pulls.sqlite import SQLite

        return SQLite(place, path)
    from onefold.sources.pulls.duck import Duck

    return Duck(place, path, folder)


def inside(text: str, allowed: str, what: str) -> Path:
    """The path of a file, folder or socket in the allowed folder, links followed.

    Whatever lies elsewhere is answered alike, so that nobody learns what files there are.
    """
    if not allowed:
        raise errors.Invalid(
            engine.fault(
                "Files and sockets are not read by this server",
                "Its operator names a folder for them: ONEFOLD_PULL_FILES.",
            )
        )
    root = Path(allowed).resolve()
    try:
        path = (root / text).resolve()
        there = path.is_relative_to(root) and path.exists()
    except (OSError, ValueError, RuntimeError):
        there = False
    if not there or (what == "file" and not path.is_file()):
        raise errors.Invalid(
            engine.fault(
                f"`{text[:200]}` is no {what} that may be read",
                f"Put it into `{root}`, the folder of ONEFOLD_PULL_FILES.",
            )
        )
    return path
