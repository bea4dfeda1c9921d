"""Commands. Words for people go to stderr; a result (a key) is alone on stdout's last line."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import cyclopts
import structlog

from onefold import __version__, storage
from onefold.app import logs
from onefold.cli import database
from onefold.kernel import clock, errors, settings
from onefold.kernel.viewer import SYSTEM, Role

Category = Literal[
    "product", "website", "billing", "support", "email", "enrichment", "import"
]  # fmt: skip
Target = Literal[
    "people", "accounts", "events", "contacts", "companies", "leads", "deals", "products",
    "subscriptions", "activities", "tickets", "tasks",
]  # fmt: skip
Data = Annotated[Path | None, cyclopts.Parameter(help="Folder of the server's data.")]

app = cyclopts.App(
    name="onefold",
    help="One record of every customer, person and account, put to work.",
    version=__version__,
)
keys = cyclopts.App(name="keys", help="API keys.")
sources = cyclopts.App(name="sources", help="Sources and their write keys.")
users = cyclopts.App(name="users", help="Log-ins for the pages.")
app.command(keys)
app.command(sources)
app.command(users)
pull = cyclopts.App(name="pull", help="Tables of databases, read by SQL again and again.")
app.command(pull)
app.command("onefold.cli.lake:app", name="lake")  # DuckDB and PyIceberg only when asked for
app.command("onefold.cli.likeness:app", name="matching")
app.command("onefold.cli.identity:app", name="identity")
app.command("onefold.cli.rules:plans_app", name="plans")
app.command("onefold.cli.rules:transformations_app", name="transformations")
app.command("onefold.cli.connectors:app", name="connectors")
app.command("onefold.cli.secrets:app", name="secrets")
app.command("onefold.cli.suppressions:app", name="suppressions")
app.command("onefold.cli.audiences:app", name="audiences")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@app.command
def serve(
    *,
    data: Data = None,
    port: int | None = None,
    host: str | None = None,
    database_url: str | None = None,
) -> None:
    """Start PostgreSQL, the collector, the worker and the pages; run until Ctrl-C.

    Parameters
    ----------
    port: One port for pages, API and collector.
    host: Address to listen on.
    database_url: A given PostgreSQL server instead of the embedded one.
    """
    from onefold.app.supervisor import Supervisor
    from onefold.cli import server

    chosen = settings.load(data=data, port=port, host=host, database_url=database_url)
    logs.configure(chosen, "supervisor")
    stop = server.stop_on_signals()
    supervisor = Supervisor(chosen)
    url = supervisor.start()
    database.note_url(chosen, url)
    first = database.first_admin(url)
    _say(f"Onefold is at http://{chosen.host}:{chosen.port}")
    if first:
        _say(f"First log-in: {first[0]} with the password {first[1]} (shown once; change it)")
    supervisor.run(stop)


@app.command
def demo(
    *,
    data: Path = Path("demo-data"),
    port: int = 8080,
    host: str = "127.0.0.1",
    seed: int = 7,
    scale: float = 1.0,
    webhook: str | None = None,
) -> None:
    """Start a server with a simulated company in it and a live stream of its events.

    Parameters
    ----------
    data: Folder of the demo's data; a second start goes on with what is there.
    port: The first port to try; the next free one is taken.
    seed: Which company. The same seed is the same company.
    scale: Its size; 1 is 300 accounts and 3,000 people.
    webhook: Where changes of the campaign audience are sent, if anywhere.
    """
    from onefold.cli import server

    server.demo(data=data, port=port, host=host, seed=seed, scale=scale, webhook=webhook)


@keys.command(name="create")
def keys_create(
    *, name: str, role: Role, data: Data = None, database_url: str | None = None
) -> None:
    """Create an API key. The key alone is on the last line of stdout; it is not shown again."""
    from onefold.record import access

    with database.connected(data, database_url) as conn:
        made, key = access.create_key(conn, SYSTEM, name, role)
        conn.commit()
    _say(f"Key `{made.name}` with the role `{made.role}`:")
    print(key)


@sources.command(name="create")
def sources_create(
    name: str,
    *,
    category: Category = "product",
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Create a source. Its write key alone is on the last line of stdout."""
    from onefold import sources as room

    with database.connected(data, database_url) as conn:
        made = room.create(conn, SYSTEM, name, category)
        conn.commit()
    _say(f"Source `{made.name}` ({made.category}):")
    print(made.write_key)


@sources.command(name="webhook")
def sources_webhook(
    source: str,
    kind: str,
    *,
    secret_file: str | None = None,
    option: list[str] | None = None,
    mapping: Path | None = None,
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Let a vendor send to a source. The address to paste there is on the last line of stdout.

    Parameters
    ----------
    source: The source's key.
    kind: stripe, hubspot, salesforce, intercom, zendesk, standard, hmac, json, or a preset of
      docs/reference/webhooks.md such as postmark.
    secret_file: File with the vendor's signing secret, `-` for stdin. A change of it keeps the
      former one valid.
    option: A setting of the kind, as name=value; may be repeated.
    mapping: YAML or JSON file with a mapping.
    """
    from onefold.cli import webhooks

    webhooks.set_up(source, kind, secret_file, option or [], mapping, data, database_url)


@sources.command(name="list")
def sources_list(*, data: Data = None, database_url: str | None = None) -> None:
    """List sources: key, category, state."""
    from onefold import sources as room

    with database.connected(data, database_url) as conn:
        for source in room.list_all(conn, SYSTEM):
            state = "on" if source.enabled else "off"
            print(f"{source.key}\t{source.category}\t{state}")


@users.command(name="create")
def users_create(
    email: str,
    *,
    name: str,
    role: Role = "member",
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Create a log-in with a random password, which is alone on the last line of stdout."""
    from onefold import crm

    password = clock.token("", 12)
    with database.connected(data, database_url) as conn:
        crm.users.create(
            conn, SYSTEM, email=email, name=name, role=role, password=password,
            now_ms=clock.now_ms(),
        )  # fmt: skip
        conn.commit()
    _say(f"{email} may log in as {role}. Password:")
    print(password)


@app.command(name="import")
def import_(
    file: Path,
    *,
    target: Annotated[
        Target | None, cyclopts.Parameter(name="--as", help="What the rows are; guessed if absent.")
    ] = None,
    map_: Annotated[
        list[str] | None,
        cyclopts.Parameter(name="--map", help="Column and field, `E-mail=email`; repeatable."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        cyclopts.Parameter(name="--set", help="A value for every row, `event=Signed Up`."),
    ] = None,
    source: str | None = None,
    dry_run: bool = False,
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Import a CSV, JSONL, Parquet or Excel file. Its import id is on the last line of stdout.

    Parameters
    ----------
    source: Key of the source that events, people and accounts come from.
    dry_run: Only say what would be created, matched and refused.
    """
    from onefold.cli import imports

    imports.run(file, target, map_ or [], set_ or [], source, dry_run, data, database_url)


@app.command
def revert(import_id: str, *, data: Data = None, database_url: str | None = None) -> None:
    """Take a whole import back, as if it had never been. The server does it; this waits."""
    from onefold.cli import imports

    imports.revert(import_id, data, database_url)


@pull.command(name="create")
def pull_create(
    name: str,
    location: str,
    *,
    table: str = "",
    query: str = "",
    target: Annotated[
        Target | None, cyclopts.Parameter(name="--as", help="What the rows are; guessed if absent.")
    ] = None,
    map_: Annotated[
        list[str] | None,
        cyclopts.Parameter(name="--map", help="Column and field, `mail=email`; repeatable."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        cyclopts.Parameter(name="--set", help="A value for every row, `event=Ordered`."),
    ] = None,
    key: list[str] | None = None,
    cursor: str | None = None,
    every: str = "",
    category: Category = "product",
    password_file: str | None = None,
    dry_run: bool = False,
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Connect a database and say what is read. The pull's id is on the last line of stdout.

    Parameters
    ----------
    location: `postgresql://user@host/database`, `mysql://user@host/database`, `sqlite:shop.db`,
      `duckdb:shop.duckdb` or `parquet:folder`; paths are in the folder of ONEFOLD_PULL_FILES.
      `?tls=require` says how a server is spoken to: off, prefer, require, verify.
    table: A table or view; or give a query.
    query: One SELECT.
    key: Column that names a row; may be repeated. Proposed if absent.
    cursor: Column that rises with each change, "" for none. Proposed if absent.
    every: `every 15m`, `every 1h`, or five cron fields in UTC; by hand if absent.
    password_file: File with the password, `-` for stdin.
    dry_run: Only say what a run would create, match and refuse; nothing is kept.
    """
    from onefold.cli import pulls

    pulls.create(
        name, location,
        pulls.Wanted(table, query, target or "", map_ or [], set_ or [], key, cursor),
        every, category, password_file, dry_run, data, database_url,
    )  # fmt: skip


@pull.command(name="list")
def pull_list(*, data: Data = None, database_url: str | None = None) -> None:
    """List pulls: id, name, kind, table, schedule, the newest run's state."""
    from onefold.cli import pulls

    pulls.show(data, database_url)


@pull.command(name="run")
def pull_run(pull_id: str, *, data: Data = None, database_url: str | None = None) -> None:
    """Run a pull now and wait; by the server when one runs, else here."""
    from onefold.cli import pulls

    pulls.run(pull_id, data, database_url)


@pull.command(name="runs")
def pull_runs(pull_id: str, *, data: Data = None, database_url: str | None = None) -> None:
    """List a pull's runs: id, state, rows read, new, known, in already, refused, seconds."""
    from onefold.cli import pulls

    pulls.runs(pull_id, data, database_url)


@app.command(name="mcp")
def mcp_stdio(*, data: Data = None, database_url: str | None = None) -> None:
    """Serve an assistant on stdin and stdout (MCP). ONEFOLD_API_KEY says as whom."""
    from onefold import mcp
    from onefold.record import Connections

    key = os.environ.get("ONEFOLD_API_KEY", "")
    if not key:
        raise errors.NotSignedIn(
            "ONEFOLD_API_KEY is not set. Make a key with `onefold keys create` and put it there."
        )
    with database.located(data, database_url) as url:
        pool = storage.pool(url, size=2, application="onefold-mcp")
        try:
            mcp.run(Connections(pool), key)
        finally:
            pool.close()


@app.command
def match(
    file: Path,
    *,
    out: Path,
    map: str | None = None,  # noqa: A002 (the option's name)
    kind: Literal["person", "organisation", "auto"] = "auto",
) -> None:
    """Find the rows of a CSV or Parquet file that are one person or organisation.

    Needs no server and no labels. Writes the file again with a column `cluster`.

    Parameters
    ----------
    file: People or organisations, one a row, with a header.
    out: Where to write; Parquet if it ends in .parquet, else CSV.
    map: What columns hold where the header does not say: column=role,column=role.
    kind: What the rows are; by default the columns tell.
    """
    from onefold.cli import matching

    matching.run(file, out, map, kind, _say)


@app.command
def migrate(*, data: Data = None, database_url: str | None = None) -> None:
    """Bring the database to the newest schema; `serve` does this by itself."""
    with database.located(data, database_url) as url:
        storage.migrate(url)
    _say("The database has the newest schema.")


def main() -> None:
    """Entry point. Errors that we raise on purpose are a line, not a trace."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.dev.ConsoleRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        app()
    except errors.OnefoldError as error:
        _say(f"onefold: {error}")
        sys.exit(2)
    except BrokenPipeError:  # whoever read our output has seen enough: `onefold … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


__all__ = ["app", "main"]
