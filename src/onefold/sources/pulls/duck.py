"""DuckDB files, and folders of Parquet files, which DuckDB reads as the view `files`.

The database is read-only, and DuckDB may open nothing but what was named: no other file, no
extension, no address.
"""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import msgspec
import pyarrow as pa

from onefold.kernel import errors, limits
from onefold.sources.pulls import engine, model, sql

FILES_VIEW = "files"
TABLES = """
SELECT CASE WHEN schema_name = 'main' THEN '' ELSE schema_name END, name, kind FROM (
  SELECT schema_name, table_name AS name, 'table' AS kind FROM duckdb_tables() WHERE NOT internal
  UNION ALL
  SELECT schema_name, view_name, 'view' FROM duckdb_views() WHERE NOT internal)
ORDER BY 1, 2 LIMIT ?
"""
# Types that Arrow has no Python value for, as texts or in a type that it has.
_CASTS = {
    "BIT": "VARCHAR", "INTERVAL": "VARCHAR", "TIME WITH TIME ZONE": "VARCHAR", "UNION": "VARCHAR",
    "HUGEINT": "VARCHAR", "UHUGEINT": "VARCHAR", "BIGNUM": "VARCHAR", "UUID": "VARCHAR",
    "TIME_NS": "VARCHAR", "VARIANT": "JSON",
}  # fmt: skip


class Duck(engine.Reader):
    """A DuckDB file, or Parquet files."""

    dialect: ClassVar[sql.Dialect] = sql.DUCKDB

    def __init__(self, place: model.Place, path: Path, spill: Path) -> None:
        self.place = place
        self._spill = str(spill)
        self._conn: duckdb.DuckDBPyConnection | None = None
        try:
            with self.speaking():
                files = _files(place, path) if place.kind == "parquet" else []
                name = ":memory:" if files else str(path)
                self._conn = duckdb.connect(
                    name, read_only=not files, config={
                        "memory_limit": f"{limits.pull_memory_mb}MB", "threads": "1",
                        "temp_directory": self._spill,
                        "autoinstall_known_extensions": "false",
                        "autoload_known_extensions": "false",
                    },
                )  # fmt: skip
                self._fence(files)
        except BaseException:
            self.close()
            raise

    def _fence(self, files: Sequence[str]) -> None:
        conn = self._open
        conn.execute("SET TimeZone = 'UTC'")
        if files:
            conn.execute(f"SET allowed_paths = {_list(files)}")
        conn.execute(f"SET allowed_directories = {_list([self._spill])}")
        conn.execute("SET enable_external_access = false")
        conn.execute("SET lock_configuration = true")
        if files:
            conn.execute(
                f"CREATE VIEW {FILES_VIEW} AS SELECT * FROM "
                f"read_parquet({_list(files)}, union_by_name = true)"
            )

    @property
    def _open(self) -> duckdb.DuckDBPyConnection:
        assert self._conn is not None  # noqa: S101 __init__ made it
        return self._conn

    def about(self) -> str:
        """See `engine.Reader`."""
        return f"DuckDB {duckdb.__version__}"

    def tables(self) -> list[model.Table]:
        """See `engine.Reader`."""
        rows = self._all(TABLES, [limits.pull_tables_max])
        return [
            model.Table(sql.spelled(schema, name) if schema else sql.spelled(name), kind)
            for schema, name, kind in rows
        ]

    def fields(self, text: str) -> list[model.Field]:
        """See `engine.Reader`."""
        return self._fields_of(text, [])

    def one(self, text: str) -> engine.Row:
        """See `engine.Reader`."""
        return next(iter(self._all(text, [])), ())

    def stream(self, text: str, values: Sequence[Any] = ()) -> Iterator[Sequence[engine.Row]]:
        """See `engine.Reader`."""
        fields = self._fields_of(text, values)
        read = [_cast(self.dialect, f) for f in fields]
        trees = [n for n, f in enumerate(fields) if f.type in ("JSON", "VARIANT")]
        whole = f"SELECT {', '.join(read)} FROM ({text}) AS read"
        with self.speaking(), self._timed():
            reader = self._open.sql(whole, params=list(values)).to_arrow_reader(
                limits.import_chunk_rows
            )
        while True:
            with self.speaking(), self._timed():
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
            columns = [_values(column) for column in batch.columns]
            for n in trees:
                columns[n] = [_tree(v) for v in columns[n]]
            yield list(zip(*columns, strict=True))

    def _fields_of(self, text: str, values: Sequence[Any]) -> list[model.Field]:
        rows = self._all(f"DESCRIBE {text}", list(values))
        return [model.Field(str(r[0]), str(r[1])) for r in rows]

    def _all(self, text: str, values: list[Any]) -> list[Any]:
        with self.speaking(), self._timed():
            return self._open.execute(text, values).fetchall()

    def _timed(self) -> "_Timed":
        return _Timed(self._open)

    def close(self) -> None:
        """See `engine.Reader`."""
        if self._conn is not None:
            self._conn.close()

    def explain(self, error: Exception) -> errors.Fault | None:
        """See `engine.Reader`."""
        if not isinstance(error, duckdb.Error | pa.ArrowException):
            return None
        detail = engine.said(error)
        if isinstance(error, duckdb.InterruptException) or "INTERRUPT" in detail:
            return engine.too_slow("it was ended")
        if isinstance(error, duckdb.IOException) and "lock" in detail:
            return engine.fault(
                f"Another program has `{self.place.path}` open for writing",
                "Close it there, or point the pull to a copy.",
            )
        broken = isinstance(error, duckdb.InvalidInputException) and self.place.kind == "parquet"
        if broken or isinstance(error, duckdb.IOException | duckdb.SerializationException):
            return engine.fault(f"`{self.place.path}` can't be read ({detail})", "Check the file.")
        if isinstance(error, duckdb.PermissionException):
            return engine.fault(
                f"It may read nothing but what the pull names ({detail})",
                "Name tables of it alone.", "query",
            )  # fmt: skip
        if isinstance(error, duckdb.OutOfMemoryException):
            return engine.fault(
                f"It needs more memory than {limits.pull_memory_mb} MB ({detail})",
                "Read less by a query.", "query",
            )  # fmt: skip
        return engine.wrong_query(detail)


class _Timed:
    """Ends what takes longer than `limits.pull_statement_s`."""

    def __init__(self, conn: duckdb.DuckDBPyConnection) -> None:
        self._timer = threading.Timer(limits.pull_statement_s, conn.interrupt)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def _files(place: model.Place, folder: Path) -> list[str]:
    """The folder's Parquet files, by name; what begins with a dot or underscore is none."""
    if folder.is_file():
        return [str(folder)]
    found: list[str] = []
    for path in sorted(folder.rglob("*.parquet")):
        inside = path.relative_to(folder).parts
        hidden = any(part.startswith((".", "_")) for part in inside)
        # A link may lead out of the folder that is allowed.
        if hidden or not path.is_file() or not path.resolve().is_relative_to(folder):
            continue
        found.append(str(path))
        if len(found) > limits.pull_files_max:
            raise errors.Invalid(
                engine.fault(
                    f"`{place.path}` has more than {limits.pull_files_max:,} files",
                    "Point to one of its folders.",
                )
            )
    if not found:
        raise errors.Invalid(
            engine.fault(f"`{place.path}` has no Parquet file", "Their names end in `.parquet`.")
        )
    return found


def _list(texts: Sequence[str]) -> str:
    return "[" + ", ".join("'" + t.replace("'", "''") + "'" for t in texts) + "]"


def _cast(dialect: sql.Dialect, field: model.Field) -> str:
    name = sql.name(dialect, field.name)
    to = _CASTS.get(field.type)
    if to is None:
        head = field.type.partition("(")[0]
        to = _CASTS.get(head) if "[" not in field.type else None
    return f"CAST({name} AS {to}) AS {name}" if to else name


def _values(column: Any) -> list[Any]:
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        # Cut, not rounded: a cursor must not lie after its row.
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        found: list[Any] = column.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):
        return [_value(one) for one in column]
    return found


def _value(one: Any) -> Any:
    try:
        return one.as_py()
    except (ValueError, OverflowError, pa.ArrowException):
        return None  # `infinity`, and times that Python cannot hold


def _tree(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
