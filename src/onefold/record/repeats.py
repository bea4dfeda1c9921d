"""Requests that are sent twice: the first one's answer is kept, and given to its repeats.

The answer is written in the transaction of the change itself, so that there is one exactly when
there is the other; a repeat that comes while the first is under way waits for it.
"""

import hashlib

from onefold.kernel import clock, errors, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, jobs

TIDY = "crm.repeats"
CLAIM = """
INSERT INTO idempotency (actor, key, request, at_ms) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
KEPT = "SELECT request, status, answer FROM idempotency WHERE actor = %s AND key = %s"
SAVE = "UPDATE idempotency SET status = %s, answer = %s WHERE actor = %s AND key = %s"
FORGET = "DELETE FROM idempotency WHERE at_ms < %s"


def claim(
    conn: Connection, viewer: Viewer, key: str, request: bytes, now_ms: int
) -> tuple[int, bytes] | None:
    """Take a key for this request; or the status and answer that its first one got.

    Raises `Invalid` for a key that can't be one, `Conflict` for the key of another request.
    """
    if not 0 < len(key) <= limits.idempotency_key_chars_max or not key.isprintable():
        remedy = f"Use 1 to {limits.idempotency_key_chars_max} printable characters."
        raise errors.Invalid(errors.Fault("Idempotency-Key", "is not a key.", remedy))
    hashed = hashlib.sha256(request).digest()
    if conn.execute(CLAIM, (viewer.actor, key, hashed, now_ms)).rowcount:
        return None
    row = conn.execute(KEPT, (viewer.actor, key)).fetchone()
    if row is None or row[1] is None:
        raise errors.Conflict("The request with this key did not end. Send it again.")
    if bytes(row[0]) != hashed:
        raise errors.Conflict(
            f"The Idempotency-Key `{key}` was used for another request. Use a new one."
        )
    return int(row[1]), bytes(row[2])


def keep(conn: Connection, viewer: Viewer, key: str, status: int, answer: bytes) -> None:
    """The answer of the request that took the key."""
    if len(answer) <= limits.idempotency_answer_bytes_max:
        conn.execute(SAVE, (status, answer, viewer.actor, key))


def tidy(running: jobs.Running) -> None:
    """The task `crm.repeats`: forget answers after a day."""
    with running.connect() as conn:
        conn.execute(FORGET, (clock.now_ms() - limits.idempotency_kept_h * clock.HOUR_MS,))
        conn.commit()
