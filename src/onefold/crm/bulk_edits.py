"""One change on many records, with progress, and back again.

Which records, and what each was before, are rows; a step does some of them in one transaction, so
that nobody else waits long, and whatever ends it, the next step goes on. A record that is changed
after a step is not taken back.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from onefold.crm import objects
from onefold.crm.model import Item, Row
from onefold.crm.records import append
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, jobs

RUN = "crm.bulk"
INSERT = """
INSERT INTO bulk_edit (object, change, total, by_kind, by_id, by_name, by_role, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
ADD_ROWS = "INSERT INTO bulk_row (bulk_id, record_id) SELECT %s, unnest(%s::bigint[])"
GET = "SELECT * FROM bulk_edit WHERE id = %s"
HOLD = GET + " FOR UPDATE"
NEXT = """
SELECT record_id, before, version FROM bulk_row WHERE bulk_id = %s AND state = %s
ORDER BY record_id LIMIT %s
"""
SET_ROW = """
UPDATE bulk_row SET state = %s, before = %s, version = %s WHERE bulk_id = %s AND record_id = %s
"""
SET_STATE = "UPDATE bulk_row SET state = %s WHERE bulk_id = %s AND record_id = %s"
COUNTS = """
UPDATE bulk_edit e SET status = %s, done_at = %s, done = c.done, changed = c.changed,
  refused = c.refused, kept = c.kept
FROM (SELECT count(*) FILTER (WHERE state <> 'open') AS done,
    count(*) FILTER (WHERE state = 'changed') AS changed,
    count(*) FILTER (WHERE state = 'refused') AS refused,
    count(*) FILTER (WHERE state = 'kept') AS kept
  FROM bulk_row WHERE bulk_id = %s) c
WHERE e.id = %s
"""
STATUS = "UPDATE bulk_edit SET status = %s WHERE id = %s"


class BulkEdit(msgspec.Struct, frozen=True):
    """How far a change in bulk is. `kept`: not taken back, as changed since."""

    id: str
    object: str
    values: dict[str, Any]
    status: str
    total: int
    done: int
    changed: int
    refused: int
    kept: int
    by: str
    created_at: str
    done_at: str | None


def start(
    conn: Connection,
    viewer: Viewer,
    noun: str,
    values: Mapping[str, Any],
    now_ms: int,
    *,
    of: Sequence[str] = (),
    filters: Mapping[str, Any] | None = None,
    q: str = "",
) -> BulkEdit:
    """Change these records, or all of a list. Few are done at once, more in the background.

    Raises `Invalid` for values that the first record can't take, and for too many records.
    """
    viewer.must_write()
    room = objects.ALL[noun]
    if filters is not None:
        most = limits.bulk_rows_max + 1
        numbers = room.ids_of(conn, viewer, filters, q, most)
    else:
        numbers = sorted({ids.parse_id(room.kind.prefix, one, "ids") for one in of})
    faults = []
    if not values:
        faults.append(errors.Fault("values", "are missing.", "Say what to set."))
    if not numbers:
        faults.append(errors.Fault("ids", "are missing.", "Choose some records."))
    if len(numbers) > limits.bulk_rows_max:
        remedy = f"Choose {limits.bulk_rows_max:,} at most."
        faults.append(errors.Fault("ids", "are too many.", remedy))
    if faults:
        raise errors.Invalid(*faults)
    _try(conn, viewer, noun, numbers[0], values, now_ms)
    by = (viewer.kind, viewer.id, viewer.name, viewer.role)
    change = Jsonb(dict(values), dumps=msgspec.json.encode)
    now = clock.to_datetime(now_ms)
    row = conn.execute(INSERT, (noun, change, len(numbers), *by, now)).fetchall()[0]
    conn.execute(ADD_ROWS, (row[0], numbers))
    if len(numbers) <= limits.bulk_at_once_rows:
        _step(conn, row[0], now_ms, limits.bulk_at_once_rows)
    else:
        jobs.defer(conn, RUN, {"bulk_id": row[0]}, lock=f"bulk:{row[0]}")
    return get(conn, viewer, row[0])


def get(conn: Connection, viewer: Viewer, bulk_id: str | int) -> BulkEdit:
    """How far a change is. Raises `NotFound`."""
    viewer.must_read()
    return _present(_one(conn, GET, ids.parse_id("blk", bulk_id)))


def undo(conn: Connection, viewer: Viewer, bulk_id: str | int, now_ms: int) -> BulkEdit:
    """Give all changed records their values back. Again: nothing happens.

    Raises `Forbidden` for another's change, unless an admin asks.
    """
    viewer.must_write()
    row = _one(conn, HOLD, ids.parse_id("blk", bulk_id))
    if (row["by_kind"], row["by_id"]) != (viewer.kind, viewer.id):
        viewer.must_admin()
    if row["status"] in ("undoing", "undone"):
        return _present(row)
    conn.execute(STATUS, ("undoing", row["id"]))
    if row["total"] <= limits.bulk_at_once_rows:
        _step(conn, row["id"], now_ms, limits.bulk_at_once_rows)
    else:
        jobs.defer(conn, RUN, {"bulk_id": row["id"]}, lock=f"bulk:{row['id']}")
    return get(conn, viewer, row["id"])


def run(running: jobs.Running, bulk_id: int) -> None:
    """The task `crm.bulk`: step by step, each in a transaction of its own."""
    with running.connect() as conn:
        more = True
        while more:
            running.check()
            more = _step(conn, bulk_id, clock.now_ms(), limits.bulk_step_rows)
            conn.commit()


def _step(conn: Connection, bulk_id: int, now_ms: int, rows: int) -> bool:
    """Some rows of a change, or of its undoing; whether more are left."""
    edit = _one(conn, HOLD, bulk_id)
    undoing = edit["status"] == "undoing"
    if edit["status"] in ("done", "undone"):
        return False
    viewer = Viewer(edit["by_kind"], edit["by_id"], edit["by_name"], edit["by_role"])
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(NEXT, (bulk_id, "changed" if undoing else "open", rows)).fetchall()
    told: list[Item] = []
    for row in found:
        do = _give_back if undoing else _change
        do(conn, viewer, edit, row, now_ms, told)
    over = len(found) < rows
    status = ("undone" if over else "undoing") if undoing else ("done" if over else "running")
    done_at = clock.to_datetime(now_ms) if over else None
    conn.execute(COUNTS, (status, done_at, bulk_id, bulk_id))
    if told:
        append(conn, told, now_ms)
    return not over


def _change(
    conn: Connection, viewer: Viewer, edit: Row, row: Row, now_ms: int, told: list[Item]
) -> None:
    room, part = objects.ALL[edit["object"]], list[Item]()
    try:
        with conn.transaction():
            before = room.get(conn, viewer, row["record_id"])
            after = room.update(conn, viewer, row["record_id"], edit["change"], now_ms, into=part)
    except errors.OnefoldError:
        conn.execute(SET_STATE, ("refused", edit["id"], row["record_id"]))
        return
    told += part
    state = "same" if after.version == before.version else "changed"
    was = Jsonb(_was(before, edit["change"]), dumps=msgspec.json.encode)
    conn.execute(SET_ROW, (state, was, after.version, edit["id"], row["record_id"]))


def _give_back(
    conn: Connection, viewer: Viewer, edit: Row, row: Row, now_ms: int, told: list[Item]
) -> None:
    room, part = objects.ALL[edit["object"]], list[Item]()
    try:
        with conn.transaction():
            room.update(
                conn, viewer, row["record_id"], row["before"], now_ms,
                expected_version=row["version"], into=part,
            )  # fmt: skip
    except errors.OnefoldError:
        conn.execute(SET_STATE, ("kept", edit["id"], row["record_id"]))
        return
    told += part
    conn.execute(SET_STATE, ("undone", edit["id"], row["record_id"]))


def _was(record: Any, change: Mapping[str, Any]) -> dict[str, Any]:
    """What a record has in the fields of a change, as the API takes them."""
    out = {name: getattr(record, name) for name in change if name != "custom"}
    if change.get("custom"):
        out["custom"] = {key: record.custom.get(key) for key in change["custom"]}
    if "stage_id" in change or "status" in change:  # what a stage brings is given back with it
        for name in ("stage_id", "probability", "forecast", "close_date"):
            if hasattr(record, name):
                out.setdefault(name, getattr(record, name))
    return out


def _try(
    conn: Connection, viewer: Viewer, noun: str, record_id: int, values: Mapping[str, Any],
    now_ms: int,
) -> None:  # fmt: skip
    """Raises what the first record says of the change; changes nothing."""
    with conn.transaction(force_rollback=True):
        objects.ALL[noun].update(conn, viewer, record_id, values, now_ms, into=[])


def _one(conn: Connection, query: str, row_id: int) -> Row:
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query, (row_id,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no change `{ids.api_id('blk', row_id)}`. Check the id.")
    return row


def _present(row: Row) -> BulkEdit:
    return BulkEdit(
        id=ids.api_id("blk", row["id"]), object=row["object"], values=row["change"],
        status=row["status"], total=row["total"], done=row["done"], changed=row["changed"],
        refused=row["refused"], kept=row["kept"], by=f"{row['by_kind']}:{row['by_id']}",
        created_at=clock.iso(clock.from_datetime(row["created_at"])) or "",
        done_at=clock.iso(clock.from_datetime(row["done_at"])) if row["done_at"] else None,
    )  # fmt: skip
