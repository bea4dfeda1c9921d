"""Imports from the command line, when the database goes away meanwhile."""

import psycopg
import pytest

from onefold import storage
from onefold.cli import imports as door
from onefold.kernel import clock, errors, settings
from onefold.kernel.viewer import SYSTEM
from onefold.sources import imports


def test_a_database_that_goes_away_is_told_with_how_the_import_goes_on(
    conn: storage.Connection, database: str
) -> None:
    one = imports.store.create(
        conn, SYSTEM, name="a.csv", target="people", source_id=None, path="",
        form=imports.model.Format("csv"), mapping=imports.Mapping(),
        now=clock.to_datetime(1_790_000_000_000),
    )  # fmt: skip
    conn.commit()
    with psycopg.connect(database, autocommit=True) as lost:
        with pytest.raises(psycopg.OperationalError):
            lost.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(errors.Unavailable) as caught:
            door._wait_or_say(lost, database, settings.load(), one, ("done",))
    assert one.api_id in str(caught.value)
    assert "onefold serve" in str(caught.value)
