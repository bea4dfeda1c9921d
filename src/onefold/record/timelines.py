"""What happened to a person or account, newest first: facts, and changes of audience among them.

Two streams are merged by time; at the same millisecond the change comes after the fact that caused
it, so above it on the page. The cursor is the last item shown: `f.<at_ms>.<pos>` for a fact,
`a.<at_ms>.<id>` for a change, from which each stream knows where to go on.
"""

from typing import Literal

from onefold import profiles
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record import accounts, model, people, store
from onefold.storage import Connection

Cursor = tuple[int, int]
_END = 2**62
_START: tuple[Cursor, Cursor] = ((_END, _END), (_END, _END))


def timeline(
    conn: Connection, viewer: Viewer, ref: str, before: str | None = None, limit: int | None = None
) -> model.Timeline:
    """A page of the timeline of what a reference means: `acc_…`, `account_id:…`, or a person."""
    if is_account(ref):
        return account_timeline(conn, viewer, ref, before, limit)
    return person_timeline(conn, viewer, ref, before, limit)


def is_account(ref: str) -> bool:
    """Does a reference mean an account? Else it means a person."""
    return ref.startswith(("acc_", "account_id:"))


def person_timeline(
    conn: Connection, viewer: Viewer, ref: str, before: str | None = None, limit: int | None = None
) -> model.Timeline:
    """A page of a person's timeline. Raises `NotFound`, or `Invalid` for a strange cursor."""
    person_id = people.find(conn, viewer, ref)
    rows = rows_of(limit)
    facts_before, changes_before = _bounds(before)
    fragments = store.fragments_of_person(conn, person_id)
    facts, more = profiles.timeline(conn, viewer, fragments, facts_before, rows)
    return _page(conn, "person", person_id, facts, more, changes_before, rows)


def account_timeline(
    conn: Connection, viewer: Viewer, ref: str, before: str | None = None, limit: int | None = None
) -> model.Timeline:
    """A page of an account's timeline: its own facts and those of its people.

    What they did for another account is not among them, so a page can be shorter than `limit`.
    """
    row = accounts.find(conn, viewer, ref)
    account_id: int = row["id"]
    rows = rows_of(limit)
    facts_before, changes_before = _bounds(before)
    facts, more = profiles.account_timeline(conn, viewer, account_id, facts_before, rows)
    facts = [f for f in facts if f.account is None or f.account == row["key"]]
    return _page(conn, "account", account_id, facts, more, changes_before, rows)


def rows_of(limit: int | None) -> int:
    """Items of a page. Raises `Invalid` beyond the limit."""
    if limit is None:
        return limits.page_rows_default
    if not 1 <= limit <= limits.timeline_rows_max:
        raise errors.Invalid(
            errors.Fault("limit", f"is {limit}.", f"Use 1 to {limits.timeline_rows_max}.")
        )
    return limit


def _page(
    conn: Connection,
    of: Literal["person", "account"],
    entity_id: int,
    facts: list[profiles.TimelineFact],
    more: Cursor | None,
    changes_before: Cursor,
    rows: int,
) -> model.Timeline:
    """Both streams merged. A stream that has more than its page hides what the other has below."""
    changes = store.changes(conn, of, entity_id, changes_before, rows + 1)
    keys = store.source_keys(conn)
    who = _people(conn, facts) if of == "account" else {}
    merged: list[tuple[tuple[int, int, int], model.TimelineItem]] = [
        ((f.at_ms, 0, f.pos), _fact(f, keys, who.get(f.home))) for f in facts
    ]
    merged += [((c["at_ms"], 1, c["id"]), _change(c)) for c in changes]
    merged.sort(key=lambda pair: pair[0], reverse=True)
    if more is not None:
        # Facts older than these exist: whatever lies below the last of them waits for its page.
        merged = [pair for pair in merged if pair[0] >= (more[0], 0, more[1])]
    page, rest = merged[:rows], merged[rows:]
    cursor = None
    if rest or more is not None:
        at_ms, stream, n = page[-1][0] if page else (more[0], 0, more[1]) if more else (0, 0, 0)
        cursor = f"{'fa'[stream]}.{at_ms}.{n}"
    return {"items": [item for _, item in page], "next": cursor}


def _bounds(before: str | None) -> tuple[Cursor, Cursor]:
    """Where facts and changes go on: strictly below these (at_ms, pos) and (at_ms, id)."""
    if before is None:
        return _START
    stream, *numbers = before.split(".")
    if stream in ("f", "a") and len(numbers) == 2 and all(map(_is_number, numbers)):
        at_ms, n = map(int, numbers)
        if stream == "f":
            return (at_ms, n), (at_ms, -1)
        return (at_ms, _END), (at_ms, n)
    raise errors.Invalid(
        errors.Fault(
            "before", "is not a timeline's cursor.", "Take it from `next` of the page before."
        )
    )


def _is_number(text: str) -> bool:
    bare = text.removeprefix("-")
    return bare.isascii() and bare.isdigit() and len(bare) <= 18


def _people(conn: Connection, facts: list[profiles.TimelineFact]) -> dict[str, dict[str, str]]:
    """Who the homes of these facts are."""
    homes = {f.home for f in facts if f.home and not f.home.startswith("account_id:")}
    pairs = [(n, v) for n, _, v in (home.partition(":") for home in homes)]
    return {
        home: {"id": ids.api_id("per", person_id), "name": name or email}
        for home, (person_id, name, email) in store.people_by_homes(conn, pairs).items()
    }


def _fact(
    fact: profiles.TimelineFact, source_keys: dict[int, str], person: dict[str, str] | None
) -> model.TimelineItem:
    return {
        "id": str(fact.pos),
        "at": clock.iso(fact.at_ms) or "",
        "received_at": clock.iso(fact.received_ms) or "",
        "kind": fact.kind,
        "name": fact.name,
        "source": source_keys.get(fact.source_id, "crm"),
        "category": fact.category,
        "account": fact.account,
        "identifier": fact.home,
        "person": person,
        "properties": fact.properties,
        "traits": fact.traits,
    }


def _change(change: store.Row) -> model.TimelineItem:
    verb = "Entered" if change["entered"] else "Left"
    at = clock.iso(change["at_ms"]) or ""
    return {
        "id": f"audience-{change['id']}",
        "at": at,
        "received_at": at,
        "kind": "audience",
        "name": f"{verb} {change['name']}",
        "source": "onefold",
        "category": "system",
        "account": None,
        "identifier": "",
        "person": None,
        "properties": {
            "audience": change["key"],
            "entered": change["entered"],
            "why": change["why"],
        },
        "traits": {},
    }
