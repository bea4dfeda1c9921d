"""The lake: Iceberg tables, and every commit to them.

One writer at a time (`locks.LAKE`): concurrent commits to one table fail, and slow each other down.
The catalogue is PyIceberg's own, in the schema `lake` of the same PostgreSQL; files are on local
disk or in S3. A commit that appends facts moves the table's `onefold.seq` on with it, so a crash at
any instant leaves files that nothing refers to, and never a fact missing or doubled.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from psycopg import conninfo
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io.pyarrow import (
    PyArrowFileIO,
    parquet_files_to_data_files,
    schema_to_pyarrow,
)
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from sqlalchemy.engine import URL

from onefold.kernel import clock, limits
from onefold.lake import model
from onefold.storage import Connection, locks

_SCHEMA = "lake"
_PROPERTIES = {
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
    # Bounds prune what is read; of free text they would only grow the manifests.
    "write.metadata.metrics.default": "none",
}
_BOUNDS = (
    "pos", "happened_at", "home_id", "source_id", "name", "identifier_id", "person_id",
    "account_id", "entity_id",
)  # fmt: skip
TRY = "SELECT pg_try_advisory_lock(%s)"
LEAVE = "SELECT pg_advisory_unlock(%s)"
UNDONE = "SELECT pos FROM fact_undone WHERE pos < %s ORDER BY pos LIMIT %s"
HEAD = """
SELECT metadata_location FROM lake.iceberg_tables
WHERE catalog_name = %(of)s AND table_namespace = %(of)s AND table_name = %(name)s
"""
SETTLED = "DELETE FROM fact_undone WHERE pos = ANY(%s)"


class Size(msgspec.Struct, frozen=True):
    """What one table holds. `seq` is of `facts`, `as_of_ms` of extracts; else 0."""

    name: str
    rows: int
    files: int
    bytes: int
    seq: int
    as_of_ms: int
    snapshots: int


@contextmanager
def writing(conn: Connection) -> Iterator[bool]:
    """Hold the writer's lock; false when another has it. `conn` must be in autocommit."""
    row = conn.execute(TRY, (locks.LAKE,)).fetchone()
    held = bool(row and row[0])
    try:
        yield held
    finally:
        if held:
            conn.execute(LEAVE, (locks.LAKE,))


def head(conn: Connection, name: str) -> str | None:
    """What moves with every commit to a table; None before there is one."""
    if not conn.execute("SELECT to_regclass('lake.iceberg_tables') IS NOT NULL").fetchall()[0][0]:
        return None
    row = conn.execute(HEAD, {"of": model.NAMESPACE, "name": name}).fetchone()
    return str(row[0]) if row else None


def undone(conn: Connection, before_pos: int, rows_max: int = limits.lake_undone_max) -> list[int]:
    """Positions of facts that were taken back and may still be in the lake's files."""
    return [pos for (pos,) in conn.execute(UNDONE, (before_pos, rows_max))]


def settled(conn: Connection, positions: Sequence[int]) -> None:
    """Forget positions that the lake's files no longer hold. The caller commits."""
    conn.execute(SETTLED, (list(positions),))


class Lake:
    """An open catalogue. Close it, or use it as a context manager.

    url        of the PostgreSQL with the catalogue
    warehouse  where files go: `file:///…` or `s3://bucket/prefix`
    options    PyIceberg's for the file system (`s3.endpoint`, `s3.access-key-id`, …)
    """

    def __init__(self, url: str, warehouse: str, options: dict[str, str] | None = None) -> None:
        self.location = warehouse
        self.catalog = SqlCatalog(
            model.NAMESPACE,
            uri=_engine_url(url),
            warehouse=warehouse,
            **{"py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO", **(options or {})},
        )
        self.catalog.create_namespace_if_not_exists(model.NAMESPACE)

    def close(self) -> None:
        """Let the catalogue's connections go."""
        self.catalog.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ── reading ────────────────────────────────────────────────────────────────────────────────

    def table(self, name: str) -> Table:
        """A table as it is now; made, or given the columns it lacks, when need be."""
        wanted = model.TABLES[name]
        try:
            table = self.catalog.load_table((model.NAMESPACE, name))
        except NoSuchTableError:
            return self._create(wanted)
        if len(table.schema().fields) < len(wanted.schema.fields):
            with table.update_schema() as change:
                change.union_by_name(wanted.schema)
            table.refresh()
        return table

    def _create(self, wanted: model.Table) -> Table:
        bounds = {
            f"write.metadata.metrics.column.{f.name}": "truncate(32)"
            for f in wanted.schema.fields
            if f.name in _BOUNDS
        }
        return self.catalog.create_table_if_not_exists(
            (model.NAMESPACE, wanted.name),
            schema=wanted.schema,
            partition_spec=wanted.spec,
            properties={**_PROPERTIES, **bounds, "comment": wanted.doc},
        )

    def seq(self) -> int:
        """The last log row whose facts are in the lake."""
        return int(self.table(model.FACTS.name).properties.get(model.SEQ, "0"))

    def files(self, table: Table) -> list[DataFile]:
        """The data files of the table's current snapshot."""
        return [task.file for task in table.scan().plan_files()]

    def size(self, name: str) -> Size:
        """How much a table holds, from its metadata alone."""
        table = self.table(name)
        snapshot = table.current_snapshot()
        told = {} if snapshot is None or snapshot.summary is None else snapshot.summary
        return Size(
            name=name,
            rows=_told(told, "total-records"),
            files=_told(told, "total-data-files"),
            bytes=_told(told, "total-files-size"),
            seq=int(table.properties.get(model.SEQ, "0")),
            as_of_ms=int(table.properties.get(model.AS_OF, "0")),
            snapshots=len(table.metadata.snapshots),
        )

    # ── writing ────────────────────────────────────────────────────────────────────────────────

    def append_facts(self, rows: pa.Table, seq: int) -> None:
        """Add facts and move `onefold.seq` on to `seq`, in one commit."""
        table = self.table(model.FACTS.name)
        added: list[str] = []
        if rows.num_rows:
            days = pc.floor_temporal(rows["happened_at"], unit="day")
            for day in pc.unique(days).sort():
                part = rows.filter(pc.equal(days, day))
                added.append(write(table, [part], f"day={day.as_py():%Y-%m-%d}/"))
        self._commit(table, added, [], {model.SEQ: str(seq)})

    def extract(self, name: str, batches: Iterable[pa.Table], as_of_ms: int) -> int:
        """Put a table's new rows in the place of all it had, in one commit; how many."""
        table = self.table(name)
        old = self.files(table)
        rows = 0

        def counted() -> Iterator[pa.Table]:
            nonlocal rows
            for batch in batches:
                rows += batch.num_rows
                yield batch

        added = write(table, counted(), "")
        self._commit(table, [added], old, {model.AS_OF: str(as_of_ms)})
        return rows

    def replace(self, table: Table, old: Sequence[DataFile], added: Sequence[str]) -> None:
        """Put files with the same facts, or fewer, in the place of others, in one commit."""
        self._commit(table, added, old, {})

    def _commit(
        self,
        table: Table,
        added: Sequence[str],
        removed: Sequence[DataFile],
        properties: dict[str, str],
    ) -> None:
        made = list(parquet_files_to_data_files(table.io, table.metadata, iter(added)))
        with table.transaction() as change:
            if properties:
                change.set_properties(properties)
            if removed:
                with change.update_snapshot().overwrite() as snapshot:
                    for file in made:
                        snapshot.append_data_file(file)
                    for file in removed:
                        snapshot.delete_data_file(file)
            elif made:
                with change.update_snapshot().merge_append() as snapshot:
                    for file in made:
                        snapshot.append_data_file(file)

    # ── keeping ────────────────────────────────────────────────────────────────────────────────

    def expire(self, name: str, before: datetime) -> int:
        """Forget snapshots older than `before`, never the current one; how many."""
        table = self.table(name)
        kept = len(table.metadata.snapshots)
        with table.maintenance.expire_snapshots() as change:
            change.older_than(before)
        table.refresh()
        return kept - len(table.metadata.snapshots)

    def sweep(self, name: str, before: datetime) -> int:
        """Delete files older than `before` that no snapshot refers to; how many.

        They are left by expired snapshots, and by commits that a crash cut short.
        """
        table = self.table(name)
        system, root = self.place(table, table.location())
        kept = {self.place(table, path)[1] for path in _referred(table)}
        gone = 0
        selector = pafs.FileSelector(root, recursive=True, allow_not_found=True)
        for info in system.get_file_info(selector):
            old = info.mtime is not None and info.mtime < before
            if info.type == pafs.FileType.File and old and info.path not in kept:
                system.delete_file(info.path)
                gone += 1
        return gone

    @staticmethod
    def place(table: Table, location: str) -> tuple[pafs.FileSystem, str]:
        """The file system a location is in, and its path there."""
        scheme, netloc, path = PyArrowFileIO.parse_location(location)
        io = table.io
        if not isinstance(io, PyArrowFileIO):  # what `py-io-impl` above asks for
            raise TypeError(type(io).__name__)
        return io.fs_by_scheme(scheme, netloc), path


def write(table: Table, batches: Iterable[pa.Table], folder: str) -> str:
    """Write rows as one data file that no snapshot refers to yet; its location."""
    name = f"{folder}{clock.token('part-', 12)}.parquet"  # Spark skips names that begin with `_`
    location = table.location_provider().new_data_location(name)
    schema = schema_to_pyarrow(table.schema())
    with (
        table.io.new_output(location).create() as sink,
        pq.ParquetWriter(sink, schema, compression="zstd", write_page_index=True) as writer,
    ):
        for batch in batches:
            writer.write_table(batch.cast(schema), row_group_size=limits.lake_row_group_rows)
    return location


def _referred(table: Table) -> set[str]:
    """Every file that some snapshot, or the catalogue, refers to."""
    out = {table.metadata_location}
    out.update(entry.metadata_file for entry in table.metadata.metadata_log)
    manifests = {}
    for snapshot in table.metadata.snapshots:
        out.add(snapshot.manifest_list)
        manifests.update({m.manifest_path: m for m in snapshot.manifests(table.io)})
    for path, manifest in manifests.items():
        out.add(path)
        entries = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
        out.update(entry.data_file.file_path for entry in entries)
    return out


def _told(summary: Any, what: str) -> int:
    return int(summary.get(what) or 0)


def _engine_url(url: str) -> str:
    """SQLAlchemy's form of a psycopg connection string, with the catalogue's schema."""
    parts: dict[str, Any] = dict(conninfo.conninfo_to_dict(url))
    given = parts.pop("options", "")
    query = {
        **{k: str(v) for k, v in parts.items() if k not in ("user", "password", "dbname")},
        "options": f"{given} -c search_path={_SCHEMA}".strip(),
        "application_name": "onefold-lake",
    }
    made = URL.create(
        "postgresql+psycopg",
        username=parts.get("user"),
        password=parts.get("password"),
        database=parts.get("dbname"),
        query=query,
    )
    return made.render_as_string(hide_password=False)
