"""SQLite files, opened for reading alone: an authorizer lets nothing else pass."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from onefold.kernel import errors, limits
from onefold.sources.pulls import engine, model, sql

TABLES = """
SELECT name, type FROM sqlite_master
WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name LIMIT ?
"""
_ALLOWED = {
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
}  # fmt: skip
_FUNCTIONS_NOT = {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"}
_STEPS = 50_000  # of SQLite's machine between two looks at the clock


class SQLite(engine.Reader):
    """A SQLite file."""

    dialect: ClassVar[sql.Dialect] = sql.SQLITE

    def __init__(self, place: model.Place, path: Path) -> None:
        self.place = place
        self._until = 0.0
        with self.speaking():
            self._conn = sqlite3.connect(
                f"file:{quote(str(path))}?mode=ro", uri=True, timeout=limits.pull_connect_s,
                isolation_level=None, check_same_thread=False,
            )  # fmt: skip
            self._conn.text_factory = lambda raw: raw.decode("utf-8", "replace")
            self._conn.set_authorizer(_authorize)
            self._conn.set_progress_handler(lambda: time.monotonic() > self._until, _STEPS)
            self._patient()
            self._conn.execute("BEGIN")
            self._conn.execute("SELECT count(*) FROM sqlite_master")  # the snapshot begins

    def _patient(self) -> None:
        self._until = time.monotonic() + limits.pull_statement_s

    def about(self) -> str:
        """See `engine.Reader`."""
        return f"SQLite {sqlite3.sqlite_version}"

    def tables(self) -> list[model.Table]:
        """See `engine.Reader`."""
        with self.speaking():
            self._patient()
            rows = self._conn.execute(TABLES, (limits.pull_tables_max,)).fetchall()
        return [model.Table(sql.spelled(name), kind) for name, kind in rows]

    def fields(self, text: str) -> list[model.Field]:
        """See `engine.Reader`."""
        with self.speaking():
            self._patient()
            cursor = self._conn.execute(f"{text} LIMIT 0")
            return [model.Field(c[0]) for c in cursor.description or ()]

    def one(self, text: str) -> engine.Row:
        """See `engine.Reader`."""
        with self.speaking():
            self._patient()
            found: engine.Row | None = self._conn.execute(text).fetchone()
            return found or ()

    def stream(self, text: str, values: Sequence[Any] = ()) -> Iterator[Sequence[engine.Row]]:
        """See `engine.Reader`."""
        with self.speaking():
            self._patient()
            cursor = self._conn.execute(text, [_parameter(v) for v in values])

        def fetch(rows_n: int) -> Sequence[engine.Row]:
            with self.speaking():
                self._patient()
                return cursor.fetchmany(rows_n)

        yield from engine.parts(fetch)

    def close(self) -> None:
        """See `engine.Reader`."""
        self._conn.close()

    def explain(self, error: Exception) -> errors.Fault | None:
        """See `engine.Reader`."""
        if not isinstance(error, sqlite3.Error):
            return None
        detail = engine.said(error)
        if "interrupted" in detail:
            return engine.too_slow(detail)
        if "not a database" in detail or "malformed" in detail:
            return engine.fault(f"`{self.place.path}` is no SQLite file ({detail})", "Check it.")
        if "locked" in detail or "busy" in detail:
            return engine.fault(
                f"Another program writes `{self.place.path}` ({detail})", "Run it again."
            )
        if "not authorized" in detail or "prohibited" in detail:
            return engine.fault(f"It may only read ({detail})", "Give one SELECT.", "query")
        if "unable to open" in detail:
            return engine.fault(
                f"`{self.place.path}` can't be opened ({detail})",
                "Let the server's user read the file; in WAL mode also write its folder.",
            )
        return engine.wrong_query(detail)


def _authorize(
    action: int, first: str | None, second: str | None, _db: str | None, _by: str | None
) -> int:
    if action not in _ALLOWED:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (second or first or "").lower() in _FUNCTIONS_NOT:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _parameter(value: Any) -> Any:
    """SQLite holds no times and decimals: what a position of another database left."""
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
