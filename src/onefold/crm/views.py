"""Saved views: a list's address under a name, of one's own or for everybody."""

from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg.rows import dict_row

from onefold.crm import fields
from onefold.crm.custom import OBJECTS
from onefold.crm.model import Row
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

_FIELDS = (
    fields.Field("object", "enum", options=tuple(OBJECTS), required=True, once=True),
    fields.Field("name", required=True),
    fields.Field("query", "text", limits.view_query_chars_max),
    fields.Field("shared", "flag"),
)
SEEN = """
SELECT * FROM saved_view WHERE (%(object)s = '' OR object = %(object)s)
  AND (shared OR owner_id = %(user)s) ORDER BY shared DESC, position, id LIMIT %(rows)s
"""
GET = "SELECT * FROM saved_view WHERE id = %s AND (shared OR owner_id = %s) FOR NO KEY UPDATE"
INSERT = """
INSERT INTO saved_view (object, name, query, shared, owner_id, created_at, updated_at)
VALUES (%(object)s, %(name)s, %(query)s, %(shared)s, %(owner)s, %(now)s, %(now)s) RETURNING *
"""
UPDATE = """
UPDATE saved_view SET name = %(name)s, query = %(query)s, shared = %(shared)s,
  version = version + 1, updated_at = %(now)s
WHERE id = %(id)s RETURNING *
"""
DROP = "DELETE FROM saved_view WHERE id = %s"


class View(msgspec.Struct, frozen=True):
    """A saved view. `query` is what follows the `?` in the list's address."""

    id: str
    object: str
    name: str
    query: str
    shared: bool
    owner_id: str | None
    version: int


def list_all(conn: Connection, viewer: Viewer, noun: str = "") -> list[View]:
    """Those that everybody sees, and one's own; of one object, or of all."""
    viewer.must_read()
    asked = {"object": noun, "user": _user(viewer), "rows": limits.page_rows_max}
    return [_present(row) for row in _rows(conn, SEEN, asked)]


def create(conn: Connection, viewer: Viewer, values: Mapping[str, Any], now_ms: int) -> View:
    """A new view. Raises `Invalid` with every fault."""
    viewer.must_write()
    given, faults = fields.clean(_FIELDS, ("id", "version"), values, creating=True)
    if faults:
        raise errors.Invalid(*faults)
    blank = {"query": "", "shared": viewer.kind != "user"}
    query = str(given.get("query", "")).removeprefix("?")
    row = {**blank, **given, "query": query, "owner": _user(viewer)}
    return _present(_rows(conn, INSERT, {**row, "now": clock.to_datetime(now_ms)})[0])


def update(
    conn: Connection, viewer: Viewer, view_id: str, values: Mapping[str, Any], now_ms: int
) -> View:
    """Change a view of one's own; a shared one of another is an admin's to change."""
    before = _held(conn, viewer, view_id)
    given, faults = fields.clean(_FIELDS, ("id", "version"), values, creating=False)
    if faults:
        raise errors.Invalid(*faults)
    row = {**before, **given, "now": clock.to_datetime(now_ms)}
    return _present(_rows(conn, UPDATE, row)[0])


def delete(conn: Connection, viewer: Viewer, view_id: str) -> View:
    """Delete a view of one's own, or as an admin a shared one."""
    row = _held(conn, viewer, view_id)
    conn.execute(DROP, (row["id"],))
    return _present(row)


def _held(conn: Connection, viewer: Viewer, view_id: str) -> Row:
    viewer.must_write()
    found = _rows(conn, GET, (ids.parse_id("view", view_id), _user(viewer)))
    if not found:
        raise errors.NotFound(f"There is no view `{view_id}`. Check the id.")
    if found[0]["owner_id"] != _user(viewer):
        viewer.must_admin()
    return found[0]


def _user(viewer: Viewer) -> int | None:
    return viewer.id if viewer.kind == "user" else None


def _present(row: Row) -> View:
    return View(
        id=ids.api_id("view", row["id"]),
        object=row["object"],
        name=row["name"],
        query=row["query"],
        shared=row["shared"],
        owner_id=ids.api_id_or_none("usr", row["owner_id"]),
        version=row["version"],
    )


def _rows(conn: Connection, query: str, values: Any) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()
