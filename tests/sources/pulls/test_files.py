"""SQLite, DuckDB and Parquet: read-only, inside the allowed folder, every type, in order."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from onefold.kernel import errors, limits
from onefold.sources import pulls
from onefold.sources.pulls import model, sql


def rows(place: model.Place, allowed: Path, table: str = "", query: str = "") -> Sequence[Any]:
    with pulls.reader.opened(place, "", str(allowed)) as found:
        what = pulls.setup.what_of(found.dialect, table, query)
        text = sql.rows(found.dialect, what, "", [], bounded=False)
        return [row for part in found.stream(text) for row in part]


@pytest.fixture
def lite(tmp_path: Path) -> model.Place:
    with sqlite3.connect(tmp_path / "shop.db") as made:
        made.execute("CREATE TABLE users (id INTEGER, mail TEXT, raw BLOB, at TEXT, x)")
        made.executemany(
            "INSERT INTO users VALUES (?, ?, ?, ?, ?)",
            [
                (n, f"u{n}@x.co", bytes([n, 255]), f"2026-03-{n:02} 10:00:00", n / 2)
                for n in range(1, 9)
            ],
        )
        made.execute("CREATE VIEW mails AS SELECT mail FROM users")
    made.close()
    return model.Place("sqlite", path="shop.db")


@pytest.fixture
def duck(tmp_path: Path) -> model.Place:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as made:
        made.execute(
            """
            CREATE TABLE odd AS SELECT i AS id, TIMESTAMPTZ '2026-03-01 10:00:00+02' AS ts,
              TIMESTAMP_NS '2026-03-01 10:00:00.123456789' AS ns, 19.99::DECIMAL(10, 2) AS price,
              '\\xAA'::BLOB AS raw, {'a': 1, 'b': [DATE '2026-01-02']} AS doc,
              INTERVAL 3 DAY AS span,
              '{"x": [1]}'::JSON AS tree, 170141183460469231731687303715884105727::HUGEINT AS huge,
              MAP {'k': 1} AS m, 'infinity'::TIMESTAMP AS inf, '101'::BIT AS bits,
              'a'::ENUM ('a', 'b') AS en, TIME '10:00' AS tm, uuid() AS u
            FROM range(3) AS t (i)
            """
        )
        made.execute("CREATE SCHEMA s; CREATE VIEW s.v AS SELECT id FROM odd")
    return model.Place("duckdb", path="shop.duckdb")


def parquet(folder: Path, name: str, query: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.connect().execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)").close()


def test_sqlite_is_read_and_nothing_else(lite: model.Place, tmp_path: Path) -> None:
    with pulls.reader.opened(lite, "", str(tmp_path)) as found:
        assert found.tables() == [model.Table("mails", "view"), model.Table("users", "table")]
        assert found.about().startswith("SQLite 3")
    assert rows(lite, tmp_path, "users")[0] == (
        1,
        "u1@x.co",
        b"\x01\xff",
        "2026-03-01 10:00:00",
        0.5,
    )
    assert len(rows(lite, tmp_path, query="SELECT mail FROM mails WHERE mail LIKE '%1%'")) == 1
    for query in ("SELECT load_extension('x')", "SELECT * FROM pragma_database_list"):
        with pytest.raises(errors.Invalid):
            rows(lite, tmp_path, query=query)


def test_sqlite_ends_what_takes_too_long(
    lite: model.Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "pull_statement_s", 0.2)
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) m FROM n"
    )
    with pytest.raises(errors.Invalid, match="took too long"):
        rows(lite, tmp_path, query=endless)


def test_duckdb_reads_every_type(duck: model.Place, tmp_path: Path) -> None:
    with pulls.reader.opened(duck, "", str(tmp_path)) as found:
        assert [t.name for t in found.tables()] == ["odd", "s.v"]
        names = [f.name for f in found.fields('SELECT * FROM "odd"')]
    (first, *_) = rows(duck, tmp_path, "odd")
    values = {
        n: pulls.cells.plain(v, pulls.cells.zone("UTC")) for n, v in zip(names, first, strict=True)
    }
    uid = values.pop("u")
    assert len(uid) == 36
    assert values.pop("ts").isoformat() == "2026-03-01T08:00:00+00:00"
    assert values.pop("ns").isoformat() == "2026-03-01T10:00:00.123456+00:00"
    assert values == {
        "id": 0, "price": 19.99, "raw": "aa", "doc": {"a": 1, "b": ["2026-01-02"]},
        "span": "3 days",
        "tree": {"x": [1]}, "huge": "170141183460469231731687303715884105727", "m": [["k", 1]],
        "inf": None, "bits": "101", "en": "a", "tm": "10:00:00",
    }  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM sniff_csv('/etc/passwd')", "SELECT * FROM read_parquet('../x.parquet')",
        "SELECT getenv('HOME')",
    ],
)  # fmt: skip
def test_duckdb_opens_nothing_but_what_was_named(
    duck: model.Place, tmp_path: Path, query: str
) -> None:
    parquet(tmp_path, "data/a.parquet", "SELECT 1 AS id")
    for place in (duck, model.Place("parquet", path="data")):
        with pytest.raises(errors.Invalid):
            rows(place, tmp_path, query=query)


def test_a_file_that_another_writes_says_so(duck: model.Place, tmp_path: Path) -> None:
    import subprocess
    import sys

    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True);"
        " sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "shop.duckdb")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(errors.Invalid, match="open for writing"):
            rows(duck, tmp_path, "odd")
    finally:
        other.communicate()


def test_a_folder_of_parquet_is_one_table(tmp_path: Path) -> None:
    folder = tmp_path / "lake"
    parquet(
        folder, "day=2026-03-01/a.parquet", "SELECT 1 AS id, TIMESTAMP '2026-03-01 10:00' AS at"
    )
    more = "SELECT 2 AS id, TIMESTAMP '2026-03-02 10:00' AS at, 'x' AS more"
    parquet(folder, "day=2026-03-02/b.parquet", more)
    parquet(folder, "_tmp/c.parquet", "SELECT 3 AS id")
    outside = tmp_path / "outside"
    parquet(outside, "d.parquet", "SELECT 4 AS id")
    (folder / "link").symlink_to(outside)
    (folder / "d.parquet").symlink_to(outside / "d.parquet")
    place = model.Place("parquet", path="lake")
    with pulls.reader.opened(place, "", str(tmp_path)) as found:
        assert found.tables() == [model.Table("files", "view")]
        what = pulls.setup.what_of(found.dialect, "files", "")
        text = sql.rows(found.dialect, what, "at", ["id"], bounded=True)
        since = pulls.cells.start(
            pulls.cells.position("at", datetime.fromisoformat("2026-03-02T10:00:01")), 600
        )
        got = [row for part in found.stream(text, [since]) for row in part]
    assert [row[0] for row in got] == [2]
    assert [r[0] for r in rows(place, tmp_path, query="SELECT id FROM files ORDER BY id")] == [1, 2]


def test_files_outside_the_folder_are_not_there(lite: model.Place, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link.db").symlink_to(tmp_path / "shop.db")
    answers = set()
    for path in ("../shop.db", "/etc/passwd", "/no/such/file", "link.db", "a\x00b"):
        with pytest.raises(errors.Invalid) as caught:
            rows(model.Place("sqlite", path=path), inner, "users")
        answers.add(str(caught.value).replace(path, "…"))
    assert len(answers) == 1
    with (
        pytest.raises(errors.Invalid, match="ONEFOLD_PULL_FILES"),
        pulls.reader.opened(lite, "", ""),
    ):
        pass
    with (
        pytest.raises(errors.Invalid, match="no socket"),
        pulls.reader.opened(model.Place("postgresql", host="/run/postgresql"), "", str(inner)),
    ):
        pass


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"hello, I am no database at all" * 200)
    (tmp_path / "empty").mkdir()
    for kind, path, words in (
        ("sqlite", "x", "no SQLite file"), ("duckdb", "x", "can't be read"),
        ("parquet", "empty", "no Parquet file"), ("parquet", "x", "can't be read"),
    ):  # fmt: skip
        with pytest.raises(errors.Invalid) as caught:
            rows(model.Place(kind, path=path), tmp_path, "users")
        assert words in str(caught.value), (kind, path)


def test_a_large_table_is_sorted_and_read_in_little_memory(tmp_path: Path) -> None:
    parquet(tmp_path, "big/a.parquet", "SELECT i AS id, repeat('x', 200) AS note, hash(i) AS at"
            " FROM range(200000) t (i)")  # fmt: skip
    place = model.Place("parquet", path="big")
    seen, last = 0, -1
    with pulls.reader.opened(place, "", str(tmp_path)) as found:
        what = pulls.setup.what_of(found.dialect, "files", "")
        for part in found.stream(sql.rows(found.dialect, what, "at", ["id"], bounded=False)):
            assert len(part) <= limits.import_chunk_rows * 3
            for row in part:
                assert row[2] >= last
                last = row[2]
            seen += len(part)
    assert seen == 200_000
