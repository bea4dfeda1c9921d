"""Names beside records: a contact without a name is shown by that of the person it is."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from onefold.kernel import ids
from onefold.kernel.viewer import Viewer
from onefold.record import store
from onefold.storage import Connection

T = TypeVar("T", bound=msgspec.Struct)


def named(conn: Connection, viewer: Viewer, rows: Sequence[T]) -> list[T]:
    """Tickets or tasks with `contact_name` filled from the person where the CRM has an e-mail."""
    viewer.must_read()
    contacts = {_contact(row) for row in rows} - {None}
    if not contacts:
        return list(rows)
    names = store.contact_names(conn, [ids.parse_id("con", c) for c in contacts if c])
    by_contact = {ids.api_id("con", number): name for number, name in names.items()}
    return [
        msgspec.structs.replace(row, contact_name=name)
        if (name := by_contact.get(_contact(row) or "")) else row
        for row in rows
    ]  # fmt: skip


def _contact(row: Any) -> str | None:
    found: str | None = getattr(row, "contact_id", None)
    return found if hasattr(row, "contact_name") else None
