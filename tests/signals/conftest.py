"""A shared database and a small world in it: accounts, people, what they did."""

import secrets
from collections.abc import Iterator, Mapping

import psycopg
import pytest

from onefold import storage
from onefold.kernel import clock

DAY = 20_600  # 2026-05-27
NOW = DAY * clock.DAY_MS + 9 * clock.HOUR_MS


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


class World:
    """Rows as the worker would have written them."""

    def __init__(self, conn: storage.Connection) -> None:
        self.conn = conn
        self._fragment = 0
        self._events: dict[str, int] = {}

    def account(self, key: str, name: str = "") -> int:
        """A new account's id."""
        row = self.conn.execute(
            "INSERT INTO account (key, name) VALUES (%s, %s) RETURNING id", (key, name)
        ).fetchone()
        assert row is not None
        return int(row[0])

    def join(self, person: int, account: int, since_day: float = 0) -> None:
        """The person is in the account since then."""
        since_ms = int(since_day * clock.DAY_MS)
        self.conn.execute(
            "INSERT INTO person_account VALUES (%s, %s, %s, %s, true)",
            (person, account, since_ms, since_ms),
        )
        self.conn.execute(
            "INSERT INTO person_span VALUES (%s, %s, %s) ON CONFLICT (person_id, from_ms) "
            "DO UPDATE SET account_id = greatest(person_span.account_id, excluded.account_id)",
            (person, since_ms, account),
        )

    def fragment(self, person: int) -> int:
        """A new fragment of the person; 0: of an account."""
        self._fragment += 1
        self.conn.execute(
            "INSERT INTO fragment (id, identifier_id, person_id) VALUES (%s, %s, %s)",
            (self._fragment, self._fragment, person),
        )
        return self._fragment

    def use(
        self, fragment: int, days: Mapping[int, int], event: str = "Report Viewed", account: int = 0
    ) -> None:
        """So many events a day; account 0: the person's membership decides."""
        if event not in self._events:
            self._events[event] = len(self._events) + 1
            self.conn.execute(
                "INSERT INTO event_name VALUES (%s, %s)", (self._events[event], event)
            )
        with self.conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO usage VALUES (%s, %s, %s, %s, %s)",
                [(fragment, account, d, self._events[event], n) for d, n in days.items() if n],
            )


@pytest.fixture
def world(conn: storage.Connection) -> World:
    """An empty one."""
    return World(conn)
