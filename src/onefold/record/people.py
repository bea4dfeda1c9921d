"""A person as everybody sees them, and the list of people."""

from onefold import crm, identity, profiles
from onefold.kernel import clock, ids
from onefold.kernel.viewer import Viewer
from onefold.record import keyset, lines, model, refs, store
from onefold.storage import Connection


def find(conn: Connection, viewer: Viewer, ref: str) -> int:
    """The current id of the person that a reference means. Raises `NotFound`."""
    viewer.must_read()
    wanted = refs.known_person(conn, viewer, ref)
    if isinstance(wanted, int):
        found = identity.follow(conn, viewer, wanted)
    else:
        found = identity.person_of(conn, viewer, wanted.namespace, wanted.value)
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
    row, found, accounts, sources, memberships, merged = store.person(conn, person_id)
    contacts = [ids.api_id("con", int(r["value"])) for r in found if r["namespace"] == "contact"]
    return {
        "id": ids.api_id("per", person_id),
        "merged_into": ids.api_id("per", person_id)
        if refs.known_person(conn, viewer, ref) in merged
        else None,
        "identifiers": lines.identifiers(found, view.seen),
        "traits": lines.traits(view.traits, sources),
        "touches": lines.touches(view.touches, sources),
        "accounts": [
            {
                "id": ids.api_id("acc", r["id"]),
                "name": r["name"] or r["key"],
                "primary": r["is_primary"],
                "key": r["key"],
                "until": clock.iso(r["until_ms"]),
                "role": r["role"],
            }
            for r in accounts
        ],
        "audiences": lines.audiences(memberships),
        "events": lines.events(view),
        "first_seen": clock.iso(view.first_ms),
        "last_seen": clock.iso(view.last_ms),
        "merged_ids": [ids.api_id("per", i) for i in merged],
        "name": row.get("name", ""),
        "email": row.get("email", ""),
        "title": row.get("title", ""),
        "known": row.get("known", False),
        "contacts": contacts,
        "tickets": lines.work(conn, viewer, crm.tickets, {"contact_id": contacts}),
        "tasks": lines.work(conn, viewer, crm.tasks, {"contact_id": contacts}),
    }


def list_people(
    conn: Connection,
    viewer: Viewer,
    *,
    q: str = "",
    audience: str | None = None,
    account: str | None = None,
    known: bool | None = None,
    sort: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> model.PeoplePage:
    """A page of people, newest seen first unless `sort` says otherwise.

    `q`: words in names and identifiers; when nothing holds them as typed, what is like them.
    `audience`: a key. `account`: a reference. Raises `Invalid` for what it does not know.
    """
    viewer.must_read()
    query = store.Query(store.PEOPLE, store.PEOPLE_TEXT)
    if audience is not None:
        query.where(store.IN_AUDIENCE_PEOPLE, audience=lines.key("audience", audience))
    if account is not None:
        query.where(store.OF_ACCOUNT, account=lines.account_id(conn, account))
    if known is not None:
        query.where(store.KNOWN, known=known)
    order = keyset.chosen(store.PEOPLE_ORDERS, sort, "-last_seen")
    total, rows, cursor = lines.page(conn, query, q, order, cursor, limit)
    names = store.account_names(conn, [r["account_id"] for r in rows if r["account_id"]])
    return {"items": [_row(r, names) for r in rows], "total": total, "next": cursor}


def _row(row: store.Row, names: dict[int, tuple[str, str]]) -> model.PersonRow:
    account = None
    if row["account_id"] in names:
        name, key = names[row["account_id"]]
        account = {"id": ids.api_id("acc", row["account_id"]), "name": name or key}
    return {
        "id": ids.api_id("per", row["id"]),
        "name": row["name"],
        "email": row["email"],
        "title": row["title"],
        "known": row["known"],
        "account": account,
        "first_seen": clock.iso(row["first_seen_ms"]),
        "last_seen": clock.iso(row["last_seen_ms"]),
    }
