"""Shared fixtures: a real PostgreSQL, one fresh migrated database a test that asks for it.

`server_url` is `ONEFOLD_DATABASE_URL` when given, else an embedded cluster for the whole session.
`database` is the URL of a new database, cloned from a migrated template; `conn` a connection to it.
"""

import base64
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest

from onefold import storage
from onefold.kernel import settings
from onefold.storage import secrets as sealing

# A property says nothing about speed, and a busy machine is slow.
hypothesis.settings.register_profile(
    "onefold",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    print_blob=True,
)
hypothesis.settings.load_profile("onefold")


def swap_database(url: str, name: str) -> str:
    """The same server, another database."""
    info = psycopg.conninfo.conninfo_to_dict(url)
    info["dbname"] = name
    host = info.pop("host", "")
    user, password = info.pop("user", ""), info.pop("password", "")
    port = info.pop("port", "5432")
    if str(host).startswith("/"):
        return f"postgresql://{user}:{password}@/{name}?host={host}&port={port}"
    return f"postgresql://{user}:{password}@{host}:{port}/{name}"


@pytest.fixture(scope="session", autouse=True)
def sealed_by(tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    """What this process seals stored secrets with; a process that reads them needs its keys."""
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    chosen = settings.load(data=tmp_path_factory.mktemp("keys"), secret_keys=key)
    sealing.use(chosen)
    return chosen


@pytest.fixture(autouse=True)
def _sealed_as_before(sealed_by: settings.Settings) -> Iterator[None]:
    """A command run in this process names its own keys; the next test has these again."""
    yield
    sealing.use(sealed_by)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A running server, as a URL with rights to create databases."""
    given = os.environ.get("ONEFOLD_DATABASE_URL")
    if given:
        yield given
        return
    from onefold.storage.postgres import Cluster

    # Not under pytest's own folder: as root, PostgreSQL's user could not pass through it.
    folder = Path(tempfile.mkdtemp(prefix="onefold-tests-"))
    folder.chmod(0o711)
    try:
        with Cluster(folder / "data") as cluster:
            yield cluster.url
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """A migrated database to clone from."""
    name = f"onefold_template_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    storage.migrate(swap_database(server_url, name))
    yield name
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def database(server_url: str, template: str) -> Iterator[str]:
    """The URL of a fresh, migrated database."""
    name = f"onefold_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield swap_database(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def conn(database: str) -> Iterator[storage.Connection]:
    """A connection to the fresh database."""
    with storage.connect(database) as connection:
        yield connection
