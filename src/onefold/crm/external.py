"""Which ticket of ours another help desk's ticket is."""

from collections.abc import Sequence
from typing import NamedTuple

from onefold.kernel import ids
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

HELD = """
SELECT id, external_ms FROM ticket WHERE source_id = %s AND external_id = %s FOR NO KEY UPDATE
"""
TIE = """
UPDATE ticket SET source_id = %s, external_id = %s, external_ms = %s WHERE id = %s
"""
PENDING = "SELECT pos FROM desk_pending WHERE next_ms <= %s ORDER BY next_ms, pos LIMIT %s"
NOTE = """
INSERT INTO desk_pending (pos, next_ms) SELECT unnest(%b::bigint[]), %s ON CONFLICT DO NOTHING
"""
DONE = "DELETE FROM desk_pending WHERE pos = %s"
WAIT = "UPDATE desk_pending SET next_ms = %s WHERE pos = %s"


ELSEWHERE = """
SELECT id FROM ticket WHERE external_id = %s AND external_id <> '' AND subject = %s LIMIT 2
"""


class External(NamedTuple):
    """Our ticket's id, and when the newest event of the other's that was taken up happened."""

    ticket_id: str
    at_ms: int


def held(conn: Connection, viewer: Viewer, source_id: int, external_id: str) -> External | None:
    """The ticket that this one of a source is, held until the transaction ends."""
    viewer.must_write()
    row = conn.execute(HELD, (source_id, external_id)).fetchone()
    return External(ids.api_id("tkt", row[0]), row[1]) if row else None


def like(conn: Connection, viewer: Viewer, external_id: str, subject: str) -> int | None:
    """The ticket that some help desk's events keep under this id, if it is about the same."""
    viewer.must_read()
    found = conn.execute(ELSEWHERE, (external_id, subject)).fetchall()
    return int(found[0][0]) if len(found) == 1 else None


def tie(
    conn: Connection,
    viewer: Viewer,
    ticket_id: str,
    source_id: int,
    external_id: str,
    at_ms: int,
) -> None:
    """Say which ticket of a source a held or new one is, and how far its events were taken up."""
    viewer.must_write()
    number = ids.parse_id("tkt", ticket_id)
    conn.execute(TIE, (source_id, external_id, at_ms, number))


def note(conn: Connection, positions: Sequence[int], now_ms: int) -> None:
    """Leave facts to be taken up."""
    conn.execute(NOTE, (list(positions), now_ms))


def pending(conn: Connection, now_ms: int, rows_max: int) -> list[int]:
    """Positions of facts whose time it is, the longest waiting first."""
    return [pos for (pos,) in conn.execute(PENDING, (now_ms, rows_max))]


def done(conn: Connection, pos: int) -> None:
    """A fact is taken up."""
    conn.execute(DONE, (pos,))


def wait(conn: Connection, pos: int, until_ms: int) -> None:
    """Look at a fact again, not before a time."""
    conn.execute(WAIT, (until_ms, pos))
