"""A person as everybody sees them, and the list of people."""

from onefold import identity
from onefold.kernel import clock, ids
from onefold.kernel.viewer import Viewer
from onefold.record import keyset, lines, model, refs, store
from onefold.record.profile import read
from onefold.record.profile.wanted import Wanted
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


def person(
    conn: Connection, viewer: Viewer, ref: str, wanted: Wanted | None = None
) -> model.Person:
    """The whole record of a person, or the parts of it that are `wanted`.

    A former id answers the person it was merged into. Raises `NotFound`.
    """
    person_id = find(conn, viewer, ref)
    found = read.people(conn, viewer, [person_id], wanted).get(person_id)
    if found is None:
        raise refs.unknown("person", ref)
    if "merged_into" in found and refs.person_number(ref) not in (None, person_id):
        found["merged_into"] = found["id"]
    return found


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
