"""One run of a pull: chunks of rows, each a transaction that ends with the append to the log.

A chunk's rows, what is remembered of them, how far the cursor is and the run's counts are committed
together. So a run that was killed goes on from a position whose rows are in.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from onefold import crm, identity, log, sources
from onefold.kernel import clock, errors, facts, limits
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record import import_crm, import_rows
from onefold.sources import imports, pulls
from onefold.sources.imports.read import Record
from onefold.sources.pulls.engine import Reader
from onefold.sources.pulls.names import Named, Namer
from onefold.storage import Connection, jobs

_NOT_UNIQUE = "has the key of the row before it and other values."
_KEY_REMEDY = "Name key columns that no two rows share, or take the newest row by a query."


def record(row: Named, number: int, end: str = "") -> Record:
    """A row as mappings read it; `end`: of its messageId."""
    return Record(number, number, row.values, None, end, row.label)


def fault(row: Named) -> imports.RowFault:
    """What is told of a row whose key is not its own."""
    return imports.RowFault(0, "", "", _NOT_UNIQUE, _KEY_REMEDY, row.label)


def builder(one: pulls.Pull, at_ms: int) -> imports.items.Builder:
    """What turns its rows into items."""
    return imports.items.Builder(one.target, one.mapping, one.api_id, at_ms)


class Rows:
    """Rows as named values."""

    def __init__(self, one: pulls.Pull) -> None:
        self.zone = pulls.cells.zone(one.time_zone)
        self.namer = Namer(one)
        self.last: Named | None = None

    def named(self, names: Sequence[str], row: Sequence[Any]) -> Named:
        """A row by its columns, named."""
        values, raw = pulls.setup.flat(names, row, self.zone)
        return self.namer.of(values, raw)


class Run:
    """The rows of one run on their way."""

    def __init__(
        self,
        running: jobs.Running,
        conn: Connection,
        one: pulls.Pull,
        held: pulls.Run,
        source: sources.Source | None,
    ) -> None:
        self.running = running
        self.conn = conn
        self.one = one
        self.held = held
        self.source = source
        self.rows = Rows(one)
        self.chunk_rows = (
            limits.import_chunk_rows
            if one.target in imports.FACT_TARGETS
            else limits.import_crm_chunk_rows
        )
        self.buffer: list[Named] = []
        self.bytes = 0
        self.ahead = 0
        self.known = one.known
        at_ms = clock.from_datetime(held.started_at) if held.started_at else clock.now_ms()
        self.now = clock.to_datetime(at_ms)
        self.builder = builder(one, at_ms)
        self.writer = (
            None
            if one.target in imports.FACT_TARGETS
            else import_crm.Writer(_asker(held), self.builder, one.target)
        )

    def go(self) -> None:
        """Read to the end, or until the run is stopped. Raises `Invalid`."""
        one = self.one
        allowed = self.running.settings.pull_files
        with pulls.reader.opened(one.place, one.secret, allowed) as found:
            names, parts = pulls.setup.read(one, found)
            for part in parts:
                for row in part:
                    self.buffer.append(self.rows.named(names, row))
                    self.bytes += pulls.cells.size(row)
                    full = len(self.buffer) >= self.chunk_rows
                    if (full or self.bytes >= limits.pull_chunk_bytes) and not self._flush():
                        return
                self.running.check()
            if self.buffer and not self._flush():
                return
            nulls = self._without_cursor(found)
        self._note(nulls)

    def _without_cursor(self, found: Reader) -> int:
        cursor = self.one.cursor_column
        if not cursor:
            return 0
        what = pulls.setup.what_of(found.dialect, self.one.relation, self.one.query)
        return int(found.one(pulls.sql.nulls(found.dialect, what, cursor))[0])

    def _note(self, nulls: int) -> None:
        """What is odd about the table, with the run."""
        notes = []
        if nulls:
            more = "at least " if nulls >= limits.pull_nulls_max else ""
            notes.append(
                f"{more}{nulls:,} rows have no `{self.one.cursor_column}` and are not read: "
                "fill it in, or use another cursor."
            )
        if self.ahead:
            notes.append(
                f"{self.ahead:,} rows have a `{self.one.cursor_column}` in the future: they are "
                "in, and the cursor waits for the clock."
            )
        if notes:
            pulls.store.change_run(self.conn, self.held.id, notes=notes)
        self.conn.commit()

    def _flush(self) -> bool:
        """Rows, what is remembered of them, the position and the counts in one transaction.

        False when the run was stopped meanwhile.
        """
        conn, rows = self.conn, self.buffer
        held = pulls.store.run(conn, SYSTEM, self.held.id, hold=True)
        if held.status != "running":
            conn.rollback()
            return False
        now_ms = clock.now_ms()
        before = pulls.store.known(conn, self.one.id, {row.name for row in rows})
        fresh = pulls.names.news(
            rows, before, held.number, self.rows.last, once=self.one.target == "events"
        )
        if self.known + fresh.fresh > limits.pull_rows_max:
            raise errors.TooLarge(
                f"It has more than {limits.pull_rows_max:,} rows. Read less by a query."
            )
        records = [record(row, held.read + n, end) for n, (row, end) in enumerate(fresh.rows, 1)]
        done = self._write(records, [row.name for row, _ in fresh.rows], fresh.put, now_ms)
        faults = [*done.faults, *map(fault, fresh.twice)]
        refused = {wrong.line for wrong in done.faults}
        put = dict(fresh.put)
        for (row, _), made in zip(fresh.rows, records, strict=True):
            if made.number in refused:
                _unremember(put, row.name, before)
            elif made.number in done.ids:
                content, version, seen, number, _ = put[row.name]
                put[row.name] = (content, version, seen, number, done.ids[made.number])
        self.known += sum(name not in before for name in put)
        pulls.store.put(conn, self.one.id, held.id, put)
        position = self._position(rows) or held.position
        pulls.store.advance(conn, self.one.id, position or self.one.position, self.known)
        pulls.store.change_run(
            conn, held.id, read=held.read + len(rows), created=held.created + done.created,
            matched=held.matched + done.matched,
            unchanged=held.unchanged + fresh.same + done.unchanged,
            refused=held.refused + len(faults), position=position, import_id=held.import_id,
            faults=[*held.faults, *faults[: limits.import_faults_max - len(held.faults)]],
        )  # fmt: skip
        self._append(held, done, records, now_ms)
        conn.commit()
        self.rows.last = rows[-1]
        self.buffer, self.bytes = [], 0
        return True

    def _position(self, rows: Sequence[Named]) -> pulls.Position | None:
        """The cursor of the last row, leaving out what must be a slip."""
        if not self.one.cursor_column:
            return None
        for row in reversed(rows):
            if not pulls.cells.is_ahead(row.cursor, self.now, self.rows.zone):
                return pulls.cells.position(self.one.cursor_column, row.cursor)
            self.ahead += 1
        return None

    def _write(
        self,
        records: Sequence[Record],
        names: Sequence[bytes],
        put: Mapping[bytes, pulls.Known],
        now_ms: int,
    ) -> "_Done":
        if self.writer is not None:
            there = {r.number: put[n][4] for r, n in zip(records, names, strict=True)}
            self.writer.known = {n: found for n, found in there.items() if found is not None}
            tally = self.writer.write(self.conn, records, now_ms)
            return _Done(
                tally.created, tally.matched, tally.unchanged, tally.faults, tally.records,
                tally.changes, crm_items=tally.items,
            )  # fmt: skip
        built = import_rows.items(self.conn, self.builder, records, self.source, now_ms)
        homes = identity.store.known(self.conn, [fact.home for fact in built.facts])
        matched = sum(fact.home in homes for fact in built.facts)
        return _Done(len(built.facts) - matched, matched, 0, built.faults, items=built.items)

    def _append(
        self, held: pulls.Run, done: "_Done", records: Sequence[Record], now_ms: int
    ) -> None:
        """The log row, and its note for a revert: the last statements before the commit."""
        if not (done.items or done.crm_items or done.changes):
            return
        conn = self.conn
        number = held.import_id or self._noted(held)
        imports.store.add_changes(conn, number, done.changes)
        first = records[0].number
        if done.crm_items:
            positions = crm.append(conn, done.crm_items, now_ms)
            seq, _ = facts.split_position(positions[0])
        elif done.items and self.source is not None:
            body = log.pack(imports.items.envelope(done.items))
            row = log.Row(self.source.id, self.source.category, now_ms, len(done.items), body)
            (seq,) = log.append(conn, [row])
        else:
            return
        imports.store.add_chunk(conn, number, first, len(records), seq)

    def _noted(self, held: pulls.Run) -> int:
        """The import as which what a run brings in is noted, so that it can be reverted."""
        made = imports.store.create(
            self.conn, SYSTEM, name=self.one.name, target=self.one.target,
            source_id=self.one.source_id, path="", form=imports.Format("table"),
            mapping=self.one.mapping, now=self.now,
        )  # fmt: skip
        imports.store.change(self.conn, made.id, status="done", started_at=self.now)
        pulls.store.change_run(self.conn, held.id, import_id=made.id)
        return made.id


class _Done(msgspec.Struct):
    """What a chunk came to."""

    created: int
    matched: int
    unchanged: int
    faults: list[imports.RowFault]
    ids: dict[int, int] = {}
    changes: list[import_crm.Change] = []
    items: list[bytes] = []
    crm_items: list[crm.Item] = []


def _unremember(put: dict[bytes, Any], name: bytes, before: dict[bytes, Any]) -> None:
    if name in before:
        put[name] = before[name]
    else:
        put.pop(name, None)


def _asker(held: pulls.Run) -> Viewer:
    """Whoever asked for the run: CRM facts name them."""
    kind, _, number = held.asked_by.partition(":")
    if kind == "user":
        return Viewer("user", int(number), "pull", "admin")
    if kind == "key":
        return Viewer("key", int(number), "pull", "admin")
    return SYSTEM
