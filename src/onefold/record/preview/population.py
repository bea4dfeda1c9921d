"""Everybody's history, ready to be asked: one DuckDB that stays open, over the lake and the log.

Opening the lake and saying who is who takes seconds for a million people; a draft is asked about
with every change to it. So what is needed again is kept: the lake's list of files (until it
commits), the log's tail (what came since is added), whose each identifier is (moved on by the
journal), memberships (moved on by the changes). A question sees one moment of PostgreSQL, and
facts up to what the worker had settled then.

One question at a time: it may take both cores. One that takes too long is given up.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import duckdb
import pyarrow as pa
from pyiceberg.table import Table

from onefold import audiences, lake, log
from onefold.kernel import clock, errors, limits
from onefold.kernel.settings import Settings
from onefold.kernel.viewer import Viewer
from onefold.record import answering, history
from onefold.record.preview import store, views
from onefold.record.preview.needs import Needs, needs
from onefold.record.preview.question import Question, Seen
from onefold.storage import Connection

Open = Callable[[], AbstractContextManager[Connection]]
_MAPS_MS = 60_000  # whoever is in which account, and chapters that went, are read again after that


class Population:
    """`opened` gives a connection; without `settings` there is no lake, only the log.

    `accounts_ms`: for how long who is in which account is taken to be as it was read.
    """

    def __init__(
        self, opened: Open, settings: Settings | None, accounts_ms: int = limits.preview_accounts_ms
    ) -> None:
        self._open = opened
        self._accounts_ms = accounts_ms
        self._settings = settings
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._duck: duckdb.DuckDBPyConnection | None = None
        self._lake: lake.Lake | None = None
        self._head: str | None = None
        self._table: Table | None = None
        self._files: list[tuple[str, int]] = []  # (path, day)
        self._seq = 0
        self._tail: list[tuple[int, pa.Table]] = []
        self._marks = {"journal": -1, "fragment": -1, "change": -1}
        self._read_ms = {"fragments": 0, "accounts": 0}

    def close(self) -> None:
        """Let everything go."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._stack.close()
        self._stack = ExitStack()
        self._duck = self._lake = self._head = self._table = None
        self._files, self._tail, self._seq = [], [], 0
        self._marks = dict.fromkeys(self._marks, -1)
        self._read_ms = dict.fromkeys(self._read_ms, 0)

    @contextmanager
    def over(
        self,
        definition: audiences.Definition,
        nows: Sequence[int],
        *,
        memberships: bool = False,
        seconds: int = limits.preview_s_max,
    ) -> Iterator[Question]:
        """Everything that the definition reads, to be asked at any of `nows`.

        Raises `Unavailable` while others are being answered, or when it takes too long.
        """
        if not self._lock.acquire(timeout=limits.preview_wait_s):
            raise errors.Unavailable("Other previews are being made. Try again in a few seconds.")
        try:
            duck = self._begin()
            watch = threading.Timer(seconds, duck.interrupt)
            watch.start()
            try:
                yield from self._asked(duck, definition, nows, memberships)
            except duckdb.InterruptException:
                raise errors.Unavailable(
                    f"This takes more than {seconds} seconds. Ask for a shorter "
                    "window, or for fewer events."
                ) from None
            except duckdb.Error:
                self._forget()
                raise
            finally:
                watch.cancel()
        finally:
            self._lock.release()

    def _asked(
        self,
        duck: duckdb.DuckDBPyConnection,
        definition: audiences.Definition,
        nows: Sequence[int],
        memberships: bool,
    ) -> Iterator[Question]:
        wanted = needs(definition, nows)
        with self._open() as conn:
            gone = lake.store.undone(conn, 1 << 62)
            self._look_at_lake(conn)
            conn.rollback()
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            head = log.checkpoint(conn, "worker")
            self._read_tail(conn)
            gone += lake.store.undone(conn, 1 << 62)
            self._read_people(conn, duck)
            if wanted.accounts:
                self._read_accounts(conn, duck)
            if memberships:
                self._read_memberships(conn, duck)
            self._facts(duck, wanted, gone)
            seen = Seen(head, log.received_ms(conn, head), max(nows))
            question = Question(duck, wanted, conn, seen, several=len(nows) > 1)
            yield question
            question.close()
            conn.rollback()

    def _begin(self) -> duckdb.DuckDBPyConnection:
        if self._duck is None:
            if self._settings is not None:
                one = history.open_lake(self._settings.database_url, self._settings)
                self._lake = self._stack.enter_context(one)
            self._duck = self._stack.enter_context(
                lake.query.duck(memory_mb=limits.preview_memory_mb)
            )
            if self._lake is not None:
                lake.query.lock(self._duck, [self._lake.table("facts").location()])
        return self._duck

    def understood(self, viewer: Viewer, source: Any, feature: str = "") -> audiences.Definition:
        """What a draft means. Raises `Invalid` with every fault."""
        with self._open() as conn:
            return audiences.draft(conn, viewer, source, feature)

    def asked(self, viewer: Viewer, rows: audiences.Rows, kind: str) -> list[int]:
        """What a draft's query answers now. Raises `Invalid` with why it does not."""
        if rows.how == "list":
            remedy = "Create it, upload to it, and look at its entries."
            raise errors.Invalid(errors.Fault("list", "A list has no preview.", remedy))
        if self._settings is None:
            raise errors.Unavailable("There is no lake to ask here.")
        url, stop = self._settings.database_url, threading.Event()
        try:
            with (
                self._open() as conn,
                answering.asked(
                    conn, viewer, self._settings, url, stop, limits.preview_s_max
                ) as duck,
            ):
                return answering.answer(duck, rows.text, kind)
        except answering.Refused as refused:
            raise errors.Invalid(errors.Fault("sql", str(refused))) from None

    # ── facts ──────────────────────────────────────────────────────────────────────────────────

    def _look_at_lake(self, conn: Connection) -> None:
        if self._lake is None:
            return
        head = lake.store.head(conn, lake.model.FACTS.name)
        if head is None or head != self._head:
            table = self._lake.table(lake.model.FACTS.name)
            self._files = [(f.file_path, f.partition[0]) for f in self._lake.files(table)]
            self._table = table
            self._seq = int(table.properties.get(lake.model.SEQ, "0"))
            self._head = table.metadata_location
            self._tail = [(seq, part) for seq, part in self._tail if seq > self._seq]

    def _read_tail(self, conn: Connection) -> None:
        """What the worker has settled since the last question."""
        after = self._tail[-1][0] if self._tail else self._seq
        rows = sum(part.num_rows for _, part in self._tail)
        for reached, part in history.stretches(conn, after):
            self._tail.append((reached, part))
            rows += part.num_rows
            if rows > limits.lake_tail_rows_max:
                break

    def _facts(self, duck: duckdb.DuckDBPyConnection, wanted: Needs, gone: list[int]) -> None:
        """The view `facts`, of the days that are needed."""
        since_ms = wanted.since_ms()
        first = -(1 << 60) if since_ms is None else since_ms // clock.DAY_MS
        files = [path for path, day in self._files if day >= first]
        source = ""
        if self._table is not None:
            source = lake.query.relation(duck, self._table, "facts", files)
        parts = [part for _, part in self._tail]
        tail = pa.concat_tables([lake.rows.SCHEMA.empty_table(), *parts])
        duck.register("facts_tail", tail)
        duck.register("facts_gone", pa.table({"pos": pa.array(gone, pa.int64())}))
        text = "SELECT * FROM facts_tail"
        if source:
            text = f"SELECT * FROM {source} UNION ALL {text}"
        if gone:
            text = f"SELECT * FROM ({text}) WHERE pos NOT IN (SELECT pos FROM facts_gone)"
        duck.execute(f"CREATE OR REPLACE TEMP VIEW facts_all AS {text}")

    # ── who is who ─────────────────────────────────────────────────────────────────────────────

    def _read_people(self, conn: Connection, duck: duckdb.DuckDBPyConnection) -> None:
        journal, newest, change = store.marks(conn)
        known = self._marks
        self._change = change
        if (journal, newest) == (known["journal"], known["fragment"]):
            return
        now_ms = clock.now_ms()
        if now_ms - self._read_ms["fragments"] > _MAPS_MS:
            _table(duck, "fragments", _FRAGMENT, store.fragments(conn))
            self._read_ms["fragments"] = now_ms
        else:
            found = store.fragments_since(conn, known["fragment"], known["journal"])
            _table(duck, "fragments_new", _FRAGMENT, found)
            duck.execute("DELETE FROM fragments WHERE id IN (SELECT id FROM fragments_new)")
            duck.execute("INSERT INTO fragments SELECT * FROM fragments_new")
        duck.execute(f"CREATE OR REPLACE TEMP TABLE singles AS {views.SINGLES}")
        duck.execute(f"CREATE OR REPLACE TEMP TABLE chapters AS {views.CHAPTERS}")
        duck.execute(
            "CREATE OR REPLACE TEMP TABLE person_entities AS "
            "SELECT DISTINCT person_id AS entity_id FROM fragments"
        )
        known["journal"], known["fragment"] = journal, newest

    def _read_accounts(self, conn: Connection, duck: duckdb.DuckDBPyConnection) -> None:
        now_ms = clock.now_ms()
        if now_ms - self._read_ms["accounts"] < self._accounts_ms:
            return
        _table(duck, "joined_raw", ("person_id", "account_id", "inside"), store.joined(conn))
        _table(duck, "spans_raw", ("person_id", "from_ms", "account_id"), store.spans(conn))
        found = store.accounts(conn)
        rows = pa.table(
            {
                "id": pa.array([i for i, _, _ in found], pa.int64()),
                "key": pa.array([key for _, key, _ in found], pa.string()),
                "account_id": pa.array([one for _, _, one in found], pa.int64()),
            }
        )
        duck.register("account_rows", rows)
        duck.execute("CREATE OR REPLACE TEMP TABLE account_ids AS SELECT * FROM account_rows")
        duck.unregister("account_rows")
        duck.execute(f"CREATE OR REPLACE TEMP TABLE spans AS {views.SPANS}")
        duck.execute("CREATE OR REPLACE TEMP TABLE joined AS SELECT * FROM joined_raw")
        duck.execute(
            "CREATE OR REPLACE TEMP TABLE person_accounts AS "
            "SELECT person_id, account_id FROM joined WHERE inside = 1"
        )
        duck.execute(
            "CREATE OR REPLACE TEMP TABLE account_entities AS "
            "SELECT id AS entity_id FROM account_ids WHERE id = account_id"
        )
        self._read_ms["accounts"] = now_ms

    def _read_memberships(self, conn: Connection, duck: duckdb.DuckDBPyConnection) -> None:
        known = self._marks["change"]
        if known == self._change:
            return
        if known < 0 or self._change - known > limits.preview_changes_max:
            columns = ("audience_id", "entity_id")
            _table(duck, "memberships", columns, store.memberships(conn))
        else:
            last = {(a, e): entered for a, e, entered in store.changes(conn, known)}
            made = pa.table(
                {
                    "audience_id": pa.array([a for a, _ in last], pa.int64()),
                    "entity_id": pa.array([e for _, e in last], pa.int64()),
                    "entered": pa.array([int(entered) for entered in last.values()], pa.int64()),
                }
            )
            duck.register("memberships_new", made)
            duck.execute(
                "DELETE FROM memberships WHERE (audience_id, entity_id) IN "
                "(SELECT (audience_id, entity_id) FROM memberships_new)"
            )
            duck.execute(
                "INSERT INTO memberships SELECT audience_id, entity_id FROM memberships_new "
                "WHERE entered = 1"
            )
            duck.unregister("memberships_new")
        self._marks["change"] = self._change


_FRAGMENT = ("id", "identifier_id", "chapter_ms", "person_id")


def _table(
    duck: duckdb.DuckDBPyConnection, name: str, names: Sequence[str], columns: store.Columns
) -> None:
    """A table of DuckDB's own: it goes on without the arrays."""
    made = pa.table({n: pa.array(c) for n, c in zip(names, columns, strict=True)})
    duck.register("made", made)
    duck.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM made")
    duck.unregister("made")
