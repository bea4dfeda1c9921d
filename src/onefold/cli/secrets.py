"""`onefold secrets`: the keys that stored passwords are sealed with."""

import sys
from pathlib import Path
from typing import Annotated

import cyclopts

from onefold.cli import database
from onefold.kernel import settings
from onefold.record import sealing
from onefold.storage import secrets

Data = Annotated[Path | None, cyclopts.Parameter(help="Folder of the server's data.")]

app = cyclopts.App(name="secrets", help="Keys that stored passwords are sealed with.")


@app.command
def rotate(*, data: Data = None, database_url: str | None = None) -> None:
    """Put a new key before the others in `secret.key`, and seal every stored secret with it.

    The server may be running. Former keys stay in the file until you delete their lines.
    """
    chosen = settings.load(data=data, database_url=database_url)
    with database.connected(data, database_url) as conn:
        secrets.rotate(chosen)
        sealed = sealing.reseal(conn)
        conn.commit()
    print(f"A new key in {chosen.data / secrets.FILE}; secrets sealed:", file=sys.stderr)
    print(sealed)
