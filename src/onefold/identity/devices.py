"""Log-ins that open chapters: bring a device's runs and chapters up to date.

Chapters that stay keep their fragments. A chapter whose start moves takes its fragment along where
it can; a fragment without a chapter is retired (it belongs to no person, person 0) and is the first
to be used again.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from onefold.identity import chapters
from onefold.identity.cache import NEVER, NOBODY, Device, Person, Spell

LoginRow = tuple[int, int, int, int | None]  # device, at_ms, who, until_ms


class Change(NamedTuple):
    """What log-ins changed about a device.

    made      spells with a new fragment
    altered   spells with a fragment of old whose start, owner or person changed
    entered   spells that have an owner now, and had none before
    retired   fragments that are no chapter any more, with the person each was of
    moved     a chapter of old is gone, or is another user's: more than something was added
    divided   it had one chapter and has several
    refold    facts of earlier batches may now be in another chapter
    """

    made: list[Spell]
    altered: list[Spell]
    entered: list[Spell]
    retired: list[tuple[int, Person]]
    owners: set[int]
    moved: bool
    divided: bool
    refold: bool
    dropped: list[tuple[int, int, int]]
    logins: list[LoginRow]


def runs_with(
    device: Device,
    logins: Sequence[chapters.Login],
    everything: Callable[[Device], Iterable[chapters.Login]] | None,
) -> list[chapters.Run]:
    """The device's runs with a batch's log-ins; `everything`: those of earlier batches."""
    runs = list(device.runs)
    if runs:
        runs[-1] = chapters.Run(runs[-1].first, device.before)
    known = [run.first for run in runs]
    for login in sorted(set(logins)):
        more = chapters.insert(runs, login)
        if more is None:
            earlier = _ends(runs) if everything is None else everything(device)
            return chapters.runs_of([*earlier, *known, *logins])
        runs = more
    return runs


def change(device: Device, runs: list[chapters.Run], new_fragment: Callable[[], int]) -> Change:
    """Take up the runs and say what that changes. A device with too many becomes generic."""
    before, after = _rows(device.id, device.runs), _rows(device.id, runs)
    kept = {row[:3] for row in after}
    dropped = [row[:3] for row in before if row[:3] not in kept]
    logins = sorted(set(after) - set(before), key=lambda row: row[:3])
    if chapters.crowded(runs):
        device.generic = True
        runs = []
    wanted = chapters.chapters(runs)
    old = device.spells
    were = [(s.start, s.owner) for s in old]
    device.set_runs(runs)
    if were == wanted:
        return Change([], [], [], [], set(), False, False, False, dropped, logins)
    made, altered, entered, retired = _match(device, wanted, new_fragment)
    moved = any(
        (s.start, s.owner) != then and then[1] is not None
        for s, then in zip(old, were, strict=True)
    )
    owners = {owner for _, owner in were if owner} | {c.who for c in wanted if c.who}
    refold = _strays(device, old, [start for start, _ in were])
    divided = len(old) == 1 and len(wanted) > 1
    return Change(made, altered, entered, retired, owners, moved, divided, refold, dropped, logins)


def _ends(runs: Sequence[chapters.Run]) -> list[chapters.Login]:
    return [run.first._replace(at_ms=run.until_ms) for run in runs]


def _strays(device: Device, old: Sequence[Spell], starts: Sequence[int]) -> bool:
    """Whether facts of earlier batches may lie outside their chapter now."""
    strays = any(
        device.spell_at(at_ms) is not spell
        for n, (spell, start) in enumerate(zip(old, starts, strict=True))
        if spell.last_ms != NEVER
        for at_ms in (start if n else NEVER, spell.last_ms)
    )
    if strays:  # they will be folded again, each where it belongs
        last = max(s.last_ms for s in old)
        for spell, end in zip(device.spells, [*device.starts[1:], last + 1], strict=True):
            spell.last_ms = min(last, end - 1) if last >= spell.start else NEVER
    return strays


def _match(
    device: Device, wanted: Sequence[chapters.Chapter], new_fragment: Callable[[], int]
) -> tuple[list[Spell], list[Spell], list[Spell], list[tuple[int, Person]]]:
    spare = {s.start: s for s in (*device.retired, *device.spells)}
    lively = {s.fragment for s in device.spells}
    same = {c.start_ms: spare.pop(c.start_ms) for c in wanted if c.start_ms in spare}
    left = sorted(spare.values(), key=lambda s: (s.fragment not in lively, s.start))
    made: list[Spell] = []
    altered: list[Spell] = []
    entered: list[Spell] = []
    spells: list[Spell] = []
    for chapter in wanted:
        spell = same.get(chapter.start_ms) or next(
            (s for s in left if s.fragment not in lively or s.owner == chapter.who), None
        )
        if spell is None:
            spell = _spell(new_fragment(), device)
            made.append(spell)
        elif (spell.start, spell.owner) != chapter or spell.person is NOBODY:
            altered.append(spell)
        if spell in left:
            left.remove(spell)
        if spell.person is NOBODY:
            spell.person = provisional(spell.fragment, device)
        if spell.owner is None and chapter.who is not None:
            entered.append(spell)
        spell.start, spell.owner = chapter
        spells.append(spell)
    retired: list[tuple[int, Person]] = []
    for spell in left:
        if spell.fragment in lively:
            retired.append((spell.fragment, spell.person))
            altered.append(spell)
            spell.person, spell.owner = NOBODY, None
    device.set_spells(spells)
    device.retired = left
    return made, altered, entered, retired


def _spell(fragment: int, device: Device) -> Spell:
    return Spell(fragment, provisional(fragment, device), 0, None, NEVER)


def provisional(fragment: int, node: Device) -> Person:
    """A person of this fragment alone, who gets an id when the batch is grouped."""
    person = Person(0)
    person.members = [(fragment, node.key)]
    person.contested = False
    return person


def _rows(device_id: int, runs: Sequence[chapters.Run]) -> list[LoginRow]:
    rows: list[LoginRow] = [
        (device_id, run.first.at_ms, run.first.who, run.until_ms) for run in runs
    ]
    if rows:
        rows[-1] = (*rows[-1][:3], None)
    return rows
