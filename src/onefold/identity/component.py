"""Run f on the components that something touched, and say what that changes.

Works from the tables alone, after the batch's identifiers, fragments and links are written. How
far it has to look is `reach.py`'s matter: the answer is f's on everything that hangs together.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from onefold.identity import assign, model, store
from onefold.identity.decisions import Book, Said
from onefold.identity.partition import partition
from onefold.identity.reach import Pair, Part, Region
from onefold.identity.rules import ACTS, BLOCKED, GENERIC, RULES, SHARED_DEVICE, SIZE, STATIC, Rules
from onefold.kernel.facts import Identifier
from onefold.storage import Connection

_Heard = tuple[Said, model.Decision]


class Group(msgspec.Struct):
    """A person as f has it now."""

    person_id: int
    members: list[tuple[int, Identifier]]
    contested: bool


class Outcome(msgspec.Struct):
    """The groups of all components looked at, and the rows to write."""

    groups: list[Group]
    generic: list[Identifier]
    regrouped: set[int]
    contested: set[int]  # people who were not looked at, but whose links now are suppressed
    changes: store.Changes
    heeded: list[Said] = []  # decisions that f cannot follow, or can again


def regroup(
    conn: Connection,
    seeds: Collection[int],
    retired: Mapping[int, tuple[int, int]],
    fresh: Iterable[Pair],
    new_id: Callable[[], int],
    book: Book,
    rules: Rules = RULES,
    *,
    recount: bool = False,
) -> Outcome:
    """Group again everything that hangs together with the seeds (identifier ids).

    `retired`: fragments that no longer are a chapter: the person each was of, and the device.
    `fresh`: links written in this batch. In a component beyond the size cap they are suppressed,
    and nothing else changes there. `recount`: rules changed, so that an identifier of a person that
    was generic may be no longer.
    """
    people = {person for person, _ in retired.values()}
    region = Region(conn, seeds, people, book, rules, recount=recount)
    while True:
        live, rim, frozen = region.parts()
        answer = _run(region, live, rim)
        mixed = [refs for refs in answer.part.groups if not rim.keys().isdisjoint(refs)]
        mixed = [refs for refs in mixed if not live.keys().isdisjoint(refs)]
        unsure = {ref for refs in mixed for ref in refs if ref in rim}
        unsure |= _unsure(region, answer.part, rim)
        if not region.widen(rim[ref] for ref in unsure):
            break
    out = Outcome([], [], set(), set(), store.Changes(thawed=region.thawed))
    _quarantine(region, frozen, fresh, new_id, out)
    _note(region, answer, rim, out)
    if recount:
        _relabel(region, out)
    part = answer.part
    core = [refs for refs in part.groups if refs[0] not in rim]
    groups = [[member(ref, live[ref].spot.identifier, rules) for ref in refs] for refs in core]
    former = {part.fragment: part.person for part in live.values() if part.person}
    former.update((fragment, person) for fragment, (person, _) in retired.items())
    given = assign.assign(groups, former, lambda: store.past(conn, set(former.values())), new_id)
    contested = {ref for pair, why in part.suppressed.items() if why not in STATIC for ref in pair}
    now: dict[int, int] = {}
    for person_id, group in zip(given.ids, groups, strict=True):
        found = [(m.ref, m.identifier) for m in group]
        doubtful = any(m.ref in contested for m in group)
        if rules.windowed and not doubtful:
            doubtful = rules.loose(Counter(m.identifier.namespace for m in group))
        out.groups.append(Group(person_id, found, doubtful))
        now.update((m.ref, person_id) for m in group)
    out.changes.people += [(ref, pid) for ref, pid in now.items() if former.get(ref) != pid]
    living = {*given.ids, *(part.person for part in frozen.values())}
    _retire(region, [one for one in retired.values() if one[0] not in living], now, given)
    out.changes.journal += given.entries
    out.changes.restored += [*given.restored, *given.moved]
    out.changes.aliases += [*given.merged.items(), *given.moved.items()]
    out.regrouped |= {entry.person_id for entry in given.entries}
    return out


def _retire(
    region: Region, gone: Iterable[Pair], now: Mapping[int, int], given: assign.Assignment
) -> None:
    """People who were of chapters that are gone (with their devices) lead to who has the device."""
    for person, device in gone:
        to = now.get(region.spots[device].parts[0].fragment)
        if to is not None and person not in given.merged:
            given.merged[person] = to
            given.entries.append(assign.Entry(person, "merge", to, []))


def _unsure(region: Region, part: model.Partition, rim: Mapping[int, Part]) -> set[int]:
    """Of the rim what a limit of several keeps out, where more than its one node may allow it.

    A group with former ids counts as several people, and may hold several times as much.
    """
    out: set[int] = set()
    for pair, why in part.suppressed.items():
        reason, _, namespace = why.partition(":")
        if reason == "limit" and region.rules.of(namespace).limit != 1:
            out |= {ref for ref in pair if ref in rim and rim[ref].person not in region.ring}
    return out


def _quarantine(
    region: Region,
    frozen: Mapping[int, Part],
    fresh: Iterable[Pair],
    new_id: Callable[[], int],
    out: Outcome,
) -> None:
    for a, b in fresh:
        if region.oversize(a) or region.oversize(b):
            out.changes.suppressed.append((a, b, SIZE))
    for part in frozen.values():
        if part.person == 0:
            person_id = new_id()
            out.changes.people.append((part.fragment, person_id))
            out.changes.journal.append(assign.Entry(person_id, "create", None, [part.fragment]))
            out.groups.append(
                Group(person_id, [(part.fragment, part.spot.identifier)], contested=True)
            )
            out.regrouped.add(person_id)


# ── f ──────────────────────────────────────────────────────────────────────────────────────────


class _Answer(msgspec.Struct):
    """What f says of the core and its rim, and what it was asked.

    why   of each link of the core: None where it holds, else the reason
    said  the decisions of which both ends are here
    """

    part: model.Partition
    why: dict[Pair, str | None]
    said: list[_Heard]


def _run(region: Region, live: Mapping[int, Part], rim: Mapping[int, Part]) -> _Answer:
    every = {**live, **rim}
    nodes = [
        model.Node(part.fragment, part.spot.identifier, part.start, part.spot.generic)
        for part in every.values()
    ]
    links: list[model.Link] = []
    origin: dict[Pair, list[Pair]] = {}
    why: dict[Pair, str | None] = {}
    for pair, (day, _) in region.links.items():
        ends = region.ends(pair)
        if not ends and region.touches(pair):
            why[pair] = _without_ends(region, pair)
        asked = [(a.fragment, b.fragment) for a, b in ends if region.bears(a, b, every)]
        links += [model.Link(a, b, day) for a, b in asked]
        if len(asked) == len(ends) and any(a in live or b in live for a, b in asked):
            origin[pair] = [(min(refs), max(refs)) for refs in asked]
    said = _said(region, every)
    words = [decision for _, decision in said]
    part = partition(nodes, links, region.rules, words, region.proofs())
    for pair, refs in origin.items():  # one link to several chapters holds while one of them does
        reasons = [part.suppressed.get(ref) for ref in refs]
        why[pair] = None if None in reasons else reasons[0]
    return _Answer(part, why, said)


def _said(region: Region, every: Mapping[int, Part]) -> list[_Heard]:
    """The decisions of which both ends are here."""
    out = []
    for said in region.said().values():
        a, b = region.part_of(said.a), region.part_of(said.b)
        if a is None or b is None or a is b or a.fragment not in every or b.fragment not in every:
            continue
        decision = model.Decision(
            a.fragment, b.fragment, said.same, said.at_ms, match=said.kind == "match"
        )
        out.append((said, decision))
    return out


def _note(region: Region, answer: _Answer, rim: Mapping[int, Part], out: Outcome) -> None:
    """Write down the links that hold no longer, or again, and what became generic."""
    part = answer.part
    for one, decision in answer.said:
        pair = min(decision.a, decision.b), max(decision.a, decision.b)
        reason = part.suppressed.get(pair) if decision.same else None
        if reason != one.suppressed:
            out.changes.heeded.append((one.id, reason))
            out.heeded.append(msgspec.structs.replace(one, suppressed=reason))
    out.changes.suppressed += [
        (*pair, reason) for pair, reason in answer.why.items() if reason != region.links[pair][1]
    ]
    spots = {region.core[ref].spot.id: region.core[ref].spot for ref in part.generic - rim.keys()}
    for spot in spots.values():
        if not spot.generic:
            out.changes.generic.append(spot.id)
            out.generic.append(spot.identifier)
    for pair, reason in part.suppressed.items():
        if reason not in STATIC:
            out.contested |= {rim[ref].person for ref in pair if ref in rim}


def _relabel(region: Region, out: Outcome) -> None:
    """Rules changed: say of links that nothing leads through why that is so now."""
    for pair, was in region.dead().items():
        why = _without_ends(region, pair)
        if why != was:
            out.changes.suppressed.append((*pair, why))


def _without_ends(region: Region, pair: Pair) -> str:
    spots = [region.spots[i] for i in pair]
    if any(region.rules.blocked(spot.identifier) for spot in spots):
        return BLOCKED
    return GENERIC if any(spot.generic for spot in spots) else SHARED_DEVICE


def member(fragment: int, identifier: Identifier, rules: Rules = RULES) -> assign.Member:
    """A fragment as `assign` weighs it."""
    rule = rules.of(identifier.namespace)
    if rule.kind != "person":
        return assign.Member(fragment, identifier, 3)
    if rule.limit != 1:
        return assign.Member(fragment, identifier, 2)
    return assign.Member(fragment, identifier, 0 if identifier.namespace == ACTS else 1)
