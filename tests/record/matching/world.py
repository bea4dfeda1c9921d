"""A workspace of a hundred people, some of them twice: as a user of the product and in the CRM."""

import threading
from collections.abc import Mapping
from typing import Any

from onefold import crm, storage
from onefold.identity import likeness, review
from onefold.kernel import settings
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import matching
from onefold.storage import jobs
from tests.worker.harness import Bench, identify

MAYA = Viewer(kind="user", id=7, name="Maya", role="member")
GIVEN = (
    "Anna", "Bruno", "Carla", "David", "Elena", "Felix", "Greta", "Hugo", "Irene", "Jonas",
    "Katrin", "Luca", "Milena", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Stefan", "Teresa",
)  # fmt: skip
SURNAMES = (
    "Albrecht", "Bianchi", "Castillo", "Dubois", "Eriksen", "Fontaine", "Grabowski", "Hoffmann",
    "Ivanova", "Jorgensen", "Kowalczyk", "Lindqvist", "Moretti", "Novak", "Okafor", "Petrov",
    "Quiroga", "Rasmussen", "Schneider", "Takahashi",
)  # fmt: skip
COMPANIES = ("Northwind Foods", "Blue Harbor", "Pixel Forge", "Green Valley", "Iron Bridge")


def name_of(n: int) -> tuple[str, str]:
    """First and last name of user n."""
    return GIVEN[n % 20], SURNAMES[(n * 3 + n // 20) % 20]


def phone_of(n: int) -> str:
    """The number of user n: their work phone, since `phone` is an identifier that joins."""
    return f"+49 30 {(n * 7_919_017 + 1_234_567) % 8_999_999 + 1_000_000}"


class World:
    """People in a database, the worker over them, and the tasks called by hand."""

    def __init__(self, conn: storage.Connection, url: str) -> None:
        self.bench = Bench(conn)
        self.conn = conn
        self.running = jobs.Running(url, settings.load(), threading.Event())
        items = []
        for n in range(100):
            given, surname = name_of(n)
            company = COMPANIES[(n * 7 + n // 10) % 5]
            host = company.lower().replace(" ", "") + ".example"
            items.append(identify(
                f"u{n}", firstName=given, lastName=surname, company=company, title=f"Role {n % 7}",
                email=f"{given}.{surname}@{host}".lower(), workphone=phone_of(n),
            ))  # fmt: skip
        self.bench.send(*items)
        self.bench.wait(1000)

    def contact(self, **values: str) -> str:
        """A contact in the CRM, folded."""
        made = crm.contacts.create(self.conn, SYSTEM, values, self.bench.now_ms)
        self.conn.commit()
        self.bench.wait(1000)
        return made.id

    def look(self) -> list[likeness.Run]:
        """What the clock's task does, and then the runs that it left; those runs."""
        self.conn.commit()
        matching.run.due(self.running)
        return self.work()

    def full(self) -> likeness.Run:
        """A full run."""
        matching.run.ask(self.conn, SYSTEM, "full", self.bench.now_ms)
        self.conn.commit()
        return self.work()[-1]

    def work(self) -> list[likeness.Run]:
        """Do the runs that wait."""
        self.conn.commit()
        rows = self.conn.execute("SELECT id FROM match_run WHERE status <> 'done' ORDER BY id")
        found = [i for (i,) in rows]
        self.conn.commit()
        for run_id in found:
            matching.run.run(self.running, run_id)
        self.conn.execute("UPDATE match_setting SET look_ms = 0")
        self.conn.commit()
        self.bench.settle()
        return [likeness.store.run(self.conn, i) for i in found]

    def queue(self, **asked: Any) -> list[matching.answers.PairLine]:
        """The queue as Maya sees it."""
        return matching.answers.queue(self.conn, MAYA, self.bench.now_ms, **asked)["items"]

    def refs(self) -> list[set[str]]:
        """Who waits to be told apart, by identifiers."""
        return [{line["a_ref"], line["b_ref"]} for line in self.queue()]

    def pair_of(self, *refs: str) -> matching.answers.PairLine:
        """The waiting pair of these identifiers."""
        return next(p for p in self.queue() if {p["a_ref"], p["b_ref"]} == set(refs))

    def answer(self, pair: Mapping[str, Any], said: str, reason: str = "") -> Any:
        """Answer a pair as Maya; the worker follows."""
        done, _ = matching.answers.answer(
            self.conn, MAYA, pair["id"], said, reason, self.bench.now_ms
        )
        self.conn.commit()
        self.bench.settle()
        return done

    def counts(self) -> dict[str, int]:
        """Pairs by status."""
        return review.store.counts(self.conn, SYSTEM)

    def same(self, a: str, b: str) -> bool:
        """Whether two identifiers are one person's."""
        return self.bench.person(*a.split(":")) == self.bench.person(*b.split(":"))
