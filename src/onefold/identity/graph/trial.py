"""What a decision would do, without doing it: f on the component, and nothing is written."""

from collections.abc import Iterable
from itertools import count

import msgspec

from onefold.identity import assign, component, decisions, store
from onefold.identity.decisions import Said
from onefold.identity.graph import store as spots
from onefold.identity.graph.model import Spot
from onefold.identity.namespaces import current
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection


class Trial(msgspec.Struct, frozen=True):
    """People before and after, by id: only those that would change. A new id is a guess.

    cannot  the decisions that f could not follow, with why
    """

    before: dict[int, list[Spot]]
    after: dict[int, list[Spot]]
    entries: list[assign.Entry]
    cannot: dict[int, str]


def try_out(
    conn: Connection,
    viewer: Viewer,
    add: Iterable[Said] = (),
    drop: Iterable[Said] = (),
) -> Trial:
    """What more or fewer decisions would do."""
    viewer.must_read()
    add, drop = list(add), list(drop)
    book = decisions.Book(decisions.in_force(conn)).with_change(add, drop)
    return tried(conn, viewer, book, add, drop)


def tried(
    conn: Connection, viewer: Viewer, book: decisions.Book, add: list[Said], drop: list[Said]
) -> Trial:
    """The same with the decisions after the change at hand: for who tries many."""
    viewer.must_read()
    named = {end.identifier for said in (*add, *drop) for end in (said.a, said.b)}
    seeds = set(store.ids_of(conn, named).values())
    new_ids = count(store.next_ids(conn)[2] + 1)
    rules = current(conn)
    outcome = component.regroup(conn, seeds, {}, (), lambda: next(new_ids), book, rules)
    found = spots.fragments(conn, viewer, [ref for g in outcome.groups for ref, _ in g.members])
    before: dict[int, list[Spot]] = {}
    for spot in found.values():
        before.setdefault(spot.person, []).append(spot)
    after = {g.person_id: [found[ref] for ref, _ in g.members] for g in outcome.groups}
    touched = {e.person_id for e in outcome.changes.journal}
    return Trial(
        {p: m for p, m in before.items() if p in touched},
        {p: m for p, m in after.items() if p in touched},
        outcome.changes.journal,
        {said.id: said.suppressed for said in outcome.heeded if said.suppressed},
    )
