"""Keeping the lake: small files of a day written together, facts taken back written out of it."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from onefold.kernel import limits
from onefold.lake import model, query, store
from onefold.lake.store import Lake

Look = Callable[[], None]


def compact(lake: Lake, today: int, look: Look) -> int:
    """Write a day's small files together, in the table's order; how many files went.

    A day that is over is left with one; of `today` (days since 1970) and later ones a few are let
    gather first. One commit a day; `look` is called between them, and may raise.
    """
    gone = 0
    days: dict[int, list[DataFile]] = defaultdict(list)
    for file in lake.files(lake.table(model.FACTS.name)):
        if file.file_size_in_bytes < limits.lake_file_bytes_min:
            days[file.partition[0]].append(file)
    for day, files in sorted(days.items()):
        if len(files) > (1 if day < today else limits.lake_small_files_max):
            look()
            rewrite(lake, files)
            gone += len(files) - 1
    return gone


def take_out(lake: Lake, positions: Sequence[int]) -> int:
    """Write files anew without the facts at these positions; how many files held some."""
    if not positions:
        return 0
    table = lake.table(model.FACTS.name)
    files = {file.file_path: file for file in lake.files(table)}
    held = [file for path, file in files.items() if _holds(table, path, positions)]
    for file in held:  # one by one: a commit that fails has done the ones before it
        rewrite(lake, [file], positions)
    return len(held)


def rewrite(lake: Lake, files: Sequence[DataFile], without: Sequence[int] = ()) -> None:
    """Replace files of one day by one, sorted, with the same facts but those `without`."""
    table = lake.table(model.FACTS.name)
    day = (
        table.spec()
        .fields[0]
        .transform.to_human_string(table.schema().find_type("happened_at"), files[0].partition[0])
    )
    with query.duck(threads=1, memory_mb=limits.lake_rewrite_memory_mb) as connection:
        paths = [file.file_path for file in files]
        source = query.relation(connection, table, "facts", paths)
        connection.register("without", pa.table({"pos": pa.array(without, pa.int64())}))
        wanted = "pos NOT IN (SELECT pos FROM without)" if without else "true"
        names = ", ".join(f'"{field.name}"' for field in table.schema().fields)
        order = ", ".join(model.FACTS.order)
        ((left,),) = connection.execute(f"SELECT count(*) FROM {source} WHERE {wanted}").fetchall()
        if not left:
            lake.replace(table, files, [])
            return
        reader = connection.sql(
            f"SELECT {names} FROM {source} WHERE {wanted} ORDER BY {order}"
        ).to_arrow_reader(limits.lake_row_group_rows)
        added = store.write(table, _tables(reader), f"day={day}/")
    lake.replace(table, files, [added])


def _tables(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    for batch in reader:
        yield pa.Table.from_batches([batch])


def _holds(table: Table, path: str, positions: Sequence[int]) -> bool:
    with query.duck(threads=1, memory_mb=limits.lake_rewrite_memory_mb) as connection:
        connection.register("wanted", pa.table({"pos": pa.array(positions, pa.int64())}))
        source = query.relation(connection, table, "facts", [path])
        found = connection.execute(
            f"SELECT 1 FROM {source} WHERE pos IN (SELECT pos FROM wanted) LIMIT 1"
        ).fetchall()
    return bool(found)
