"""`onefold connectors …`: the commands. What they do is in `connecting`."""

from pathlib import Path
from typing import Annotated, Literal

import cyclopts

from onefold.cli import connecting

Data = Annotated[Path | None, cyclopts.Parameter(help="Folder of the server's data.")]
Category = Literal[
    "product", "website", "billing", "support", "email", "enrichment", "import"
]  # fmt: skip

app = cyclopts.App(name="connectors", help="Singer taps and Airbyte sources, run as programs.")


@app.command(name="list")
def list_(*, data: Data = None, database_url: str | None = None) -> None:
    """List connectors: id, name, protocol, streams chosen, newest run."""
    connecting.listed(data, database_url)


@app.command
def create(
    name: str,
    *,
    protocol: Literal["singer", "airbyte"],
    package: str = "",
    command: str = "",
    executable: str = "",
    python: str = "",
    category: Category = "product",
    source: str | None = None,
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Add a connector and wait for its installation. Its id is on the last line of stdout.

    Parameters
    ----------
    package: Of the package index, with its version: `meltanolabs-tap-postgres==0.10.0`.
    command: An executable of this machine with its arguments; beside a package the arguments alone.
    executable: The program of the package, where it has several.
    python: The interpreter it needs, `3.11` or a path, where it is not the server's.
    source: Key of the source that its rows belong to; without it, a new one.
    """
    connecting.create(
        name, protocol, package, command, executable, python, category, source, data, database_url
    )


@app.command
def configure(
    connector: str, *, file: str, data: Data = None, database_url: str | None = None
) -> None:
    """Give it a config and wait until it has tried it. Its streams are on stdout.

    Parameters
    ----------
    connector: Its id, `cnn_1`.
    file: JSON file with its config, `-` for stdin. A value `********` keeps the one that is set.
    """
    connecting.configure(connector, file, data, database_url)


@app.command
def streams(
    connector: str,
    *,
    read: list[str] | None = None,
    plans: Path | None = None,
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Say what its streams become, or choose which are read.

    Parameters
    ----------
    read: A stream to read, as it is proposed; may be repeated. Others are read no more.
    plans: YAML or JSON file: what each stream becomes, by its name; null takes the proposal.
    """
    connecting.streams(connector, read, plans, data, database_url)


@app.command
def preview(
    connector: str, stream: str, *, data: Data = None, database_url: str | None = None
) -> None:
    """Read a stream's first rows and say what they would become."""
    connecting.preview(connector, stream, data, database_url)


@app.command
def run(connector: str, *, data: Data = None, database_url: str | None = None) -> None:
    """Read it now, from where it stands, and wait."""
    connecting.run(connector, data, database_url)


@app.command
def runs(connector: str, *, data: Data = None, database_url: str | None = None) -> None:
    """List its runs, newest first: id, kind, status, counts. The newest one's words on stderr."""
    connecting.runs(connector, data, database_url)


@app.command
def schedule(
    connector: str, often: str, *, data: Data = None, database_url: str | None = None
) -> None:
    """Run it by the clock: `every 1h`, five cron fields in UTC, or '' for by hand."""
    connecting.schedule(connector, often, data, database_url)


@app.command
def stop(connector: str, *, data: Data = None, database_url: str | None = None) -> None:
    """Stop its open run; the next one goes on from there."""
    connecting.stop(connector, data, database_url)


@app.command
def reset(
    connector: str,
    *,
    stream: str | None = None,
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Let it begin anew, or one stream of it. Rows that are known do not count twice."""
    connecting.reset(connector, stream, data, database_url)


@app.command
def delete(connector: str, *, data: Data = None, database_url: str | None = None) -> None:
    """Delete it. Its facts and its source stay."""
    connecting.delete(connector, data, database_url)
