"""Connections and migrations; the schema that a migrated database has is tests/storage/schema.txt.

After a change of the migrations renew that file and read its difference:

    ONEFOLD_RENEW=1 .venv/bin/pytest tests/storage/test_database.py
"""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from onefold import storage
from tests.storage import catalog

SNAPSHOT = Path(__file__).with_name("schema.txt")


@pytest.fixture
def empty(server_url: str, database: str) -> Iterator[str]:
    """The URL of a database without any schema."""
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}_empty"')
    yield database.replace(str(name), f"{name}_empty")
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}_empty" WITH (FORCE)')


def test_a_migrated_database_has_the_schema_of_the_snapshot(conn: storage.Connection) -> None:
    text = catalog.describe(conn)
    if os.environ.get("ONEFOLD_RENEW"):
        SNAPSHOT.write_text(text, encoding="utf-8")
    assert text == SNAPSHOT.read_text(encoding="utf-8")


def test_the_snapshot_sees_what_guards_us(conn: storage.Connection) -> None:
    before = catalog.describe(conn)
    for change in (
        "ALTER TABLE link DROP CONSTRAINT link_check",
        "DROP INDEX signal_open",
        "ALTER TABLE task ALTER status DROP DEFAULT",
        "ALTER TABLE account ALTER key DROP NOT NULL",
        "ALTER TABLE log ALTER body SET STORAGE EXTENDED",
        "ALTER TABLE log ALTER items TYPE bigint",
        "CREATE VIEW everything AS SELECT 1 AS one",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ):
        with conn.transaction(force_rollback=True):
            conn.execute(change.encode())
            assert catalog.describe(conn) != before, change
    assert catalog.describe(conn) == before


def test_migrating_twice_changes_nothing(empty: str) -> None:
    storage.migrate(empty)
    with storage.connect(empty) as conn:
        conn.execute("INSERT INTO checkpoint VALUES ('kept', 7, 0)")
        before = catalog.describe(conn)
    storage.migrate(empty)
    with storage.connect(empty) as conn:
        assert catalog.describe(conn) == before
        assert conn.execute("SELECT seq FROM checkpoint").fetchall() == [(7,)]


def test_several_processes_may_migrate_at_once(empty: str) -> None:
    together = threading.Barrier(4)

    def go(_: int) -> None:
        together.wait()
        storage.migrate(empty)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(go, range(4)))
    with storage.connect(empty) as conn:
        assert conn.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


def test_a_failed_migration_leaves_the_database_as_it_was(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onefold.storage import database as module

    broken = tmp_path / "100% broken"
    for path in module.MIGRATIONS.rglob("*"):
        if path.is_file() and path.suffix in {".py", ".sql"}:
            there = broken / path.relative_to(module.MIGRATIONS)
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    sql = broken / "0001_foundation.sql"
    sql.write_text(sql.read_text(encoding="utf-8") + "SELECT 1/0;\n", encoding="utf-8")
    with storage.connect(empty) as conn:
        before = catalog.describe(conn)
    with monkeypatch.context() as patch:
        patch.setattr(module, "MIGRATIONS", broken)
        with pytest.raises(Exception, match="division by zero"):
            storage.migrate(empty)
    with storage.connect(empty) as conn:
        assert catalog.describe(conn) == before
    storage.migrate(empty)


def test_a_connection_is_in_utc_named_and_bounded(database: str) -> None:
    with storage.connect(database, application="a-test") as conn:
        row = conn.execute(
            "SELECT current_setting('timezone'), current_setting('application_name'), "
            "current_setting('statement_timeout')"
        ).fetchone()
    assert row == ("UTC", "a-test", "1min")


def test_a_pool_outlives_its_connections(database: str) -> None:
    with storage.pool(database, size=2, application="a-pool") as pool:
        with pool.connection() as conn:
            assert conn.execute("SELECT current_setting('timezone')").fetchone() == ("UTC",)
        with storage.connect(database, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'a-pool'"
            )
        with pool.connection() as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
        with pool.connection(), pool.connection(), pytest.raises(PoolTimeout):
            pool.getconn(timeout=0.1)
