"""The trail's SQL: log rows backwards, what became of positions, and refused items dealt with."""

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from onefold import log
from onefold.kernel import errors, facts, limits
from onefold.kernel.viewer import Viewer
from onefold.sources.trail.model import Action, Group, Selection, Settled
from onefold.storage import Connection

BACKWARDS = """
SELECT seq, source_id, received_ms, items FROM log
WHERE seq <= %(seq)s AND seq > %(floor)s ORDER BY seq DESC LIMIT %(rows)s
"""
ROWS = """
SELECT source_id, category, received_ms, items, body, seq
FROM log WHERE seq = ANY(%b::bigint[]) ORDER BY seq DESC
"""
BEFORE_TIME = "SELECT received_ms FROM log WHERE seq >= %s ORDER BY seq LIMIT 1"
BUSY_HOUR = """
SELECT max(hour_ms) FROM accepted WHERE source_id = %s AND hour_ms <= %s AND items > 0
"""
FIRST_SEQ = "SELECT coalesce(min(seq), 0) FROM log"
REFUSED_AT = """
SELECT r.pos, r.source_id, r.received_ms, r.code, r.field, r.problem, r.remedy, r.raw,
  r.resolution, coalesce(a.done_by, ''), a.done_ms, r.new_pos, r.action_id
FROM refused r LEFT JOIN refused_action a ON a.id = r.action_id
WHERE r.pos = ANY(%s)
"""
REFUSED_BEFORE = """
SELECT pos FROM refused
WHERE source_id = %(source)s AND pos < %(before)s
  AND received_ms >= %(since)s AND received_ms < %(until)s
ORDER BY pos DESC LIMIT %(rows)s
"""
ID_ROWS = """
SELECT seq, ids FROM dedupe WHERE seq >= %(since)s AND seq < %(below)s ORDER BY seq DESC LIMIT 16
"""
BATCH_BEFORE = "SELECT coalesce(max(seq), 0) FROM dedupe WHERE seq < %s"
BATCH_OF = "SELECT min(seq) FROM dedupe WHERE seq >= %s"
HORIZON = "SELECT coalesce(min(seq), 0) FROM dedupe WHERE received_ms >= %s"
OF_SOURCE = """
SELECT seq FROM log WHERE seq > %s AND seq <= %s AND source_id = %s ORDER BY seq LIMIT %s
"""
GROUPS = """
SELECT code, field, count(*), min(received_ms), max(received_ms),
  (array_agg(pos ORDER BY pos DESC))[1:3]
FROM refused WHERE source_id = %s AND resolution = ''
GROUP BY code, field ORDER BY count(*) DESC, code, field LIMIT %s
"""
_SELECTED = """
WHERE source_id = %(source)s AND resolution = ''
  AND (%(code)s::text IS NULL OR code = %(code)s)
  AND (%(field)s::text IS NULL OR field = %(field)s)
  AND (%(positions)s::bigint[] IS NULL OR pos = ANY(%(positions)s::bigint[]))
"""
COUNT_SELECTED = f"SELECT count(*) FROM refused {_SELECTED}"
SELECT_POSITIONS = f"SELECT pos FROM refused {_SELECTED} ORDER BY pos LIMIT %(rows)s"
LOCK_POSITIONS = f"{SELECT_POSITIONS} FOR UPDATE"
ADD_ACTION = """
INSERT INTO refused_action (source_id, kind, code, field, fixes, items, done_by, done_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
RESOLVE = """
UPDATE refused SET resolution = %s, action_id = %s WHERE pos = ANY(%s) AND resolution = ''
"""
NOTE = """
UPDATE refused r SET new_pos = t.new_pos
FROM unnest(%s::bigint[], %s::bigint[]) AS t (pos, new_pos) WHERE r.pos = t.pos
"""
DROP_SELECTED = f"""
UPDATE refused SET resolution = 'dropped', action_id = %(action)s {_SELECTED}
"""
SET_ITEMS = "UPDATE refused_action SET items = %s WHERE id = %s"
ACTION = """
SELECT kind, undone_ms FROM refused_action WHERE id = %s AND source_id = %s FOR UPDATE
"""
UNDO = "UPDATE refused_action SET undone_by = %s, undone_ms = %s WHERE id = %s"
RESTORE = """
UPDATE refused SET resolution = '', action_id = NULL
WHERE action_id = %s AND resolution = 'dropped'
"""
ACTIONS = """
SELECT id, kind, code, field, fixes, items, done_by, done_ms, undone_by, undone_ms
FROM refused_action WHERE source_id = %s ORDER BY id DESC LIMIT %s
"""
_GROUPS_MAX = 100
_END = 2**63 - 1


def rows(conn: Connection, seqs: Sequence[int]) -> list[log.Row]:
    """Log rows by number, newest first."""
    return [log.Row(*record) for record in conn.execute(ROWS, (list(seqs),), binary=True)]


def heads(conn: Connection, seq: int, floor: int, rows_max: int) -> list[tuple[int, int, int, int]]:
    """(seq, source, received_ms, items) of rows at or before `seq` and after `floor`."""
    values = {"seq": seq, "floor": floor, "rows": rows_max}
    return conn.execute(BACKWARDS, values).fetchall()


def first_seq(conn: Connection) -> int:
    """The oldest row of the log, 0 when it is empty."""
    return _one(conn, FIRST_SEQ, ())


def received_at(conn: Connection, seq: int) -> int | None:
    """When the first row at or after `seq` was received."""
    row = conn.execute(BEFORE_TIME, (seq,)).fetchone()
    return int(row[0]) if row else None


def busy_hour(conn: Connection, source_id: int, at_ms: int) -> int | None:
    """The newest hour not after a time in which a source had items."""
    row = conn.execute(BUSY_HOUR, (source_id, at_ms)).fetchone()
    return int(row[0]) if row and row[0] is not None else None


def settled(
    conn: Connection, positions: Sequence[int]
) -> dict[int, tuple[facts.Refusal, Settled | None]]:
    """Refusals by position, with what was done about them."""
    out = {}
    for row in conn.execute(REFUSED_AT, (list(positions),)):
        end = Settled(*row[8:]) if row[8] else None
        out[row[0]] = facts.Refusal(*row[:8]), end
    return out


def refused_before(
    conn: Connection, source_id: int, before: int, since_ms: int, until_ms: int, rows_max: int
) -> list[int]:
    """Positions of refused items below `before` in a stretch of time, newest first."""
    values = {
        "source": source_id, "before": before, "since": since_ms, "until": until_ms,
        "rows": rows_max,
    }  # fmt: skip
    return [pos for (pos,) in conn.execute(REFUSED_BEFORE, values)]


def batch_with(conn: Connection, key: bytes, seq: int, since_ms: int) -> tuple[int, int] | None:
    """The micro-batch (after, up to) that remembered a message's id, at or before row `seq`'s."""
    row = conn.execute(BATCH_OF, (seq,)).fetchone()
    below = (row[0] if row and row[0] is not None else seq) + 1
    floor = _one(conn, HORIZON, (since_ms,))
    size = 0
    while size < limits.duplicate_scan_bytes_max:
        found = conn.execute(ID_ROWS, {"since": floor, "below": below}, binary=True).fetchall()
        if not found:
            return None
        for last, ids in found:
            size += len(ids)
            at = ids.find(key)
            while at >= 0 and at % len(key):
                at = ids.find(key, at + 1)
            if at >= 0:
                return _one(conn, BATCH_BEFORE, (last,)), last
        below = found[-1][0]
    return None


def seqs_of(conn: Connection, source_id: int, after: int, last: int, rows_max: int) -> list[int]:
    """A source's rows in a stretch of the log, oldest first."""
    return [s for (s,) in conn.execute(OF_SOURCE, (after, last, source_id, rows_max))]


# ── refused items ───────────────────────────────────────────────────────────────────────────────


def groups(conn: Connection, viewer: Viewer, source_id: int) -> list[Group]:
    """Refused items that nothing was done about, by (code, field), most first, with samples."""
    viewer.must_read()
    found = conn.execute(GROUPS, (source_id, _GROUPS_MAX)).fetchall()
    known = settled(conn, [pos for row in found for pos in row[5]])
    return [
        Group(code, field, n, first_ms, last_ms, [known[pos][0] for pos in newest])
        for code, field, n, first_ms, last_ms, newest in found
    ]


def count(conn: Connection, source_id: int, selection: Selection) -> int:
    """How many refused items a selection means."""
    return _one(conn, COUNT_SELECTED, _values(source_id, selection))


def select(
    conn: Connection, source_id: int, selection: Selection, rows_max: int, *, lock: bool = False
) -> list[int]:
    """Their positions, oldest first. Locked, nobody else deals with them meanwhile."""
    values = {**_values(source_id, selection), "rows": rows_max}
    return [pos for (pos,) in conn.execute(LOCK_POSITIONS if lock else SELECT_POSITIONS, values)]


def _values(source_id: int, selection: Selection) -> dict[str, Any]:
    chosen = selection.positions
    if chosen is not None and len(chosen) > limits.refused_chosen_max:
        raise errors.Invalid(
            errors.Fault(
                "ids",
                f"are {len(chosen):,}.",
                f"Choose at most {limits.refused_chosen_max:,}, or a `code` and `field`.",
            )
        )
    return {
        "source": source_id, "code": selection.code, "field": selection.field,
        "positions": None if chosen is None else list(chosen),
    }  # fmt: skip


def act(
    conn: Connection,
    viewer: Viewer,
    source_id: int,
    kind: str,
    selection: Selection,
    fixes: Sequence[Any],
    items: int,
    now_ms: int,
) -> int:
    """Write down that somebody does something about refused items."""
    values = (
        source_id, kind, selection.code or "", selection.field or "",
        Jsonb(msgspec.to_builtins(list(fixes))), items, viewer.actor, now_ms,
    )  # fmt: skip
    return _one(conn, ADD_ACTION, values)


def resolve(conn: Connection, kind: str, action_id: int, positions: Sequence[int]) -> None:
    """Mark refused items as dealt with."""
    conn.execute(RESOLVE, (kind, action_id, list(positions)))


def note_positions(conn: Connection, pairs: Sequence[tuple[int, int]]) -> None:
    """Say where corrected items are: (position of the refused one, of the new one).

    In a transaction after the append's: whoever holds the log's lock should do nothing else.
    """
    if pairs:
        conn.execute(NOTE, ([old for old, _ in pairs], [new for _, new in pairs]))


def drop(
    conn: Connection, viewer: Viewer, source_id: int, selection: Selection, now_ms: int
) -> tuple[int | None, int]:
    """Mark refused items as not to be replayed: (the action to undo it by, how many)."""
    viewer.must_admin()
    values = _values(source_id, selection)
    action = act(conn, viewer, source_id, "dropped", selection, [], 0, now_ms)
    dropped = conn.execute(DROP_SELECTED, {**values, "action": action}).rowcount
    conn.execute(SET_ITEMS, (dropped, action))
    return action, dropped


def restore(conn: Connection, viewer: Viewer, source_id: int, action_id: int, now_ms: int) -> int:
    """Undo a drop: how many items are open again. Raises `NotFound`, `Conflict`."""
    viewer.must_admin()
    row = conn.execute(ACTION, (action_id, source_id)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no action `{action_id}` on this source.")
    if row[0] != "dropped":
        raise errors.Conflict("A replay is not undone: its items are in the log.")
    if row[1] is not None:
        raise errors.Conflict("This was undone already.")
    conn.execute(UNDO, (viewer.actor, now_ms, action_id))
    return conn.execute(RESTORE, (action_id,)).rowcount


def actions(conn: Connection, viewer: Viewer, source_id: int) -> list[Action]:
    """What was done about a source's refused items, newest first."""
    viewer.must_read()
    cursor = conn.execute(ACTIONS, (source_id, limits.refused_actions_max))
    return [Action(*row) for row in cursor]


def _one(conn: Connection, sql: str, values: Any) -> int:
    row = conn.execute(sql, values).fetchone()
    return int(row[0]) if row else 0  # an aggregate or a RETURNING: there is always one
