"""Reading a connector: rows to the log and to the CRM, and its state with them.

A chunk of rows, the hashes that name them, the connector's state after them and the run's counts
are one transaction, which ends with the append. So after a kill the connector starts from a state
whose rows are all in the log, and rows that come again are known.

Memory is bounded: the connector is read only as fast as chunks are stored (its pipe fills, and it
waits), a chunk ends by rows, bytes or time, and a longer line is never held.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from onefold import governance, log, sources
from onefold.kernel import clock, errors, facts, limits
from onefold.kernel.viewer import SYSTEM
from onefold.sources import imports
from onefold.sources.connectors import drive, messages, model, process, rows, store
from onefold.sources.connectors.model import Counts, Known
from onefold.sources.connectors.run import Outcome, Work
from onefold.sources.imports.read import Record
from onefold.storage import Connection


class Taken(msgspec.Struct):
    """What became of rows in the CRM: ids and faults by the row's number in the chunk."""

    records: dict[int, int] = {}
    unchanged: set[int] = set()
    faults: dict[int, str] = {}


class Sink:
    """Where rows go that become CRM records; `record/connecting.py` has the real one."""

    def take(
        self,
        conn: Connection,
        plan: model.Plan,
        builder: imports.items.Builder,
        found: Sequence[tuple[Record, int | None]],
        now_ms: int,
    ) -> Taken:
        """Write rows; beside each the CRM row that it became before."""
        raise NotImplementedError

    def close(self, conn: Connection, now_ms: int) -> None:
        """The chunk is whole: append what the records tell, as the transaction's last step."""


SinkOf = Callable[[model.Connector], Sink]


def reading(work: Work, sink_of: SinkOf) -> Outcome:
    """Read what is chosen, from where the connector stands."""
    if not work.one.streams:
        raise errors.Conflict(f"`{work.one.name}` has no streams chosen. Choose some first.")
    if not work.one.argv:
        raise errors.Conflict(f"`{work.one.name}` is not installed yet.")
    return _Reading(work, sink_of(work.one)).go()


class _Reading:
    """The rows of one run on their way."""

    def __init__(self, work: Work, sink: Sink) -> None:
        self.work = work
        self.conn = work.conn
        self.one = work.one
        self.words = work.words
        self.sink = sink
        self.source = _source(work)
        self.keys = {s.name: s.keys for s in self.one.catalog}
        self.state = self.one.state
        self.moved = False  # the state, since the last chunk
        self.buffer: list[messages.Record] = []
        self.bytes = 0
        self.crm_rows = 0
        self.since = time.monotonic()
        self.long = 0
        self.fatal = ""

    def go(self) -> Outcome:
        """Read to the end."""
        with drive.folder(self.work.running.settings.data) as where:
            command = self.work.driver.reading(where, self.one.streams, self.one.state)
            with process.Process(command, where, self.words) as child:
                self.work.begun(child)
                for line in child.lines(idle_s=limits.connector_look_s):
                    self._take(line)
                    if self._full() and not self._flush():
                        child.stop()
                    if child.stopped.is_set():
                        break
                self._flush()
                code = child.wait()
        error = self.fatal
        if code and not error:
            error = f"The connector ended with code {code}. Its last words are below."
        return Outcome(error, code)

    def _take(self, line: bytes | None) -> None:
        if line is None:
            self.long += 1
            self.words.add(f"a line of more than {limits.connector_line_bytes_max:,} bytes")
            return
        if not line:
            return
        self.words.at = time.monotonic()
        message = messages.parse(self.one.protocol, line)
        if isinstance(message, messages.Record):
            plan = self.one.streams.get(message.stream)
            if plan is not None:
                self.buffer.append(message)
                self.bytes += len(line)
                self.crm_rows += plan.target in imports.CRM_TARGETS
        elif isinstance(message, messages.State):
            self.state, self.moved = messages.merge(self.state, message), True
        elif isinstance(message, messages.Schema):
            self.keys[message.stream] = message.keys or self.keys.get(message.stream, [])
        elif isinstance(message, messages.Word):
            self.words.add(message.text)
            if message.fatal and not self.fatal:
                self.fatal = (self.words.list() or ["It failed."])[-1]

    def _full(self) -> bool:
        return (
            len(self.buffer) >= limits.connector_chunk_rows
            or self.bytes >= limits.connector_chunk_bytes
            or self.crm_rows >= limits.import_crm_chunk_rows
            or time.monotonic() - self.since > limits.connector_chunk_s
        )

    def _flush(self) -> bool:
        """Rows, their names, the state and the counts in one transaction; False when the run is
        over, and what was read since the last chunk is left to the next one."""
        self.since = time.monotonic()
        if not (self.buffer or self.moved or self.long):
            return True
        held = store.run(self.conn, SYSTEM, self.work.held.id, hold=True)
        if held.status != "running":
            self.conn.rollback()
            self.buffer.clear()
            self.moved = False
            return False
        named, forgotten, kept = store.numbers(self.conn, self.one.id)
        now_ms = clock.now_ms()
        done = _Chunk(self.one, self.source, self.keys, now_ms, kept)
        done.build(self.conn, self.buffer, self.sink)
        self._remember(named, forgotten, done)
        self._note(held, done)
        if done.items:
            log.append(self.conn, [done.row()])
        self.sink.close(self.conn, now_ms)
        self.conn.commit()
        self.buffer.clear()
        self.bytes, self.crm_rows, self.long, self.moved = 0, 0, 0, False
        return True

    def _remember(self, named: int, forgotten: int, done: "_Chunk") -> None:
        """Names of rows, and the state after them; the oldest names go when there are too many."""
        numbered = []
        for name, (known, plan) in done.known.items():
            named += _passing(plan)
            numbered.append((name, known, named if _passing(plan) else None))
        store.put(self.conn, self.one.id, numbered)
        if named - forgotten > limits.connector_rows_max:
            until = named - limits.connector_rows_max
            store.forget(self.conn, self.one.id, forgotten, until)
            forgotten = until
        columns: dict[str, Any] = {
            "rows_named": named, "rows_forgotten": forgotten, "rows_kept": done.kept
        }  # fmt: skip
        if self.moved:
            if len(msgspec.json.encode(self.state)) > limits.connector_state_bytes_max:
                raise errors.TooLarge("The connector's state is larger than we can keep.")
            columns["state"] = self.state
        store.change(self.conn, SYSTEM, self.one.id, **columns)

    def _note(self, held: model.Run, done: "_Chunk") -> None:
        streams = dict(held.streams)
        for stream, counts in done.counts.items():
            streams[stream] = streams.get(stream, Counts()).plus(**msgspec.to_builtins(counts))
        total = held.counts.plus(read=self.long, refused=self.long)
        for counts in done.counts.values():
            total = total.plus(**msgspec.to_builtins(counts))
        told = [*held.faults, *done.faults][: limits.connector_faults_max]
        store.change_run(
            self.conn, held.id, streams=streams, faults=told, lines=self.words.list(), tries=0,
            **msgspec.to_builtins(total),
        )  # fmt: skip


def _source(work: Work) -> sources.Source:
    """The source that rows come from; while it is read for the first time, signals wait."""
    one = work.one
    source = sources.get(work.conn, SYSTEM, one.source_id)
    if source.test:
        raise errors.Conflict(
            f"`{source.name}` is a test source, whose items never become facts. Add the connector "
            "anew with another source."
        )
    if not source.enabled:
        raise errors.Conflict(f"The source `{source.name}` is off. Turn it on first.")
    if one.state is None and not one.rows_named + one.rows_kept and not source.backfill:
        sources.set_backfill(work.conn, SYSTEM, source.id, True)
        store.change_run(work.conn, work.held.id, args={**work.held.args, "history": True})
    work.conn.commit()
    return source


class _Chunk:
    """Rows as items and records, without those that are there already."""

    def __init__(
        self,
        one: model.Connector,
        source: sources.Source,
        keys: dict[str, list[str]],
        now_ms: int,
        kept: int,
    ) -> None:
        self.one = one
        self.source = source
        self.keys = keys
        self.now_ms = now_ms
        self.kept = kept
        self.items: list[bytes] = []
        self.faults: list[str] = []
        self.counts: dict[str, Counts] = {}
        self.known: dict[bytes, tuple[Known, model.Plan]] = {}
        self._of: list[tuple[str, bytes]] = []  # the stream and name of each item

    def row(self) -> log.Row:
        """The log row of what became items."""
        body = log.pack(imports.items.envelope(self.items))
        source = self.source
        return log.Row(source.id, source.category, self.now_ms, len(self.items), body)

    def build(self, conn: Connection, records: list[messages.Record], sink: Sink) -> None:
        """Fill `items`, `faults`, `counts` and `known`."""
        plans = self.one.streams
        named = [
            rows.named(r.stream, plans[r.stream], self.keys.get(r.stream, []), r.data)
            for r in records
        ]
        before = store.known(conn, self.one.id, {name for name, _ in named})
        makers = {n: rows.Builder(p, self.one.api_id, self.now_ms) for n, p in plans.items()}
        waiting: dict[str, dict[bytes, _Waiting]] = {}
        for record, (name, content) in zip(records, named, strict=True):
            plan, stream = plans[record.stream], record.stream
            last = self.known[name][0] if name in self.known else before.get(name)
            if last is not None and _told(last, content, plan):
                self._count(stream, duplicates=1)
            elif plan.target in imports.CRM_TARGETS:
                if name in waiting.setdefault(stream, {}):
                    self._count(stream, duplicates=1)  # the later one counts
                waiting[stream][name] = (record, content, last)
            elif last is None and not self._room(plan):
                self._refuse(stream, _FULL)
            else:
                self._item(makers[stream], record, name, content, last)
        self._judge(conn)
        for stream, group in waiting.items():
            self._write(conn, makers[stream], group, sink)

    def _room(self, plan: model.Plan) -> bool:
        return _passing(plan) or self.kept < limits.connector_rows_max

    def _item(
        self,
        maker: rows.Builder,
        record: messages.Record,
        name: bytes,
        content: bytes,
        last: Known | None,
    ) -> None:
        version = last.version + 1 if last else 1
        made = maker.item(maker.record(record.data, 1, f"{name.hex()}:{version}"))
        if isinstance(made, imports.RowFault):
            self._refuse(record.stream, rows.told(made))
        elif len(made) > limits.event_bytes_max:
            self._refuse(record.stream, f"a row has more than {limits.event_bytes_max:,} bytes.")
        else:
            self.items.append(made)
            self._of.append((record.stream, name))
            self._learn(name, Known(content, version), maker.plan, fresh=last is None)

    def _judge(self, conn: Connection) -> None:
        """What admission will say, by the source's own rules. All of it goes into the log: what is
        refused stays there with its reason, to be corrected and replayed, and comes anew when its
        row changes."""
        if not self.items:
            return
        source, envelope = self.source, imports.items.envelope(self.items)
        verdicts = governance.foresee(
            conn, source.id, source.category, envelope, len(self.items), self.now_ms
        )
        for (stream, name), one in zip(self._of, verdicts, strict=True):
            if isinstance(one, facts.Refusal):
                self._refuse(stream, f"`{one.field}` {one.problem} {one.remedy}")
                known, plan = self.known[name]
                self.known[name] = (Known(_REFUSED + known.content, known.version), plan)
            elif isinstance(one, facts.Fact):
                self._count(stream, appended=1)
            else:
                self._count(stream, filtered=1)

    def _write(
        self, conn: Connection, maker: rows.Builder, group: "dict[bytes, _Waiting]", sink: Sink
    ) -> None:
        stream = next(iter(group.values()))[0].stream
        found = [
            (maker.record(record.data, n), last.record if last else None)
            for n, (record, _, last) in enumerate(group.values(), 1)
        ]
        taken = sink.take(conn, maker.plan, maker, found, self.now_ms)
        for n, (name, (_, content, last)) in enumerate(group.items(), 1):
            if n in taken.faults:
                self._refuse(stream, f"a row: {taken.faults[n]}")
                continue
            same = n in taken.unchanged
            self._count(stream, **{"duplicates" if same else "appended": 1})
            known = Known(content, last.version + 1 if last else 1, taken.records.get(n))
            self._learn(name, known, maker.plan, fresh=last is None)

    def _learn(self, name: bytes, known: Known, plan: model.Plan, *, fresh: bool) -> None:
        self.known[name] = (known, plan)
        self.kept += fresh and not _passing(plan)

    def _refuse(self, stream: str, why: str) -> None:
        self._count(stream, refused=1)
        self.faults.append(f"{stream}: {why}")

    def _count(self, stream: str, **more: int) -> None:
        before = self.counts.get(stream, Counts())
        self.counts[stream] = before.plus(read=1, **more)


_Waiting = tuple[messages.Record, bytes, Known | None]
_REFUSED = b"!"  # before the content's hash: a row that admission refused may come again, changed
_FULL = (
    f"a row is beyond the {limits.connector_rows_max:,} that are told apart. "
    "Read the stream incrementally."
)


def _told(last: Known, content: bytes, plan: model.Plan) -> bool:
    """Is it no news? An event happened once: a row of it that changed later is no second one."""
    refused = len(last.content) > len(content)
    if last.content == (_REFUSED + content if refused else content):
        return True
    return plan.target == "events" and not refused


def _passing(plan: model.Plan) -> bool:
    """May its rows be forgotten? Those that come but once may, not what is read anew each time, nor
    what became a CRM record."""
    return plan.mode == "incremental" and plan.target not in imports.CRM_TARGETS
