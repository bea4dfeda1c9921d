"""A shop's SQLite file for the pages of pulls, and the app that may read it."""

import sqlite3
import threading
from pathlib import Path

from onefold import storage
from onefold.kernel import settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import pulling
from onefold.sources import pulls
from onefold.storage import jobs
from tests.web.conftest import NASTY, World


def make(folder: Path) -> Path:
    """`shop.db` in the folder, which is answered."""
    with sqlite3.connect(folder / "shop.db") as made:
        made.execute("CREATE TABLE users (id INTEGER, email TEXT, plan TEXT, updated_at TEXT)")
        made.executemany(
            "INSERT INTO users VALUES (?, ?, ?, ?)",
            [(n, f"u{n}@x.co", NASTY, f"2026-03-{n:02} 10:00:00") for n in range(1, 9)],
        )
        made.execute("CREATE TABLE cases (id INTEGER, subject TEXT, status TEXT, email TEXT)")
    made.close()
    return folder


def run_all(world: World, files: Path) -> None:
    """Do the runs that wait, as the process `jobs` does."""
    running = jobs.Running(
        world.url, settings.load(database_url=world.url, pull_files=str(files)), threading.Event()
    )
    with storage.connect(world.url) as conn:
        latest = pulls.store.latest(conn, SYSTEM)
    for run in latest.values():
        if run.open:
            pulling.run(running, run.id)
