"""Person ids after a revert: each group is called as it was before the import, where it was there.

A revert goes in steps, and between two of them a group is part of what the import made of it. It
may lose its id there to identifiers that the import brought, which are gone a step later. So at the
end the journal is asked what each id held when the import began, and groups that carry an id of
since then, or another group's, get their own back.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from onefold.identity import assign, store
from onefold.identity.assign import Member
from onefold.kernel.facts import Identifier
from onefold.storage import Connection

# Ids that have given to one another, or taken, since a position.
KIN = """
SELECT person_id, other_id FROM person_journal
WHERE person_id = ANY(%(people)s) AND pos >= %(since)s AND other_id IS NOT NULL
UNION
SELECT person_id, other_id FROM person_journal WHERE other_id = ANY(%(people)s) AND pos >= %(since)s
"""
HELD = """
SELECT DISTINCT ON (person_id) person_id, members FROM person_journal
WHERE person_id = ANY(%s) AND pos < %s ORDER BY person_id, id DESC
"""
PERSON_OF = "SELECT person_id FROM fragment WHERE id = ANY(%s) AND person_id <> 0"


class Given(msgspec.Struct):
    """Ids that changed: the rows to write, and the people concerned."""

    changes: store.Changes
    people: set[int]


def give_back(
    conn: Connection,
    people: Collection[int],
    since: int,
    new_id: Callable[[], int],
    member: Callable[[int, Identifier], Member],
) -> Given:
    """Groups around these people, by the ids that they had before position `since`."""
    found = _kin(conn, people, since)
    if not found:
        return Given(store.Changes(), set())
    held = {i: refs for i, refs in conn.execute(HELD, (list(found), since)) if refs}
    refs = [ref for members in held.values() for ref in members]
    found |= {i for (i,) in conn.execute(PERSON_OF, (refs,))}
    groups: dict[int, list[Member]] = defaultdict(list)
    for person_id, ref, namespace, value, _ in store.people(conn, found):
        groups[person_id].append(member(ref, Identifier(namespace, value)))
    return _changes(groups, _named(groups, held, new_id))


def _kin(conn: Connection, people: Collection[int], since: int) -> set[int]:
    """Ids that gave to one another or took, with these as the beginning; mostly none did."""
    found: set[int] = set()
    fresh = set(people)
    while fresh:
        rows = conn.execute(KIN, {"people": list(fresh), "since": since})
        fresh = {i for row in rows for i in row} - found
        found |= fresh
    return found


def _named(
    groups: Mapping[int, Sequence[Member]],
    held: Mapping[int, Collection[int]],
    new_id: Callable[[], int],
) -> dict[int, int]:
    """The id of each group, by the id that it has. What is rightful stays."""
    refs = {i: {m.ref for m in members} for i, members in groups.items()}
    order = sorted(groups)
    given = {n: i for n, i in enumerate(order) if not refs[i].isdisjoint(held.get(i, ()))}
    assign.claim_held([groups[i] for i in order], held, given)
    taken = set(given.values())
    for n, i in enumerate(order):
        if n not in given:
            given[n] = i if i not in taken else new_id()
    return {i: given[n] for n, i in enumerate(order)}


def _changes(groups: Mapping[int, Sequence[Member]], named: Mapping[int, int]) -> Given:
    out = Given(store.Changes(), set())
    living = set(named.values())
    for before, now in sorted(named.items()):
        if before == now:
            continue
        members = [m.ref for m in groups[before]]
        out.people |= {before, now}
        out.changes.people += [(ref, now) for ref in members]
        out.changes.restored.append(now)
        out.changes.journal.append(assign.Entry(now, "restore", before, members))
        if before not in living:
            out.changes.aliases.append((before, now))
            out.changes.journal.append(assign.Entry(before, "merge", now, []))
    return out
