"""A shared database, who acts in these tests, and what they left in the log."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import psycopg
import pytest

from onefold import log, storage
from onefold.kernel.viewer import Viewer

Facts = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def shared(server_url: str, template: str) -> Iterator[str]:
    """One migrated database for a module's tests, which never commit."""
    name = f"onefold_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield psycopg.conninfo.make_conninfo(server_url, dbname=name)
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def conn(shared: str) -> Iterator[storage.Connection]:
    """A connection whose work is rolled back; for commits take `database`."""
    with storage.connect(shared) as connection:
        yield connection
        connection.rollback()


def user(conn: storage.Connection, email: str, name: str) -> Viewer:
    """A member, without the price of a password."""
    row = conn.execute(
        "INSERT INTO app_user (email, name, role, password_hash) VALUES (%s, %s, 'member', '') "
        "RETURNING id",
        (email, name),
    ).fetchone()
    assert row is not None
    return Viewer(kind="user", id=row[0], name=name, role="member")


@pytest.fixture
def rep(conn: storage.Connection) -> Viewer:
    """A member with a row in app_user."""
    return user(conn, "rep@onefold.test", "Rita Rep")


@pytest.fixture
def facts(conn: storage.Connection) -> Facts:
    """All facts in the log as this connection (or another) sees it, oldest first."""

    def read(other: storage.Connection | None = None) -> list[dict[str, Any]]:
        rows = log.read(other or conn, 0)
        assert {row.category for row in rows} <= {"crm"}
        return [msgspec.json.decode(item) for row in rows for item in log.unpack(row.body).batch]

    return read
