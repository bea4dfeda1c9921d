"""People whose items are not taken: answered as ever, counted as filtered, never a fact.

An entry names one identifier and holds from a log row on until another, so that a row of old admits
again as it first did. An item goes by all its identifiers, so naming the e-mail address of somebody
also covers a device that a log-in with it is sent from. What our own CRM tells is not left out.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from onefold import log
from onefold.kernel import errors, facts, limits
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

RULE = "suppressed person"
_REVISION = "suppression"  # a checkpoint that counts changes which came into force
_OURS = frozenset(("crm", "system"))
_COLUMNS = "id, namespace, value, reason, created_by, created_at, ended_by, ended_at"
LIST = f"""
SELECT {_COLUMNS} FROM suppression WHERE id < %s AND ended_at IS NULL ORDER BY id DESC LIMIT %s
"""
COUNT = "SELECT count(*) FROM suppression WHERE ended_at IS NULL"
ADD = f"""
INSERT INTO suppression (namespace, value, reason, created_by, created_at)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (namespace, md5(value)) WHERE ended_at IS NULL DO NOTHING RETURNING {_COLUMNS}
"""
FIND = f"""
SELECT {_COLUMNS} FROM suppression
WHERE namespace = %s AND md5(value) = md5(%s) AND value = %s AND ended_at IS NULL
"""
END = f"""
UPDATE suppression SET ended_by = %s, ended_at = %s WHERE id = %s AND ended_at IS NULL
RETURNING {_COLUMNS}
"""
TAKE_UP = """
UPDATE suppression SET from_seq = coalesce(from_seq, %(seq)s),
  until_seq = CASE WHEN ended_at IS NOT NULL THEN coalesce(until_seq, %(seq)s) END
WHERE from_seq IS NULL OR (ended_at IS NOT NULL AND until_seq IS NULL)
"""
SPANS = """
SELECT namespace, value, from_seq, until_seq FROM suppression
WHERE from_seq IS NOT NULL AND from_seq IS DISTINCT FROM until_seq
"""
_ID_MAX = 2**63 - 1


class Entry(msgspec.Struct, frozen=True):
    """Somebody whose items are not taken, by one identifier."""

    id: int
    namespace: str
    value: str
    reason: str
    created_by: str
    created_at: datetime
    ended_by: str | None
    ended_at: datetime | None

    @property
    def api_id(self) -> str:
        """As the API names it."""
        return f"sup_{self.id}"


class Suppressed:
    """Every entry that ever held, by identifier. Pure, and shared by threads."""

    def __init__(self, spans: Iterable[tuple[str, str, int, int | None]]) -> None:
        self._spans: dict[Identifier, list[tuple[int, int]]] = {}
        for namespace, value, since, until in spans:
            end = _ID_MAX if until is None else until
            self._spans.setdefault(Identifier(namespace, value), []).append((since, end))

    def judge(self, one: facts.Admitted, seen: list[Any] | None, before: int) -> facts.Admitted:
        """The item, or that it is left out; then what it broke of a plan is not told either."""
        if not isinstance(one, facts.Fact) or one.category in _OURS:
            return one
        seq, _ = facts.split_position(one.pos)
        if not any(self._holds(key, seq) for key in one.identifiers):
            return one
        if seen is not None:
            del seen[before:]
        return facts.Filtered(one.pos, one.source_id, one.received_ms, RULE)

    def _holds(self, key: Identifier, seq: int) -> bool:
        return any(since <= seq < until for since, until in self._spans.get(key, ()))


# ── the list ───────────────────────────────────────────────────────────────────────────────────


def add(
    conn: Connection, viewer: Viewer, identifier: Identifier, reason: str, now: datetime
) -> Entry:
    """Take no more items of somebody, from the worker's next batch on. Idempotent."""
    viewer.must_admin()
    counted = conn.execute(COUNT).fetchone()
    if counted and counted[0] >= limits.suppressions_max:
        raise errors.Conflict(f"There are {counted[0]:,} suppressions, the most there may be.")
    values = (*identifier, reason[: limits.suppression_reason_chars_max], viewer.actor, now)
    row = conn.execute(ADD, values).fetchone()
    if row is None:
        row = conn.execute(FIND, (identifier[0], identifier[1], identifier[1])).fetchone()
    return Entry(*(row or ()))


def end(conn: Connection, viewer: Viewer, entry_id: int, now: datetime) -> Entry:
    """Take their items again. What was left out stays so. Raises `NotFound`."""
    viewer.must_admin()
    row = conn.execute(END, (viewer.actor, now, entry_id)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no suppression `sup_{entry_id}`.")
    return Entry(*row)


def list_all(
    conn: Connection, viewer: Viewer, before: int | None = None, rows_max: int = 50
) -> list[Entry]:
    """Those in force, newest first."""
    viewer.must_read()
    rows = conn.execute(LIST, (_ID_MAX if before is None else before, rows_max))
    return [Entry(*row) for row in rows]


# ── in force ───────────────────────────────────────────────────────────────────────────────────


def revision(conn: Connection) -> int:
    """Moves when a change comes into force."""
    return log.checkpoint(conn, _REVISION)


def take_up(conn: Connection, seq: int) -> bool:
    """Let changes hold from this row on; was there any? The worker's."""
    if not conn.execute(TAKE_UP, {"seq": seq}).rowcount:
        return False
    log.save_checkpoint(conn, _REVISION, revision(conn) + 1, 0)
    return True


def load(conn: Connection) -> Suppressed | None:
    """What holds of which rows; None while nobody ever was suppressed."""
    spans = conn.execute(SPANS).fetchall()
    return Suppressed(spans) if spans else None
