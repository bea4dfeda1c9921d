"""Files as they come: formats, encodings, delimiters, and everything that can be broken in them."""

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from onefold.kernel import errors
from onefold.sources import imports
from onefold.sources.imports import detect, read

PEOPLE = [("u1", "ann@acme.co", "Zoë"), ("u2", "bob@acme.co", "Ðorđe; the 2nd"), ("u3", "", "李雷")]


def _rows(path: Path, **more: Any) -> list[dict[str, Any]]:
    form = detect.look(path, **more).format
    found = list(read.records(path, form))
    assert [r.number for r in found] == list(range(1, len(found) + 1))
    assert all(r.fault is None for r in found), [r.fault for r in found if r.fault]
    return [r.values for r in found]


def _faults(tmp_path: Path, content: bytes, name: str = "f.csv") -> list[imports.RowFault]:
    path = tmp_path / name
    path.write_bytes(content)
    form = detect.look(path).format
    return [r.fault for r in read.records(path, form) if r.fault]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_csv_is_read_whatever_its_delimiter_and_unicode_encoding(
    tmp_path: Path, delimiter: str, encoding: str
) -> None:
    path = tmp_path / "people.csv"
    lines = [("user", "e-mail", "name"), *PEOPLE]
    text = "\r\n".join(delimiter.join(f'"{v}"' for v in line) for line in lines)
    path.write_text(text + "\r\n", encoding=encoding)
    assert [tuple(r.values()) for r in _rows(path)] == PEOPLE
    assert list(_rows(path)[0]) == ["user", "e-mail", "name"]


def test_a_western_csv_without_unicode_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "kunden.csv"
    names = ["Jürgen Groß", "Françoise Café", "Señor Núñez", "Åsa Öberg", "Zoë Müller"] * 4
    text = "Name;Straße\n" + "".join(f"{name};Königsstraße {n}\n" for n, name in enumerate(names))
    path.write_bytes(text.encode("cp1252"))
    assert [r["Name"] for r in _rows(path)] == names


def test_a_quote_that_is_never_closed_costs_its_row_and_no_other(tmp_path: Path) -> None:
    lines = ["email,notes", *(f"u{n}@acme.co,n{n}" for n in range(2, 40))]
    lines[9] = 'bad@acme.co,"never closed'
    path = tmp_path / "f.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    found = list(read.records(path, detect.look(path).format))
    assert [r.number for r in found] == [r.line - 1 for r in found] == list(range(1, 39))
    (bad,) = [r.fault for r in found if r.fault]
    assert (bad.line, "never closed" in bad.problem) == (10, True)
    assert [r.values["notes"] for r in found if not r.fault] == [
        f"n{n}" for n in range(2, 40) if n != 10
    ]


def test_a_value_that_runs_away_past_the_limit_takes_no_rows_along(tmp_path: Path) -> None:
    lines = ["email,notes", 'bad@acme.co,"runs away']
    lines += [f"u{n}@acme.co,{'x' * 90}" for n in range(20)]
    path = tmp_path / "f.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    before = csv.field_size_limit(500)
    try:
        found = list(read.records(path, imports.model.Format("csv", "utf-8", ",")))
    finally:
        csv.field_size_limit(before)
    assert [r.line for r in found] == list(range(2, 23))
    assert [r.line for r in found if r.fault] == [2]
    assert found[-1].values["email"] == "u19@acme.co"


def test_a_header_that_never_ends_is_told(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text('email,"notes\na@b.co,x\nc@d.co,y\n', "utf-8")
    form = imports.model.Format("csv", "utf-8", ",")
    with pytest.raises(errors.Invalid, match="never closed"):
        list(read.records(path, form))


def test_quoted_values_hold_line_breaks_and_faults_name_the_line_a_row_begins_on(
    tmp_path: Path,
) -> None:
    content = b'a,b\n1,"two\nlines"\n2\n3,4,5\n\n6,7\n'
    faults = _faults(tmp_path, content)
    assert [(f.line, f.column, f.value) for f in faults] == [(4, "a", "2"), (5, "", "5")]
    assert "2 columns" in faults[0].problem
    assert faults[0].remedy


def test_bytes_that_are_no_text_are_the_fault_of_their_row(tmp_path: Path) -> None:
    good = "".join(f"ü{n},x\n" for n in range(50)).encode()
    faults = _faults(tmp_path, b"name,b\n" + good + b"caf\xe9,1\nNUL\0here,2\n")
    assert [(f.line, f.column) for f in faults] == [(52, "name")]
    assert "UTF-8" in faults[0].remedy


def test_a_quote_that_never_closes_is_told_and_not_held_in_memory(tmp_path: Path) -> None:
    rest = b"".join(b"%d,abcdefghijklmnopqrstuvwxyz\n" % n for n in range(80_000))
    faults = _faults(tmp_path, b'a,b\n1,"open\n' + rest)
    assert faults[0].line == 2
    assert "quote" in faults[0].remedy


def test_json_lines_say_which_line_is_broken(tmp_path: Path) -> None:
    content = b'{"a": 1, "b": {"c": 2}}\nnot json\n[1]\n\n{"a": 2}\n{"a": \n'
    faults = _faults(tmp_path, content, "f.jsonl")
    assert [f.line for f in faults] == [2, 3, 6]
    path = tmp_path / "g.jsonl"
    path.write_bytes(content.splitlines()[0])
    assert _rows(path) == [{"a": 1, "b.c": 2}]


def test_parquet_and_excel_keep_their_types(tmp_path: Path) -> None:
    when = datetime(2026, 3, 4, 5, 6)  # noqa: DTZ001 as spreadsheets have them
    table = pa.table({"id": ["a", "b"], "n": [1, None], "at": [when, when], "on": [True, False]})
    parquet.write_table(table, tmp_path / "f.parquet")
    rows = _rows(tmp_path / "f.parquet")
    assert rows[0] == {"id": "a", "n": 1, "at": when, "on": True}
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in ([], ["id", "n", "at", "id"], ["a", 1.5, when, "x"], [None], ["b", None, None, 7]):
        sheet.append(line)
    book.save(tmp_path / "f.xlsx")
    found = _rows(tmp_path / "f.xlsx")
    assert found[0] == {"id": "a", "n": 1.5, "at": when, "id (2)": "x"}
    assert found[1] == {"id": "b", "n": None, "at": None, "id (2)": 7}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("f.csv", b"", "is empty"),
        ("f.csv", b"\n\n  \n", "is empty"),
        ("f.csv", b"only,a,header\n", "no row"),
        ("f.parquet", b"PAR1 but not really", "cannot be read as parquet"),
        ("f.xlsx", b"PK\x03\x04 broken", "cannot be read as xlsx"),
        ("f.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "before 2007"),
        ("f.csv.gz", b"\x1f\x8b\x08\x00", "compressed"),
        ("f.json", b'[{"a": 1}]', "one JSON list"),
        ("f.jsonl", b'{"a": ', "no row"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.Invalid, match=said) as caught:
        detect.look(tmp_path / name)
    assert caught.value.faults[0].remedy


@given(st.binary(max_size=2_000))
def test_no_content_whatever_breaks_the_reader(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "f.csv"
    path.write_bytes(content)
    try:
        form = detect.look(path).format
        for record in read.records(path, form):
            json.dumps(record.values, default=str)
    except errors.Invalid:
        pass  # said so, which is what was wanted
