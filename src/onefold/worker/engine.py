"""The conductor: ingest, conclude, and what is due, one bounded step after another.

    step():  catalogue changed? → micro-batch → conclusions → due list → backfill

Every step is one transaction. A step that fails because the database went away is retried on a new
connection with memory rebuilt; one that fails on a fact is retried fact by fact, and the culprit is
kept as refused, so that no input can stop the worker.
"""

import threading
import time

import psycopg
import structlog

from onefold import audiences, governance, identity, log, profiles, storage
from onefold.kernel import clock, facts, limits
from onefold.profiles import dirty
from onefold.storage import Connection, locks
from onefold.worker import backfill, desk, metrics, rules, traits, undo
from onefold.worker import catalog as catalogs
from onefold.worker.cache import Cache
from onefold.worker.conclude import Conclude
from onefold.worker.ingest import Ingest
from onefold.worker.ladder import Accounts

_CATALOG_MS = 100
_DESK_MS = 100
_DUE_MS = 100
_TURN_S = (1.5, 5.0)  # of ingest, then of conclusions: at least and, far behind, at most
_BEHIND_PART = 3  # a turn lasts a third of what the worker is behind
_UNDO_MS = 200
_ACCOUNTS_MS = 100
_PRUNE_MS = 600_000

logger = structlog.get_logger("onefold.worker")


class Turn:
    """A while of one kind of work; its time moves on by whole seconds."""

    def __init__(self, now_ms: int, seconds: float) -> None:
        self._now_ms = now_ms
        self._began = time.monotonic()
        self._seconds = seconds

    @property
    def over(self) -> bool:
        """Is the while past?"""
        return time.monotonic() - self._began >= self._seconds

    @property
    def now_ms(self) -> int:
        """The time it began at, and the whole seconds since."""
        return self._now_ms + int(time.monotonic() - self._began) * 1000


class Engine:
    """The worker's state and its steps. `now_ms` comes in with every call."""

    def __init__(
        self, conn: Connection, now_ms: int, usage_changed: threading.Event | None = None
    ) -> None:
        self.conn = conn
        self.cache = Cache()
        self.catalog = catalogs.load(conn)
        self.accounts = Accounts(conn, self.cache)
        self.ingest = Ingest(conn, self.cache, self.accounts, now_ms)
        if usage_changed is not None:
            self.ingest.usage_changed = usage_changed
        self._more_replay = True
        self._take_up_rules(now_ms)
        self.conclude = Conclude(self.cache, self.accounts)
        backfill.take_up(conn, self.catalog, self.ingest.seq)
        self.catalog = catalogs.load(conn)
        conn.commit()
        self._next = dict.fromkeys(("catalog", "accounts", "desk", "due", "undo", "prune"), 0)
        self._more_backfill = True
        self._more_undo = self._more_accounts = False
        self._more_desk = False
        self._behind_s = 0.0

    def step(self, now_ms: int) -> bool:
        """Do what there is to do, a bounded amount; False when there was nothing."""
        if self._time("catalog", now_ms, _CATALOG_MS):
            self._reload(now_ms)
        worked = self._decide(now_ms)
        if self._more_accounts or self._time("accounts", now_ms, _ACCOUNTS_MS):
            worked = self._take_up_accounts(now_ms) or worked
        turn = Turn(now_ms, 0)
        worked = self._catch_up(now_ms) or worked
        now_ms = turn.now_ms
        worked = self._conclude(now_ms) or worked
        now_ms = turn.now_ms
        if self._more_desk or self._time("desk", now_ms, _DESK_MS):
            self._more_desk = desk.step(self.conn, self.ingest, now_ms)
            worked = self._more_desk or worked
        worked = self._look_at_due(now_ms) or worked
        if self._more_backfill:
            self._backfill()
            worked = True
        if self._more_undo or self._time("undo", now_ms, _UNDO_MS):
            worked = self._undo(now_ms) or worked
        if self._more_replay:
            worked = self._replay(now_ms) or worked
        if self._time("prune", now_ms, _PRUNE_MS):
            self.ingest.dedupe.prune(self.conn, now_ms)
            self.ingest.recorder.prune(self.conn, now_ms)
            self.conn.commit()
        self.cache.trim()
        return worked

    def _undo(self, now_ms: int) -> bool:
        """Take a chunk of an import back, if one is to be reverted."""
        self._more_undo = undo.step(self.conn, self.catalog, self.ingest, now_ms)
        if self._more_undo:
            self.conclude.forget(self.conn)  # accounts it knows may be gone
        self.conn.commit()
        return self._more_undo

    def _replay(self, now_ms: int) -> bool:
        """Group some more identifiers by rules that changed."""
        self._more_replay = rules.step(self.conn, self.ingest, now_ms)
        self.conn.commit()
        self._more_replay |= traits.step(self.conn, self.catalog, self.ingest, now_ms)
        self.conn.commit()
        return self._more_replay

    def _take_up_accounts(self, now_ms: int) -> bool:
        """Follow what people decided about accounts, and look at everybody where that is due."""
        self._more_accounts = self.accounts.take_up(self.conn, now_ms)
        self.conn.commit()
        return self._more_accounts

    def recover(self, conn: Connection, now_ms: int) -> None:
        """Go on with a new connection, or after a rollback: memory is rebuilt from the tables."""
        self.conn = conn
        self.ingest.forget(conn, now_ms)
        self.conclude.forget(conn)
        self.catalog = catalogs.load(conn)
        conn.commit()

    def _time(self, what: str, now_ms: int, every_ms: int) -> bool:
        if now_ms < self._next[what]:
            return False
        self._next[what] = now_ms + every_ms
        return True

    # ── ingest ─────────────────────────────────────────────────────────────────────────────────

    def _catch_up(self, now_ms: int) -> bool:
        """Ingest what waits; with a backlog several batches, so that conclusions coalesce more.

        The longer ago the newest was received, the longer: who waits for it waits little more.
        """
        items = self._ingest(now_ms)
        worked = items > 0
        turn = Turn(now_ms, self._turn_s())
        while items * 2 > limits.batch_events_max and not turn.over:
            self._decide(turn.now_ms)
            self._look_at_due(turn.now_ms)
            items = self._ingest(turn.now_ms)
        return worked

    def _turn_s(self) -> float:
        return min(max(self._behind_s / _BEHIND_PART, _TURN_S[0]), _TURN_S[1])

    def _decide(self, now_ms: int) -> bool:
        """Take up humans' decisions on who is who, a transaction each; mostly there is none."""
        for taken in range(limits.decisions_step_max):
            said = identity.decisions.next_pending(self.conn)
            if said is None:
                return taken > 0
            try:
                self.ingest.decide(self.conn, now_ms)
            except psycopg.OperationalError:
                raise
            except Exception as error:  # one decision must not stop the worker
                logger.exception("decision failed", decision=said.id)
                self.conn.rollback()
                self.ingest.forget(self.conn, now_ms)
                identity.decisions.give_up(self.conn, said.id, type(error).__name__, now_ms)
            self.conn.commit()
        return True

    def _ingest(self, now_ms: int) -> int:
        rows = log.read(self.conn, self.ingest.seq)
        if not rows:
            self.conn.commit()
            return 0
        try:
            self._batch(rows, now_ms)
        except psycopg.OperationalError:
            raise
        except Exception:  # a fact that breaks the fold must not stop the ones behind it
            logger.exception("batch failed, going on item by item", first_seq=rows[0].seq)
            self.conn.rollback()
            self.ingest.forget(self.conn, now_ms)
            self._one_by_one(rows, now_ms)
        self._behind_s = max(0, now_ms - rows[-1].received_ms) / 1000
        metrics.lag_seconds.set(self._behind_s)
        return sum(row.items for row in rows)

    def _batch(self, rows: list[log.Row], now_ms: int) -> None:
        batch = self.ingest.read(rows)
        with metrics.batch_seconds.time():
            self.ingest.apply(self.conn, batch, self.catalog, now_ms)
            self.conn.commit()
        self.ingest.committed(batch)
        metrics.events.inc(len(batch.fresh))
        metrics.refused.inc(len(batch.refusals))

    def _one_by_one(self, rows: list[log.Row], now_ms: int) -> None:
        """The slow road past a poisoned row: what fails alone is refused with what it raised."""
        for row in rows:
            batch = self.ingest.read([row])
            good: list[facts.Fact] = []
            for fact in batch.fresh:
                reason = self._fails(fact, now_ms)
                if reason is None:
                    good.append(fact)
                    continue
                key = fact.source_id, fact.received_ms // clock.HOUR_MS * clock.HOUR_MS
                batch.ledger[key][1] -= 1
                batch.ledger[key][3] += 1
                batch.skipped.append(fact.pos)
                batch.refusals.append(self._refusal(fact, reason))
            batch.fresh = good
            self.ingest.apply(self.conn, batch, self.catalog, now_ms)
            self.conn.commit()
            self.ingest.committed(batch)

    def _fails(self, fact: facts.Fact, now_ms: int) -> str | None:
        """Try one fact alone and take it back; what it raised, or None."""
        rows = log.fetch(self.conn, [fact.pos])
        alone = self.ingest.read([rows[fact.pos][0]])
        alone.fresh, alone.refusals, alone.skipped, alone.ledger = [fact], [], [], {}
        alone.violations = []
        alone.filtered = []
        reason = None
        try:
            self.ingest.apply(self.conn, alone, self.catalog, now_ms)
        except psycopg.OperationalError:
            raise
        except Exception as error:  # the reason is stored with the fact
            reason = f"{type(error).__name__}: {error}"
        self.conn.rollback()
        self.ingest.forget(self.conn, now_ms)
        return reason

    def _refusal(self, fact: facts.Fact, reason: str) -> facts.Refusal:
        _, _, raw = log.fetch(self.conn, [fact.pos])[fact.pos]
        return facts.Refusal(
            pos=fact.pos,
            source_id=fact.source_id,
            received_ms=fact.received_ms,
            code="internal_error",
            field="item",
            problem=f"could not be folded: {reason}"[:500].replace("\x00", "\ufffd"),
            remedy="Report this with the item; it can be replayed once mended.",
            raw=raw,
        )

    # ── conclude ───────────────────────────────────────────────────────────────────────────────

    def _conclude(self, now_ms: int) -> bool:
        """Conclude chunks for a while, so that neither ingest nor conclusions starve."""
        worked = False
        turn = Turn(now_ms, self._turn_s())
        while not turn.over:
            with metrics.conclude_seconds.time():
                n = self.conclude.step(self.conn, self.catalog, turn.now_ms)
                self.conn.commit()
            if n == 0:
                break
            metrics.concluded.inc(n)
            worked = True
            self._look_at_due(turn.now_ms)
        return worked

    def _look_at_due(self, now_ms: int) -> bool:
        """Look at those who are due, if it is time to; True when there may be more."""
        if not self._time("due", now_ms, _DUE_MS):
            return False
        found = profiles.store.due(self.conn, now_ms, limits.conclude_chunk_max)
        if found:
            marks = [dirty.Mark(kind, i, dirty.WAKE) for kind, i in found]
            later = dirty.Marks()
            self.conclude.conclude(self.conn, self.catalog, marks, later, now_ms)
            profiles.store.put_marks(self.conn, later)
        self.conn.commit()
        return bool(found)

    # ── definitions ────────────────────────────────────────────────────────────────────────────

    def _take_up_rules(self, now_ms: int) -> None:
        """Let changed rules hold from the next row on; committed before it is read."""
        changed = rules.take_up(self.conn, self.ingest, now_ms)
        if catalogs.weighed_anew(self.conn, self.catalog, now_ms):
            self.conn.commit()
            self._more_replay = True
        self._more_replay = self._more_replay or changed
        if governance.take_up(self.conn, self.ingest.seq):
            self.conn.commit()
            changed = True
        if changed:
            self.ingest.rules = governance.load(self.conn)

    def _reload(self, now_ms: int) -> None:
        self._take_up_rules(now_ms)
        if not catalogs.changed(self.conn, self.catalog):
            self.conn.commit()
            return
        self.catalog = catalogs.load(self.conn)
        backfill.take_up(self.conn, self.catalog, self.ingest.seq)
        for audience_id in self.catalog.gone:
            audiences.clear(self.conn, audience_id)
        self.conn.commit()
        self.catalog = catalogs.load(self.conn)
        self.cache.entities.clear()
        self.cache.verdicts.clear()
        self.conn.commit()
        self._more_backfill = True

    def _backfill(self) -> None:
        self._more_backfill = backfill.step(self.conn, self.catalog, self.ingest)
        live = backfill.go_live(self.conn, self.catalog)
        self.conn.commit()
        if live:
            self.catalog = catalogs.load(self.conn)
            self.cache.verdicts.clear()
            self.conn.commit()


def connect(url: str) -> Connection:
    """The worker's connection, which holds the lock that makes it the only one."""
    conn = storage.connect(url, application="onefold-worker")
    conn.execute("SET lock_timeout = '60s'")
    # State and offset commit together, so a commit that a crash of PostgreSQL takes back is simply
    # done again from the log; and nothing is sent before the deliverer's own, durable, claim.
    conn.execute("SET synchronous_commit = off")
    conn.execute("SELECT pg_advisory_lock(%s)", (locks.WORKER,))
    conn.commit()
    return conn
