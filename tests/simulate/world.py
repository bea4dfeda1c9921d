"""One simulated history: workload → log → engine, with crashes, then the audit.

Faults: items late, repeated and out of order (workload); the worker killed at a random statement of
a random step, after which a new one starts from the tables; a clock that jumps. The clock is ours,
so nothing here waits.
"""

import random
from typing import Any

import msgspec
import psycopg

from onefold import audiences, identity, log, profiles, sources, storage
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from onefold.worker import Engine
from tests.simulate.auditor import Truth
from tests.simulate.workload import Workload

EXPORTERS = {
    "audience": "exporters",
    "of": "person",
    "where": {"count": {"event": "Report Exported", "within": "7d"}, "at_least": 2},
}
EXPORTING = {
    "audience": "exporting",
    "of": "account",
    "where": {"count": {"event": "Report Exported", "within": "7d"}, "at_least": 5},
}
TRIALS = {"audience": "trials", "of": "person", "where": {"trait": "plan", "is": "trial"}}


class Killed(BaseException):
    """The worker died here."""


class Fragile:
    """A connection that dies after some statements, as a killed process would."""

    def __init__(self, conn: storage.Connection, statements: int) -> None:
        self._conn = conn
        self._left = statements

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        self._count()
        return self._conn.execute(*args, **kwargs)

    def commit(self) -> None:
        self._count()
        self._conn.commit()

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Killed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)


class World:
    """A database, a workload and an engine that keeps dying."""

    def __init__(self, database: str, seed: int) -> None:
        self.rng = random.Random(seed * 7 + 1)
        self.work = Workload(seed)
        self.conn = storage.connect(database)
        self.seed = seed
        self.crashes = 0
        self.source = sources.create(self.conn, SYSTEM, "sim", "product").id
        for definition in (EXPORTERS, TRIALS, EXPORTING):
            key = str(definition["audience"])
            audiences.create(self.conn, SYSTEM, key, key, definition)
        self.conn.commit()
        self.engine = Engine(self.conn, self.work.now_ms)

    def run(self, steps: int) -> None:
        """Deliver and work, with faults, then catch up."""
        for _ in range(steps):
            self._deliver()
            if self.rng.random() < 0.7:
                self._work(self.rng.random() < 0.3)
        if self.work.held:
            self._append(self.work.held)
            self.work.held = []
        self.settle()

    def _deliver(self) -> None:
        batch = self.work.batch()
        if batch:
            self._append(batch)

    def _append(self, batch: list[dict[str, Any]]) -> None:
        body = log.pack(msgspec.json.encode({"batch": batch}))
        row = log.Row(self.source, "product", self.work.now_ms, len(batch), body)
        log.append(self.conn, [row])
        self.conn.commit()
        self.work.acknowledged(batch, self.work.now_ms)

    def _work(self, crash: bool) -> None:
        if not crash:
            self.engine.step(self.work.now_ms)
            return
        real = self.engine.conn
        self.engine.conn = Fragile(real, self.rng.randrange(40))  # type: ignore[assignment]
        try:
            self.engine.step(self.work.now_ms)
            self.engine.conn = real
        except Killed:
            self.crashes += 1
            real.rollback()
            self.engine = Engine(real, self.work.now_ms)

    def settle(self) -> None:
        """Work until there is nothing to do, and let due windows expire."""
        for _ in range(10_000):
            if not self.engine.step(self.work.now_ms):
                break
        self.work.now_ms += clock.MINUTE_MS
        while self.engine.step(self.work.now_ms):
            pass

    # ── the audit ──────────────────────────────────────────────────────────────────────────────

    def audit(self) -> list[str]:
        """What the product says and the truth does not; empty when all is well."""
        truth = Truth(self.work.items, self.work.now_ms)
        wrong: list[str] = []
        exporters, trials = self._members("exporters"), self._members("trials")
        people: dict[str, int] = {}
        for user, by_name in truth.by_name.items():
            person = identity.person_of(self.conn, SYSTEM, "user_id", user)
            if person is None:
                wrong.append(f"{user}: no person")
                continue
            people[user] = person
            view = profiles.person(self.conn, SYSTEM, person)
            if view is None or view.by_name != dict(by_name):
                wrong.append(f"{user}: {view and view.by_name} instead of {dict(by_name)}")
                continue
            plan = view.traits["plan"].value if "plan" in view.traits else None
            if plan != truth.plan.get(user):
                wrong.append(f"{user}: plan {plan} instead of {truth.plan.get(user)}")
            account = truth.account.get(user)
            if set(view.groups) != ({account} if account else set()):
                wrong.append(f"{user}: accounts {set(view.groups)} instead of {account}")
            wrong += self._membership(user, person in exporters, user in truth.exporters)
            wrong += self._membership(user, person in trials, truth.plan.get(user) == "trial")
        if len(set(people.values())) != len(people):
            wrong.append("two user ids share a person")
        wrong += self._accounts(truth)
        wrong += self._sums(truth, people)
        return wrong

    def audit_later(self) -> list[str]:
        """Let the clock jump, with nothing arriving, until every window has run out.

        Only the due list can wake anybody now, so an answer that forgot to say when it changes
        shows here.
        """
        for _ in range(5):
            self.work.now_ms += self.rng.randrange(clock.HOUR_MS, 3 * clock.DAY_MS)
            self.settle()
            if wrong := self.audit():
                return [f"after a jump: {line}" for line in wrong]
        return []

    def _accounts(self, truth: Truth) -> list[str]:
        """Account audiences count what the accounts' people did."""
        rows = self.conn.execute("SELECT key, id FROM account").fetchall()
        members = self._members("exporting")
        has = {key for key, account in rows if account in members}
        return [] if has == truth.exporting else [f"exporting {has}, should be {truth.exporting}"]

    @staticmethod
    def _membership(user: str, has: bool, should: bool) -> list[str]:
        return [] if has == should else [f"{user}: member {has}, should be {should}"]

    def _members(self, key: str) -> set[int]:
        rows = self.conn.execute(
            "SELECT entity_id FROM membership m JOIN audience a ON a.id = m.audience_id "
            "WHERE a.key = %s",
            (key,),
        )
        return {i for (i,) in rows}

    def _sums(self, truth: Truth, people: dict[str, int]) -> list[str]:
        """Fragments, ledger, timelines and lists add up to what was acknowledged."""
        wrong = []
        one = "SELECT coalesce(sum(events), 0) FROM fragment WHERE person_id <> 0"
        total = self._one(one)
        if total != truth.total:
            wrong.append(f"fragments hold {total} facts instead of {truth.total}")
        processed, received = self.conn.execute(
            "SELECT coalesce(sum(processed), 0), coalesce(sum(received), 0) FROM ledger"
        ).fetchone() or (0, 0)
        if (processed, received) != (truth.total, len(self.work.items)):
            wrong.append(f"ledger {processed}/{received}, truth {truth.total}")
        tracks = sum(n for c in truth.by_name.values() for k, n in c.items() if k in EVENTS)
        used = self._one("SELECT coalesce(sum(n), 0) FROM usage")
        if used != tracks:
            wrong.append(f"usage {used} instead of {tracks}")
        listed = self._one("SELECT count(*) FROM person")
        if listed != len(people) + len(truth.orphans):
            wrong.append(f"{listed} people listed, {len(people)} + {len(truth.orphans)} exist")
        for user, person in people.items():
            shown = self._timeline(person)
            if len(shown) != sum(truth.by_name[user].values()) or len(set(shown)) != len(shown):
                wrong.append(f"{user}: timeline has {len(shown)} facts")
        return wrong

    def _timeline(self, person: int) -> list[int]:
        fragments = identity.fragments_of(self.conn, [person])[person]
        shown: list[int] = []
        before = None
        while True:
            page, before = profiles.timeline(self.conn, SYSTEM, fragments, before, 30)
            shown += [f.pos for f in page]
            if before is None:
                return shown

    def _one(self, query: str) -> int:
        row = self.conn.execute(query).fetchone()  # type: ignore[call-overload]
        return int(row[0]) if row else 0


EVENTS = ("Report Viewed", "Report Exported", "Signed In")


def run(database: str, seed: int, steps: int = 60) -> list[str]:
    """Simulate one world; what was wrong in it."""
    world = World(database, seed)
    try:
        world.run(steps)
        return world.audit() or world.audit_later()
    except psycopg.Error as error:
        return [f"{type(error).__name__}: {error}"]
    finally:
        world.conn.close()
