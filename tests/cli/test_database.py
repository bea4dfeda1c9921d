"""Which database a command finds."""

import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from onefold import storage
from onefold.cli import database as cli
from onefold.kernel import errors, settings

GIVEN = "postgresql://u:p@db.example:5432/onefold"


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEFOLD_DATABASE_URL", raising=False)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user may pass through."""
    made = Path(tempfile.mkdtemp(prefix="onefold-cli-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def _found(data: Path, url: str | None = None) -> str:
    with cli.located(data, url) as found:
        return found


def test_a_given_server_is_noted_for_later_commands_and_for_nobody_else(tmp_path: Path) -> None:
    cli.note_url(settings.load(data=tmp_path, database_url=GIVEN), GIVEN)
    assert _found(tmp_path) == GIVEN
    assert stat.S_IMODE((tmp_path / "run/database.url").stat().st_mode) == 0o600
    assert _found(tmp_path, "postgresql:///other") == "postgresql:///other"


def test_the_embedded_server_wins_over_what_an_earlier_run_noted(folder: Path) -> None:
    data = folder / "data"
    with storage.Cluster(data) as cluster:
        cli.note_url(settings.load(data=data, database_url=GIVEN), GIVEN)
        assert _found(data) == cluster.url
        cli.note_url(settings.load(data=data), cluster.url)
        assert not (data / "run/database.url").exists()
    with cli.connected(data, None) as conn:  # not running: started for the command alone
        assert conn.execute("SELECT count(*) FROM person").fetchone() == (0,)
    assert storage.running_url(data) is None


def test_without_data_a_command_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound, match="onefold serve"):
        _found(tmp_path / "nothing")
