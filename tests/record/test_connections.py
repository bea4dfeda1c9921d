"""One request, one transaction; what the database refuses becomes an error that says what to do."""

from collections.abc import Iterator

import pytest

from onefold import storage
from onefold.kernel import errors
from onefold.record import Connections
from onefold.storage import Connection

ADD = "INSERT INTO event_name (id, name) VALUES (%s, %s)"


@pytest.fixture
def connections(database: str) -> Iterator[Connections]:
    with storage.pool(database, size=2) as pool:
        yield Connections(pool)


def names(conn: Connection) -> list[str]:
    return [n for (n,) in conn.execute("SELECT name FROM event_name WHERE id > 900 ORDER BY id")]


def test_it_commits_at_the_end_and_rolls_back_on_an_error(
    connections: Connections, conn: Connection
) -> None:
    with connections.open() as one:
        one.execute(ADD, (901, "Kept"))
    with pytest.raises(ZeroDivisionError):
        _fail_after_adding(connections)
    assert names(conn) == ["Kept"]


def _fail_after_adding(connections: Connections) -> None:
    with connections.open() as one:
        one.execute(ADD, (902, "Dropped"))
        raise ZeroDivisionError


def test_what_the_database_refuses_is_said_in_our_words(connections: Connections) -> None:
    refused = [
        (ADD, (2**40, "x"), errors.Invalid),
        (ADD, (901, "a\0b"), errors.Invalid),
        ("INSERT INTO session VALUES ('\\x00', 999, '', now(), now())", (), errors.Invalid),
        (ADD + ", (902, 'Twice')", (901, "Twice"), errors.Conflict),
        ("SELECT pg_terminate_backend(pg_backend_pid())", (), errors.Unavailable),
    ]
    for query, params, kind in refused:
        with pytest.raises(kind), connections.open() as one:
            one.execute(query, params)  # type: ignore[call-overload]
    with connections.open() as one:
        assert names(one) == []


def test_a_closed_pool_is_unavailable(database: str) -> None:
    pool = storage.pool(database, size=1)
    pool.close()
    with pytest.raises(errors.Unavailable), Connections(pool).open():
        pass
