"""Who keeps which person id when groups change.

A person id is a name that others have stored, so it stays where most of the person is: the group
with the user id, then with most unique and most person-kind identifiers, then the older id
(ids are given in rising order). When a person comes apart, fragments that once were another's who
merged into it speak for the id that they had then, and get it back; a group that is left without
one gets a new one. Every change is an entry for the journal, which is
what makes ids reproducible: f alone says who is together, not what they are called.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from onefold.kernel.facts import Identifier

Action = Literal["create", "join", "leave", "merge", "split", "restore"]
Claim = tuple[int, int, int, int]


class Member(NamedTuple):
    """A fragment in a group.

    `rank`: 0 the one user id, 1 another value of which a person has one, 2 person-kind, 3 other.
    """

    ref: int
    identifier: Identifier
    rank: int


class Entry(NamedTuple):
    """A row of the journal: what became of a person id, and its fragments after it."""

    person_id: int
    action: Action
    other_id: int | None
    members: list[int]


class Assignment(msgspec.Struct, frozen=True):
    """Person ids parallel to the groups, and what that changes.

    merged    person ids that ended, with the one each redirects to
    restored  person ids that redirected and are people again
    moved     person ids that redirect, with the person that now has what they held
    """

    ids: list[int]
    entries: list[Entry]
    merged: dict[int, int]
    restored: list[int]
    moved: dict[int, int] = {}


def assign(
    groups: Sequence[Sequence[Member]],
    former: Mapping[int, int],
    past: Callable[[], Mapping[int, Collection[int]]],
    new_id: Callable[[], int],
) -> Assignment:
    """Give each group a person id.

    `former`: each fragment's person before, for those that had one. All of a former person's
    fragments must be in the groups. `past()`: what ids that redirect to these people held when
    they ended; asked only when a split leaves a group without an id.
    """
    given: dict[int, int] = {}
    before: dict[int, set[int]] = defaultdict(set)
    for ref, pid in former.items():
        before[pid].add(ref)
    claim_held(groups, before, given)
    restored: list[int] = []
    held: Mapping[int, Collection[int]] = {}
    if any(g not in given and any(m.ref in former for m in groups[g]) for g in range(len(groups))):
        held = past()
        given, restored = _reclaim(groups, before, held)
    for g in range(len(groups)):
        if g not in given:
            given[g] = new_id()
    ids = [given[g] for g in range(len(groups))]
    merged = _merged(groups, former, ids)
    entries = _entries(groups, former, before, ids, restored)
    entries += [Entry(old, "merge", to, []) for old, to in sorted(merged.items())]
    holders = {ref: old for old, refs in held.items() if old not in restored for ref in refs}
    return Assignment(ids, entries, merged, restored, _merged(groups, holders, ids))


def claim(members: Sequence[Member], person_id: int) -> Claim:
    """How strongly a person holds on to its id by these members; the smallest claim wins."""
    users, unique, person = (sum(1 for m in members if m.rank < n) for n in (1, 2, 3))
    return -users, -unique, -person, person_id


def _reclaim(
    groups: Sequence[Sequence[Member]],
    before: Mapping[int, Collection[int]],
    past: Mapping[int, Collection[int]],
) -> tuple[dict[int, int], list[int]]:
    """Ids by what was each one's own before others merged into it, then former ids."""
    given: dict[int, int] = {}
    lent = {ref for refs in past.values() for ref in refs}
    own = {pid: set(refs) - lent or refs for pid, refs in before.items()}
    claim_held(groups, own, given)
    lasting = set(given)
    claim_held(groups, past, given)
    restored = [pid for g, pid in sorted(given.items()) if g not in lasting]
    claim_held(groups, before, given)
    return given, restored


def claim_held(
    groups: Sequence[Sequence[Member]],
    held: Mapping[int, Collection[int]],
    given: dict[int, int],
) -> None:
    """Greedily give ids to groups without one, the strongest claim first."""
    holders: dict[int, list[int]] = defaultdict(list)
    for pid, refs in held.items():
        for ref in refs:
            holders[ref].append(pid)
    claims = []
    for g, members in enumerate(groups):
        if g in given:
            continue
        shares: dict[int, list[Member]] = defaultdict(list)
        for member in members:
            for pid in holders.get(member.ref, ()):
                shares[pid].append(member)
        claims += [
            (claim(share, pid), -len(share), min(m.identifier for m in share), pid, g)
            for pid, share in shares.items()
        ]
    taken = set(given.values())
    for *_, pid, g in sorted(claims):
        if g not in given and pid not in taken:
            given[g] = pid
            taken.add(pid)


def _merged(
    groups: Sequence[Sequence[Member]], former: Mapping[int, int], ids: Sequence[int]
) -> dict[int, int]:
    """People that ended, with the group that has most of each."""
    living = set(ids)
    shares: dict[int, dict[int, list[Member]]] = defaultdict(lambda: defaultdict(list))
    for g, members in enumerate(groups):
        for member in members:
            pid = former.get(member.ref)
            if pid is not None and pid not in living:
                shares[pid][ids[g]].append(member)
    return {
        old: min((claim(share, pid), -len(share), pid) for pid, share in by_id.items())[-1]
        for old, by_id in shares.items()
    }


def _entries(
    groups: Sequence[Sequence[Member]],
    former: Mapping[int, int],
    before: Mapping[int, Collection[int]],
    ids: Sequence[int],
    restored: Collection[int],
) -> list[Entry]:
    entries = []
    for pid, members in sorted(zip(ids, groups, strict=True)):
        now = [m.ref for m in members]
        origins = {former[ref] for ref in now if ref in former} - {pid}
        other = min(origins, default=None)
        if pid in restored:
            entries.append(Entry(pid, "restore", other, now))
        elif pid not in before:
            entries.append(Entry(pid, "split" if origins else "create", other, now))
        elif not set(now).issuperset(before[pid]):
            entries.append(Entry(pid, "leave", other, now))
        elif len(now) > len(before[pid]):
            entries.append(Entry(pid, "join", other, now))
    return entries
