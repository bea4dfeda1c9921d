"""The files of imports: kept where runs find them, and deleted once nothing needs them any more.

A file goes with its draft, with a revert, and `import_file_kept_days` after its import is over;
what no import names (an upload that broke off) goes as late.
"""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import IO

from onefold.kernel import clock, errors, limits
from onefold.kernel.viewer import SYSTEM
from onefold.sources import imports
from onefold.storage import Connection, jobs

TIDY = "imports.tidy"


def keep_file(data: Path, name: str, source: IO[bytes]) -> Path:
    """Copy a file to where runs find it. Raises `TooLarge`."""
    folder = _folder(data)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    suffix = Path(name).suffix.lower()[:10] if Path(name).suffix.isprintable() else ""
    path = folder / f"{secrets.token_hex(8)}{suffix}"
    left = limits.import_file_bytes_max
    with path.open("wb") as out:
        while block := source.read(1 << 20):
            left -= len(block)
            if left < 0:
                path.unlink()
                raise errors.TooLarge(
                    f"`{name}` has more than {limits.import_file_bytes_max:,} bytes. Split it."
                )
            out.write(block)
    return path


def delete(data: Path, one: imports.Import) -> None:
    """Delete the kept file of an import; a file that was kept elsewhere is left alone."""
    path = Path(one.path)
    if one.path and path.parent == _folder(data):
        path.unlink(missing_ok=True)


def forget(conn: Connection, data: Path, one: imports.Import) -> None:
    """Delete the file, and note that it is gone. The import is held."""
    delete(data, one)
    imports.store.change(conn, one.id, path="")


def tidy(running: jobs.Running) -> None:
    """The task `imports.tidy`: delete what has been over for long enough."""
    data = running.settings.data
    before = clock.to_datetime(clock.now_ms()) - timedelta(days=limits.import_file_kept_days)
    with running.connect() as conn:
        for import_id in imports.store.outdated(conn, before, limits.import_files_step_max):
            running.check()
            forget(conn, data, imports.store.get(conn, SYSTEM, import_id, hold=True))
            conn.commit()
        named = imports.store.paths(conn)
    folder = _folder(data)
    for path in folder.iterdir() if folder.is_dir() else ():
        old = path.stat().st_mtime < before.timestamp()
        if old and path.is_file() and str(path) not in named:
            path.unlink(missing_ok=True)


def _folder(data: Path) -> Path:
    return (data / "imports").absolute()
