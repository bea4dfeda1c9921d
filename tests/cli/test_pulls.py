"""Pulls from the command line, without a server: connect, dry run, run, list."""

import sqlite3
from pathlib import Path

import pytest

from onefold.cli import pulls as command
from onefold.kernel import errors
from onefold.sources import pulls


def test_a_table_is_connected_and_run(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with sqlite3.connect(tmp_path / "shop.db") as made:
        made.execute("CREATE TABLE orders (id INTEGER, who TEXT, mail TEXT, created_at TEXT)")
        made.execute("INSERT INTO orders VALUES (1, 'u1', 'a@x.co', '2026-03-01 10:00:00')")
    made.close()
    monkeypatch.setenv("ONEFOLD_PULL_FILES", str(tmp_path))
    wanted = command.Wanted(
        "orders", "", "events", ["who=user_id", "id="], ["event=Ordered"], None, None
    )
    for dry_run in (True, False):
        command.create(
            "Orders", "sqlite:shop.db", wanted, "every 1h", "billing", None, dry_run, None, database
        )
    out = capsys.readouterr()
    assert out.out == "pul_2\n"
    assert "1 rows: 1 new, 0 known, 0 refused" in out.err
    command.run("pul_2", None, database)
    assert capsys.readouterr().out.splitlines()[-1] == "done"
    command.show(None, database)
    assert capsys.readouterr().out == "pul_2\tOrders\tsqlite\torders\tevery 1h\tdone\n"
    command.runs("pul_2", None, database)
    assert capsys.readouterr().out.split("\t")[1:7] == ["done", "1", "1", "0", "0", "0"]


def test_locations_are_read_with_their_parts() -> None:
    place, password = command.place_of("postgres://re%40der:s%2Fx@db.example:6432/shop?tls=verify")
    assert place == pulls.Place(
        "postgresql", host="db.example", port=6432, database="shop", user="re@der", tls="verify"
    )
    assert password == "s/x"
    assert command.place_of("parquet:lake/users")[0] == pulls.Place("parquet", path="lake/users")
    for wrong in ("oracle://x", "shop.db", "mysql://u@h:port/d", "mysql://u@h/d?tls=maybe"):
        with pytest.raises(errors.Invalid):
            command.place_of(wrong)
