"""Commands that touch more than one room, in one transaction of the caller."""

from collections.abc import Mapping
from typing import Any

from onefold import crm, identity, signals
from onefold.kernel import ids
from onefold.kernel.viewer import Viewer
from onefold.record import store
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


def open_ticket(
    conn: Connection, viewer: Viewer, values: Mapping[str, Any], now_ms: int
) -> crm.Ticket:
    """A new ticket. Without an account it gets the primary one of the person with its `email`.

    So does the contact, when it is made for the ticket; a contact's own account comes first.
    Raises `Invalid` with every fault.
    """
    viewer.must_write()
    email = values.get("email")
    if isinstance(email, str) and "account_id" not in values:
        account_id = _account_by_email(conn, viewer, email)
        if account_id is not None:
            values = {**values, "account_id": account_id}
    return crm.tickets.create(conn, viewer, values, now_ms)


def _account_by_email(conn: Connection, viewer: Viewer, email: str) -> str | None:
    contact = store.contact_account(conn, email)
    if contact is not None:
        return ids.api_id("acc", contact)
    person_id = identity.person_of(conn, viewer, "email", email)
    found = store.primary_account(conn, person_id) if person_id is not None else None
    return ids.api_id_or_none("acc", found)
