"""Tables in and out: CSV of any usual delimiter and encoding, and Parquet."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from onefold.identity.match import clean, headers
from onefold.identity.match.columns import Table
from onefold.kernel import errors

CLUSTER = "cluster"
_DELIMITERS = ",;\t|"
_ROWS_LOOKED_AT = 500
_YEAR = re.compile(r"^\d{4}$")
_LINK = re.compile(r"^(https?://|www\.)\S+$", re.IGNORECASE)


def read(path: Path) -> tuple[Table, Any]:
    """The table as text, and what `write` needs to give the file back as it was."""
    if not path.is_file():
        raise errors.Invalid(errors.Fault(str(path), "is not a file.", "Check the name."))
    if path.suffix.lower() in {".parquet", ".pq"}:
        return _parquet(path)
    raw = path.read_bytes()
    if raw[:4] == b"PAR1":
        return _parquet(path)
    text = _decoded(raw)
    if not text.strip():
        raise errors.Invalid(errors.Fault(str(path), "is empty.", "Give a CSV with a header row."))
    delimiter = _delimiter(text)
    csv.field_size_limit(10_000_000)
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    if headless(rows):
        rows.insert(0, [""] * max(map(len, rows)))
    names = _unique([name.strip() for name in rows[0]])
    width = len(names)
    for number, row in enumerate(rows[1:], 2):
        if len(row) > width and any(cell.strip() for cell in row[width:]):
            raise errors.Invalid(
                errors.Fault(
                    f"{path}, row {number}", f"has {len(row)} cells, the header {width}.",
                    "A cell with the delimiter in it needs quotes around it.",
                )
            )  # fmt: skip
    body = [(row + [""] * width)[:width] for row in rows[1:]]
    cells: list[list[str | None]] = [[row[c].strip() or None for row in body] for c in range(width)]
    return Table(names, cells), (names, body, delimiter)


def headless(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is a record like the others, and names no columns.

    It is when a cell is an address, a date, a link or a number as those below it are, or comes
    again in its column; and when all there is is one column of several words that say no role.
    """
    head = [cell.strip() for cell in rows[0]]
    below = rows[1 : _ROWS_LOOKED_AT + 1]
    columns = [
        [row[number].strip() for row in below if len(row) > number and row[number].strip()]
        for number in range(len(head))
    ]
    alike = repeated = 0
    for cell, column in zip(head, columns, strict=True):
        form = _is_data(cell) if column else ""
        alike += bool(form) and sum(_is_data(v) == form for v in column) * 2 > len(column)
        repeated += cell in column and cell != ""
    if any(headers.role(cell) for cell in head if cell and not _is_data(cell)):
        return alike > 1 and not all(_YEAR.match(cell) for cell in head if _is_data(cell))
    if len(head) == 1 and " " in head[0]:
        return sum(" " in value for value in columns[0]) * 2 > len(columns[0])
    return bool(alike or repeated)


def _is_data(cell: str) -> str:
    """What a cell is that no header would be; empty for words."""
    if "@" in cell and clean.email(cell):
        return "email"
    if clean.is_date(cell):
        return "date"
    if _LINK.match(cell):
        return "link"
    return "number" if sum(map(str.isdigit, cell)) * 2 >= len(cell) > 1 else ""


def _parquet(path: Path) -> tuple[Table, Any]:
    try:
        arrow = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise errors.Invalid(
            errors.Fault(str(path), "cannot be read as Parquet.", str(error).split("\n")[0])
        ) from None
    cells: list[list[str | None]] = [
        [None if value is None else _text(value) for value in column.to_pylist()]
        for column in arrow.columns
    ]
    return Table(list(arrow.column_names), cells), arrow


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _decoded(raw: bytes) -> str:
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return raw.decode("utf-16")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _delimiter(text: str) -> str:
    line = text.lstrip("\r\n").split("\n", 1)[0]
    return max(_DELIMITERS, key=line.count) if any(d in line for d in _DELIMITERS) else ","


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for number, name in enumerate(names, 1):
        label = name or f"column{number}"
        seen[label] = seen.get(label, 0) + 1
        out.append(label if seen[label] == 1 else f"{label}_{seen[label]}")
    return out


def write(path: Path, source: Any, clusters: Sequence[str]) -> None:
    """The file with a column `cluster` at its end; an older one becomes `cluster_before`."""
    if not path.parent.is_dir():
        raise errors.Invalid(
            errors.Fault(str(path), "lies in no folder.", "Make the folder first.")
        )
    arrow = source if isinstance(source, pa.Table) else None
    if arrow is None and path.suffix.lower() in {".parquet", ".pq"}:
        names, body, _ = source
        columns = [
            pa.array([row[c] or None for row in body], pa.string()) for c in range(len(names))
        ]
        arrow = pa.table(dict(zip(names, columns, strict=True)))
    if arrow is not None:
        arrow = arrow.rename_columns(_before(list(arrow.column_names)))
        arrow = arrow.append_column(CLUSTER, pa.array(clusters, pa.string()))
        if path.suffix.lower() in {".parquet", ".pq"}:
            pq.write_table(arrow, path)
            return
        names, delimiter = list(arrow.column_names)[:-1], ","
        body = [list(row.values())[:-1] for row in arrow.to_pylist()]
    else:
        names, body, delimiter = source
        names = _before(names)
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
        writer.writerow([*names, CLUSTER])
        writer.writerows([*row, label] for row, label in zip(body, clusters, strict=True))


def _before(names: list[str]) -> list[str]:
    out = []
    for name in names:
        label = name
        while label == CLUSTER or (label != name and label in names):
            label += "_before"
        out.append(label)
    return out
