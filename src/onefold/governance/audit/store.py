"""The audit log's SQL."""

from collections.abc import Mapping

import msgspec
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from onefold.governance.audit.model import ACTIONS, Action, Change, Entry
from onefold.kernel import errors, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

NOTE = "INSERT INTO audit (actor, action, subject, changes) VALUES (%s, %s, %s, %s)"
FIND = """
SELECT id, at, actor, action, subject, changes FROM audit
WHERE (%(action)s = '' OR action = %(action)s) AND (%(actor)s = '' OR actor = %(actor)s)
  AND (%(before)s = 0 OR id < %(before)s)
ORDER BY id DESC LIMIT %(rows)s
"""


def note(
    conn: Connection,
    viewer: Viewer,
    action: Action,
    subject: str,
    changes: Mapping[str, Change] | None = None,
) -> None:
    """Add an act; it stands or falls with the caller's transaction."""
    values = Jsonb(msgspec.to_builtins(dict(changes or {})))
    conn.execute(NOTE, (viewer.actor, action, subject, values))


def find(
    conn: Connection,
    viewer: Viewer,
    *,
    action: str = "",
    actor: str = "",
    before: int = 0,
    limit: int = limits.page_rows_max,
) -> tuple[list[Entry], int | None]:
    """Acts, newest first, and the `before` of the next page. Raises `Invalid` or `Forbidden`."""
    viewer.must_admin()
    faults = []
    if action and action not in ACTIONS:
        known = ", ".join(ACTIONS)
        faults.append(errors.Fault("action", "is not an action.", f"Use one of {known}."))
    if not 0 <= before < 2**63:
        faults.append(errors.Fault("before", "is not an id.", "Send `next` of the last page."))
    if not 0 < limit <= limits.page_rows_max:
        faults.append(
            errors.Fault("limit", "is out of range.", f"Use 1 to {limits.page_rows_max}.")
        )
    if faults:
        raise errors.Invalid(*faults)
    params = {"action": action, "actor": actor, "before": before, "rows": limit + 1}
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(FIND, params).fetchall()
    found = msgspec.convert(rows[:limit], list[Entry])
    return found, found[-1].id if len(rows) > limit else None
