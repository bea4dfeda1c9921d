"""Refused events, read again after the mapping was put right: those that are calls now enter."""

import msgspec

from onefold import log
from onefold.kernel import facts, limits
from onefold.kernel.viewer import Viewer
from onefold.sources.webhooks import store
from onefold.sources.webhooks.model import Delivery
from onefold.sources.webhooks.read import asked, make, read_again
from onefold.storage import Connection


class Reread(msgspec.Struct, frozen=True):
    """How many refused events were read, became items, and still are not understood.

    `more`: there are further ones; call again.
    """

    read: int
    replayed: int
    left: int
    more: bool


def reread(conn: Connection, viewer: Viewer, source_id: int, now_ms: int) -> Reread:
    """Read the refused events of a webhook again, oldest first. The caller commits.

    An event that is a call now is appended to the log with the time it came at, and its refusal is
    marked as replayed; the vendor's id keeps what entered before from entering twice.
    """
    viewer.must_admin()
    found = store.get(conn, viewer, source_id)
    if found is None:
        return Reread(0, 0, 0, False)
    rows: list[log.Row] = []
    done: list[int] = []
    after, seen = 0, 0
    page = store.not_mapped(conn, viewer, source_id, after, limits.webhook_reread_max)
    for pos, received_ms, raw, headers in page:
        seen += 1
        delivery = Delivery("POST", (), {}, headers, raw, received_ms)
        reading = read_again(found.config, raw, delivery)
        known = store.known(conn, source_id, sorted(asked(reading)))
        made = make(found.config, reading, known, delivery, keep_body=False)
        store.learn(conn, source_id, made.learned, now_ms)
        if made.refused or not made.items:
            continue
        rows.append(
            log.Row(
                source_id, found.source.category, received_ms, made.items, log.pack(made.envelope)
            )
        )
        done.append(pos)
    if rows:
        action = store.replaying(conn, viewer, source_id, len(done), now_ms)
        seqs = log.append(conn, rows)
        store.replayed(conn, action, done, [facts.position(seq, 0) for seq in seqs])
    return Reread(seen, len(done), seen - len(done), seen == limits.webhook_reread_max)
