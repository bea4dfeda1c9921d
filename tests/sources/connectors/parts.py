"""Setting connectors up and running them, for several tests."""

import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

from onefold import log
from onefold.kernel import settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import connecting
from onefold.sources import connectors
from onefold.storage import Connection, jobs

TAP = Path(__file__).with_name("tap.py")
SECRET = "hunter2-of-the-database"


class Bench:
    """Sets connectors up and runs them as the process `jobs` does."""

    def __init__(self, conn: Connection, database: str, folder: Path) -> None:
        self.conn = conn
        self.data = folder
        chosen = settings.load(data=folder, connectors=True)
        self.running = jobs.Running(database, chosen, threading.Event())

    def made(self, protocol: str, plan: connectors.Plan | None = None, **config: Any) -> int:
        one = connectors.setup.add(
            self.conn, SYSTEM, name=f"Shop {protocol}", protocol=protocol,
            command=[sys.executable, str(TAP), protocol], category="billing",
        )  # fmt: skip
        self.conn.commit()
        assert self.last(one.id).error == ""
        self.set(one.id, **config)
        connectors.setup.choose(self.conn, SYSTEM, one.id, {"orders": plan})
        self.conn.commit()
        return one.id

    def set(self, number: int, **config: Any) -> None:
        connectors.setup.configure(self.conn, SYSTEM, number, {"password": SECRET, **config})
        self.conn.commit()
        assert self.last(number).error == ""

    def last(self, number: int) -> connectors.Run:
        """Do the run that waits, and how it ended."""
        (waits,) = connectors.store.runs(self.conn, SYSTEM, number, 1)
        self.conn.rollback()
        connecting.run(self.running, waits.id)
        ended = connectors.store.run(self.conn, SYSTEM, waits.id)
        self.conn.rollback()
        return ended

    def run(self, number: int) -> connectors.Run:
        connectors.setup.start(self.conn, SYSTEM, number)
        self.conn.commit()
        return self.last(number)

    def items(self) -> list[dict[str, Any]]:
        found = []
        for row in log.read(self.conn, 0):
            found += [msgspec.json.decode(raw) for raw in log.unpack(row.body).batch]
        self.conn.rollback()
        return found
