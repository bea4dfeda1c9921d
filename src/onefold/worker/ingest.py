"""One micro-batch: log rows → facts → identity → folded states, in one transaction.

The transaction holds the reader's offset, links, states, usage, dirty marks, the dedupe row and the
ledger together, so that a crash at any instant re-reads the batch and changes nothing twice. The
caller commits, and then calls `Batch.committed`; after a failure it rolls back and calls
`Ingest.forget`.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence

import msgspec

from onefold import crm, governance, identity, log, profiles
from onefold.kernel import clock, facts, limits
from onefold.profiles import dirty
from onefold.record import carrying
from onefold.storage import Connection
from onefold.worker.cache import Cache
from onefold.worker.catalog import Catalog
from onefold.worker.folder import Folder
from onefold.worker.ladder import Accounts

READER = "worker"


class Batch(msgspec.Struct):
    """What one micro-batch came to; `committed` on the engine takes it up."""

    last_seq: int
    rows: int
    received_ms: int
    fresh: list[facts.Fact]
    keys: list[bytes]
    skipped: list[int]
    refusals: list[facts.Refusal]
    filtered: list[facts.Filtered]
    ledger: dict[tuple[int, int], list[int]]  # received, processed, duplicate, refused, filtered
    violations: list[governance.plans.Violation] = []

    def reasons(self) -> dict[tuple[int, int, str, str], int]:
        """Why items were refused and which rules filtered: what the ledger keeps beside sums."""
        out: dict[tuple[int, int, str, str], int] = defaultdict(int)
        for refusal in self.refusals:
            out[refusal.source_id, hour_of(refusal.received_ms), "refused", refusal.code] += 1
        for one in self.filtered:
            rule = one.rule[: limits.ledger_rule_chars_max]
            out[one.source_id, hour_of(one.received_ms), "filtered", rule] += 1
        return out


def hour_of(at_ms: int) -> int:
    """The hour of the ledger that a time falls into."""
    return at_ms // clock.HOUR_MS * clock.HOUR_MS


class Ingest:
    """The folding half of the worker. One writer: it alone changes states."""

    def __init__(self, conn: Connection, cache: Cache, ladder: Accounts, now_ms: int) -> None:
        self.cache = cache
        self.ladder = ladder
        self.seq = log.checkpoint(conn, READER)
        self.names = profiles.store.names(conn)
        self.dedupe = log.dedupe.Dedupe()
        self.dedupe.load(conn, now_ms)
        self.resolver = identity.Resolver(
            conn, points_of=self._points_of, rules=identity.namespaces.current(conn)
        )
        self.rules = governance.load(conn)
        self.recorder = governance.violations.Recorder()
        self.accounts: dict[str, int] = {}
        self.usage_changed = threading.Event()  # usage of a day before today: signals look again

    def forget(self, conn: Connection, now_ms: int) -> None:
        """After a failed transaction: memory may hold what the tables do not."""
        self.cache.clear()
        self.resolver.take_rules(identity.namespaces.current(conn))
        self.recorder.forget()
        self.rules = governance.load(conn)
        self.accounts.clear()
        self.seq = log.checkpoint(conn, READER)
        self.names = profiles.store.names(conn)
        self.dedupe.load(conn, now_ms)

    # ── reading ────────────────────────────────────────────────────────────────────────────────

    def read(self, rows: Sequence[log.Row]) -> Batch:
        """Admit the rows' items and tell duplicates from new facts. No writes."""
        batch = Batch(rows[-1].seq, len(rows), rows[-1].received_ms, [], [], [], [], [], {})
        admitted: list[facts.Fact] = []
        for row in rows:
            counts = self._counts(batch, row)
            counts[0] += row.items
            for one in governance.admit(row, self.rules, batch.violations):
                if isinstance(one, facts.Fact):
                    admitted.append(one)
                    continue
                batch.skipped.append(one.pos)
                if isinstance(one, facts.Refusal):
                    batch.refusals.append(one)
                    counts[3] += 1
                else:
                    batch.filtered.append(one)
                    counts[4] += 1
        named = [f for f in admitted if f.message_id]
        keys = [log.dedupe.key(f.source_id, f.message_id) for f in named]
        again = {f.pos for f, seen in zip(named, self.dedupe.seen(keys), strict=True) if seen}
        batch.keys = [k for f, k in zip(named, keys, strict=True) if f.pos not in again]
        if again and batch.violations:
            batch.violations = [v for v in batch.violations if v.pos not in again]
        for fact in admitted:
            counts = batch.ledger[fact.source_id, fact.received_ms // clock.HOUR_MS * clock.HOUR_MS]
            if fact.pos in again:
                batch.skipped.append(fact.pos)
                counts[2] += 1
            else:
                batch.fresh.append(fact)
                counts[1] += 1
        return batch

    @staticmethod
    def _counts(batch: Batch, row: log.Row) -> list[int]:
        key = row.source_id, hour_of(row.received_ms)
        return batch.ledger.setdefault(key, [0, 0, 0, 0, 0])

    # ── folding ────────────────────────────────────────────────────────────────────────────────

    def apply(self, conn: Connection, batch: Batch, catalog: Catalog, now_ms: int) -> None:
        """Fold the batch and write everything it changed. The caller commits."""
        resolved = self.resolver.resolve(conn, batch.fresh)
        marks = dirty.Marks()
        own = self._account_fragments(conn, batch.fresh, marks)
        states = self.cache.load_states(conn, {*resolved.fragments, *own.values()})
        self._name(conn, batch.fresh)
        usage: dict[profiles.store.UsageKey, int] = defaultdict(int)
        folder = Folder(catalog, states, self.names, self.accounts, marks, usage, own)
        for fact, fragment, person, seen in zip(
            batch.fresh, resolved.fragments, resolved.people, resolved.seen, strict=True
        ):
            folder.take(fact, fragment, person, seen)
        people = self.cache.load_people(conn, folder.pending.people())
        spans = {i: p.spans for i, p in people.items()}
        folder.pending.settle(self.cache.rollups, spans, self.ladder.book.aliases)
        crm.apply_account_traits(conn, folder.account_traits(self.accounts))
        changed = {i: states[i] for i in {*resolved.fragments, *own.values()}}
        with conn.pipeline():  # PostgreSQL writes while the next statement is made
            profiles.store.save_states(conn, changed)
            profiles.store.add_usage(conn, usage)
        for device in resolved.refold:
            self.refold(conn, device, catalog, marks)
        self.mark(resolved.regrouped, marks)
        with conn.pipeline():
            profiles.store.put_marks(conn, marks)
            profiles.store.add_ledger(conn, batch.ledger)
            if batch.refusals or batch.filtered:
                profiles.store.add_reasons(conn, batch.reasons())
            profiles.store.save_refused(conn, batch.refusals)
            self.recorder.save(conn, batch.violations)
            log.dedupe.save(conn, batch.last_seq, batch.received_ms, batch.keys, batch.skipped)
            log.save_checkpoint(conn, READER, batch.last_seq, now_ms)
        of = carrying.CARRIERS
        about = [f.pos for f in batch.fresh if f.category in of and of[f.category].concerns(f)]
        if about:
            crm.external.note(conn, about, now_ms)
        today = clock.day_of(now_ms)
        if any(key[2] < today for key in usage):
            self.usage_changed.set()

    def decide(self, conn: Connection, now_ms: int) -> None:
        """Take up one decision of a human on who is who. The caller commits."""
        taken = self.resolver.decide(conn, facts.position(self.seq + 1, 0) - 1, now_ms)
        if taken is not None:
            marks = dirty.Marks()
            self.mark(taken.regrouped, marks)
            profiles.store.put_marks(conn, marks)

    def mark(self, regrouped: Collection[int], marks: dirty.Marks) -> None:
        """People whose fragments changed are concluded anew, whatever was known of them."""
        for person in regrouped:
            marks.add(dirty.PERSON, person, dirty.VIEW | dirty.GROUPS | dirty.ALL)
        self.cache.entities.drop((dirty.PERSON, p) for p in regrouped)

    def committed(self, batch: Batch) -> None:
        """Take up what a committed batch changed outside the states."""
        self.dedupe.add(batch.keys, batch.received_ms)
        self.seq = batch.last_seq

    def _account_fragments(
        self, conn: Connection, found: Sequence[facts.Fact], marks: dirty.Marks
    ) -> dict[str, int]:
        """Rows for accounts first named here, and fragments of those whose own traits change."""
        named = {f.account for f in found if f.account is not None}
        new = sorted(named - self.accounts.keys())
        if new:
            self.accounts.update(crm.ensure_accounts(conn, new))
            identity.accounts.store.named(conn, new)
            for key in new:
                marks.add(dirty.ACCOUNT, self.accounts[key], dirty.CLAIMS)
            if len(self.accounts) > limits.identifiers_cached_max:
                self.accounts = {k: self.accounts[k] for k in named}
        groups = sorted({f.account for f in found if f.account and f.kind == "group"})
        return self.resolver.account_fragments(conn, groups) if groups else {}

    def _name(self, conn: Connection, found: Sequence[facts.Fact]) -> None:
        """Give ids to event names first seen here; beyond the limit they share id 0."""
        new = sorted({f.name for f in found} - self.names.keys())
        if not self.names:
            new = ["(other)", *new]
        room = limits.event_names_max - len(self.names)
        given = {name: len(self.names) + i for i, name in enumerate(new[: max(room, 0)])}
        if given:
            profiles.store.add_names(conn, given)
            self.names.update(given)

    # ── chapters that moved ────────────────────────────────────────────────────────────────────

    def _points_of(self, conn: Connection, device_id: int) -> list[tuple[int, int]]:
        """Every log-in on a device, (at_ms, who), read back from the facts of those who did."""
        wanted = identity.who_of(conn, device_id)
        out: list[tuple[int, int]] = []
        for who_id, fragment_ids in wanted.items():
            out += [
                (fact.at_ms, who_id)
                for fact in self._facts_of(conn, fragment_ids)
                if self.resolver.is_login(conn, fact, device_id, who_id)
            ]
        return out

    def _facts_of(self, conn: Connection, fragment_ids: Sequence[int]) -> list[facts.Fact]:
        positions = profiles.store.positions_of(conn, fragment_ids)
        return self.admitted(log.fetch(conn, positions))

    def know_accounts(self, conn: Connection, found: Sequence[facts.Fact]) -> None:
        """Have the ids of accounts that these facts name."""
        new = sorted({f.account for f in found if f.account is not None} - self.accounts.keys())
        if new:
            self.accounts.update(crm.ensure_accounts(conn, new))

    def refold(
        self,
        conn: Connection,
        device_id: int,
        catalog: Catalog,
        marks: dirty.Marks,
        left: Callable[[Connection, list[int]], list[int]] | None = None,
    ) -> None:
        """Fold a device's own facts again, each into the chapter of its time.

        `left`: of these positions those that are facts still.
        """
        fragment_ids = identity.chapters_of(conn, device_id)
        positions = profiles.store.positions_of(conn, fragment_ids)
        if left is not None:
            positions = left(conn, positions)
        profiles.store.drop_history(conn, fragment_ids)
        states = {i: profiles.State() for i in fragment_ids}
        usage: dict[profiles.store.UsageKey, int] = defaultdict(int)
        folder = Folder(catalog, states, self.names, self.accounts, marks, usage, {}, again=True)
        people = identity.people_of(conn, fragment_ids)
        found = self.admitted(log.fetch(conn, positions))
        self.know_accounts(conn, found)
        for fact in found:
            fragment = self.resolver.fragment_at(conn, device_id, fact.at_ms)
            seen = self.resolver.seen_on(conn, fact)
            folder.take(fact, fragment, people[fragment], seen)
        for i, state in states.items():
            self.cache.states.put(i, state)
        profiles.store.save_states(conn, states)
        profiles.store.add_usage(conn, usage)
        for person in people.values():
            marks.add(dirty.PERSON, person, dirty.VIEW | dirty.GROUPS | dirty.ALL)

    def admitted(self, stored: dict[int, tuple[log.Row, log.Envelope, bytes]]) -> list[facts.Fact]:
        """Items that were facts before, by the rules of their time."""
        rules = self.rules
        found = (
            governance.admit_at(row, envelope, pos, raw, rules)
            for pos, (row, envelope, raw) in stored.items()
        )
        return sorted((f for f in found if isinstance(f, facts.Fact)), key=lambda f: f.pos)
