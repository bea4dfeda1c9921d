"""Matching of known people from the command line: `onefold matching …`."""

import sys
import time
from pathlib import Path
from typing import Annotated

import cyclopts

from onefold import storage
from onefold.app.jobs import Jobs, drain
from onefold.cli import database
from onefold.kernel import clock, errors, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record.matching import house
from onefold.storage import jobs

_POLL_S = 0.2
Data = Annotated[Path | None, cyclopts.Parameter(help="Folder of the server's data.")]

app = cyclopts.App(name="matching", help="Matching of known people by likeness.")


@app.command
def status(*, data: Data = None, database_url: str | None = None) -> None:
    """Say how matching stands: settings, model, latest run. Pairs that wait are on stdout."""
    with database.connected(data, database_url) as conn:
        found = house.matching(conn, SYSTEM)
    sure = found["certain_from"]
    _say(f"{found['records']:,} known people, {found['waiting']:,} of them changed since weighed")
    _say(f"joined without asking: {'never' if sure is None else f'from {sure:.2%}'}")
    _say(f"asked about: from {found['review_from']:.0%}")
    model, run = found["model"], found["run"]
    _say(
        "no model yet"
        if model is None
        else f"model {model['id']}, {model['origin']}, {model['at']}"
    )
    if run is not None:
        _say(_told(run))
    print(found["open"])


@app.command
def run(*, data: Data = None, database_url: str | None = None) -> None:
    """Train a new model, weigh everybody anew, and wait. Pairs that wait are on stdout."""
    chosen = settings.load(data=data, database_url=database_url)
    with (
        database.located(data, database_url) as url,
        storage.connect(url, application="onefold-cli") as conn,
    ):
        number = house.start(conn, SYSTEM, clock.now_ms())["id"]
        conn.commit()
        if not jobs.served(conn):
            conn.commit()
            drain(Jobs(url, chosen), conn)
        told = ""
        while True:
            one = next(r for r in house.list_runs(conn, SYSTEM) if r["id"] == number)
            conn.commit()
            if (line := _told(one)) != told:
                _say(line)
                told = line
            if one["status"] in ("done", "failed"):
                break
            time.sleep(_POLL_S)
        print(house.matching(conn, SYSTEM)["open"])
    if one["status"] == "failed":
        raise errors.Unavailable(f"The run failed: {one['error']}")


@app.command
def export(
    file: Path, *, model: int | None = None, data: Data = None, database_url: str | None = None
) -> None:
    """Write the model in force as the file that Splink saves and loads.

    Parameters
    ----------
    file: Where to write.
    model: The number of an older model.
    """
    with database.connected(data, database_url) as conn:
        file.write_bytes(house.model_file(conn, SYSTEM, model))
    _say(f"Written to {file}")


@app.command
def load(file: Path, *, data: Data = None, database_url: str | None = None) -> None:
    """Let a model that Splink saved count from now on. Its number is on stdout.

    Parameters
    ----------
    file: JSON as `save_model_to_json` writes it, with comparisons named as ours.
    """
    if not file.is_file():
        raise errors.NotFound(f"There is no file `{file}`.")
    with database.connected(data, database_url) as conn:
        made = house.load_model(conn, SYSTEM, file.read_bytes(), clock.now_ms())
        conn.commit()
    _say("The model counts now; everybody is weighed anew in the background.")
    print(made["id"])


def _told(one: house.RunLine) -> str:
    return (
        f"run {one['id']} ({one['kind']}): {one['status']}, {one['phase']}, {one['percent']} %, "
        f"{one['done']:,} people, {one['pairs']:,} pairs, {one['proposed']:,} proposed, "
        f"{one['joined']:,} joined, {one['barred']:,} barred"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
