"""Audiences by rows: whom the worker has to look at, and whether a query is due.

Apart from what runs queries (record/answering.py), whose libraries take a second to import.
"""

from onefold import audiences, profiles
from onefold.audiences import rows_store
from onefold.kernel import clock, limits
from onefold.profiles import dirty
from onefold.storage import Connection, jobs

DUE = "audiences.due"


def mark(conn: Connection, kind: audiences.Kind, ids: list[int], audience_id: int) -> None:
    """Let the worker look at these for an audience."""
    number = dirty.PERSON if kind == "person" else dirty.ACCOUNT
    for start in range(0, len(ids), limits.conclude_chunk_max):
        part = ids[start : start + limits.conclude_chunk_max]
        marks = dirty.Marks(dirty.Mark(number, i, 0, {audience_id}) for i in part)
        profiles.store.put_marks(conn, marks)


def due(running: jobs.Running) -> None:
    """By the clock: leave work if there is any."""
    with running.connect() as conn:
        if rows_store.is_due(conn, clock.now_ms()):
            jobs.defer(conn, rows_store.ANSWER, once=rows_store.ANSWER, lock=rows_store.ANSWER)
