"""A collector that serves: one a test, or one a module where many cases share it."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest

from onefold import storage
from tests.collect import harness
from tests.conftest import swap_database


@pytest.fixture
def server(database: str) -> Iterator[harness.Running]:
    with harness.running(database) as one:
        yield one


@pytest.fixture(scope="module")
def shared_database(server_url: str, template: str) -> Iterator[str]:
    name = f"onefold_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield swap_database(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def shared_server(shared_database: str) -> Iterator[harness.Running]:
    with harness.running(shared_database) as one:
        yield one


@pytest.fixture(scope="module")
def shared_conn(shared_database: str) -> Iterator[storage.Connection]:
    with storage.connect(shared_database) as connection:
        yield connection
