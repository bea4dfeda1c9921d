"""Identifier rules that changed: take them up, and group everything again by them.

From the batch after `take_up` on what arrives is grouped by the new rules. What is stored follows
in bounded steps between batches: the identifiers there were are gone through by id, each with all
that hangs together with it, and the version's row says how far that is, in the step's own
transaction. A group is right once it was gone through after the change, and whatever touches it
later goes by the new rules as well; so the end is f under them, whatever arrives meanwhile.
"""

from onefold import identity
from onefold.identity.namespaces import store
from onefold.kernel import facts, limits
from onefold.profiles import dirty
from onefold.profiles import store as states
from onefold.storage import Connection
from onefold.worker.ingest import Ingest


def take_up(conn: Connection, ingest: Ingest, now_ms: int) -> bool:
    """Let what was changed hold from the next row on; was there anything? Commits."""
    if not store.take_up(conn, ingest.seq, now_ms):
        return False
    conn.commit()
    ingest.resolver.take_rules(identity.namespaces.current(conn))
    return True


def step(conn: Connection, ingest: Ingest, now_ms: int) -> bool:
    """Group some identifiers again; False when nothing is left to do. The caller commits."""
    version = store.replaying(conn)
    if version is None:
        return False
    resolver = ingest.resolver
    most = limits.namespace_replay_ids_max
    seeds, done = store.stretch(conn, resolver.rules, version.done, version.upto, most)
    changed: set[int] = set()
    if seeds:
        pos = facts.position(ingest.seq + 1, 0) - 1
        changed = resolver.replay(conn, seeds, pos, now_ms)
        marks = dirty.Marks()
        ingest.mark(changed, marks)
        states.put_marks(conn, marks)
    ended = done >= version.upto
    store.replayed(conn, version.id, done, len(changed), now_ms if ended else None)
    return not ended
