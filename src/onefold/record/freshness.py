"""How fresh audiences are: up to when everything that happened is in their members."""

from typing import TypedDict

from onefold import audiences, log
from onefold.kernel import clock
from onefold.kernel.viewer import Viewer
from onefold.record import store
from onefold.storage import Connection


class Freshness(TypedDict):
    """What was accepted by `evaluated_to` is in the members; `lag_ms`: how long ago that is.

    `log_row`: the worker has read the log up to there. `progress`: from 0 to 1 while an audience is
    being built, else null.
    """

    evaluated_to: str
    lag_ms: int
    log_row: int
    progress: float | None


def freshness(
    conn: Connection, viewer: Viewer, found: list[audiences.Audience], now_ms: int
) -> dict[str, Freshness]:
    """By key. Live audiences share it: facts are concluded for all of them at once."""
    viewer.must_read()
    waiting_ms = store.waiting_since(conn)
    to_ms = now_ms if waiting_ms is None else min(waiting_ms, now_ms)
    seq = log.checkpoint(conn, "worker")
    building = [a for a in found if a.status == "building"]
    filled = store.leaves_progress(conn) if building else {}
    out: dict[str, Freshness] = {}
    for audience in found:
        progress = None
        if audience.status == "building":
            parts = [filled.get(leaf.key, 0.0) for leaf in audiences.leaves(audience.definition)]
            progress = round(min(parts, default=0.0), 3)
        out[audience.key] = {
            "evaluated_to": clock.iso(to_ms) or "",
            "lag_ms": now_ms - to_ms,
            "log_row": seq,
            "progress": progress,
        }
    return out
