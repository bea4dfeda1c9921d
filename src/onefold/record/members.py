"""Who is in an audience, with the names to show."""

from onefold import audiences
from onefold.kernel import clock, ids
from onefold.kernel.viewer import Viewer
from onefold.record import keyset, model, store
from onefold.storage import Connection


def list_members(
    conn: Connection, viewer: Viewer, key: str, cursor: str | None = None, limit: int | None = None
) -> model.MembersPage:
    """A page of an audience's members, by id. Raises `NotFound`, or `Invalid` for the cursor."""
    rows = keyset.page_rows(limit)
    audience = audiences.get(conn, viewer, key)
    prefix = "per" if audience.of == "person" else "acc"
    after = ids.parse_id(prefix, cursor, "cursor") if cursor else 0
    found = audiences.members(conn, viewer, key, after, rows)
    entity_ids = [entity_id for entity_id, _ in found]
    if audience.of == "person":
        names = store.people_names(conn, entity_ids)
    else:
        accounts = store.account_names(conn, entity_ids)
        names = {i: (name or account_key, "") for i, (name, account_key) in accounts.items()}
    items: list[model.Member] = []
    for entity_id, since_ms in found:
        name, email = names.get(entity_id, ("", ""))
        items.append(
            {
                "id": ids.api_id(prefix, entity_id),
                "name": name,
                "email": email,
                "since": clock.iso(since_ms) or "",
            }
        )
    more = items[-1]["id"] if len(items) == rows else None
    return {"items": items, "total": audience.members or 0, "next": more}
