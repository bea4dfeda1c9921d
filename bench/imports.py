"""An import of a large CSV file and its revert on a whole server: rows a second, peak memory."""

import argparse
import itertools
import json
import random
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from bench.server import Server, serving

_START = 1_760_000_000


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds and rows a second of both, peak memory of the processes that take part."""
    with serving() as server:
        return measure(server, options.rows, options.file_people)


def measure(server: Server, rows: int, people: int) -> dict[str, Any]:
    """Import `rows` events of `people` people into the server, and take them back."""
    key = server.command("keys", "create", "--name", "bench", "--role", "admin")
    file = server.data / "events.csv"
    write(file, rows, people)
    out: dict[str, Any] = {"rows": rows, "people": people, "file_mb": file.stat().st_size // 10**6}
    peak = Peak(server)
    peak.start()
    began = time.monotonic()
    made = ask(server, key, "POST", "/api/imports?name=events.csv&target=events", file)
    path = f"/api/imports/{made['id']}"
    ask(server, key, "POST", f"{path}/start")
    done = wait(server, key, path, ("done", "failed", "cancelled"))
    took = time.monotonic() - began
    out |= {"status": done["status"], "created": done["created"], "matched": done["matched"]}
    out |= {"import_s": round(took, 1), "import_rows_s": round(rows / took)}
    caught_up(server)
    took = time.monotonic() - began
    out |= {"to_profiles_s": round(took, 1), "to_profiles_rows_s": round(rows / took)}
    began = time.monotonic()
    ask(server, key, "POST", f"{path}/revert")
    back = wait(server, key, path, ("reverted", "failed"))
    took = time.monotonic() - began
    out |= {"revert_s": round(took, 1), "revert_rows_s": round(rows / took)}
    out |= {
        "report": back["report"],
        "people_left": ask(server, key, "GET", "/api/people")["total"],
    }
    peak.stop()
    return out | {"peak_mb": peak.found}


def write(file: Path, rows: int, people: int) -> None:
    """Events of people who each have an e-mail address, a device and an account."""
    rng = random.Random(rows)
    names = ["Report Exported", "Page Viewed", "Dashboard Opened", "Invoice Paid"]
    with file.open("w", encoding="utf-8") as out:
        out.write("event,user id,email,anonymous id,company id,timestamp,format,seats\n")
        for n in range(rows):
            who = n if n < people else rng.randrange(people)
            at = _START + n * 20 % 8_000_000
            out.write(
                f"{names[n % 4]},u{who},u{who}@a{who % 997}.example,d{who},a{who % 997},{at},"
                f"{'pdf' if n % 3 else 'csv'},{n % 50}\n"
            )


def ask(server: Server, key: str, method: str, path: str, file: Path | None = None) -> Any:
    """A JSON answer of the API."""
    request = urllib.request.Request(server.base + path, method=method)
    request.add_header("Authorization", f"Bearer {key}")
    if file is None:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    request.add_header("Content-Length", str(file.stat().st_size))
    with file.open("rb") as body:
        request.data = body
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.load(answer)


def wait(server: Server, key: str, path: str, ends: tuple[str, ...]) -> Any:
    """The import once it is over."""
    for n in itertools.count():
        found = ask(server, key, "GET", path)
        if n % 50 == 0:
            print(f"   {found['status']} {found['rows_done']:,} {found['report']}", flush=True)
        if found["status"] in ends:
            return found
        time.sleep(0.2)
    raise AssertionError


def caught_up(server: Server) -> None:
    """Wait until the worker has folded all that is in the log."""
    while True:
        with urllib.request.urlopen(f"{server.base}/ready", timeout=60) as answer:
            found = json.load(answer)
        if found["log"] == found["processed"]:
            return
        time.sleep(0.2)


class Peak(threading.Thread):
    """The most memory that each of the server's processes had, in MB.

    Of ours the resident set. PostgreSQL's share most of what they have, so for them it is the
    proportional set, of the largest one and of all together.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.found: dict[str, int] = {}
        self._top = psutil.Process(server.process.pid)
        self._over = threading.Event()

    def run(self) -> None:
        for n in itertools.count():
            if self._over.wait(0.1):
                return
            for part, size in self._sizes(everything=n % 20 == 0):
                self.found[part] = max(self.found.get(part, 0), size // 1_000_000)

    def _sizes(self, *, everything: bool) -> Iterator[tuple[str, int]]:
        postgres: list[int] = []
        for process in (self._top, *self._top.children(recursive=True)):
            try:
                words = process.cmdline()
                if "onefold.app.process" in words:
                    yield words[-1], process.memory_info().rss
                elif process == self._top:
                    yield "supervisor", process.memory_info().rss
                elif everything:  # takes the kernel milliseconds each
                    postgres.append(process.memory_full_info().pss)
            except psutil.Error:
                continue  # it ended meanwhile
        if postgres:
            yield "postgres_largest", max(postgres)
            yield "postgres_all", sum(postgres)

    def stop(self) -> None:
        """Look no further."""
        self._over.set()
        self.join()
