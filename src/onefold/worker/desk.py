"""Facts about tickets and subscriptions of other systems, carried over to ours once folded.

The micro-batch leaves their positions in `desk_pending`, in its own transaction; each is then taken
up in one of its own, so that a crash repeats it and nothing is done twice.
"""

import psycopg
import structlog

from onefold import crm, log
from onefold.kernel import clock, errors, facts, limits
from onefold.kernel.viewer import SYSTEM
from onefold.record import carrying
from onefold.storage import Connection
from onefold.worker.ingest import Ingest

logger = structlog.get_logger("onefold.worker")


def step(conn: Connection, ingest: Ingest, now_ms: int) -> bool:
    """Take up what waits, a bounded number; true when something was."""
    found = crm.external.pending(conn, now_ms, limits.desk_step_max)
    if not found:
        conn.commit()
        return False
    stored = ingest.admitted(log.fetch(conn, found))
    by_pos = {fact.pos: fact for fact in stored}
    worked = False
    for pos in found:
        fact = by_pos.get(pos)
        worked = (fact is None or _one(conn, fact, now_ms)) or worked
        if fact is None:
            crm.external.done(conn, pos)
        conn.commit()
    return worked


def _one(conn: Connection, fact: facts.Fact, now_ms: int) -> bool:
    late_ms = now_ms - fact.received_ms
    crm.external.done(conn, fact.pos)
    try:
        with conn.transaction():
            taken = carrying.CARRIERS[fact.category].carry(conn, SYSTEM, fact, now_ms)
    except psycopg.OperationalError:
        raise
    except errors.OnefoldError as error:
        logger.warning("a fact was not carried over", pos=fact.pos, error=str(error))
        return True
    if taken or late_ms > limits.desk_wait_h * clock.HOUR_MS:
        return True
    conn.rollback()  # it stays, for when somebody is known
    crm.external.wait(conn, fact.pos, now_ms + max(limits.desk_retry_ms, late_ms // 4))
    return False
