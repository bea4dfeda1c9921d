"""What a file is: format, encoding, delimiter, columns, first rows. Content decides, not names."""

import csv
import io
import itertools
from pathlib import Path

import charset_normalizer

from onefold.kernel import errors, limits
from onefold.sources.imports import read
from onefold.sources.imports.model import Format, Kind, Sample

_HEAD_BYTES = 262_144
_NEAR = 0.02
_TELLING_BYTES = 12  # fewer bytes above ASCII say too little of their code page
_DELIMITERS = ",;\t|"
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\x00\x00", "utf-32"), (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)  # fmt: skip


def look(path: Path, name: str = "", sheet: str = "") -> Sample:
    """How the file is read, its columns and first rows. Raises `Invalid` with what is wrong."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    size = path.stat().st_size
    if not head.strip(b"\0 \r\n\t"):
        raise _fault("is empty.", "Choose a file with a header and at least one row.")
    kind = _kind(head, name or path.name)
    form = _format(path, kind, head, size, sheet)
    found = list(itertools.islice(read.records(path, form), limits.import_sample_rows))
    good = [r for r in found if r.fault is None]
    columns: dict[str, None] = {}
    for record in good:
        columns |= dict.fromkeys(record.values)
    if not columns:
        told = f" The first row: {found[0].fault}" if found and found[0].fault else ""
        raise _fault(
            f"has no row that can be read as {kind}.{told}",
            "It needs a header with column names, then one row a line.",
        )
    if len(columns) > limits.import_columns_max:
        raise _fault(
            f"has {len(columns):,} columns.", f"Use at most {limits.import_columns_max:,}."
        )
    return Sample(form, tuple(columns), tuple(r.values for r in good))


def _kind(head: bytes, name: str) -> Kind:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise _fault("is an Excel file of before 2007.", "Save it as .xlsx or as CSV.")
    if head.startswith((b"\x1f\x8b", b"%PDF")):
        raise _fault("is compressed or a PDF.", "Unpack it, or export the table as CSV.")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{") and not name.lower().endswith((".csv", ".tsv", ".txt")):
        return "jsonl"
    if start.startswith(b"[") and name.lower().endswith((".json", ".jsonl", ".ndjson")):
        raise _fault(
            "is one JSON list.",
            "Put one object on each line: `jq -c '.[]' file.json > file.jsonl`.",
        )
    return "csv"


def _format(path: Path, kind: Kind, head: bytes, size: int, sheet: str) -> Format:
    if kind == "parquet":
        return Format(kind, rows=_parquet_rows(path), bytes=size)
    if kind == "xlsx":
        return Format(kind, sheet=sheet, bytes=size)
    encoding = encoding_of(head, whole=size <= len(head))
    rows = _estimate(head, size)
    if kind == "jsonl":
        return Format(kind, rows=rows, bytes=size)
    text = head.decode(encoding, "replace")
    return Format(kind, encoding, delimiter_of(text), rows=max(rows - 1, 1), bytes=size)


def encoding_of(head: bytes, *, whole: bool = True) -> str:
    """The text's encoding: by mark, UTF-8 where it fits, else what it looks like."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if not whole and error.start >= len(head) - 4:
            return "utf-8"  # only the last character is cut
    else:
        return "utf-8"
    guesses = charset_normalizer.from_bytes(head)
    best = guesses.best()
    near = [g.encoding for g in guesses if best is not None and g.chaos <= best.chaos + _NEAR]
    # The Western code page looks like its neighbours, and is the likeliest of them by far.
    # A few letters prove nothing: what is short is read as Western where it can be.
    few = sum(byte > 0x7F for byte in head) < _TELLING_BYTES and _readable(head)
    western = few or best is None or any(e in ("cp1252", "latin_1", "iso8859_15") for e in near)
    found = "cp1252" if western or best is None else best.encoding
    # One stray byte in a file that is UTF-8 otherwise is that row's fault, not another encoding.
    text = head.decode("utf-8", "surrogateescape")
    bad = sum("\udc80" <= c <= "\udcff" for c in text)
    good = sum(c > "\x7f" and not "\udc80" <= c <= "\udcff" for c in text)
    if good > bad * 4:
        return "utf-8"
    return found


def _readable(head: bytes) -> bool:
    """Whether cp1252 makes letters and signs of every byte, as people write them."""
    try:
        text = head.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return all(c.isprintable() or c in "\r\n\t\xa0\xad" for c in text)


def delimiter_of(text: str) -> str:
    """The delimiter: the one that splits most lines into the header's number of columns."""
    lines = text.splitlines(keepends=True)[:200]
    if len(lines) > 1 and len(text) >= _HEAD_BYTES // 2:
        lines = lines[:-1]  # it may be cut
    best, best_score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        try:
            rows = [r for r in csv.reader(io.StringIO("".join(lines)), delimiter=delimiter) if r]
        except csv.Error:
            continue
        width = len(rows[0]) if rows else 0
        if width < 2:
            continue
        even = sum(len(row) == width for row in rows) / len(rows)
        if (even, width) > best_score:
            best, best_score = delimiter, (even, width)
    return best


def _estimate(head: bytes, size: int) -> int:
    lines = head.count(b"\n") + (not head.endswith(b"\n"))
    return lines if size <= len(head) else max(1, int(lines * size / len(head)))


def _parquet_rows(path: Path) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return int(parquet.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise read.unreadable(path, Format("parquet"), error) from error


def _fault(problem: str, remedy: str) -> errors.Invalid:
    return errors.Invalid(errors.Fault("file", problem, remedy))
