"""A person as everybody sees them, and the list of people."""

from typing import Any

from onefold import audiences, crm, identity, profiles
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record import keyset, model, refs, store
from onefold.storage import Connection, fold_name


def find(conn: Connection, viewer: Viewer, ref: str) -> int:
    """The current id of the person that a reference means. Raises `NotFound`."""
    viewer.must_read()
    wanted = refs.person(ref)
    if isinstance(wanted, int):
        found = identity.follow(conn, viewer, wanted)
    else:
        found = identity.person_of(conn, viewer, wanted)
    if found is None:
        raise refs.unknown("person", ref)
    return found


def person(conn: Connection, viewer: Viewer, ref: str) -> model.Person:
    """The whole record of a person. A former id answers the person it was merged into.

    Raises `NotFound`.
    """
    person_id = find(conn, viewer, ref)
    view = profiles.person(conn, viewer, person_id)
    if view is None:
        raise refs.unknown("person", ref)
    row = store.person(conn, person_id) or {}
    rows = identity.identifiers_of(conn, viewer, person_id)
    contacts = [ids.api_id("con", int(r.value)) for r in rows if r.namespace == "contact"]
    return {
        "id": ids.api_id("per", person_id),
        "identifiers": identifier_lines(rows, view),
        "traits": trait_lines(view, store.source_keys(conn)),
        "accounts": [
            {
                "id": ids.api_id("acc", r["id"]),
                "name": r["name"] or r["key"],
                "primary": r["is_primary"],
                "key": r["key"],
            }
            for r in store.accounts_of(conn, person_id)
        ],
        "audiences": audience_lines(conn, viewer, "person", person_id),
        "events": {"total": view.events_total, "by_name": by_count(view.by_name)},
        "first_seen": clock.iso(view.first_ms),
        "last_seen": clock.iso(view.last_ms),
        "merged_ids": [ids.api_id("per", i) for i in identity.merged_ids(conn, viewer, person_id)],
        "name": row.get("name", ""),
        "email": row.get("email", ""),
        "known": row.get("known", False),
        "tickets": _of_contacts(conn, viewer, crm.tickets, contacts),
        "tasks": _of_contacts(conn, viewer, crm.tasks, contacts),
    }
