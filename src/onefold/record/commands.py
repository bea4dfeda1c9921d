"""Commands that touch more than one room, in one transaction of the caller."""

from onefold import crm, signals
from onefold.kernel import ids
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection


def close_signal(
    conn: Connection,
    viewer: Viewer,
    signal_id: str | int,
    outcome: str,
    now_ms: int,
    *,
    expected_version: int | None = None,
) -> signals.Signal:
    """Close a signal by hand: the account's risk is cleared, and its task done with the outcome.

    Closed already: nothing changes. Raises `Invalid`, `NotFound` or `Conflict`.
    """
    viewer.must_write()
    before = signals.get(conn, viewer, signal_id)
    closed = signals.close(
        conn, viewer, signal_id, outcome, now_ms, expected_version=expected_version
    )
    if before.status == "open":
        told: list[crm.Item] = []
        account_id = ids.parse_id("acc", closed.account_id)
        crm.set_risk(conn, viewer, account_id, "", "", now_ms, into=told)
        crm.close_signal_task(
            conn, viewer, ids.parse_id("sig", closed.id), outcome, now_ms, into=told
        )
        crm.append(conn, told, now_ms)
    return closed
