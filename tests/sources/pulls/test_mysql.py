"""Pulls from a real MariaDB: types, order, boundaries, timeouts, and what can go wrong."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pymysql
import pytest

from onefold.kernel import errors, limits, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import pulling
from onefold.sources import pulls
from onefold.sources.pulls import model, sql
from onefold.storage import Connection, jobs

pytestmark = pytest.mark.slow
SHARE = Path("/usr/share/mysql")
TABLES = (
    "mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql",
)  # fmt: skip

ODD = """
CREATE TABLE odd (
  id int PRIMARY KEY, small tinyint(1), flag bit(1), bits bit(12), price decimal(10, 2),
  huge decimal(30, 0), at timestamp(6) NULL, local datetime NULL, zero varchar(30), day date,
  span time, raw varbinary(10), txt blob, tree json, en enum('a', 'b'),
  emoji varchar(20) CHARSET utf8mb4)
"""


class Maria:
    """A server, and its address as a pull has it."""

    def __init__(self, port: int) -> None:
        self.place = model.Place(
            "mysql", host="127.0.0.1", port=port, database="shop", user="reader"
        )
        self.port = port

    def sql(self, *texts: str) -> None:
        with pymysql.connect(
            host="127.0.0.1", port=self.port, user="owner", password="o", autocommit=True,
            charset="utf8mb4", init_command="SET time_zone = '+00:00'",
        ) as conn, conn.cursor() as cursor:  # fmt: skip
            for text in texts:
                cursor.execute(text)

    def rows(self, table: str = "", query: str = "") -> list[Any]:
        with pulls.reader.opened(self.place, "r", "") as found:
            what = pulls.setup.what_of(found.dialect, table, query)
            text = sql.rows(found.dialect, what, "", [], bounded=False)
            return [row for part in found.stream(text) for row in part]


@pytest.fixture(scope="module")
def maria() -> Iterator[Maria]:
    program = os.environ.get("ONEFOLD_MARIADBD") or shutil.which(
        "mariadbd", path="/usr/sbin:/usr/bin"
    )
    if not program:
        pytest.fail("No MariaDB: python3 tools/mariadb.py sees to one.")
    folder = Path(tempfile.mkdtemp(prefix="onefold-maria-"))
    (folder / "data").mkdir()
    user = ["--user=root"] if os.geteuid() == 0 else []
    made = subprocess.run(
        [program, "--no-defaults", "--bootstrap", f"--datadir={folder / 'data'}", *user],
        input=b"CREATE DATABASE mysql;\nUSE mysql;\n"
        + b"".join((SHARE / name).read_bytes() for name in TABLES),
        capture_output=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-2_000:]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "init.sql").write_text(
        "CREATE DATABASE shop;\n"
        "CREATE USER owner@'127.0.0.1' IDENTIFIED BY 'o';\n"
        "GRANT ALL ON *.* TO owner@'127.0.0.1';\n"
        "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'r';\n"
        "GRANT SELECT ON shop.* TO reader@'127.0.0.1';\n"
    )
    server = subprocess.Popen(
        [program, "--no-defaults", f"--datadir={folder / 'data'}", f"--port={port}",
         f"--socket={folder / 's'}", "--bind-address=127.0.0.1", "--skip-name-resolve",
         f"--init-file={folder / 'init.sql'}", "--innodb-buffer-pool-size=32M", *user],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        found = Maria(port)
        ready = threading.Event()
        for _ in range(300):
            try:
                found.sql("SELECT 1")
                break
            except pymysql.err.OperationalError:
                assert server.poll() is None, "MariaDB ended"
                ready.wait(0.1)
        yield found
    finally:
        server.terminate()
        server.wait(60)
        shutil.rmtree(folder)


def test_every_type_has_its_form(maria: Maria) -> None:
    maria.sql(
        "USE shop", "DROP TABLE IF EXISTS odd", ODD,
        "INSERT INTO odd VALUES (1, 1, b'1', b'101', 19.90, 123456789012345678901234567890,"
        " '2026-03-01 10:00:00.123456', '2026-03-01 12:00:00', '0000-00-00', '2026-03-02',"
        " '-838:59:59', x'00ff', 'caf\u00e9', '{\"a\": [1]}', 'b', '\U0001f600%')",
    )  # fmt: skip
    (row,) = maria.rows("odd")
    zone = pulls.cells.zone("Europe/Berlin")
    values = [pulls.cells.plain(v, zone) for v in row]
    assert values[:6] == [1, 1, True, 5, 19.9, "123456789012345678901234567890"]
    assert values[6] == datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)
    assert values[7].isoformat() == "2026-03-01T12:00:00+01:00"
    assert values[8] is None
    assert values[9].isoformat() == "2026-03-02"
    assert values[10:13] == ["-838:59:59", "00ff", "café"]
    assert values[13] in ({"a": [1]}, '{"a": [1]}')
    assert values[14:] == ["b", "😀%"]


def test_tables_are_listed_and_queries_only_read(maria: Maria) -> None:
    maria.sql(
        "USE shop", "CREATE OR REPLACE TABLE plain (id int, `odd.name` int)",
        "INSERT INTO plain VALUES (1, 2)",
        "CREATE OR REPLACE VIEW plain_view AS SELECT * FROM plain",
    )  # fmt: skip
    with pulls.reader.opened(maria.place, "r", "") as found:
        assert found.about().startswith("MariaDB 1")
        names = {t.name: t.kind for t in found.tables()}
        assert (names["plain"], names["plain_view"]) == ("table", "view")
        fields = found.fields(sql.rows(found.dialect, "`plain`", "", [], bounded=False))
        assert [(f.name, f.type) for f in fields] == [("id", "long"), ("odd.name", "long")]
    assert maria.rows(query="SELECT id, '%;)' AS x FROM plain # )") == [(1, "%;)")]
    for query in (
        "SELECT id FROM plain INTO OUTFILE '/tmp/x'", "SELECT 1) AS a, (SELECT 2",
        "SELECT 1; SELECT 2",
        "SELECT 1 /*! INTO OUTFILE '/tmp/x' */", "DELETE FROM plain", "SELECT * FROM nothing",
        "SELECT id AS a, id AS a FROM plain",
    ):  # fmt: skip
        with pytest.raises(errors.Invalid):
            maria.rows(query=query)


def test_what_goes_wrong_says_what_to_do(maria: Maria, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(secret: str = "r", query: str = "SELECT 1 AS a", **changes: Any) -> str:
        place = msgspec.structs.replace(maria.place, **changes)
        with (
            pytest.raises(errors.Invalid) as caught,
            pulls.reader.opened(place, secret, "") as found,
        ):
            list(found.stream(sql.rows(found.dialect, f"({query}) AS q", "", [], bounded=False)))
        assert secret not in str(caught.value) or len(secret) < 3
        return str(caught.value)

    assert "does not let `reader` in" in told("wrong-secret")
    assert "Nobody answers at 127.0.0.1:1" in told(port=1)
    assert "is not known" in told(host="no.such.host.invalid")
    assert "Set TLS to what the server offers" in told(tls="require")
    assert "SELECT" in told(query="SELECT * FROM mysql.user")
    monkeypatch.setattr(limits, "pull_query_s", 1)
    assert "took too long" in told(query="SELECT sleep(20) AS a")


def test_rows_arrive_once_by_cursor_and_key(maria: Maria, conn: Connection, database: str) -> None:
    maria.sql(
        "USE shop",
        "CREATE OR REPLACE TABLE users (id int PRIMARY KEY, email varchar(50),"
        " updated_at timestamp)",
        "INSERT INTO users SELECT seq, concat('u', seq, '@x.co'), '2026-03-01 10:00:00' + INTERVAL"
        " seq SECOND FROM seq_1_to_2500",
    )  # fmt: skip
    one = pulls.setup.create(conn, SYSTEM, name="Maria", place=maria.place, secret="r")
    found = pulls.setup.look(one := pulls.store.for_run(conn, one.id), "users", "", "people", "")
    choice = pulls.setup.Choice(
        "users", "", "people", None, found.keys, found.cursor_column, 5, "UTC"
    )
    pulls.setup.choose(conn, SYSTEM, one.id, pulls.setup.check(one, found, choice))
    conn.commit()
    running = jobs.Running(database, settings.load(), threading.Event())

    def run() -> tuple[str, int, int, int]:
        made = pulling.start(conn, SYSTEM, one.id)
        conn.commit()
        pulling.run(running, made.id)
        done = pulls.store.run(conn, SYSTEM, made.id)
        conn.commit()
        assert not done.error
        return (done.status, done.read, done.created + done.matched, done.unchanged)

    assert run() == ("done", 2500, 2500, 0)
    maria.sql(
        "USE shop",
        "UPDATE users SET email = 'n@x.co', updated_at = '2026-03-01 11:00:00' WHERE id = 7",
        "INSERT INTO users VALUES (9000, 'late@x.co', '2026-03-01 10:41:38')",
    )  # fmt: skip
    assert run() == ("done", 8, 2, 6)
    assert run() == ("done", 1, 0, 1)
