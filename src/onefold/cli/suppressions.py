"""`onefold suppressions`: people whose items are not taken."""

from pathlib import Path
from typing import Annotated

import cyclopts

from onefold import governance
from onefold.cli import database
from onefold.governance import suppression
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import SYSTEM

Data = Annotated[Path | None, cyclopts.Parameter(help="Folder of the server's data.")]

app = cyclopts.App(name="suppressions", help="People whose items are not taken.")


@app.command(name="list")
def listed(*, data: Data = None, database_url: str | None = None) -> None:
    """List those in force: id, namespace, value, reason."""
    with database.connected(data, database_url) as conn:
        before = None
        while page := suppression.list_all(conn, SYSTEM, before, limits.page_rows_max):
            for one in page:
                print(one.api_id, one.namespace, one.value, one.reason, sep="\t")
            before = page[-1].id


@app.command
def add(
    namespace: str,
    value: str,
    *,
    reason: str = "",
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Leave out whatever names this identifier. The suppression's id is alone on stdout.

    Parameters
    ----------
    namespace: `user_id`, `email`, `anonymous_id` or another kind of identifier.
    value: The identifier, as sources send it.
    reason: Why, for the list.
    """
    with database.connected(data, database_url) as conn:
        clean = governance.load(conn).read(namespace, value)
        if clean is None:
            raise errors.Invalid(errors.Fault("value", "identifies nobody.", "Check its spelling."))
        one = suppression.add(conn, SYSTEM, clean, reason, clock.to_datetime(clock.now_ms()))
        conn.commit()
    print(one.api_id)


@app.command
def end(suppression_id: str, *, data: Data = None, database_url: str | None = None) -> None:
    """Take their items again; what was left out stays so."""
    with database.connected(data, database_url) as conn:
        number = ids.parse_id("sup", suppression_id)
        suppression.end(conn, SYSTEM, number, clock.to_datetime(clock.now_ms()))
        conn.commit()
