"""The transformations' only SQL. Versions are added, never changed."""

from datetime import datetime

import msgspec

from onefold.governance import store as rules
from onefold.governance.transforms.model import Transformation
from onefold.governance.transforms.parse import parse
from onefold.kernel import errors, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

_COLUMNS = "source_id, version, body, note, created_by, created_at"
GET = f"SELECT {_COLUMNS} FROM transformation WHERE source_id = %s AND version = %s"
LIST = f"""
SELECT {_COLUMNS} FROM transformation WHERE source_id = %s ORDER BY version DESC LIMIT %s
"""
NEXT = "SELECT coalesce(max(version), 0) + 1 FROM transformation WHERE source_id = %s"
INSERT = f"""
INSERT INTO transformation (source_id, version, body, note, created_by)
VALUES (%s, %s, %s, %s, %s) RETURNING {_COLUMNS}
"""


class Version(msgspec.Struct, frozen=True):
    """One version of a source's transformation."""

    source_id: int
    version: int
    body: str
    note: str
    created_by: str
    created_at: datetime

    @property
    def transformation(self) -> Transformation:
        """The steps."""
        return msgspec.json.decode(self.body, type=Transformation)


def newest(conn: Connection, viewer: Viewer, source_id: int) -> Version | None:
    """The version that holds, or will from the next batch on; None: nothing is transformed."""
    number = rules.current(conn, viewer, source_id).transformation
    return None if number is None else get(conn, viewer, source_id, number)


def get(conn: Connection, viewer: Viewer, source_id: int, version: int) -> Version:
    """One version. Raises `NotFound`."""
    viewer.must_read()
    row = conn.execute(GET, (source_id, version)).fetchone()
    if row is None:
        raise errors.NotFound(f"This source's transformation has no version {version}.")
    return Version(*row)


def versions(conn: Connection, viewer: Viewer, source_id: int) -> list[Version]:
    """Every version, newest first."""
    viewer.must_read()
    cursor = conn.execute(LIST, (source_id, limits.plan_versions_listed_max))
    return [Version(*row) for row in cursor]


def save(
    conn: Connection,
    viewer: Viewer,
    source_id: int,
    source: str | dict[str, object],
    *,
    note: str = "",
    based_on: int | None = None,
) -> Version:
    """A new version, in force from the next batch on. Raises `Invalid` with every fault, and
    `Conflict` when `based_on` (0: none) is no longer the one in force."""
    viewer.must_admin()
    steps = parse(source)
    if len(note) > limits.name_chars_max or "\0" in note:
        fault = errors.Fault("note", "is too long.", f"At most {limits.name_chars_max} characters.")
        raise errors.Invalid(fault)
    rules.lock(conn)
    before = newest(conn, viewer, source_id)
    if based_on is not None and based_on != (before.version if before else 0):
        now = before.version if before else 0
        raise errors.Conflict(
            f"Somebody saved version {now} meanwhile. Read it, then save again.", {"version": now}
        )
    if before is not None and before.transformation == steps:
        return before
    return _add(conn, viewer, source_id, steps, note)


def roll_back(conn: Connection, viewer: Viewer, source_id: int, version: int) -> Version:
    """What a former version says, as a new version: history only grows. Version 0: no steps."""
    viewer.must_admin()
    rules.lock(conn)
    steps = Transformation()
    if version:
        steps = get(conn, viewer, source_id, version).transformation
    return _add(conn, viewer, source_id, steps, f"Back to version {version}")


def _add(
    conn: Connection, viewer: Viewer, source_id: int, steps: Transformation, note: str
) -> Version:
    row = conn.execute(NEXT, (source_id,)).fetchone()
    number = row[0] if row else 1
    body = msgspec.json.encode(steps).decode()
    values = (source_id, number, body, note, viewer.actor)
    made = conn.execute(INSERT, values).fetchone()
    assert made is not None  # noqa: S101 - RETURNING
    rules.change(conn, viewer, source_id, transformation=number)
    return Version(*made)
