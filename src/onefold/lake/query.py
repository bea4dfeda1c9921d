"""Reading the lake with DuckDB, as one table with what the log holds beyond it.

Readers get a snapshot's list of files, never a pattern: files of before lie beside them until they
are swept.
"""

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.table import Table

from onefold.kernel import limits
from onefold.lake import model
from onefold.lake.store import Lake

_TYPES = {
    "long": "BIGINT", "int": "INTEGER", "string": "VARCHAR", "boolean": "BOOLEAN",
    "timestamptz": "TIMESTAMPTZ",
}  # fmt: skip
Duck = duckdb.DuckDBPyConnection


@contextmanager
def duck(threads: int = 2, memory_mb: int = limits.lake_query_memory_mb) -> Iterator[Duck]:
    """A DuckDB of its own, in memory, that spills to a folder which goes with it."""
    with tempfile.TemporaryDirectory(prefix="onefold-duckdb-") as folder:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": folder,
            "autoinstall_known_extensions": False,
            "preserve_insertion_order": False,
            "python_enable_replacements": False,  # a table is never a variable of ours
        }
        with duckdb.connect(config=settings) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection


@contextmanager
def opened(
    lake: Lake,
    tail: pa.Table | None = None,
    undone: Sequence[int] = (),
    *,
    threads: int = 2,
    memory_mb: int = limits.lake_query_memory_mb,
) -> Iterator[Duck]:
    """A DuckDB with a view for each of the lake's tables, as they are now.

    `tail` are facts of the log that the files do not hold yet; `undone` positions of facts that
    were taken back. The files alone may be read on this connection.
    """
    with duck(threads, memory_mb) as connection:
        folders: set[str] = set()
        for wanted in model.TABLES.values():
            table = lake.table(wanted.name)
            source = relation(connection, table, wanted.name)
            folders.add(table.location())
            if wanted is model.FACTS:
                source = _facts(connection, source, tail, undone)
            connection.execute(f"CREATE VIEW {wanted.name} AS SELECT * FROM {source}")
        lock(connection, folders)
        yield connection


def lock(connection: Duck, folders: Collection[str]) -> None:
    """From here on these locations alone may be read, whatever is asked; no setting opens it."""
    places = ", ".join(quote(_local(folder)) for folder in sorted(folders))
    connection.execute(f"SET allowed_directories = [{places}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _facts(connection: Duck, source: str, tail: pa.Table | None, undone: Sequence[int]) -> str:
    if undone:
        connection.register("facts_undone", pa.table({"pos": pa.array(undone, pa.int64())}))
        source = f"(FROM {source} WHERE pos NOT IN (SELECT pos FROM facts_undone))"
    if tail is not None and tail.num_rows:
        connection.register("facts_tail", tail)
        source = f"(FROM {source} UNION ALL FROM facts_tail)"
    return source


def relation(connection: Duck, table: Table, name: str, files: Sequence[str] | None = None) -> str:
    """What to write after FROM to read these files of a table; all of its current ones."""
    if files is None:
        files = [task.file.file_path for task in table.scan().plan_files()]
    schema = schema_to_pyarrow(table.schema(), include_field_ids=False)
    if not files:
        connection.register(f"{name}_empty", schema.empty_table())
        return f"{name}_empty"
    system, _ = Lake.place(table, files[0])
    paths = [Lake.place(table, file)[1] for file in files]
    if isinstance(system, pafs.LocalFileSystem):
        listed = ", ".join(map(quote, paths))
        return f"read_parquet([{listed}], schema = {_columns(table)}, hive_partitioning = false)"
    connection.register(
        f"{name}_files", pads.dataset(paths, schema=schema, filesystem=system, format="parquet")
    )
    return f"{name}_files"


def _columns(table: Table) -> str:
    """The table's columns by field id, so that files of before read as null where they lack one."""
    columns = ", ".join(
        f"{f.field_id}: {{name: {quote(f.name)}, type: {quote(_TYPES[str(f.field_type)])}, "
        "default_value: NULL}"
        for f in table.schema().fields
    )
    return f"MAP {{{columns}}}"


def count(lake: Lake, name: str, where: Mapping[str, str | int] | None = None) -> int:
    """How many rows of a table's files have these values."""
    with duck() as connection:
        source = relation(connection, lake.table(name), name)
        conditions = " AND ".join(f'"{column}" = ?' for column in where or {}) or "true"
        ((found,),) = connection.execute(
            f"SELECT count(*) FROM {source} WHERE {conditions}",
            list((where or {}).values()),
        ).fetchall()
    return int(found)


def quote(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def _local(location: str) -> str:
    return str(Path(location.removeprefix("file://"))) + "/"
