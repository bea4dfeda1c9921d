"""The SQL of decisions."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from onefold.identity.decisions.model import End, Kind, Said
from onefold.kernel import errors, limits
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

_COLUMNS = """
id, kind, a_namespace, a_value, a_ms, b_namespace, b_value, b_ms, reason, actor, actor_name, at_ms,
undone_by, undone_by_name, undone_reason, undone_ms, replaced_by, pending, taken_ms, suppressed,
outcome
"""
IN_FORCE = f"""
SELECT {_COLUMNS} FROM identity_decision WHERE undone_ms IS NULL AND replaced_by IS NULL ORDER BY id
"""
TAKEN_FORCE = f"""
SELECT {_COLUMNS} FROM identity_decision
WHERE undone_ms IS NULL AND replaced_by IS NULL AND taken_ms IS NOT NULL ORDER BY id
"""
PENDING = f"""
SELECT {_COLUMNS} FROM identity_decision WHERE pending ORDER BY id LIMIT 1 FOR UPDATE
"""
GET = f"SELECT {_COLUMNS} FROM identity_decision WHERE id = %s"
COUNT = "SELECT count(*) FROM identity_decision WHERE undone_ms IS NULL AND replaced_by IS NULL"
LISTED = f"""
SELECT {_COLUMNS} FROM identity_decision WHERE id < %s ORDER BY id DESC LIMIT %s
"""
OF = f"""
SELECT {_COLUMNS} FROM identity_decision d
WHERE EXISTS (SELECT FROM unnest(%s::text[], %s::text[]) AS k (namespace, value)
  WHERE (d.a_namespace = k.namespace AND md5(d.a_value) = md5(k.value) AND d.a_value = k.value)
     OR (d.b_namespace = k.namespace AND md5(d.b_value) = md5(k.value) AND d.b_value = k.value))
ORDER BY id DESC LIMIT %s
"""
ADD = """
INSERT INTO identity_decision (kind, a_namespace, a_value, a_ms, b_namespace, b_value, b_ms,
  reason, actor, actor_name, at_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
REPLACE = """
UPDATE identity_decision SET replaced_by = %(id)s, pending = true
WHERE id <> %(id)s AND undone_ms IS NULL AND replaced_by IS NULL
  AND ((a_namespace, a_value, a_ms, b_namespace, b_value, b_ms)
     = (%(an)s, %(av)s, %(at)s, %(bn)s, %(bv)s, %(bt)s)
    OR (b_namespace, b_value, b_ms, a_namespace, a_value, a_ms)
     = (%(an)s, %(av)s, %(at)s, %(bn)s, %(bv)s, %(bt)s))
"""
UNDO = """
UPDATE identity_decision
SET undone_by = %s, undone_by_name = %s, undone_reason = %s, undone_ms = %s, pending = true
WHERE id = %s AND undone_ms IS NULL AND replaced_by IS NULL
"""
TAKEN = """
UPDATE identity_decision SET pending = false, taken_ms = %s, outcome = %s WHERE id = %s
"""
GIVE_UP = """
UPDATE identity_decision SET pending = false, taken_ms = %s, suppressed = %s WHERE id = %s
"""


def in_force(conn: Connection, *, taken_only: bool = False) -> list[Said]:
    """The decisions that count, oldest first; `taken_only`: those the worker has met."""
    rows = conn.execute(TAKEN_FORCE if taken_only else IN_FORCE, prepare=False)
    return [_said(row) for row in rows]


def next_pending(conn: Connection) -> Said | None:
    """The oldest on the worker's queue, locked until the transaction ends."""
    row = conn.execute(PENDING).fetchone()
    return None if row is None else _said(row)


def taken(conn: Connection, said: Said, outcome: Sequence[Mapping[str, Any]], at_ms: int) -> None:
    """Take a decision off the queue."""
    conn.execute(TAKEN, (at_ms, Jsonb(list(outcome)), said.id))


def give_up(conn: Connection, decision_id: int, error: str, at_ms: int) -> None:
    """Take a decision off the queue that cannot be taken up, with what went wrong."""
    conn.execute(GIVE_UP, (at_ms, f"error:{error}"[:500], decision_id))


def get(conn: Connection, viewer: Viewer, decision_id: int) -> Said:
    """A decision. Raises `NotFound`."""
    viewer.must_read()
    row = conn.execute(GET, (decision_id,)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no decision {decision_id}. `GET /api/identity/decisions` "
                              "lists them.")  # fmt: skip
    return _said(row)


def listed(
    conn: Connection, viewer: Viewer, before: int | None = None, rows_max: int = 50
) -> list[Said]:
    """Decisions, newest first, those undone included; `before`: with a smaller id."""
    viewer.must_read()
    return [_said(row) for row in conn.execute(LISTED, (before or 1 << 62, rows_max))]


def of_identifiers(
    conn: Connection, viewer: Viewer, identifiers: Collection[Identifier]
) -> list[Said]:
    """Every decision that names one of these, newest first, those undone included."""
    viewer.must_read()
    params = ([i.namespace for i in identifiers], [i.value for i in identifiers])
    return [_said(row) for row in conn.execute(OF, (*params, limits.page_rows_max))]


def say(
    conn: Connection, viewer: Viewer, kind: Kind, a: End, b: End, reason: str, now_ms: int
) -> Said:
    """Write a decision and put it on the worker's queue. An older one on the same pair yields.

    Raises `Invalid` when there is nothing to decide, or too much was decided already.
    """
    viewer.must_write()
    if a == b:
        raise _invalid("b", "is the same as `a`.", "Name two different identifiers.")
    if len(reason) > limits.decision_reason_chars_max:
        most = limits.decision_reason_chars_max
        raise _invalid("reason", "is too long.", f"Use at most {most} characters.")
    (count,) = conn.execute(COUNT).fetchall()
    if count[0] >= limits.decisions_max:
        raise _invalid("a", "is one decision too many.", "Undo decisions that no longer matter.")
    params = (
        kind, *a.identifier, a.at_ms, *b.identifier, b.at_ms, reason.strip(), viewer.actor,
        viewer.name, now_ms,
    )  # fmt: skip
    (row,) = conn.execute(ADD, params).fetchall()
    names = {
        "id": row[0], "an": a.identifier.namespace, "av": a.identifier.value, "at": a.at_ms,
        "bn": b.identifier.namespace, "bv": b.identifier.value, "bt": b.at_ms,
    }  # fmt: skip
    conn.execute(REPLACE, names)
    return get(conn, viewer, row[0])


def undo(conn: Connection, viewer: Viewer, decision_id: int, reason: str, now_ms: int) -> Said:
    """Take a decision back. Raises `NotFound`, or `Conflict` when it no longer counts."""
    viewer.must_write()
    said = get(conn, viewer, decision_id)
    params = (viewer.actor, viewer.name, reason.strip(), now_ms, decision_id)
    if conn.execute(UNDO, params).rowcount == 0:
        now = get(conn, viewer, decision_id)
        how = "undone" if now.undone_ms is not None else f"replaced by decision {now.replaced_by}"
        raise errors.Conflict(
            f"Decision {said.id} was {how} already. Nothing is left to undo.",
            {"id": said.id, "undone_by": now.undone_by_name, "replaced_by": now.replaced_by},
        )
    return get(conn, viewer, decision_id)


def _said(row: Sequence[Any]) -> Said:
    decision_id, kind, a_ns, a_value, a_ms, b_ns, b_value, b_ms, *rest = row
    a, b = End(Identifier(a_ns, a_value), a_ms), End(Identifier(b_ns, b_value), b_ms)
    return Said(decision_id, kind, a, b, *rest)


def _invalid(field: str, problem: str, remedy: str) -> errors.Invalid:
    return errors.Invalid(errors.Fault(field, problem, remedy))
