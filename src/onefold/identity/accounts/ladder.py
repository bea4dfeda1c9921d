"""The ladder: which accounts a person is in. Pure, and independent of the order of anything.

Rungs are asked from the strongest down. Explicit ids (a tool's group, the CRM's contact) stand side
by side; the first rung that finds an account the person is in now silences those below, whose clues
are kept with what they would have said. A human's word comes on top: `member` adds, `not_member`
takes out whatever the rung, `primary` chooses.
"""

from collections.abc import Iterable, Sequence

import msgspec

from onefold.identity.accounts.directory import Directory
from onefold.identity.accounts.model import (
    CONFIDENCE,
    NAME_AND_PLACE,
    Clue,
    Ladder,
    Membership,
    Outcome,
    Read,
    Rung,
    Said,
)

_TIERS = (
    (Rung.GROUP, Rung.CRM),
    (Rung.REGISTRY,),
    (Rung.EMAIL,),
    (Rung.WEBSITE,),
    (Rung.NAME,),
)
_KINDS = {Rung.REGISTRY: "registry", Rung.EMAIL: "domain", Rung.WEBSITE: "domain",
          Rung.NAME: "name"}  # fmt: skip


def climb(clues: Sequence[Clue], directory: Directory, said: Iterable[Said] = ()) -> Ladder:
    """The accounts of a person with these clues and these decisions about them."""
    words = [_canonical(one, directory) for one in said]
    cut = {one.account_key for one in words if one.kind == "not_member"}
    joined: dict[str, Membership] = {}
    read: list[Read] = []
    spoken = False
    for tier in _TIERS:
        asked = [clue for clue in clues if clue.rung in tier]
        found: dict[str, Membership] = {}
        for clue in sorted(asked):
            outcome, key, confidence = _ask(clue, directory)
            if key is not None and key in cut:
                outcome = "cut"
            elif outcome == "attached" and key is not None:
                if spoken:
                    outcome = "agrees" if key in joined else "outranked"
                else:
                    _join(found, key, clue, confidence)
            read.append(Read(clue, outcome, key))
        if tier == (Rung.EMAIL,):
            found = _moved(found, asked, directory)
        joined |= found
        spoken = spoken or any(one.until_ms is None for one in found.values())
    first_ms = min((clue.first_ms for clue in clues), default=0)
    for one in words:
        if one.kind == "member":
            joined[one.account_key] = _by_hand(one, joined.get(one.account_key), first_ms)
    memberships = tuple(sorted(joined.values(), key=lambda m: (m.since_ms, m.key)))
    return Ladder(memberships, _primary(memberships, words), spans(memberships), tuple(read))


def _canonical(said: Said, directory: Directory) -> Said:
    key = directory.account(said.account_key)
    if key == said.account_key:
        return said
    return msgspec.structs.replace(said, account_key=key)


def _ask(clue: Clue, directory: Directory) -> tuple[Outcome, str | None, float]:
    """What a clue says on its own: the outcome, the account and how sure that is."""
    kind = _KINDS.get(clue.rung)
    if kind is None:
        return "attached", directory.account(clue.value), CONFIDENCE[clue.rung]
    if kind == "domain":
        verdict = directory.verdict(clue.value)
        if verdict is not None:
            return verdict, None, 0.0
    owner = directory.owner(kind, clue.value)
    if owner is None:
        return "unknown", None, 0.0
    confidence = CONFIDENCE[clue.rung]
    if clue.rung == Rung.NAME:
        if owner.rivals:
            return "several", None, 0.0
        confidence = _place(clue.place, owner.place)
        if confidence == 0.0:
            return "unsure", owner.key, 0.0
    return "attached", owner.key, confidence


def _place(told: str, known: str) -> float:
    """How sure a name is, by legal form, country and city; 0 when they contradict."""
    pairs = list(zip(told.split("|"), known.split("|"), strict=False))
    both = [(a, b) for a, b in pairs if a and b]
    if any(a != b for a, b in both[:2]):
        return 0.0
    places = [a == b for a, b in pairs[1:] if a and b]
    if places and not all(places):
        return 0.0
    return NAME_AND_PLACE if places else CONFIDENCE[Rung.NAME]


def _join(found: dict[str, Membership], key: str, clue: Clue, confidence: float) -> None:
    old = found.get(key)
    if old is None:
        found[key] = Membership(key, clue.first_ms, clue.until_ms, clue.rung, confidence)
        return
    still = old.until_ms is None or clue.until_ms is None
    until = None if still else max(old.until_ms or 0, clue.until_ms or 0)
    found[key] = Membership(
        key, min(old.since_ms, clue.first_ms), until, min(old.rung, clue.rung),
        max(old.confidence, confidence),
    )  # fmt: skip


def _moved(
    found: dict[str, Membership], clues: Sequence[Clue], directory: Directory
) -> dict[str, Membership]:
    """By addresses: who uses a newer one of another company has left the earlier company."""
    now = {
        owner.key
        for clue in clues
        if clue.current and (owner := directory.owner("domain", clue.value)) and owner.key in found
    }
    if not now or len(found) < 2:
        return found
    since = max(found[key].since_ms for key in now)
    out = dict(found)
    for key, one in found.items():
        if key not in now and one.since_ms < since:
            after = min(m.since_ms for m in found.values() if m.since_ms > one.since_ms)
            out[key] = Membership(key, one.since_ms, after, one.rung, one.confidence)
    return out


def _by_hand(said: Said, found: Membership | None, first_ms: int) -> Membership:
    since = said.from_ms
    if since is None:
        since = found.since_ms if found else first_ms
    until = said.until_ms
    return Membership(said.account_key, since, until, Rung.HAND, 1.0, said.role)


def _primary(memberships: Sequence[Membership], words: Sequence[Said]) -> str | None:
    """A human's choice; else of those the person is in now the one joined last, then by key."""
    if not memberships:
        return None
    keys = {one.key for one in memberships}
    chosen = [one.account_key for one in words if one.kind == "primary" and one.account_key in keys]
    if chosen:
        return chosen[-1]
    return max(memberships, key=lambda m: (m.until_ms is None, m.since_ms, m.key)).key


def spans(memberships: Sequence[Membership]) -> tuple[tuple[int, str], ...]:
    """Whose facts that name no account are: at each time of the account joined last of those in.

    What was before the first membership belongs to the first; key "" is nobody.
    """
    times = sorted({m.since_ms for m in memberships} | {m.until_ms for m in memberships
                                                       if m.until_ms is not None})  # fmt: skip
    out: list[tuple[int, str]] = []
    for at in times:
        there = [
            (m.since_ms, m.key)
            for m in memberships
            if m.since_ms <= at and (m.until_ms is None or m.until_ms > at)
        ]
        key = max(there)[1] if there else ""
        if not out or out[-1][1] != key:
            out.append((at, key))
    return tuple(out)
