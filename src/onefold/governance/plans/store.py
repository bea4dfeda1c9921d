"""The plans' only SQL: drafts, published versions, the sources they are connected to."""

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec

from onefold.governance import store as rules
from onefold.governance.plans.model import Plan
from onefold.governance.plans.parse import parse
from onefold.kernel import errors, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, fold_name

_COLUMNS = "id, key, name, draft, edit, published, created_by, created_at, updated_at"
LIST = f"SELECT {_COLUMNS} FROM plan WHERE NOT deleted ORDER BY name, id"
GET = f"SELECT {_COLUMNS} FROM plan WHERE key = %s AND NOT deleted"
BY_ID = f"SELECT {_COLUMNS} FROM plan WHERE id = %s"
COUNT = "SELECT count(*) FROM plan WHERE NOT deleted"
INSERT = f"""
INSERT INTO plan (key, name, draft, created_by) VALUES (%s, %s, %s, %s)
ON CONFLICT (key) DO NOTHING RETURNING {_COLUMNS}
"""
UPDATE = f"""
UPDATE plan SET name = %s, draft = %s, edit = edit + 1, updated_at = now()
WHERE id = %s RETURNING {_COLUMNS}
"""
PUBLISH = f"UPDATE plan SET published = %s, updated_at = now() WHERE id = %s RETURNING {_COLUMNS}"
DELETE = "UPDATE plan SET deleted = true, updated_at = now() WHERE id = %s"
ADD_VERSION = """
INSERT INTO plan_version (plan_id, version, body, published_by) VALUES (%s, %s, %s, %s)
"""
VERSIONS = """
SELECT plan_id, version, body, published_by, published_at FROM plan_version
WHERE plan_id = %s ORDER BY version DESC LIMIT %s
"""
VERSION = """
SELECT plan_id, version, body, published_by, published_at FROM plan_version
WHERE plan_id = %s AND version = %s
"""
CONNECTED = """
SELECT source_id FROM (
  SELECT DISTINCT ON (source_id) source_id, plan_id FROM source_rules
  ORDER BY source_id, id DESC
) AS newest WHERE plan_id = %s ORDER BY source_id
"""
_GAPS = re.compile(r"[^a-z0-9]+")


class Stored(msgspec.Struct, frozen=True):
    """A plan's row. `edit` moves with the draft; `published` is the version in force, 0: none."""

    id: int
    key: str
    name: str
    body: str
    edit: int
    published: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @property
    def draft(self) -> Plan:
        """What is being edited."""
        return msgspec.json.decode(self.body, type=Plan)


class Version(msgspec.Struct, frozen=True):
    """A published version."""

    plan_id: int
    version: int
    body: str
    published_by: str
    published_at: datetime

    @property
    def plan(self) -> Plan:
        """What was published."""
        return msgspec.json.decode(self.body, type=Plan)


def list_all(conn: Connection, viewer: Viewer) -> list[Stored]:
    """Every plan, by name."""
    viewer.must_read()
    return [Stored(*row) for row in conn.execute(LIST)]


def get(conn: Connection, viewer: Viewer, key: str) -> Stored:
    """One plan. Raises `NotFound`."""
    viewer.must_read()
    row = conn.execute(GET, (key,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no tracking plan `{key[:80]}`.")
    return Stored(*row)


def by_id(conn: Connection, viewer: Viewer, plan_id: int) -> Stored:
    """One plan by its number, a deleted one too. Raises `NotFound`."""
    viewer.must_read()
    row = conn.execute(BY_ID, (plan_id,)).fetchone()
    if row is None:
        raise errors.NotFound("There is no such tracking plan.")
    return Stored(*row)


def create(
    conn: Connection, viewer: Viewer, source: str | dict[str, object] | Plan, name: str = ""
) -> Stored:
    """A plan as a draft; `name` wins over the one in it. Raises `Invalid` with every fault."""
    viewer.must_admin()
    plan = _parsed(source, name)
    rules.lock(conn)
    counted = conn.execute(COUNT).fetchone()
    if counted and counted[0] >= limits.plans_max:
        raise errors.Conflict(f"There are {counted[0]} plans, the most there may be. Delete one.")
    base = _GAPS.sub("-", fold_name(plan.name)).strip("-")[: limits.plan_key_chars_max] or "plan"
    if base == "new":
        base = "new-plan"  # `/plans/new` is a page
    body = msgspec.json.encode(plan).decode()
    for n in range(1, 10_000):
        key = base if n == 1 else f"{base}-{n}"
        row = conn.execute(INSERT, (key, plan.name, body, viewer.actor)).fetchone()
        if row is not None:
            return Stored(*row)
    raise errors.Conflict(f"No free key is left for a plan named `{plan.name}`. Choose another.")


def update(
    conn: Connection,
    viewer: Viewer,
    key: str,
    source: str | dict[str, object] | Plan,
    edit: int | None = None,
) -> Stored:
    """Change the draft. Raises `Conflict` when it is no longer the one of `edit`."""
    viewer.must_admin()
    plan = _parsed(source, "")
    rules.lock(conn)
    before = get(conn, viewer, key)
    if edit is not None and edit != before.edit:
        raise errors.Conflict(
            "Somebody changed the plan meanwhile. Read it, then save again.", {"edit": before.edit}
        )
    body = msgspec.json.encode(plan).decode()
    if body == before.body:
        return before
    row = conn.execute(UPDATE, (plan.name, body, before.id)).fetchone()
    assert row is not None  # noqa: S101 - it was read under the lock
    return Stored(*row)


def publish(conn: Connection, viewer: Viewer, key: str) -> Stored:
    """Make the draft a version, in force for the connected sources from the next batch on."""
    viewer.must_admin()
    rules.lock(conn)
    found = get(conn, viewer, key)
    if found.published and version(conn, viewer, found.id, found.published).body == found.body:
        return found
    number = found.published + 1
    conn.execute(ADD_VERSION, (found.id, number, found.body, viewer.actor))
    row = conn.execute(PUBLISH, (number, found.id)).fetchone()
    assert row is not None  # noqa: S101 - it was read under the lock
    for source_id in connected(conn, viewer, found.id):
        rules.change(conn, viewer, source_id, plan_id=found.id, plan_version=number)
    return Stored(*row)


def revert(conn: Connection, viewer: Viewer, key: str, number: int) -> Stored:
    """Make a former version the draft again; `publish` then puts it in force."""
    found = get(conn, viewer, key)
    return update(conn, viewer, key, version(conn, viewer, found.id, number).plan)


def delete(conn: Connection, viewer: Viewer, key: str) -> None:
    """Take a plan away, and off its sources. What it did stays as it was."""
    viewer.must_admin()
    rules.lock(conn)
    found = get(conn, viewer, key)
    for source_id in connected(conn, viewer, found.id):
        rules.change(conn, viewer, source_id, plan_id=None, plan_version=None)
    conn.execute(DELETE, (found.id,))


def versions(conn: Connection, viewer: Viewer, plan_id: int) -> list[Version]:
    """Published versions, newest first."""
    viewer.must_read()
    cursor = conn.execute(VERSIONS, (plan_id, limits.plan_versions_listed_max))
    return [Version(*row) for row in cursor]


def version(conn: Connection, viewer: Viewer, plan_id: int, number: int) -> Version:
    """One published version. Raises `NotFound`."""
    viewer.must_read()
    row = conn.execute(VERSION, (plan_id, number)).fetchone()
    if row is None:
        raise errors.NotFound(f"The plan has no version {number}.")
    return Version(*row)


def connected(conn: Connection, viewer: Viewer, plan_id: int) -> list[int]:
    """The sources that a plan is connected to."""
    viewer.must_read()
    return [source_id for (source_id,) in conn.execute(CONNECTED, (plan_id,))]


def connect(conn: Connection, viewer: Viewer, key: str, source_ids: Sequence[int]) -> None:
    """Let a plan judge sources, each from the next batch on; a source has one plan."""
    viewer.must_admin()
    rules.lock(conn)
    found = get(conn, viewer, key)
    for source_id in source_ids:
        number = found.published or None
        rules.change(conn, viewer, source_id, plan_id=found.id, plan_version=number)


def disconnect(conn: Connection, viewer: Viewer, key: str, source_id: int) -> None:
    """Let a source go unjudged."""
    viewer.must_admin()
    rules.lock(conn)
    found = get(conn, viewer, key)
    if rules.current(conn, viewer, source_id).plan_id == found.id:
        rules.change(conn, viewer, source_id, plan_id=None, plan_version=None)


def _parsed(source: str | dict[str, object] | Plan, name: str) -> Plan:
    plan = source if isinstance(source, Plan) else parse(source)
    if name.strip():
        plan = msgspec.structs.replace(plan, name=name.strip()[: limits.name_chars_max])
    return plan
