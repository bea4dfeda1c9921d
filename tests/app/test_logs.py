"""What the logs show, and what they must not."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from pyiceberg.io import load_file_io

from onefold.app import logs
from onefold.kernel import settings


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The logging of the test run is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_shows_no_local_variables_and_a_field_no_secret(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(settings.load(log_format=form), "test")

    def fail() -> None:
        customer = "ann" + "@acme.co"
        raise ValueError(len(customer))

    try:
        fail()
    except ValueError:
        structlog.get_logger("onefold.test").exception("it failed", api_token="tk_1234")
        logging.getLogger("some.library").exception("it failed too")
    told = capsys.readouterr().err
    assert told.count("ValueError: 11") == 2
    assert "it failed too" in told
    assert "ann@acme.co" not in told
    assert "tk_1234" not in told


def test_the_lake_library_says_only_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(settings.load(log_format="json"), "jobs")
    load_file_io({}, location=f"file://{tmp_path}")
    assert capsys.readouterr().err == ""
    logging.getLogger("pyiceberg.io").warning("no such place")
    assert "no such place" in capsys.readouterr().err
