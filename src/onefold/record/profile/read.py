"""People as they are answered: every part, made once, for one or for a thousand of them."""

from collections.abc import Sequence
from typing import Any, cast

from onefold import crm, profiles
from onefold.kernel import clock, ids
from onefold.kernel.viewer import Viewer
from onefold.record import lines, model
from onefold.record.profile import store
from onefold.record.profile.wanted import PERSON, Wanted
from onefold.storage import Connection

WHOLE = Wanted(PERSON.whole)


def people(
    conn: Connection, viewer: Viewer, person_ids: Sequence[int], wanted: Wanted | None = None
) -> dict[int, model.Person]:
    """The records of people by id; those without a fact are left out. `wanted`: parts of them."""
    wanted = wanted or WHOLE
    views = profiles.people(conn, viewer, person_ids)
    rows = store.people(conn, list(views))
    out: dict[int, model.Person] = {}
    for person_id, view in views.items():
        whole = _person(person_id, view, rows)
        if wanted.any("tickets", "tasks"):
            whole |= _work(conn, viewer, whole["contacts"], wanted)
        out[person_id] = cast("model.Person", wanted.cut(whole))
    return out


def _person(person_id: int, view: profiles.PersonView, rows: store.PeopleRows) -> dict[str, Any]:
    row = rows.row.get(person_id, {})
    found = rows.identifiers.get(person_id, [])
    return {
        "id": ids.api_id("per", person_id),
        "merged_into": None,
        "identifiers": lines.identifiers(found, view.seen),
        "traits": lines.traits(view.traits, rows.sources),
        "touches": lines.touches(view.touches, rows.sources),
        "accounts": [_account(r) for r in rows.accounts.get(person_id, ())],
        "audiences": lines.audiences(rows.audiences.get(person_id, ())),
        "events": lines.events(view),
        "first_seen": clock.iso(view.first_ms),
        "last_seen": clock.iso(view.last_ms),
        "merged_ids": [ids.api_id("per", i) for i in rows.merged.get(person_id, ())],
        "name": row.get("name", ""),
        "email": row.get("email", ""),
        "title": row.get("title", ""),
        "known": row.get("known", False),
        "contacts": [
            ids.api_id("con", int(r["value"])) for r in found if r["namespace"] == "contact"
        ],
    }


def _account(row: store.Row) -> model.AccountLink:
    return {
        "id": ids.api_id("acc", row["id"]),
        "name": row["name"] or row["key"],
        "primary": row["is_primary"],
        "key": row["key"],
        "until": clock.iso(row["until_ms"]),
        "role": row["role"],
    }


def _work(
    conn: Connection, viewer: Viewer, contacts: Sequence[str], wanted: Wanted
) -> dict[str, Any]:
    of = {"contact_id": contacts}
    return {
        name: lines.work(conn, viewer, records, of)
        for name, records in (("tickets", crm.tickets), ("tasks", crm.tasks))
        if wanted.any(name)
    }
