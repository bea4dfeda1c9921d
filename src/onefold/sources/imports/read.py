"""Reading files row by row, in bounded memory, whatever is wrong with them.

Each reader yields `Record`s: the row's number, the line it begins on, its values by column, or what
makes it unreadable. A file that cannot be read at all raises `Invalid`.
"""

import csv
import json
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from onefold.kernel import errors, limits
from onefold.sources.imports.model import Format, RowFault

csv.field_size_limit(limits.import_value_chars_max)


class Record(msgspec.Struct, frozen=True):
    """A row: `number` from 1, `line` in the file. `fault` is set when it could not be read.

    `id` names it where the number does not: of a table, the same row has another one each time;
    `label` does so for people.
    """

    number: int
    line: int
    values: dict[str, Any]
    fault: RowFault | None = None
    id: str = ""
    label: str = ""


def records(path: Path, form: Format) -> Iterator[Record]:
    """Every row of a file."""
    try:
        yield from _READERS[form.kind](path, form)
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise unreadable(path, form, error) from error


def unreadable(path: Path, form: Format, error: Exception) -> errors.Invalid:
    """The error for a file that is not what it seems."""
    said = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    return errors.Invalid(
        errors.Fault(
            "file",
            f"`{path.name}` cannot be read as {form.kind}: {said}.",
            "Check that the file is whole, or save it as CSV in UTF-8.",
        )
    )


def columns_of(names: Sequence[Any]) -> tuple[str, ...]:
    """Column names, each once: blank ones by number, repeated ones with a count."""
    out: list[str] = []
    for n, name in enumerate(names, 1):
        text = " ".join(str(name).split()) if name is not None else ""
        text = text.lstrip("\ufeff")[: limits.import_column_chars_max] or f"column {n}"
        count, unique = 1, text
        while unique in out:
            count += 1
            unique = f"{text} ({count})"
        out.append(unique)
    return tuple(out)


# ── CSV ────────────────────────────────────────────────────────────────────────────────────────


def _csv(path: Path, form: Format) -> Iterator[Record]:
    with path.open(encoding=form.encoding, errors="surrogateescape", newline="") as file:
        lines = _Lines(file)
        reader = csv.reader(lines, delimiter=form.delimiter)
        columns: tuple[str, ...] | None = None
        number = 0
        while True:
            line = lines.begin()
            wrong: Exception | str = ""
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                row, wrong = [], error
            if lines.ended:  # the reader wanted more of a row than there is
                wrong = "a quote is opened here and never closed"
            if wrong:
                if columns is None:
                    raise csv.Error(str(wrong))
                lines.give_up()
                reader = csv.reader(lines, delimiter=form.delimiter)
                number += 1
                yield Record(number, line, {}, _broken(line, wrong))
                continue
            if not row or (len(row) == 1 and not row[0].strip()):
                continue  # a blank line
            if columns is None:
                columns = columns_of(row)
                continue
            number += 1
            yield _csv_record(columns, row, number, line)


def _csv_record(columns: tuple[str, ...], row: list[str], number: int, line: int) -> Record:
    if len(row) != len(columns):
        extra = len(row) > len(columns)
        shown = row[len(columns)] if extra else row[-1]
        fault = RowFault(
            line,
            "" if extra else columns[len(row) - 1],
            shown[: limits.import_shown_chars_max],
            f"has {len(row)} values; the header has {len(columns)} columns.",
            "Quote values that hold the delimiter or line breaks, or complete the row.",
        )
        return Record(number, line, {}, fault)
    values = dict(zip(columns, row, strict=True))
    for column, value in values.items():
        if not value.isascii() and any("\udc80" <= c <= "\udcff" for c in value):
            shown = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            fault = RowFault(
                line, column, shown[: limits.import_shown_chars_max],
                "holds bytes that are not in the file's encoding.",
                "Save the file as UTF-8, or correct this value.",
            )  # fmt: skip
            return Record(number, line, {}, fault)
    return Record(number, line, values)


class _Lines:
    """The lines of a file, without NUL; those of a row that runs away come again, but the first.

    Else a quote that is never closed would take all rows after it along, and nobody would be told.
    """

    def __init__(self, file: Iterator[str]) -> None:
        self._file = file
        self._again: deque[str] = deque()
        self._row: list[str] = []
        self._before = 0
        self._given_up = 0
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        text = self._again.popleft() if self._again else next(self._file, None)
        if text is None:
            self.ended = True
            raise StopIteration
        self._row.append(text)
        return text.replace("\0", "\ufffd") if "\0" in text else text

    def begin(self) -> int:
        """A row begins: the number of its line, from 1."""
        self._before += len(self._row)
        self._row.clear()
        return self._before + 1

    def give_up(self) -> None:
        """The row ends with its first line after all. What that may cost again is bounded."""
        self._given_up += 1
        if self._given_up <= limits.import_unclosed_max:
            self._again.extendleft(reversed(self._row[1:]))
            del self._row[1:]
            self.ended = False


def _broken(line: int, error: Exception | str) -> RowFault:
    return RowFault(
        line, "", "", f"cannot be read: {error}.",
        "Look for a quote that is opened and never closed.",
    )  # fmt: skip


# ── JSON lines ─────────────────────────────────────────────────────────────────────────────────


def _jsonl(path: Path, _: Format) -> Iterator[Record]:
    number = 0
    with path.open("rb") as file:
        for line, raw in enumerate(_lines(file), 1):
            if not raw.strip():
                continue
            number += 1
            yield _json_record(raw, number, line)


def _lines(file: Any) -> Iterator[bytes]:
    while raw := file.readline(limits.import_value_chars_max * 4):
        yield raw


def _json_record(raw: bytes, number: int, line: int) -> Record:
    try:
        found = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        shown = raw[: limits.import_shown_chars_max].decode("utf-8", "replace")
        said = str(error)[:100]
        fault = RowFault(line, "", shown, f"is not JSON: {said}.", "Put one JSON object on a line.")
        return Record(number, line, {}, fault)
    if not isinstance(found, dict):
        fault = RowFault(
            line, "", str(found)[: limits.import_shown_chars_max], "is not a JSON object.",
            "Put one object on each line, without a list around them.",
        )  # fmt: skip
        return Record(number, line, {}, fault)
    return Record(number, line, flat(found))


def flat(tree: dict[str, Any]) -> dict[str, Any]:
    """Nested objects as dotted columns, one level deep."""
    out: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            out |= {f"{name}.{inner}": v for inner, v in value.items()}
        else:
            out[name] = value
    return out


# ── Parquet and Excel ──────────────────────────────────────────────────────────────────────────


def _parquet(path: Path, _: Format) -> Iterator[Record]:
    import pyarrow as pa
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=limits.import_chunk_rows):
                for row in batch.to_pylist():
                    number += 1
                    yield Record(number, number, flat(row))
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error


def _xlsx(path: Path, form: Format) -> Iterator[Record]:
    from zipfile import BadZipFile

    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, BadZipFile) as error:
        raise ValueError(str(error)) from error
    try:
        sheet = book[form.sheet] if form.sheet else book.worksheets[0]
        columns: tuple[str, ...] | None = None
        number = 0
        for line, row in enumerate(sheet.iter_rows(values_only=True), 1):
            if all(value is None or value == "" for value in row):
                continue
            if columns is None:
                last = max(n for n, value in enumerate(row, 1) if value not in (None, ""))
                columns = columns_of(row[:last])
                continue
            number += 1
            values = dict(zip(columns, [*row, *[None] * len(columns)], strict=False))
            yield Record(number, line, values)
    finally:
        book.close()


_READERS = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet, "xlsx": _xlsx}
