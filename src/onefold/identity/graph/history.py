"""What became of a person: the journal read back, each entry with what it gained and lost."""

from collections.abc import Mapping

import msgspec

from onefold.identity import decisions
from onefold.identity.graph import store
from onefold.identity.graph.model import Spot
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection


class Moment(msgspec.Struct, frozen=True):
    """One entry. `said`: the decision that caused it, or whose end did (`undone`).

    `link`: else the link that did, as (spot, spot, position in the log of its first event); None
    where nothing is found.
    """

    at_ms: int
    person_id: int
    action: str
    other_id: int | None
    gained: list[Spot]
    lost: list[Spot]
    said: decisions.Said | None
    undone: bool
    link: tuple[Spot, Spot, int] | None


def history(conn: Connection, viewer: Viewer, person_id: int) -> list[Moment]:
    """Every change of a person, and of those it merged with or came from, newest first."""
    rows = store.journal(conn, viewer, person_id)
    spots = store.fragments(conn, viewer, {ref for row in rows for ref in row[5]})
    held: dict[int, list[int]] = {}
    out: list[Moment] = []
    words: dict[int, decisions.Said] = {}
    for _, pos, person, action, other, members, at_ms, decision_id, ended in rows:
        before = held.get(person, [])
        held[person] = members
        gained = [spots[r] for r in members if r not in before and r in spots]
        lost = [spots[r] for r in before if r not in members and r in spots]
        said = None
        if decision_id is not None:
            if decision_id not in words:
                words[decision_id] = decisions.get(conn, viewer, decision_id)
            said = words[decision_id]
        link = None
        if said is None and action == "merge":
            link = _cause(conn, viewer, lost, pos)
        out.append(Moment(at_ms, person, action, other, gained, lost, said, ended, link))
    return out[::-1]


def members_at(
    conn: Connection, viewer: Viewer, spot: Spot, at_ms: int
) -> tuple[int, list[Spot]] | None:
    """Whose an identifier was at a past time, and all that was theirs then; None: nobody's yet."""
    rows = store.journal(conn, viewer, spot.person)
    held: dict[int, list[int]] = {row[2]: row[5] for row in rows if row[6] <= at_ms}
    found = _with(held, spot.ref)
    if found is None:
        return None
    spots = store.fragments(conn, viewer, held[found])
    return found, list(spots.values())


def _with(held: Mapping[int, list[int]], ref: int) -> int | None:
    return next((person for person, members in held.items() if ref in members), None)


def _cause(
    conn: Connection, viewer: Viewer, lost: list[Spot], pos: int
) -> tuple[Spot, Spot, int] | None:
    found = store.cause(conn, {s.identifier_id for s in lost}, pos)
    if found is None:
        return None
    a, b, first_pos = found
    spots = {s.identifier_id: s for s in store.spots_with(conn, viewer, [a, b])}
    return (spots[a], spots[b], first_pos) if a in spots and b in spots else None
