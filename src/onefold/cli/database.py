"""Finding the database from the command line, with the server running or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onefold import crm, storage
from onefold.kernel import clock, errors, settings
from onefold.kernel.viewer import SYSTEM
from onefold.storage import Connection, secrets

_URL_FILE = "database.url"
FIRST_ADMIN = "admin@example.com"


def note_url(chosen: settings.Settings, url: str) -> None:
    """Leave the URL of a given server in the data folder (mode 0600), so that commands find it.

    With the embedded server, a URL of an earlier run is dropped: it would mislead them.
    """
    folder = chosen.data / "run"
    file = folder / _URL_FILE
    if not chosen.database_url:
        file.unlink(missing_ok=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(url, encoding="utf-8")


@contextmanager
def located(data: Path | None, database_url: str | None) -> Iterator[str]:
    """The database's URL: given, of the running server, or of a cluster started just for this."""
    chosen = settings.load(data=data, database_url=database_url)
    secrets.use(chosen)
    noted = chosen.data / "run" / _URL_FILE
    if chosen.database_url:
        yield chosen.database_url
    elif url := storage.running_url(chosen.data):
        yield url
    elif noted.exists():
        yield noted.read_text(encoding="utf-8").strip()
    elif chosen.data.exists():
        with storage.Cluster(chosen.data) as cluster:
            storage.migrate(cluster.url)
            yield cluster.url
    else:
        raise errors.NotFound(
            f"There is no Onefold data in `{chosen.data}`. Name the server's folder with --data, "
            "or start it first: onefold serve --data DIR"
        )


@contextmanager
def connected(data: Path | None, database_url: str | None) -> Iterator[Connection]:
    """A connection to that database."""
    with (
        located(data, database_url) as url,
        storage.connect(url, application="onefold-cli") as conn,
    ):
        yield conn


def first_admin(url: str, password: str | None = None) -> tuple[str, str] | None:
    """Create the first log-in when there is none; its address and password, or None."""
    with storage.connect(url, application="onefold-cli") as conn:
        if crm.users.list_all(conn, SYSTEM):
            return None
        password = password or clock.token("", 12)
        crm.users.create(
            conn, SYSTEM, email=FIRST_ADMIN, name="Admin", role="admin", password=password,
            now_ms=clock.now_ms(),
        )  # fmt: skip
        conn.commit()
    return FIRST_ADMIN, password
