"""Connections and migrations."""

from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from onefold.storage import locks

Connection = psycopg.Connection[TupleRow]

MIGRATIONS = Path(__file__).parent / "migrations"
_OPTIONS = (
    "-c timezone=UTC -c statement_timeout=60000 -c idle_in_transaction_session_timeout=120000"
)


def connect(url: str, *, autocommit: bool = False, application: str = "onefold") -> Connection:
    """A connection in UTC. `application` is its name in pg_stat_activity."""
    return psycopg.connect(
        url, autocommit=autocommit, application_name=application, options=_OPTIONS
    )


def pool(url: str, *, size: int, application: str = "onefold") -> ConnectionPool[Connection]:
    """A pool of connections for a door; open, checked before use, closed by its `close`."""
    kwargs: dict[str, Any] = {"application_name": application, "options": _OPTIONS}
    return ConnectionPool(
        url,
        min_size=1,
        max_size=size,
        kwargs=kwargs,
        open=True,
        check=ConnectionPool.check_connection,
        reconnect_timeout=30,
    )


def migrate(url: str) -> None:
    """Bring the database to the newest schema. Safe to call from several processes at once."""
    with connect(url, autocommit=True, application="onefold-migrate") as lock:
        lock.execute("SET statement_timeout = 0")  # another process may migrate for long
        lock.execute("SELECT pg_advisory_lock(%s)", (locks.MIGRATE,))
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["url"] = url
        command.upgrade(config, "head")
