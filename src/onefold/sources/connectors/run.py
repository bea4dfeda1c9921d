"""One run of a connector: rows to the log, and its state with them.

A chunk of rows, the hashes that name them, the connector's state after them and the run's counts
are one transaction, which ends with the append. So after a kill the connector starts from a state
whose rows are all in the log, and rows that come again are known.
"""

import threading
import time
from typing import Any

import msgspec

from onefold import governance, log, sources
from onefold.kernel import clock, errors, facts, limits, schedule
from onefold.kernel.viewer import SYSTEM
from onefold.sources.connectors import drive, messages, model, process, rows, store
from onefold.storage import Connection, jobs

RUN, DUE = "connectors.run", "connectors.due"


def start(conn: Connection, connector_id: int) -> model.Run | None:
    """Leave a run to the process `jobs`; None when one is waiting or under way."""
    made = store.new_run(conn, SYSTEM, connector_id)
    if made is not None:
        jobs.defer(conn, RUN, {"run_id": made.id}, lock=f"connector:{connector_id}")
    return made


def due(running: jobs.Running) -> None:
    """The periodic task: start what its schedule names."""
    with running.connect() as conn:
        now_ms = clock.now_ms()
        for number, often in store.due(conn, clock.to_datetime(now_ms)):
            start(conn, number)
            following = schedule.next_ms(often, now_ms)
            at = None if following is None else clock.to_datetime(following)
            store.change(conn, SYSTEM, number, next_at=at)


def run(running: jobs.Running, run_id: int) -> None:
    """The task `connectors.run`: from where the connector stands to its end."""
    with running.connect() as conn:
        held = store.run(conn, SYSTEM, run_id, hold=True)
        if not held.open:
            return
        process.end_left(held.process)
        now = clock.to_datetime(clock.now_ms())
        store.change_run(
            conn, run_id, status="running", started_at=held.started_at or now, process=None
        )
        one = store.for_run(conn, held.connector_id)
        conn.commit()
        error, code, lines = "", None, held.lines
        try:
            code, lines, error = _Run(running, conn, one, held).go()
        except errors.OnefoldError as fault:
            conn.rollback()
            error = str(fault)
        _end(conn, run_id, error, code, lines)
        conn.commit()
    running.check()


def _end(conn: Connection, run_id: int, error: str, code: int | None, lines: list[str]) -> None:
    held = store.run(conn, SYSTEM, run_id, hold=True)
    given: dict[str, Any] = {"lines": lines, "exit_code": code, "process": None}
    if held.status == "running" and error != _INTERRUPTED:
        now = clock.to_datetime(clock.now_ms())
        given |= {"status": "failed" if error else "done", "error": error[:2_000], "done_at": now}
    store.change_run(conn, run_id, **given)


_INTERRUPTED = "interrupted"


class _Run:
    """The rows of one run on their way."""

    def __init__(
        self, running: jobs.Running, conn: Connection, one: model.Connector, held: model.Run
    ) -> None:
        self.running = running
        self.conn = conn
        self.one = one
        self.run_id = held.id
        self.source = sources.get(conn, SYSTEM, one.source_id)
        conn.commit()
        self.words = drive.words_of(one)
        self.keys = {s.name: s.keys for s in one.catalog}
        self.state = one.state
        self.moved = False  # the state, since the last chunk
        self.buffer: list[messages.Record] = []
        self.bytes = 0
        self.since = time.monotonic()
        self.long = 0
        self.fatal = ""

    def go(self) -> tuple[int | None, list[str], str]:
        """(exit code, last words, what went wrong)."""
        with drive.folder(self.running.settings.data) as where:
            command = drive.reading(self.one, where)
            with process.Process(command, where, self.words) as child:
                store.change_run(self.conn, self.run_id, process=list(child.mark))
                self.conn.commit()
                over = threading.Event()
                looking = threading.Thread(target=self._look, args=(child, over), daemon=True)
                looking.start()
                try:
                    for line in child.lines():
                        self._take(line)
                        if child.stopped.is_set():
                            break
                    self._flush(child)
                    code = child.wait()
                finally:
                    over.set()
                    looking.join()
        if self.running.stop.is_set():
            return code, self.words.list(), _INTERRUPTED
        error = self.fatal
        if code and not error:
            error = f"The connector ended with code {code}. Its last words are below."
        return code, self.words.list(), error

    def _look(self, child: process.Process, over: threading.Event) -> None:
        """End the connector when the run is cancelled, or the process is to end."""
        with self.running.connect() as conn:
            while not over.wait(limits.connector_look_s):
                status = store.status(conn, self.run_id)
                conn.rollback()
                if self.running.stop.is_set() or status != "running":
                    child.stop()
                    return

    def _take(self, line: bytes | None) -> None:
        if line is None:
            self.long += 1
            self.words.add(f"a line of more than {limits.connector_line_bytes_max:,} bytes")
            return
        message = messages.parse(self.one.protocol, line)
        if isinstance(message, messages.Record):
            if message.stream in self.one.streams:
                self.buffer.append(message)
                self.bytes += len(line)
        elif isinstance(message, messages.State):
            self.state, self.moved = messages.merge(self.state, message), True
        elif isinstance(message, messages.Schema):
            self.keys[message.stream] = message.keys or self.keys.get(message.stream, [])
        elif isinstance(message, messages.Word):
            self.words.add(message.text)
            if message.fatal and not self.fatal:
                self.fatal = self.words.list()[-1]
        full = len(self.buffer) >= limits.connector_chunk_rows
        late = time.monotonic() - self.since > limits.connector_chunk_s
        if full or late or self.bytes >= limits.connector_chunk_bytes:
            self._flush(None)

    def _flush(self, child: process.Process | None) -> None:
        """Rows, their names, the state and the counts in one transaction."""
        self.since = time.monotonic()
        if not (self.buffer or self.moved or self.long):
            return
        held = store.run(self.conn, SYSTEM, self.run_id, hold=True)
        if held.status != "running":
            self.conn.rollback()
            self.buffer.clear()
            if child is not None:
                child.stop()
            return
        now_ms = clock.now_ms()
        done = _Chunk(self.one, self.keys, now_ms, self.source.category)
        done.build(self.conn, self.buffer)
        streams = dict(held.streams)
        for record in self.buffer:
            streams[record.stream] = streams.get(record.stream, 0) + 1
        refused = len(done.faults) + self.long
        told = [*held.faults, *done.faults][: limits.connector_faults_max]
        if self.moved:
            self._check_state()
            store.change(self.conn, SYSTEM, self.one.id, state=self.state)
        store.put(self.conn, self.one.id, list(done.known.items()))
        store.change_run(
            self.conn, self.run_id, streams=streams, faults=told, lines=self.words.list(),
            read=held.read + len(self.buffer) + self.long, appended=held.appended + len(done.items),
            duplicates=held.duplicates + done.duplicates, refused=held.refused + refused,
        )  # fmt: skip
        if done.items:
            body = log.pack(msgspec.json.encode({"batch": done.items}))
            row = log.Row(self.one.source_id, self.source.category, now_ms, len(done.items), body)
            log.append(self.conn, [row])
        self.conn.commit()
        self.buffer.clear()
        self.bytes, self.long, self.moved = 0, 0, False

    def _check_state(self) -> None:
        if len(msgspec.json.encode(self.state)) > limits.connector_state_bytes_max:
            raise errors.TooLarge("The connector's state is larger than we can keep.")


class _Chunk:
    """Rows as items, without those that are in the log."""

    def __init__(
        self, one: model.Connector, keys: dict[str, list[str]], now_ms: int, category: str
    ) -> None:
        self.one = one
        self.keys = keys
        self.now_ms = now_ms
        self.category = category
        self.items: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.duplicates = 0
        self.known: dict[bytes, tuple[bytes, int]] = {}

    def build(self, conn: Connection, records: list[messages.Record]) -> None:
        """Fill `items`, `faults`, `duplicates`, and `known`: what is new among the names."""
        plans = self.one.streams
        names = [
            rows.named(r.stream, plans[r.stream], self.keys.get(r.stream, []), r.data)
            for r in records
        ]
        before = store.known(conn, self.one.id, {name for name, _ in names})
        for record, (name, content) in zip(records, names, strict=True):
            plan = plans[record.stream]
            last = self.known.get(name) or before.get(name)
            # An event happened once: a row of it that changed later is no second one.
            if last is not None and (last[0] == content or plan.target == "events"):
                self.duplicates += 1
                continue
            version = last[1] + 1 if last else 1
            message_id = f"{self.one.api_id}:{name.hex()}:{version}"
            if self._add(plan, record, message_id):
                self.known[name] = (content, version)

    def _add(self, plan: model.Plan, record: messages.Record, message_id: str) -> bool:
        try:
            item = rows.item(plan, record.data, message_id, self.now_ms, self.one.name)
        except rows.Unfit as unfit:
            self.faults.append(f"{record.stream}: a row {unfit}.")
            return False
        body = log.pack(msgspec.json.encode({"batch": [item]}))
        (one,) = governance.admit(log.Row(0, self.category, self.now_ms, 1, body))
        if isinstance(one, facts.Refusal):
            self.faults.append(f"{record.stream}: `{one.field}` {one.problem} {one.remedy}")
            return False
        self.items.append(item)
        return True
